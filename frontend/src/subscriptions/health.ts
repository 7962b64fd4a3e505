/** How a subscription is: the worst of its circuit, its state and its success. */

import type { Group, LedgerLine, Subscription, SubscriptionStats } from "../api/types"
import { HEALTH, type Health } from "../format/words"

/** Below this it is degraded, in percent. */
const SUCCESS_LOW = 95

export interface Figures {
  /** 0 to 100; null while nothing has ended; undefined where it is not known. */
  success: number | null | undefined
  /** Over which time. */
  over: "24 h" | "all"
  p95: number | null | undefined
  dead: number | undefined
  lastAt: string | null | undefined
  spark: readonly (number | null)[]
}

export interface Line {
  subscription: Subscription
  figures: Figures
  health: Health
}

type Stat = SubscriptionStats["items"][number]

export function figuresOf(
  stat: Stat | undefined,
  lines: readonly LedgerLine[] | undefined,
  dead: number | undefined,
): Figures {
  if (stat)
    return { success: stat.success_rate, over: "24 h", p95: stat.p95_ms, dead, lastAt: stat.last_at, spark: stat.spark }
  if (!lines) return { success: undefined, over: "all", p95: undefined, dead, lastAt: undefined, spark: [] }
  const sum = (pick: (line: LedgerLine) => number) => lines.reduce((total, line) => total + pick(line), 0)
  const [delivered, failed] = [sum((line) => line.delivered), sum((line) => line.dead + line.expired)]
  const ended = delivered + failed
  return {
    success: ended ? (100 * delivered) / ended : null,
    over: "all",
    p95: undefined,
    dead: dead ?? sum((line) => line.dead),
    lastAt: undefined,
    spark: [],
  }
}

export function healthOf(subscription: Subscription, success: number | null | undefined): Health {
  if (subscription.state === "disabled") return "disabled"
  if (subscription.circuit === "open") return "open"
  if (subscription.circuit === "half_open") return "half_open"
  if (subscription.state === "paused") return "paused"
  if (subscription.mode === "shadow") return "shadow"
  if (success != null && success < SUCCESS_LOW) return "degraded"
  return success === null ? "idle" : "ok"
}

/** The worst first; among equals the most dead letters, then the lowest success, then by name. */
export function worstFirst(a: Line, b: Line): number {
  return (
    HEALTH[a.health].rank - HEALTH[b.health].rank ||
    (b.figures.dead ?? 0) - (a.figures.dead ?? 0) ||
    (a.figures.success ?? 101) - (b.figures.success ?? 101) ||
    a.subscription.name.localeCompare(b.subscription.name)
  )
}

export function deadBySubscription(groups: readonly Group[] | undefined): Map<string, number> | undefined {
  if (!groups) return undefined
  const found = new Map<string, number>()
  for (const group of groups)
    if (group.subscription_id) found.set(group.subscription_id, (found.get(group.subscription_id) ?? 0) + group.count)
  return found
}

/** A filter in one short line. */
export function filterWords(subscription: Subscription): string {
  const { filters } = subscription
  if (!filters || Object.keys(filters).length === 0) return "all events"
  const parts: string[] = []
  const show = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value))
  const signs: Record<string, string> = { gt: ">", gte: "≥", lt: "<", lte: "≤", eq: "=", ne: "≠", regex: "=~" }
  if (filters.source) parts.push(`source =~ ${show(filters.source)}`)
  if (filters.levels) parts.push(filters.levels.join("|"))
  if (filters.min_level) parts.push(`level ≥ ${filters.min_level}`)
  if (filters.message) parts.push(`message =~ ${filters.message}`)
  for (const [path, value] of Object.entries(filters.metadata ?? {})) {
    if (value && typeof value === "object" && !Array.isArray(value))
      for (const [operator, operand] of Object.entries(value))
        parts.push(`${path} ${signs[operator] ?? operator} ${show(operand)}`)
    else parts.push(`${path} = ${show(value)}`)
  }
  if (filters.where) parts.push(filters.where)
  if (filters.schedule) parts.push("on schedule")
  for (const nest of ["any", "all", "not"] as const) if (filters[nest]) parts.push(`${nest}(…)`)
  return parts.join(" · ")
}
