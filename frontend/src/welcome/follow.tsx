/** The five lines that one test event fills, each only once it is true. */

import { useEffect } from "react"
import { Link } from "react-router"
import { useDelivery, useEventDeliveries, useExplain, useReceiver } from "../api/queries"
import { Icon } from "../components/icon"
import { span } from "../format/time"
import { cause, statusCode, verdict } from "../format/words"
import type { Sent } from "../frame/test-event"
import { useFeed } from "../live/use-feed"
import { ageOf, deliveryOf, VERIFIED } from "./receiver"

const FAST_MS = 300

interface Line {
  title: string
  detail: string
  state: "waits" | "done" | "bad"
  icon?: "shield"
}

export function Follow({ sent, subscriptionId }: { sent: Sent | null; subscriptionId: string | undefined }) {
  const feed = useFeed()
  const explained = useExplain(sent?.id)
  const deliveries = useEventDeliveries(sent?.id)
  const found = deliveries.data?.items.find((one) => !subscriptionId || one.subscription_id === subscriptionId)
  const explains = explained.data?.subscriptions.find(
    (one) => one.matched && one.when === "routed" && (!subscriptionId || one.subscription_id === subscriptionId),
  )
  const deliveryId = found?.id ?? explains?.delivery_id ?? undefined
  const delivery = useDelivery(deliveryId, FAST_MS)
  const { data: receiver } = useReceiver(FAST_MS)
  useEffect(() => {
    feed.follow(deliveryId ? [deliveryId] : [])
    return () => feed.follow([])
  }, [feed, deliveryId])
  // What is not there yet is asked for again soon.
  const { refetch } = deliveries
  useEffect(() => {
    if (!sent || deliveryId) return
    const timer = setInterval(() => void refetch(), FAST_MS)
    return () => clearInterval(timer)
  }, [sent, deliveryId, refetch])

  const attempts = delivery.data?.attempt_log ?? []
  const last = attempts.at(-1)
  const received = receiver?.items.find((request) => !!deliveryId && deliveryOf(request) === deliveryId)
  const status = delivery.data?.status
  const lines: Line[] = [
    sent
      ? { title: "Event accepted", detail: `${sent.id.slice(0, 16)}… · 202 in ${span(sent.tookMs)}`, state: "done" }
      : { title: "Event accepted", detail: "on disk before the answer", state: "waits" },
    explains
      ? {
          title: `Matched “${explains.name}”`,
          detail:
            explains.conditions
              .map((one) => `${one.message} ✓`)
              .slice(0, 2)
              .join(" · ") || "every condition holds",
          state: "done",
        }
      : explained.data?.routed
        ? { title: "Matched nothing", detail: "no subscription wants this event", state: "bad" }
        : { title: "Matched, and why", detail: "", state: "waits" },
    attempts.length
      ? {
          title: "POST sent",
          detail: `attempt ${attempts.length}${received ? ` · ${received.body_bytes} bytes` : ""}`,
          state: "done",
        }
      : { title: "POST sent", detail: "", state: "waits" },
    received?.verified === "yes"
      ? {
          title: "Signature verified",
          detail: `HMAC-SHA256${ageOf(received) !== undefined ? `, timestamp ${span(ageOf(received))} old` : ""}`,
          state: "done",
          icon: "shield",
        }
      : received
        ? {
            title: VERIFIED[received.verified],
            detail: "the HMAC is not that of the secret it was sent with",
            state: "bad",
          }
        : // The words of success stand nowhere before it is true.
          {
            title: "Signature",
            detail: receiver === null ? "– no receiver here that checks it" : "checked by the receiver itself",
            state: "waits",
          },
    status === "delivered" && delivery.data
      ? {
          title: statusCode(delivery.data.last_status_code ?? 200),
          detail: `delivered in ${span(Date.parse(delivery.data.ended_at ?? "") - Date.parse(delivery.data.created_at))} end to end`,
          state: "done",
        }
      : last && last.class !== "ok"
        ? {
            title: cause(last.class, last.status_code),
            detail:
              status === "dead_letter"
                ? "dead: replay it from Dead letters"
                : verdict(last.class, last.status_code).text,
            state: "bad",
          }
        : { title: "Answer", detail: "", state: "waits" },
  ]
  return (
    <>
      <ol className="follow" aria-label="What became of the test event" aria-live="polite">
        {lines.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: five places, always the same
          <li key={index} className={`follow-${line.state}`}>
            <Icon id={line.state === "done" ? (line.icon ?? "tick") : line.state === "bad" ? "cross" : "dot"} />
            <strong className="cut">{line.title}</strong>
            <code className="cut muted">{line.detail}</code>
          </li>
        ))}
      </ol>
      {deliveryId && (
        <p className="follow-more">
          <Link to={`/deliveries/${deliveryId}`}>Open the delivery</Link> · headers, body, HMAC input, and code that
          checks it
        </p>
      )}
    </>
  )
}
