/** What goes over the live socket, subprotocol `loghorn.v1`: one JSON envelope a message. */

import type { Bucket, Delivery, DeliveryWithAttempts, Job, Received, Stats, Subscription } from "../api/types"

export const SUBPROTOCOL = "loghorn.v1"
export const PATH = "/api/v1/ws"

export interface Envelope<K extends keyof Frames = keyof Frames> {
  v: 1
  k: K
  /** One more than that of the frame before; a gap means that frames were lost. */
  seq: number
  /** Milliseconds since 1970, on the server's clock. */
  t: number
  d: Frames[K]
}

export interface Attention {
  id: string
  kind: "circuit" | "dead_letters" | "slow" | "secret" | "part" | "disabled"
  title: string
  detail: string
  subscription_id?: string | null
  /** When something happens by itself, such as the next probe. */
  until?: string | null
}

export interface Frames {
  hello: { version: string; node: string; time: string; limits: Record<string, number> }
  /** The answer of `GET /stats`, and what only the feed knows. */
  stats: Stats & {
    delivered_per_minute?: number | null
    p50_ms?: number | null
    p95_ms?: number | null
    p99_ms?: number | null
    next_attempt_at?: string | null
  }
  /** The minute that is still open, and the last one that closed. */
  bucket: { step_ms: number; open: Bucket; closed?: Bucket | null }
  /** Rows are deliveries with their event's type; failures are all there, successes sampled. */
  tail: { rows: (Delivery & { last_duration_ms?: number | null })[]; seen: number; shown: number }
  delivery: DeliveryWithAttempts
  sub: { change: "created" | "updated" | "deleted" | "health" | "circuit"; id: string; subscription?: Subscription }
  dlq: { total: number }
  match: unknown
  job: Job
  receiver: Received
  attention: Attention & { change: "raise" | "clear" }
  pong: Record<string, never>
  lag: { topic?: string; dropped: number }
  bye: { reason: string; retry_after_ms?: number }
}

export type Topic =
  | "stats"
  | "bucket"
  | "tail"
  | "delivery"
  | "sub"
  | "dlq"
  | "match"
  | "job"
  | "receiver"
  | "attention"

/** What the client says. */
export type Command =
  | { k: "sub"; d: { topic: Topic; filter?: Record<string, unknown>; max_rate?: number } }
  | { k: "unsub"; d: { topic: Topic } }
  | { k: "hold"; d: { topic: Topic } }
  | { k: "ping"; d: Record<string, never> }
