/** Everything about one delivery: its attempts with the waits between them, and what was sent and answered. */

import Button from "@mui/material/Button"
import Tab from "@mui/material/Tab"
import Tabs from "@mui/material/Tabs"
import { useQueryClient } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { Link } from "react-router"
import { api, data } from "../api/client"
import { useDelivery, useEvent, useSubscriptionsById } from "../api/queries"
import type { Attempt, DeliveryWithAttempts, LogEvent } from "../api/types"
import { useKeys } from "../components/hooks"
import { Icon } from "../components/icon"
import { Ago, Bones, Clock, DeliveryState, Id, Trouble } from "../components/parts"
import { copy, say, sayProblem } from "../components/say"
import { curl } from "../format/snippets"
import { parse, span } from "../format/time"
import { cause, death, host, statusCode } from "../format/words"
import { useFeed } from "../live/use-feed"
import { RequestTab, ResponseTab, requestBody, TimingTab } from "./tabs"
import { VerifyTab } from "./verify"

const TABS = ["Request", "Response", "Timing", "Verify"] as const

export function Inspector({ id, onClose }: { id: string; onClose: () => void }) {
  const feed = useFeed()
  const client = useQueryClient()
  const delivery = useDelivery(id)
  const event = useEvent(delivery.data?.event_id)
  const subscription = useSubscriptionsById().get(delivery.data?.subscription_id ?? "")
  const [tab, setTab] = useState<(typeof TABS)[number]>("Request")
  const [picked, setPicked] = useState<number | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    feed.follow([id])
    return () => feed.follow([])
  }, [feed, id])

  const attempts = delivery.data?.attempt_log ?? []
  const attempt = attempts.find((one) => one.number === picked) ?? attempts.at(-1)
  const resend = async () => {
    setBusy(true)
    try {
      await data(api.POST("/api/v1/deliveries/{id}/resend", { params: { path: { id } } }))
      say("Queued again, with the same id and a fresh signature")
      setPicked(null)
      await client.invalidateQueries({ queryKey: ["delivery", id] })
    } catch (error) {
      sayProblem(error)
    } finally {
      setBusy(false)
    }
  }
  const asCurl = () => {
    if (!delivery.data?.url) return
    void copy(curl(delivery.data.url, attempt?.request.headers ?? {}, requestBody(event.data)), "the curl command")
  }
  useKeys({ r: () => void resend(), c: asCurl })

  if (delivery.error && !delivery.data)
    return (
      <div className="inspector-in">
        <div className="line-up">
          <h2 className="grow">Delivery</h2>
          <Close onClose={onClose} />
        </div>
        <Trouble error={delivery.error} what="The delivery" retry={() => void delivery.refetch()} />
      </div>
    )
  if (!delivery.data) return <Bones rows={8} height={40} />
  const it = delivery.data
  return (
    <div className="inspector-in">
      <div className="line-up inspector-head">
        <h2 className="grow wrap mono-title">{event.data?.event_type ?? "Delivery"}</h2>
        <Button variant="contained" disabled={busy} onClick={() => void resend()}>
          Resend
        </Button>
        <Button onClick={asCurl}>Copy as curl</Button>
        <Close onClose={onClose} />
      </div>
      <dl className="facts">
        <dt>Delivery</dt>
        <dd>
          <Id id={it.id} />
        </dd>
        <dt>Event</dt>
        <dd>
          <Link to={`/events/${it.event_id}`} className="mono">
            {it.event_id}
          </Link>
        </dd>
        <dt>To</dt>
        <dd>
          {it.subscription_id ? (
            <Link to={`/subscriptions/${it.subscription_id}`}>{subscription?.name ?? it.subscription_id}</Link>
          ) : (
            "deleted subscription"
          )}{" "}
          · <code>{host(it.url)}</code>
        </dd>
        <dt>State</dt>
        <dd>
          <DeliveryState status={it.status} nextAt={parse(it.next_attempt_at)} />
          {it.origin !== "live" && <span className="tag">{it.origin}</span>}
          <Outlook delivery={it} />
        </dd>
      </dl>
      <Attempts delivery={it} event={event.data} shown={attempt} onPick={setPicked} />
      {attempt && (
        <>
          <Tabs value={tab} onChange={(_, value) => setTab(value)} aria-label="What was sent and answered">
            {TABS.map((name) => (
              <Tab key={name} value={name} label={name} id={`tab-${name}`} aria-controls="tab-panel" />
            ))}
          </Tabs>
          <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`} className="tab-panel">
            {tab === "Request" && (
              <RequestTab attempt={attempt} url={it.url ?? ""} event={event.data} error={event.error} />
            )}
            {tab === "Response" && <ResponseTab attempt={attempt} />}
            {tab === "Timing" && <TimingTab attempt={attempt} />}
            {tab === "Verify" && (
              <VerifyTab attempt={attempt} subscriptionId={it.subscription_id} body={requestBody(event.data)} />
            )}
          </div>
        </>
      )}
    </div>
  )
}

function Close({ onClose }: { onClose: () => void }) {
  return (
    <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
      <Icon id="cross" />
    </button>
  )
}

/** What comes of it next. */
function Outlook({ delivery }: { delivery: DeliveryWithAttempts }) {
  const { status, reason, ended_at } = delivery
  if (status === "dead_letter")
    return (
      <span className="muted">
        {" "}
        {death(reason)}; replay it once the receiver is mended · <Ago at={parse(ended_at)} />
      </span>
    )
  if (status === "queued") return <span className="muted"> waits for its turn</span>
  if (ended_at) return <Ago at={parse(ended_at)} />
  return null
}

function Attempts({
  delivery,
  event,
  shown,
  onPick,
}: {
  delivery: DeliveryWithAttempts
  event: LogEvent | undefined
  shown: Attempt | undefined
  onPick: (number: number) => void
}) {
  const attempts = delivery.attempt_log
  if (!attempts.length) return <p className="muted attempts-none">No attempt was made yet{event ? "" : "…"}</p>
  return (
    <ol className="attempts" aria-label="Attempts">
      {attempts.map((one, index) => {
        const next = attempts[index + 1]
        const began = parse(one.started_at) ?? 0
        const wait = next ? (parse(next.started_at) ?? 0) - began - one.duration_ms : undefined
        const ok = one.class === "ok"
        return (
          <li key={one.number}>
            <button
              type="button"
              className="attempt"
              aria-pressed={one.number === shown?.number}
              onClick={() => onPick(one.number)}
            >
              <span style={{ color: ok ? "var(--delivered)" : "var(--failed)" }}>
                <Icon id={ok ? "tick" : "cross"} label={ok ? "delivered" : "failed"} />
              </span>
              <Clock at={began} />
              <code>{one.status_code ?? "–"}</code>
              <span>{span(one.duration_ms)}</span>
              <span className="cut muted" title={one.error ?? undefined}>
                {ok
                  ? statusCode(one.status_code ?? 200).replace(/^\d+ /, "")
                  : (one.error ?? cause(one.class, one.status_code))}
                {wait !== undefined && ` · waited ${span(Math.max(0, wait))}`}
              </span>
            </button>
          </li>
        )
      })}
    </ol>
  )
}
