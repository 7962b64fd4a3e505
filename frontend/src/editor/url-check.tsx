/** Whether an endpoint answers, asked by the server itself with a signed probe. */

import Button from "@mui/material/Button"
import { useState } from "react"
import { api, data, Problem, send } from "../api/client"
import type { Subscription } from "../api/types"
import { Icon } from "../components/icon"
import { span } from "../format/time"
import { cause, statusCode } from "../format/words"
import { test } from "../subscriptions/acts"

interface Probe {
  status_code?: number | null
  class: string
  error?: string | null
  duration_ms: number
  tls_days?: number | null
}

const PATIENCE_MS = 15_000
const ASK_MS = 400

/** `body` is what there is of the subscription: its secret signs, its headers go along. */
export function UrlCheck({
  url,
  saved,
  body,
}: {
  url: string
  saved: Subscription | undefined
  body: Record<string, unknown>
}) {
  const [busy, setBusy] = useState(false)
  const [probe, setProbe] = useState<{ of: string; result?: Probe; trouble?: string } | null>(null)
  const run = async () => {
    setBusy(true)
    setProbe(null)
    try {
      setProbe({
        of: url,
        result:
          saved && saved.url === url
            ? await byTest(saved.id)
            : await send<Probe>("POST", "/api/v1/subscriptions/check", { ...checked(body), url }),
      })
    } catch (error) {
      const missing = error instanceof Problem && (error.isMissing || error.status === 404 || error.status === 405)
      const said = error instanceof Problem ? (error.errors[0]?.detail ?? error.detail) : String(error)
      setProbe({
        of: url,
        trouble: missing ? "– This server probes only what is saved: create it, then send a test event." : said,
      })
    } finally {
      setBusy(false)
    }
  }
  const shown = probe?.of === url ? probe : null
  const ok = shown?.result?.class === "ok"
  return (
    <>
      <Button onClick={() => void run()} disabled={busy || !/^https?:\/\/./.test(url)}>
        {busy ? "Checking…" : "Check"}
      </Button>
      {shown && (
        <p role="status" className={`checked small wrap ${ok ? "good" : shown.trouble ? "muted" : "tone-failed"}`}>
          <Icon id={ok ? "tick" : shown.trouble ? "info" : "cross"} />
          {shown.trouble ?? words(shown.result as Probe)}
        </p>
      )}
    </>
  )
}

/** What a check depends on; the rest may still be half written. */
function checked({ secret, timeout, headers, format }: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ secret, timeout, headers, format }).filter(([, value]) => value))
}

function words({ status_code, class: cls, error, duration_ms, tls_days }: Probe): string {
  const tls = tls_days != null ? ` TLS valid for ${tls_days} days.` : ""
  if (cls === "ok") return `${statusCode(status_code ?? 200)} in ${span(duration_ms)}.${tls}`
  return `${cause(cls, status_code)} after ${span(duration_ms)}.${error ? ` ${error}` : ""}${tls}`
}

/** A saved one is asked by a real test delivery. */
async function byTest(id: string): Promise<Probe> {
  const { delivery_id } = await test(id)
  const began = Date.now()
  for (;;) {
    const delivery = await data(api.GET("/api/v1/deliveries/{id}", { params: { path: { id: delivery_id } } }))
    const attempt = delivery.attempt_log[0]
    if (attempt)
      return {
        status_code: attempt.status_code,
        class: attempt.class,
        error: attempt.error,
        duration_ms: attempt.duration_ms,
      }
    if (Date.now() - began > PATIENCE_MS)
      throw new Error("It waits for its turn: the endpoint is paused, or its circuit is open.")
    await new Promise((resolve) => setTimeout(resolve, ASK_MS))
  }
}
