/**
 * The types of events by their ids: a list of deliveries names events only by id. Learnt from lists of events where
 * there are many to learn, else one by one, a few at a time.
 */

import { api, data } from "./client"
import type { LogEvent, Page } from "./types"

const CAPACITY = 20_000
const AT_ONCE = 4
/** From so many on, one list of events is cheaper. */
const LIST_FROM = 6

const known = new Map<string, string>()
const wanted = new Set<string>()
const listeners = new Set<() => void>()
let version = 0
let running = false

export function learn(events: Iterable<{ id: string; event_type?: string | null }>): void {
  let changed = false
  for (const { id, event_type } of events) {
    if (!event_type || known.has(id)) continue
    known.set(id, event_type)
    changed = true
  }
  for (const id of known.keys()) {
    if (known.size <= CAPACITY) break
    known.delete(id)
  }
  if (!changed) return
  version += 1
  for (const listener of listeners) listener()
}

export const eventTypes = {
  get: (id: string) => known.get(id),
  version: () => version,
  subscribe: (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
  /** Asks for those that are not known yet. */
  want: (ids: Iterable<string>) => {
    for (const id of ids) if (!known.has(id)) wanted.add(id)
    if (!running && wanted.size) void fetchWanted()
  },
}

async function fetchWanted(): Promise<void> {
  running = true
  try {
    // Rows ask one by one as they appear.
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (wanted.size >= LIST_FROM) {
      const page = (await data(api.GET("/api/v1/events", { params: { query: { limit: 500 } } }))) as Page<LogEvent>
      learn(page.items)
    }
    while (wanted.size) {
      const batch = [...wanted].filter((id) => !known.has(id)).slice(0, AT_ONCE)
      for (const id of [...wanted]) if (known.has(id) || batch.includes(id)) wanted.delete(id)
      const found = await Promise.all(
        batch.map(async (id) => {
          const event = (await data(api.GET("/api/v1/events/{id}", { params: { path: { id } } })).catch(
            () => undefined,
          )) as LogEvent | undefined
          // One that retention removed is not asked for again.
          return { id, event_type: event?.event_type ?? "–" }
        }),
      )
      learn(found)
    }
  } catch {
    // Asked for again by the next look at the list.
  } finally {
    running = false
  }
}
