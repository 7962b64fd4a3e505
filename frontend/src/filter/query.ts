/**
 * The filter of the deliveries' list: `status:dead code:5xx type:payment.* sub:gateway since:1h`, and words that stand
 * alone. All must hold; the same name twice is either of both.
 */

import { duration } from "../format/time"

const NAMES = ["status", "code", "type", "sub", "since", "class", "event", "host", "origin"] as const
type Name = (typeof NAMES)[number]

const STATUSES: Record<string, string> = {
  dead: "dead_letter",
  dead_letter: "dead_letter",
  delivered: "delivered",
  retrying: "retrying",
  queued: "queued",
  attempting: "attempting",
  sending: "attempting",
  cancelled: "cancelled",
}

export interface Query {
  terms: Partial<Record<Name, string[]>>
  words: string[]
  /** What could not be understood, for the person who typed it. */
  errors: string[]
}

/** What a filter is held against. */
export interface Matchable {
  id: string
  status: string
  code: number | null | undefined
  cls: string | null | undefined
  type: string | undefined
  eventId: string
  subscriptionId: string | null | undefined
  subscription: string | undefined
  url: string | null | undefined
  origin: string
  at: number
}

const TOKEN = /(?:([a-z]+):)?(?:"((?:[^"\\]|\\.)*)"?|(\S+))/gi

export function parseQuery(text: string): Query {
  const query: Query = { terms: {}, words: [], errors: [] }
  for (const [, name, quoted, plain] of text.matchAll(TOKEN)) {
    const value = quoted !== undefined ? quoted.replace(/\\(.)/g, "$1") : (plain ?? "")
    if (!name) {
      if (value) query.words.push(value.toLowerCase())
      continue
    }
    const key = name.toLowerCase() as Name
    if (!NAMES.includes(key)) {
      query.errors.push(`there is no ${name}: filter; these are: ${NAMES.join(", ")}`)
      continue
    }
    const error = wrong(key, value)
    if (error) query.errors.push(error)
    else (query.terms[key] ??= []).push(value)
  }
  return query
}

function wrong(name: Name, value: string): string | undefined {
  if (!value) return `${name}: needs a value`
  if (name === "status" && !STATUSES[value.toLowerCase()])
    return `status:${value} is none of delivered, retrying, dead, queued, sending, cancelled`
  if (name === "code" && !/^[1-5](\d\d|xx)$/i.test(value)) return `code:${value} is neither a code such as 503 nor 5xx`
  if (name === "since" && duration(value) === undefined && Number.isNaN(Date.parse(value)))
    return `since:${value} is neither a span such as 1h nor a time`
  return undefined
}

/** What the server is asked for; the rest is held against what it answers. `subscription` finds an id by name. */
export function serverParams(query: Query, subscription: (text: string) => string | undefined): Record<string, string> {
  const params: Record<string, string> = {}
  const { status, code, sub, since, class: cls, event } = query.terms
  if (status) params.status = [...new Set(status.map((text) => STATUSES[text.toLowerCase()] as string))].join(",")
  if (code?.length === 1 && /^\d{3}$/.test(code[0] as string)) params.code = code[0] as string
  if (cls?.length === 1) params.class = cls[0] as string
  const id = sub?.length === 1 ? subscription(sub[0] as string) : undefined
  if (id) params.subscription = id
  if (event?.length === 1 && (event[0] as string).startsWith("evt_")) params.event = event[0] as string
  if (since) params.since = since[since.length - 1] as string
  return params
}

export function isEmpty(query: Query): boolean {
  return query.words.length === 0 && Object.keys(query.terms).length === 0
}

/** Whether a delivery is one of those asked for. `now` in milliseconds. */
export function matches(query: Query, row: Matchable, now: number): boolean {
  const { terms, words } = query
  const any = (name: Name, holds: (value: string) => boolean) => !terms[name] || terms[name].some(holds)
  const has = (text: string | null | undefined, part: string) =>
    !!text && text.toLowerCase().includes(part.toLowerCase())
  return (
    any("status", (value) => STATUSES[value.toLowerCase()] === row.status) &&
    any("code", (value) =>
      /xx$/i.test(value) ? Math.floor((row.code ?? 0) / 100) === Number(value[0]) : row.code === Number(value),
    ) &&
    any("class", (value) => row.cls === value) &&
    any("type", (value) => row.type !== undefined && glob(value).test(row.type)) &&
    any("sub", (value) => row.subscriptionId === value || has(row.subscription, value)) &&
    any("event", (value) => row.eventId === value || row.eventId.startsWith(value)) &&
    any("host", (value) => has(row.url, value)) &&
    any("origin", (value) => row.origin === value) &&
    any("since", (value) => {
      const span = duration(value)
      return row.at >= (span === undefined ? Date.parse(value) : now - span)
    }) &&
    words.every((word) => [row.id, row.eventId, row.type, row.subscription, row.url].some((text) => has(text, word)))
  )
}

/** A pattern over dotted names: `*` is one part, `**` any number of parts, also none. */
export function glob(pattern: string): RegExp {
  const literal = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&")
  const parts = pattern.split(".")
  let source = ""
  parts.forEach((part, index) => {
    const first = index === 0
    if (part === "**") source += first ? (parts.length > 1 ? "(?:[^.]+\\.)*" : "[^.]+(?:\\.[^.]+)*") : "(?:\\.[^.]+)*"
    else source += (first || (index === 1 && parts[0] === "**") ? "" : "\\.") + literal(part).replace(/\*/g, "[^.]*")
  })
  return new RegExp(`^${source}$`)
}

/** The text with one `name:value` put in or taken out, as the state chips do. */
export function toggle(text: string, name: Name, value: string): string {
  const token = `${name}:${value}`
  const tokens = text.split(/\s+/).filter(Boolean)
  return (tokens.includes(token) ? tokens.filter((other) => other !== token) : [...tokens, token]).join(" ")
}
