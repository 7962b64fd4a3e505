import Button from "@mui/material/Button"
import Menu from "@mui/material/Menu"
import MenuItem from "@mui/material/MenuItem"
import { useQueryClient } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { Link, useNavigate, useParams } from "react-router"
import { useCircuit, useDeliveries, useGroups, useLedger, useSubscription, useSubscriptionStats } from "../api/queries"
import { toRow } from "../api/rows"
import type { Circuit, Subscription } from "../api/types"
import { Code } from "../components/code"
import { useNow } from "../components/hooks"
import { Icon } from "../components/icon"
import { Ago, Bones, CopyButton, Empty, Head, HealthState, Id, Segments, Trouble } from "../components/parts"
import { usePrefs } from "../components/prefs"
import { say, sayProblem } from "../components/say"
import { DeliveryRow, useNames } from "../deliveries/row"
import { totalMs } from "../filter/retries"
import { count, percent, plural } from "../format/number"
import { countdown, parse, span } from "../format/time"
import { LANGUAGES, type Language, verifier } from "../format/verifiers"
import { useActivity } from "../overview/activity"
import { ActivityChart } from "../overview/chart"
import { FailuresPanel } from "../overview/failures"
import { circuit as act, pause, resume, test } from "../subscriptions/acts"
import { DeleteDialog } from "../subscriptions/delete-dialog"
import { figuresOf, filterWords, healthOf } from "../subscriptions/health"
import { RowMenu } from "../subscriptions/row-menu"
import { Secrets } from "../subscriptions/secrets"

export default function SubscriptionPage() {
  const { id } = useParams()
  const found = useSubscription(id)
  if (found.error && !found.data)
    return (
      <>
        <Head title="Subscription" />
        <Trouble error={found.error} what="The subscription" retry={() => void found.refetch()} />
      </>
    )
  if (!found.data)
    return (
      <>
        <Head title="Subscription" />
        <Bones rows={8} height={56} />
      </>
    )
  return <Page subscription={found.data} />
}

function Page({ subscription }: { subscription: Subscription }) {
  const { id, name } = subscription
  const client = useQueryClient()
  const navigate = useNavigate()
  const { range } = usePrefs()
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  const [deleting, setDeleting] = useState(false)
  const stats = useSubscriptionStats([id])
  const ledger = useLedger()
  const groups = useGroups()
  const activity = useActivity(range, id)
  const lines = ledger.data?.items.filter((line) => line.subscription_id === id)
  const dead = groups.data?.items
    .filter((group) => group.subscription_id === id)
    .reduce((sum, group) => sum + group.count, 0)
  const figures = figuresOf(
    stats.data?.items.find((item) => item.subscription_id === id),
    lines,
    dead,
  )
  const total = (pick: (line: NonNullable<typeof lines>[number]) => number) =>
    lines?.reduce((sum, line) => sum + pick(line), 0)
  const paused = subscription.state === "paused"
  const run = async (what: () => Promise<unknown>, done: string) => {
    try {
      await what()
      say(done)
    } catch (error) {
      sayProblem(error)
    }
    await client.invalidateQueries()
  }
  useEffect(() => {
    if (location.hash === "#secrets") document.getElementById("secrets")?.scrollIntoView({ block: "center" })
  }, [])
  return (
    <>
      <Head title={name} tab={name} sub={<HealthState health={healthOf(subscription, figures.success)} />}>
        <Button
          onClick={() =>
            void test(id).then(
              ({ delivery_id }) =>
                say("Test event sent", { label: "Follow it", to: `/deliveries/${delivery_id}` }, 8000),
              sayProblem,
            )
          }
        >
          Send test event
        </Button>
        <Button
          onClick={() =>
            void run(() => (paused ? resume(id) : pause(id)), paused ? "It goes on" : "Paused; deliveries queue up")
          }
        >
          {paused ? "Resume" : "Pause"}
        </Button>
        <Button onClick={() => navigate(`/subscriptions/${id}/edit`)}>Edit</Button>
        <button
          type="button"
          className="icon-button"
          aria-label="More acts"
          aria-haspopup="menu"
          onClick={(event) => setAnchor(event.currentTarget)}
        >
          <Icon id="more" />
        </button>
        <Menu anchorEl={anchor} open={!!anchor} onClose={() => setAnchor(null)}>
          <RowMenu
            subscription={subscription}
            close={() => setAnchor(null)}
            onDelete={() => setDeleting(true)}
            item={MenuItem}
          />
        </Menu>
      </Head>
      <div className="stack">
        {subscription.disabled_reason && (
          <div className="notice bad">
            <Icon id="warn" />
            <div className="grow">
              <strong>Loghorn disabled it</strong>
              <div className="wrap">
                {subscription.disabled_reason}. What waits is kept; resume it once the receiver is mended.
              </div>
            </div>
            <Button onClick={() => void run(() => resume(id), "It goes on")}>Resume</Button>
          </div>
        )}
        <ul className="panel kpis five" aria-label="Key figures">
          <Figure
            label={`Success, ${figures.over === "24 h" ? "24 h" : "so far"}`}
            value={figures.success == null ? "–" : `${percent(figures.success)} %`}
          />
          <Figure
            label="Delivered"
            value={count(total((line) => line.delivered))}
            to={`/deliveries?q=${encodeURIComponent(`status:delivered sub:${id}`)}`}
          />
          <Figure
            label="Waiting"
            value={count(total((line) => line.waiting))}
            note={`${count(total((line) => line.retrying))} to retry`}
            to={`/deliveries?q=${encodeURIComponent(`status:retrying sub:${id}`)}`}
          />
          <Figure label="Dead" value={count(figures.dead)} to="/dead-letters" alarm={!!figures.dead} />
          <Figure label="Latency p95" value={span(figures.p95)} />
        </ul>
        <div className="halves">
          <div className="stack">
            {(activity.points.length > 0 || activity.isLoading) && <ActivityChart activity={activity} />}
            <Recent id={id} />
          </div>
          <div className="stack">
            <CircuitPanel id={id} name={name} />
            <Facts subscription={subscription} />
            <FailuresPanel subscription={id} />
            <Secrets id={id} />
            <Verify />
          </div>
        </div>
      </div>
      {deleting && <DeleteDialog subscription={subscription} onClose={() => setDeleting(false)} />}
    </>
  )
}

function Figure({
  label,
  value,
  note,
  to,
  alarm,
}: {
  label: string
  value: string
  note?: string
  to?: string
  alarm?: boolean
}) {
  const inner = (
    <>
      <span className="kpi-label">{label}</span>
      <span className="kpi-value">{value}</span>
      <span className="kpi-note">{note ?? "\u00a0"}</span>
    </>
  )
  return (
    <li className={alarm ? "alarm-dead" : undefined}>
      {to ? (
        <Link to={to} className="kpi">
          {inner}
        </Link>
      ) : (
        <div className="kpi">{inner}</div>
      )}
    </li>
  )
}

function Facts({ subscription }: { subscription: Subscription }) {
  const { retry, headers } = subscription
  const attempts = retry?.max_attempts ?? 16
  return (
    <section className="panel" aria-label="What it is">
      <div className="panel-head">
        <h2>What it is</h2>
        <span className="muted small">version {subscription.version}</span>
      </div>
      <div className="panel-body">
        <dl className="facts">
          <dt>Id</dt>
          <dd>
            <Id id={subscription.id} />
          </dd>
          <dt>Sends to</dt>
          <dd>
            <code className="wrap">{subscription.url}</code> <CopyButton text={subscription.url} what="the URL" />
          </dd>
          <dt>Event types</dt>
          <dd className="mono">{subscription.events.join(", ")}</dd>
          <dt>Only when</dt>
          <dd className="mono">{filterWords(subscription)}</dd>
          <dt>Retries</dt>
          <dd>
            {plural(attempts, "attempt")} over {span(totalMs(attempts))}
            {retry?.max_age && `, given up after ${retry.max_age}`}
          </dd>
          {subscription.regions && (
            <>
              <dt>Regions</dt>
              <dd className="mono">
                by {subscription.regions.by}: {Object.keys(subscription.regions.urls).join(", ")}
              </dd>
            </>
          )}
          {headers && Object.keys(headers).length > 0 && (
            <>
              <dt>Headers</dt>
              <dd className="mono">
                {Object.entries(headers)
                  .map(([name, value]) => `${name}: ${value}`)
                  .join("\n")}
              </dd>
            </>
          )}
          {subscription.description && (
            <>
              <dt>Notes</dt>
              <dd>{subscription.description}</dd>
            </>
          )}
          <dt>Changed</dt>
          <dd>
            <Ago at={parse(subscription.updated_at)} />
          </dd>
        </dl>
      </div>
    </section>
  )
}

const CIRCUIT_WORDS: Record<string, string> = {
  closed: "Closed: attempts flow",
  open: "Open: nothing is attempted",
  half_open: "Half-open: one attempt at a time",
}

function CircuitPanel({ id, name }: { id: string; name: string }) {
  const client = useQueryClient()
  const { data: circuit, error, refetch } = useCircuit(id)
  const [busy, setBusy] = useState(false)
  const run = async (action: "open" | "close" | "probe", done: string) => {
    setBusy(true)
    try {
      await act(id, action)
      say(done)
    } catch (problem) {
      sayProblem(problem)
    } finally {
      setBusy(false)
      await client.invalidateQueries()
    }
  }
  return (
    <section className="panel" aria-label="Circuit">
      <div className="panel-head">
        <h2>Circuit</h2>
        <span className="line-up">
          {circuit && circuit.circuit !== "closed" && (
            <>
              <button
                type="button"
                className="btn"
                disabled={busy}
                onClick={() => void run("probe", `Probing ${name}: one attempt is made now`)}
              >
                Probe now
              </button>
              <button
                type="button"
                className="btn"
                disabled={busy}
                onClick={() => void run("close", "Closed: attempts flow")}
              >
                Close
              </button>
            </>
          )}
          {circuit?.circuit === "closed" && (
            <button
              type="button"
              className="btn quiet"
              disabled={busy}
              onClick={() => void run("open", "Opened: nothing is attempted until you close it")}
            >
              Open it
            </button>
          )}
        </span>
      </div>
      <div className="panel-body">
        {error && !circuit ? (
          <Trouble error={error} retry={() => void refetch()} />
        ) : !circuit ? (
          "–"
        ) : (
          <Standings circuit={circuit} />
        )}
      </div>
    </section>
  )
}

function Standings({ circuit }: { circuit: Circuit }) {
  const now = useNow()
  const regions = Object.entries(circuit.regions ?? {})
  const all = [["", circuit] as const, ...regions]
  return (
    <ul className="stack">
      {all.map(([region, standing]) => {
        const until = parse(standing.until)
        const bad = standing.circuit !== "closed"
        return (
          <li key={region}>
            <span
              className={`state ${bad ? (standing.circuit === "open" ? "tone-failed" : "tone-retrying") : "tone-delivered"}`}
            >
              <Icon id={bad ? "bolt" : "tick"} />
              {region && <code>{region}</code>}
              {CIRCUIT_WORDS[standing.circuit] ?? standing.circuit}
            </span>
            <div className="muted small">
              {plural(standing.waiting, "delivery waits", "deliveries wait")}
              {standing.circuit === "open" &&
                (until === undefined ? " · opened by hand, stays so" : ` · probes again in ${countdown(until, now)}`)}
            </div>
          </li>
        )
      })}
    </ul>
  )
}

function Recent({ id }: { id: string }) {
  const deliveries = useDeliveries({ subscription: id, limit: 20 })
  const names = useNames()
  const rows = (deliveries.data?.items ?? []).map(toRow)
  return (
    <section className="panel" aria-label="Recent deliveries">
      <div className="panel-head ruled">
        <h2>Recent deliveries</h2>
        <Link to={`/deliveries?q=${encodeURIComponent(`sub:${id}`)}`}>Open them all</Link>
      </div>
      {deliveries.error && !deliveries.data ? (
        <div className="panel-body" style={{ paddingTop: 16 }}>
          <Trouble error={deliveries.error} retry={() => void deliveries.refetch()} />
        </div>
      ) : !deliveries.data ? (
        <Bones rows={8} height={30} />
      ) : rows.length ? (
        <ul className="plain-rows" aria-label="Its newest deliveries">
          {rows.map((row) => (
            <DeliveryRow key={row.id} row={row} names={names} shape="brief" />
          ))}
        </ul>
      ) : (
        <Empty title="Nothing was delivered yet">
          <p>The next event that matches goes out at once. “Send test event” sends one to this subscription alone.</p>
        </Empty>
      )}
    </section>
  )
}

function Verify() {
  const [language, setLanguage] = useState<Language>("Python")
  return (
    <section className="panel" aria-label="Verify the signature">
      <div className="panel-head">
        <h2>Verify the signature</h2>
      </div>
      <div className="panel-body stack">
        <Segments
          label="Language"
          value={language}
          options={LANGUAGES.map((name) => [name, name] as const)}
          onChange={setLanguage}
        />
        <div className="text-box">
          <Code label={`Verification in ${language}`}>{verifier(language)}</Code>
          <CopyButton text={verifier(language)} what="the code" />
        </div>
      </div>
    </section>
  )
}
