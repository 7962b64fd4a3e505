import { parse } from "../format/time"
import type { TailRow } from "../live/tail"
import type { Delivery } from "./types"

/** A delivery as lists show it. A server may add the last attempt's time to it. */
export function toRow(delivery: Delivery & { last_duration_ms?: number | null }): TailRow {
  return {
    id: delivery.id,
    seq: delivery.event_seq,
    eventId: delivery.event_id,
    type: delivery.event_type ?? undefined,
    subscriptionId: delivery.subscription_id ?? null,
    url: delivery.url ?? null,
    status: delivery.status,
    code: delivery.last_status_code ?? null,
    cls: delivery.last_class ?? null,
    attempts: delivery.attempts,
    at: parse(delivery.created_at) ?? 0,
    endedAt: parse(delivery.ended_at) ?? null,
    nextAt: parse(delivery.next_attempt_at) ?? null,
    origin: delivery.origin,
    ms: delivery.last_duration_ms ?? null,
  }
}
