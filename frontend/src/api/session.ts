/**
 * Whether this page may ask. Who it is says a cookie that no script can read; nothing is kept here.
 */

export interface SessionState {
  /** Whether the server refused a call for want of a key. */
  locked: boolean
}

let state: SessionState = { locked: false }
const listeners = new Set<() => void>()

function set(locked: boolean): void {
  if (locked === state.locked) return
  state = { locked }
  for (const listener of listeners) listener()
}

export const session = {
  get: () => state,
  subscribe: (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
  refused: () => set(true),
  opened: () => set(false),
}

/** Takes a one-time token out of the address, so that it stays in no history. */
export function tokenOfFragment(): string | undefined {
  const found = /^#login=([\w.~-]+)$/.exec(location.hash)
  if (found) history.replaceState(history.state, "", location.pathname + location.search)
  return found?.[1]
}
