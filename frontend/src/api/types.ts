import type { components } from "./schema"

type Schemas = components["schemas"]

export type Stats = Schemas["Stats"]
export type Health = Schemas["Health"]
export type Delivery = Schemas["Delivery"]
export type DeliveryWithAttempts = Schemas["DeliveryWithAttempts"]
export type Attempt = Schemas["ShownAttempt"]
export type Group = Schemas["Group"]
export type Groups = Schemas["Groups"]
export type Job = Schemas["Job"]
export type Circuit = Schemas["Circuit"]
export type CircuitChange = Schemas["CircuitChange"]
export type Ledger = Schemas["Ledger"]
export type LedgerLine = Schemas["Line"]
export type Explained = Schemas["Explained"]
export type OfSubscription = Schemas["OfSubscription"]
export type Condition = Schemas["Condition"]
export type AuditEntry = Schemas["Entry"]
export type Key = Schemas["Key"]
export type DeadLetterFilter = Schemas["Filter"]
export type Filters = Schemas["Filters"]
/** What a trial came to. `conditions` says of how many events each held, and of how many it was asked. */
export type Report = Omit<Schemas["Report"], "conditions"> & {
  conditions: { pointer: string; passed: number; tested: number }[]
}

/** An event as the log keeps it. */
export interface LogEvent {
  id: string
  seq: number
  event_type: string
  level: string
  source?: string
  message?: string
  metadata?: Record<string, unknown>
  timestamp?: string
  received_at: string
}

/** A subscription: what a person wrote, and what the server adds. */
export interface Subscription extends SubscriptionSpec {
  id: string
  state: "active" | "paused" | "disabled"
  disabled_reason?: string | null
  circuit: "closed" | "open" | "half_open"
  version: number
  created_at: string
  updated_at: string
  secret?: string | null
}

export interface SubscriptionSpec {
  name: string
  url: string
  events: string[]
  filters?: Filters | null
  format?: string | null
  headers?: Record<string, string> | null
  priority?: string | null
  mode?: string | null
  retry?: { max_attempts?: number | null; max_age?: string | null } | null
  rate_limit?: { per_second: number } | null
  regions?: { by: string; urls: Record<string, string> } | null
  timeout?: string | null
  enabled?: boolean | null
  description?: string | null
  [key: string]: unknown
}

export interface Page<T> {
  items: T[]
  next_cursor?: string | null
}

/** `GET /dispatch`: whether webhooks go out at all. */
export interface Dispatch {
  state: "running" | "paused"
  since?: string | null
  waiting: number
  attempting: number
}

// What follows is told by routes that a server may not have; it is `null` then, and shown as unknown.

/** `GET /stats/series?range=1h&step=60s[&by=subscription]`. */
export interface Series {
  step_ms: number
  points: Bucket[]
}

/** What happened in one step of time. Latencies are of attempts, in milliseconds; null where there was none. */
export interface Bucket {
  /** Its beginning, in milliseconds since 1970. */
  at: number
  accepted?: number | null
  delivered: number
  retrying: number
  dead: number
  p50_ms?: number | null
  p95_ms?: number | null
  p99_ms?: number | null
}

/** `GET /stats/failures?range=1h`: failed attempts by what they came to. */
export interface Failures {
  items: { class: string; status_code: number | null; count: number }[]
}

/** `GET /stats/subscriptions?ids=&range=24h`. */
export interface SubscriptionStats {
  items: {
    subscription_id: string
    success_rate: number | null
    delivered: number
    failed: number
    p95_ms: number | null
    last_at: string | null
    spark: (number | null)[]
  }[]
}

/** `GET /subscriptions/{id}/secrets`. */
export interface Secrets {
  items: { number: number; state: string; created_at: string; expires_at?: string | null }[]
}

/** `GET /receiver`: the built-in receiver and what came in, the newest first. */
export interface Receiver {
  /** Where webhooks are sent; null where they cannot reach it, for the reason given. */
  url: string | null
  reason?: string
  answer: Answer
  seen: number
  items: Received[]
}

export type Answer = { status: number } | "slow" | "hang"

export interface Received {
  number: number
  received_at: string
  headers: Record<string, string>
  body: string
  body_bytes: number
  /** What the receiver found by an HMAC of its own. */
  verified: "yes" | "no" | "stale" | "unsigned"
  /** What it was answered with. */
  answered: number
}

/** One of `GET /config`: how a setting would be written, and where it came from. */
export interface Setting {
  key: string
  value: string
  origin: string
}
