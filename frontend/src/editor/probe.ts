/** One signed webhook to a URL that is being written, sent by the server itself; nothing of it is kept. */

import { Problem, send } from "../api/client"
import type { LogEvent, Subscription } from "../api/types"
import { span } from "../format/time"
import { cause, statusCode } from "../format/words"
import type { Sample } from "./samples"

/** Where it goes, and what it depends on; the rest may still be half written. */
export interface Target {
  url: string
  timeout: string
  secret: string
  /** What is being changed: its secrets sign, and what is not written here is as there. */
  saved: Subscription | undefined
}

interface Seen {
  status_code?: number | null
  class: string
  error?: string | null
  duration_ms: number
  tls_days?: number | null
}

export interface Outcome {
  tone: "good" | "bad" | "unknown"
  text: string
}

export const canProbe = ({ url }: Target) => /^https?:\/\/./.test(url)

/** What the receiver made of it, in words; of `event`, if one is given. */
export async function probe({ url, timeout, secret, saved }: Target, event?: Sample | LogEvent): Promise<Outcome> {
  const body = {
    url,
    ...(saved ? { subscription: saved.id, timeout: timeout || null } : { ...(timeout && { timeout }) }),
    ...(!saved && secret && { secret }),
    ...(event && { event }),
  }
  try {
    const seen = await send<Seen>("POST", "/api/v1/subscriptions/check", body)
    return { tone: seen.class === "ok" ? "good" : "bad", text: words(seen) }
  } catch (error) {
    if (!(error instanceof Problem)) return { tone: "unknown", text: String(error) }
    if (error.isMissing || error.status === 405) return { tone: "unknown", text: "– This server cannot probe a URL." }
    return { tone: "unknown", text: error.errors[0]?.detail ?? error.detail }
  }
}

function words({ status_code, class: cls, error, duration_ms, tls_days }: Seen): string {
  const tls = tls_days != null ? ` TLS valid for ${tls_days} days.` : ""
  if (cls === "ok") return `${statusCode(status_code ?? 200)} in ${span(duration_ms)}.${tls}`
  return `${cause(cls, status_code)} after ${span(duration_ms)}.${error ? ` ${error}` : ""}${tls}`
}
