/** Whether the server answers, and since when not. */

export interface Reach {
  ok: boolean
  /** When it last answered, in milliseconds since 1970; 0 before it ever did. */
  lastAt: number
}

let state: Reach = { ok: true, lastAt: 0 }
const listeners = new Set<() => void>()

function set(next: Reach): void {
  const tell = next.ok !== state.ok
  state = next
  if (tell) for (const listener of listeners) listener()
}

export const reach = {
  get: () => state,
  subscribe: (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
  succeeded: () => {
    // The same object while nothing changes: only its time is written.
    if (state.ok) state.lastAt = Date.now()
    else set({ ok: true, lastAt: Date.now() })
  },
  failed: () => set({ ok: false, lastAt: state.lastAt }),
}
