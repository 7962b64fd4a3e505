/** Subscriptions from YAML or JSON: what it would create and change, told before anything is done. */

import { parse } from "yaml"
import { send } from "../api/client"
import type { Subscription } from "../api/types"
import { replacing } from "../editor/convert"
import { specOf } from "./acts"

/** Most subscriptions in one file; as many as are read to compare with. */
const ENTRIES_MAX = 20_000

export interface Step {
  kind: "create" | "change" | "same" | "wrong"
  name: string
  /** What would change, by member. */
  members: string[]
  /** What is sent. */
  body?: Record<string, unknown>
  /** What is there now. */
  current?: Subscription
  /** Why it cannot be. */
  wrong?: string
}

/** What the server adds; a file that was exported with it is taken all the same. */
const ADDED = ["state", "disabled_reason", "circuit", "version", "created_at", "updated_at", "secrets", "whsec"]

/** The plan of a text. Throws what is wrong with the text as a whole. */
export function planOf(text: string, existing: readonly Subscription[]): Step[] {
  const entries = entriesOf(parse(text, { maxAliasCount: 100, prettyErrors: true }))
  const byId = new Map(existing.map((one) => [one.id, one]))
  const byName = new Map<string, Subscription[]>()
  for (const one of existing) byName.set(one.name, [...(byName.get(one.name) ?? []), one])
  const seen = new Set<string>()
  return entries.map((entry, index) => {
    const isObject = entry !== null && typeof entry === "object" && !Array.isArray(entry)
    const { id, ...rest } = isObject ? (entry as Record<string, unknown>) : {}
    const name = typeof rest.name === "string" ? rest.name : ""
    const wrong = (why: string): Step => ({
      kind: "wrong",
      name: name || `entry ${index + 1}`,
      members: [],
      wrong: why,
    })
    if (!isObject) return wrong("a subscription is an object with name, url and events")
    if (!name) return wrong("its name is missing")
    if (seen.has(name)) return wrong("the name stands twice in this text")
    seen.add(name)
    const body = Object.fromEntries(Object.entries(rest).filter(([key]) => !ADDED.includes(key)))
    const named = byName.get(name) ?? []
    if (named.length > 1 && typeof id !== "string")
      return wrong(`${named.length} subscriptions have this name; add an id`)
    const current = (typeof id === "string" ? byId.get(id) : undefined) ?? (named.length === 1 ? named[0] : undefined)
    if (!current) {
      if (typeof body.url !== "string") return wrong("its url is missing")
      if (!Array.isArray(body.events)) return wrong("its events are missing: a list of types, such as payment.**")
      return { kind: "create", name, members: [], body: withoutNull(body) }
    }
    // A secret is changed by rotating it, so that receivers keep up.
    const { secret: _, ...changes } = body
    const now = specOf(current) as Record<string, unknown>
    const members = Object.keys(changes).filter((key) => !alike(changes[key] ?? null, now[key] ?? null))
    if (!members.length) return { kind: "same", name, members, current }
    const patch = Object.fromEntries(members.map((key) => [key, replacing(now[key], changes[key])]))
    return { kind: "change", name, members, body: patch, current }
  })
}

function entriesOf(parsed: unknown): unknown[] {
  const inner = parsed as { subscriptions?: unknown; items?: unknown; name?: unknown } | null
  const list = Array.isArray(parsed)
    ? parsed
    : Array.isArray(inner?.subscriptions)
      ? inner.subscriptions
      : Array.isArray(inner?.items)
        ? inner.items
        : inner && typeof inner === "object" && "name" in inner
          ? [inner]
          : undefined
  if (!list?.length) throw new Error("there is no subscription in it: a list of objects with name, url and events")
  if (list.length > ENTRIES_MAX) throw new Error(`more than ${ENTRIES_MAX.toLocaleString("en-US")} at once`)
  return list
}

function withoutNull(body: Record<string, unknown>): Record<string, unknown> {
  // A null is a member that is not there; but no plain signature is said by one.
  const isSaid = ([key, value]: [string, unknown]) =>
    value !== undefined && (value !== null || key === "signature_header")
  return Object.fromEntries(Object.entries(body).filter(isSaid))
}

/** Equal as JSON, whatever the order of members; a member that is null is one that is not there. */
export function alike(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (!a || !b || typeof a !== "object" || typeof b !== "object" || Array.isArray(a) !== Array.isArray(b)) return false
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => alike(item, b[index]))
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) =>
    alike(left[key] ?? null, right[key] ?? null),
  )
}

/** Does one step; what it came to. */
export function apply(step: Step, key: string): Promise<Subscription> {
  if (step.kind === "create")
    return send<Subscription>("POST", "/api/v1/subscriptions", step.body, { "Idempotency-Key": key })
  const { id, version } = step.current as Subscription
  return send<Subscription>("PATCH", `/api/v1/subscriptions/${encodeURIComponent(id)}`, step.body, {
    "If-Match": `"v${version}"`,
  })
}
