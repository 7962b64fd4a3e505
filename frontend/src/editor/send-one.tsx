/** Sends one event that matches to the URL being written, as it would be sent, marked as a test. */

import Button from "@mui/material/Button"
import { useState } from "react"
import { api, data } from "../api/client"
import type { LogEvent } from "../api/types"
import { canProbe, type Outcome, probe, type Target } from "./probe"
import type { Sample } from "./samples"

/** An event that was written here, or the id of one in the log. */
export type Chosen = Sample | string

export interface Sending {
  /** What is on its way, or was sent last. */
  event: Chosen | null
  busy: boolean
  outcome: (Outcome & { url: string }) | null
  send: (event: Chosen) => Promise<void>
}

export function useSendOne(target: Target): Sending {
  const [event, setEvent] = useState<Chosen | null>(null)
  const [busy, setBusy] = useState(false)
  const [outcome, setOutcome] = useState<(Outcome & { url: string }) | null>(null)
  const send = async (chosen: Chosen) => {
    setEvent(chosen)
    setBusy(true)
    setOutcome(null)
    const { url } = target
    try {
      const event =
        typeof chosen === "string"
          ? ((await data(api.GET("/api/v1/events/{id}", { params: { path: { id: chosen } } }))) as unknown as LogEvent)
          : chosen
      const { tone, text } = await probe(target, event)
      setOutcome({ url, tone, text: `${event.event_type}: ${text}` })
    } catch (error) {
      setOutcome({ url, tone: "unknown", text: `It was not sent: ${error instanceof Error ? error.message : error}` })
    } finally {
      setBusy(false)
    }
  }
  return { event, busy, outcome: outcome?.url === target.url ? outcome : null, send }
}

export function SendOne({ sending, target, newest }: { sending: Sending; target: Target; newest: Chosen | undefined }) {
  return (
    <Button
      disabled={sending.busy || newest === undefined || !canProbe(target)}
      title={canProbe(target) ? "The newest that matches, signed; nothing of it is kept" : "Write the URL first"}
      onClick={() => newest !== undefined && void sending.send(newest)}
    >
      {sending.busy ? "Sending…" : "Send one match to this URL"}
    </Button>
  )
}
