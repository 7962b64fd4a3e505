/** Events that a person kept to try filters on; this browser keeps them. */

import type { LogEvent } from "../api/types"

const KEY = "loghorn-samples"
const KEPT_MAX = 20
const BYTES_MAX = 200_000

export type Sample = Pick<LogEvent, "event_type" | "level"> & Partial<LogEvent>

export function samples(): Sample[] {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]")
    return Array.isArray(kept)
      ? kept.filter((one) => one && typeof one === "object" && typeof one.event_type === "string")
      : []
  } catch {
    return []
  }
}

export function saveSample(event: Sample): void {
  const kept = [event, ...samples().filter((one) => one.id !== event.id)].slice(0, KEPT_MAX)
  while (kept.length > 1 && JSON.stringify(kept).length > BYTES_MAX) kept.pop()
  try {
    localStorage.setItem(KEY, JSON.stringify(kept))
  } catch {
    // A browser that keeps nothing: the sample is lost with the page.
  }
}
