import Button from "@mui/material/Button"
import { useState } from "react"
import { Link, useNavigate, useParams } from "react-router"
import { api, data } from "../api/client"
import { useEvent, useEventDeliveries, useExplain } from "../api/queries"
import { toRow } from "../api/rows"
import type { LogEvent, OfSubscription } from "../api/types"
import { Code } from "../components/code"
import { ConditionList } from "../components/conditions"
import { Icon } from "../components/icon"
import { Ago, Bones, Clock, Empty, Head, Id, Missing, Trouble } from "../components/parts"
import { copy, say, sayProblem } from "../components/say"
import { DeliveryRow, useNames } from "../deliveries/row"
import { saveSample } from "../editor/samples"
import { plural } from "../format/number"
import { parse } from "../format/time"

export default function EventPage() {
  const { id } = useParams()
  const event = useEvent(id)
  const navigate = useNavigate()
  if (event.error)
    return (
      <>
        <Head title="Event" />
        <Trouble error={event.error} what="The event" retry={() => void event.refetch()} />
      </>
    )
  if (!event.data || !id)
    return (
      <>
        <Head title="Event" />
        <Bones rows={6} height={48} />
      </>
    )
  const it = event.data
  const again = async () => {
    const { id: _, seq: __, received_at: ___, timestamp: ____, ...rest } = it
    try {
      const sent = (await data(api.POST("/api/v1/events", { body: rest as never }))) as { id: string }
      say("Sent again as a new event", { label: "Open it", to: `/events/${sent.id}` }, 8000)
      navigate(`/events/${sent.id}`)
    } catch (error) {
      sayProblem(error)
    }
  }
  return (
    <>
      <Head
        title={<span className="mono-title">{it.event_type}</span>}
        tab={it.event_type}
        sub={<Ago at={parse(it.received_at)} />}
      >
        <Button
          onClick={() => {
            saveSample(it)
            say("Kept as a sample for the editor", { label: "New subscription", to: "/subscriptions/new" })
          }}
        >
          Save as sample
        </Button>
        <Button variant="contained" onClick={() => void again()}>
          Send again
        </Button>
      </Head>
      <div className="halves">
        <div className="stack">
          <section className="panel" aria-label="The event">
            <div className="panel-head">
              <h2>Event</h2>
              <Button variant="text" onClick={() => void copy(JSON.stringify(it, null, 2), "the event")}>
                Copy JSON
              </Button>
            </div>
            <div className="panel-body stack">
              <dl className="facts">
                <dt>Id</dt>
                <dd>
                  <Id id={it.id} />
                </dd>
                <dt>Place in the log</dt>
                <dd className="mono">{it.seq}</dd>
                <dt>Received</dt>
                <dd>
                  <Clock at={parse(it.received_at) ?? 0} />
                </dd>
                <dt>Level</dt>
                <dd className={`level-${it.level}`}>{it.level}</dd>
                <dt>Source</dt>
                <dd>{it.source || "–"}</dd>
                <dt>Message</dt>
                <dd>{it.message || "–"}</dd>
              </dl>
              <Code label="Metadata" wraps>
                {JSON.stringify(it.metadata ?? {}, null, 2)}
              </Code>
            </div>
          </section>
          <EventDeliveries event={it} />
        </div>
        <Explanation id={id} />
      </div>
    </>
  )
}

function EventDeliveries({ event }: { event: LogEvent }) {
  const deliveries = useEventDeliveries(event.id)
  const rows = (deliveries.data?.items ?? []).map((one) => ({ ...toRow(one), type: event.event_type }))
  const names = useNames()
  return (
    <section className="panel" aria-label="Deliveries">
      <div className="panel-head ruled">
        <h2>Deliveries</h2>
        <span className="muted small">{deliveries.data ? plural(rows.length, "delivery", "deliveries") : "–"}</span>
      </div>
      {deliveries.error && !deliveries.data ? (
        <div className="panel-body" style={{ paddingTop: 16 }}>
          <Trouble error={deliveries.error} />
        </div>
      ) : rows.length ? (
        <ul className="plain-rows" aria-label="Deliveries of this event">
          {rows.map((row) => (
            <DeliveryRow key={row.id} row={row} names={names} shape="brief" />
          ))}
        </ul>
      ) : (
        deliveries.data && <p className="calm muted">None: no subscription wanted it.</p>
      )}
    </section>
  )
}

/** For each subscription whether it matched, and why. */
function Explanation({ id }: { id: string }) {
  const explained = useExplain(id)
  const [all, setAll] = useState(false)
  const byId = new Map<string, OfSubscription[]>()
  for (const one of explained.data?.subscriptions ?? [])
    byId.set(one.subscription_id, [...(byId.get(one.subscription_id) ?? []), one])
  const lines = [...byId.values()].map(
    (ones) => ones.find((one) => one.when === "routed") ?? (ones[0] as OfSubscription),
  )
  const matched = lines.filter((one) => one.matched)
  const shown = all ? lines : lines.slice(0, 30)
  return (
    <section className="panel" aria-label="Who wanted it">
      <div className="panel-head ruled">
        <h2>Who wanted it, and why</h2>
        {explained.data && (
          <span className="muted small">
            {matched.length} of {plural(lines.length, "subscription")}
          </span>
        )}
      </div>
      {explained.error && !explained.data ? (
        <div className="panel-body" style={{ paddingTop: 16 }}>
          <Trouble error={explained.error} retry={() => void explained.refetch()} />
        </div>
      ) : !explained.data ? (
        <Bones rows={3} height={60} />
      ) : (
        <>
          {!explained.data.routed && <p className="calm muted">It is not matched yet; that takes a moment.</p>}
          {explained.data.set_aside && (
            <div className="panel-body" style={{ paddingTop: 16 }}>
              <Missing what={`It was set aside: ${explained.data.set_aside}`} />
            </div>
          )}
          {lines.length === 0 && <Empty title="Nothing is subscribed" />}
          <ul>
            {[...shown]
              .sort((a, b) => Number(!!b.matched) - Number(!!a.matched))
              .map((one) => (
                <li key={one.subscription_id} className="explained">
                  <span style={{ color: one.matched ? "var(--delivered)" : "var(--text2)" }}>
                    <Icon id={one.matched ? "tick" : "cross"} label={one.matched ? "matched" : "not matched"} />
                  </span>
                  <div className="grow">
                    <div className="line-up">
                      <Link to={`/subscriptions/${one.subscription_id}`}>{one.name}</Link>
                      {one.when === "now" && <span className="tag">as it is now</span>}
                      {one.mode === "shadow" && <span className="tag">shadow</span>}
                      {one.matched === null && <span className="muted">not known any more</span>}
                      {one.delivery_id && (
                        <Link className="small" to={`/deliveries/${one.delivery_id}`}>
                          its delivery
                        </Link>
                      )}
                    </div>
                    <ConditionList conditions={one.conditions} failedOnly={!one.matched} />
                  </div>
                </li>
              ))}
          </ul>
          {shown.length < lines.length && (
            <p className="calm">
              <button type="button" className="link-button" onClick={() => setAll(true)}>
                Show all {lines.length}
              </button>
            </p>
          )}
        </>
      )}
    </section>
  )
}
