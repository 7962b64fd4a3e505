import type { ReactNode } from "react"
import { Link } from "react-router"
import type { Stats } from "../api/types"
import { useNow } from "../components/hooks"
import { rangeWords, usePrefs } from "../components/prefs"
import { Spark } from "../components/spark"
import { count, percent, rate } from "../format/number"
import { countdown, parse, span, UNKNOWN } from "../format/time"
import { rates } from "../live/samples"
import { useFeedState, useSamples } from "../live/use-feed"
import { type Activity, totals } from "./activity"

interface Kpi {
  label: string
  value: string
  unit?: string
  note: ReactNode
  to: string
  spark: readonly (number | null | undefined)[]
  tone?: "text2" | "delivered" | "retrying" | "failed" | "dead"
  alarm?: boolean
}

/** Below this a success rate is told as an alarm, in percent. */
const SUCCESS_LOW = 99

export function Kpis({
  stats,
  activity,
  nextAt,
}: {
  stats: Stats | undefined
  activity: Activity
  nextAt: number | null | undefined
}) {
  const { range } = usePrefs()
  const { stats: live } = useFeedState()
  const session = rates(useSamples())
  const now = useNow()
  const { points, before, stepMs, source } = activity
  const history = source === "history" && !activity.error && !activity.isLoading
  const [during, earlier] = [history ? totals(points) : null, history ? totals(before) : null]
  const success = during?.success ?? (history && !points.length ? null : stats?.delivery_stats.success_rate)
  const change = during?.success != null && earlier?.success != null ? during.success - earlier.success : null
  const perMinute = live?.delivered_per_minute ?? session.delivered
  const before1 = earlier ? (earlier.delivered / Math.max(1, before.length)) * (60_000 / stepMs) : null
  const during1 = during ? (during.delivered / Math.max(1, points.length)) * (60_000 / stepMs) : null
  // A server that ran only for some of the time before is nothing to compare with.
  const isFair = before.length * 2 >= points.length
  const more = during1 != null && before1 && isFair ? (100 * (during1 - before1)) / before1 : null
  const p95 = live?.p95_ms ?? lastKnown(points.map((point) => point.p95_ms))
  const p50 = live?.p50_ms ?? lastKnown(points.map((point) => point.p50_ms))
  const p99 = live?.p99_ms ?? lastKnown(points.map((point) => point.p99_ms))
  const dead = stats?.delivery_stats.failed
  const retrying = stats?.delivery_stats.retrying
  const next = parse(live?.next_attempt_at) ?? nextAt
  const then = rangeWords(range).replace("last", "the last")
  const kpis: Kpi[] = [
    {
      label: "Delivery success",
      value: percent(success),
      unit: success == null ? undefined : "%",
      note:
        change !== null ? (
          <span className={change < -0.05 ? "tone-failed" : undefined}>
            {change < -0.05 ? "▼" : change > 0.05 ? "▲" : "="} {Math.abs(change).toFixed(1)} pt vs before
          </span>
        ) : success == null ? (
          "nothing has ended yet"
        ) : history ? (
          rangeWords(range)
        ) : (
          "since the first delivery"
        ),
      to: "/deliveries",
      spark: points.map((point) =>
        point.delivered + point.dead ? point.delivered / (point.delivered + point.dead) : null,
      ),
      alarm: success != null && success < SUCCESS_LOW,
    },
    {
      label: "Events accepted",
      value: rate(session.events),
      unit: "/s",
      note: `${count(stats?.event_stats.last_seq)} in the log so far`,
      to: "/events",
      spark: points.map((point) => point.accepted),
    },
    {
      label: "Delivered",
      value: rate(perMinute),
      unit: "/min",
      note:
        more !== null
          ? `${more >= 0 ? "▲" : "▼"} ${count(Math.abs(Math.round(more)))} % vs before`
          : `${count(stats?.delivery_stats.delivered)} in all`,
      to: "/deliveries?q=status:delivered",
      spark: points.map((point) => point.delivered),
      tone: "delivered",
    },
    {
      label: "Latency p95",
      value: p95 == null ? UNKNOWN : (span(p95).split(" ")[0] ?? UNKNOWN),
      unit: p95 == null ? undefined : span(p95).split(" ")[1],
      note: p95 == null ? "not told by this server" : `p50 ${span(p50)} · p99 ${span(p99)}`,
      to: "/subscriptions",
      spark: points.map((point) => point.p95_ms),
    },
    {
      label: "Retrying now",
      value: count(retrying),
      note: retrying
        ? `next attempt ${next == null ? "–" : next <= now ? "is due" : `in ${countdown(next, now)}`}`
        : "nothing waits",
      to: "/deliveries?q=status:retrying",
      spark: points.map((point) => point.retrying),
      tone: "retrying",
      alarm: false,
    },
    {
      label: "Dead letters",
      value: count(dead),
      note: during ? `${during.dead ? "+" : ""}${count(during.dead)} in ${then}` : dead ? "kept for replay" : "none",
      to: "/dead-letters",
      spark: points.map((point) => point.dead),
      tone: "dead",
    },
  ]
  return (
    <ul className="panel kpis" aria-label="Key figures">
      {kpis.map((kpi) => (
        <li key={kpi.label} className={kpi.alarm ? "alarm" : undefined}>
          <Link to={kpi.to} className="kpi">
            <span className="kpi-label">{kpi.label}</span>
            <span className="kpi-line">
              <span className="kpi-value">
                {kpi.value}
                {kpi.unit && kpi.value !== UNKNOWN && <small> {kpi.unit}</small>}
              </span>
              <Spark values={kpi.spark} tone={kpi.tone} />
            </span>
            <span className="kpi-note cut">{kpi.note}</span>
          </Link>
        </li>
      ))}
    </ul>
  )
}

function lastKnown(values: readonly (number | null | undefined)[]): number | null {
  for (let index = values.length - 1; index >= 0; index -= 1) if (values[index] != null) return values[index] as number
  return null
}
