/** What happened lately: from the server's history where it keeps one, else from what this page saw itself. */

import { useMemo } from "react"
import { type Range, useSeries } from "../api/queries"
import type { Bucket } from "../api/types"
import { stepOf } from "../components/prefs"
import { duration } from "../format/time"
import { steps } from "../live/samples"
import { useFeedState, useSamples } from "../live/use-feed"

export interface Activity {
  points: readonly Bucket[]
  /** The same span before, to compare with; empty where that is not known. */
  before: readonly Bucket[]
  stepMs: number
  from: number
  to: number
  /** `history`: the server's. `session`: since this page was opened. */
  source: "history" | "session"
  isLoading: boolean
  error: unknown
}

const SESSION_STEP_MS = 10_000
const SESSION_STEPS = 60
/** So long minutes are kept. */
const KEPT_MS = 7 * 86_400_000

export function useActivity(range: Range, subscription?: string): Activity {
  const step = stepOf(range)
  const spanMs = "span" in range ? (duration(range.span) ?? 3_600_000) : range.to - range.from
  // Twice as long, so that there is something to compare with.
  const asked: Range = "span" in range ? { span: `${Math.min(2 * spanMs, KEPT_MS) / 60_000}m` } : range
  const series = useSeries(asked, step.text, subscription)
  const samples = useSamples()
  const { bucket } = useFeedState()
  const { isLoading, error, data } = series
  return useMemo(() => {
    const now = Date.now()
    if (data || isLoading || error || subscription) {
      const stepMs = data?.step_ms ?? step.ms
      const to = "to" in range ? range.to : now
      const from = to - spanMs
      const all = merge(data?.points ?? [], subscription ? null : bucket, stepMs)
      return {
        points: all.filter((point) => point.at + stepMs > from && point.at <= to),
        before: all.filter((point) => point.at + stepMs <= from),
        stepMs,
        from,
        to,
        source: "history" as const,
        isLoading,
        error,
      }
    }
    const points = steps(samples, SESSION_STEP_MS).slice(-SESSION_STEPS)
    const to = points.at(-1)?.at ?? now
    const from = to - SESSION_STEP_MS * SESSION_STEPS
    return {
      points,
      before: [],
      stepMs: SESSION_STEP_MS,
      from,
      to: to + SESSION_STEP_MS,
      source: "session" as const,
      isLoading,
      error,
    }
  }, [isLoading, error, data, samples, bucket, range, spanMs, step.ms, subscription])
}

/** The open minute, as the feed tells it, in place of what the last answer knew of it. */
function merge(points: readonly Bucket[], open: Bucket | null, stepMs: number): readonly Bucket[] {
  if (!open || stepMs !== 60_000) return points
  return [...points.filter((point) => point.at !== open.at), open]
}

export interface Totals {
  delivered: number
  dead: number
  accepted: number | null
  /** 0 to 100; null while nothing has ended. */
  success: number | null
}

export function totals(points: readonly Bucket[]): Totals | null {
  if (!points.length) return null
  let [delivered, dead, accepted] = [0, 0, 0]
  let knowsAccepted = true
  for (const point of points) {
    delivered += point.delivered
    dead += point.dead
    if (point.accepted == null) knowsAccepted = false
    else accepted += point.accepted
  }
  const ended = delivered + dead
  return {
    delivered,
    dead,
    accepted: knowsAccepted ? accepted : null,
    success: ended ? (100 * delivered) / ended : null,
  }
}
