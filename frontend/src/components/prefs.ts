/** What a person prefers, kept by the browser. */

import { useSyncExternalStore } from "react"
import type { Range } from "../api/queries"

export interface Prefs {
  utc: boolean
  /** Whether single keys act (WCAG 2.1.4: they can be turned off). */
  keys: boolean
  range: Range
}

const KEY = "loghorn"
export const SPANS = ["15m", "1h", "6h", "24h", "7d"] as const

function read(): Prefs {
  const prefs: Prefs = { utc: true, keys: true, range: { span: "1h" } }
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}")
    if (typeof kept.utc === "boolean") prefs.utc = kept.utc
    if (typeof kept.keys === "boolean") prefs.keys = kept.keys
    if (SPANS.includes(kept.span)) prefs.range = { span: kept.span }
  } catch {
    // What cannot be read is not kept.
  }
  return prefs
}

let prefs = read()
const listeners = new Set<() => void>()
const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function getPrefs(): Prefs {
  return prefs
}

export function setPrefs(change: Partial<Prefs>): void {
  prefs = { ...prefs, ...change }
  const span = "span" in prefs.range ? prefs.range.span : undefined
  try {
    localStorage.setItem(KEY, JSON.stringify({ utc: prefs.utc, keys: prefs.keys, span }))
  } catch {
    // A browser that keeps nothing still shows everything.
  }
  for (const listener of listeners) listener()
}

export function usePrefs(): Prefs {
  return useSyncExternalStore(subscribe, getPrefs)
}

/** How wide one bar of a chart is. */
export function stepOf(range: Range): { ms: number; text: string; words: string } {
  const span =
    "span" in range
      ? ({ "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800 }[range.span] ?? 3600)
      : (range.to - range.from) / 1000
  if (span <= 3600) return { ms: 60_000, text: "60s", words: "per minute" }
  if (span <= 21_600) return { ms: 300_000, text: "5m", words: "per 5 minutes" }
  if (span <= 86_400) return { ms: 1_200_000, text: "20m", words: "per 20 minutes" }
  return { ms: 7_200_000, text: "2h", words: "per 2 hours" }
}

export function rangeWords(range: Range): string {
  if ("span" in range) {
    return (
      {
        "15m": "last 15 minutes",
        "1h": "last hour",
        "6h": "last 6 hours",
        "24h": "last 24 hours",
        "7d": "last 7 days",
      }[range.span] ?? range.span
    )
  }
  return "chosen range"
}
