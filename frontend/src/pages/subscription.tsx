import Button from "@mui/material/Button"
import Menu from "@mui/material/Menu"
import MenuItem from "@mui/material/MenuItem"
import { useQueryClient } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { Link, useNavigate, useParams } from "react-router"
import { useGroups, useLedger, useSubscription, useSubscriptionStats } from "../api/queries"
import type { Subscription } from "../api/types"
import { Icon } from "../components/icon"
import { Bones, Head, HealthState, Trouble } from "../components/parts"
import { usePrefs } from "../components/prefs"
import { say, sayProblem } from "../components/say"
import { count, percent } from "../format/number"
import { span } from "../format/time"
import { useActivity } from "../overview/activity"
import { ActivityChart } from "../overview/chart"
import { FailuresPanel } from "../overview/failures"
import { pause, resume, test } from "../subscriptions/acts"
import { CircuitPanel } from "../subscriptions/circuit-panel"
import { DeleteDialog } from "../subscriptions/delete-dialog"
import { Facts } from "../subscriptions/facts"
import { figuresOf, healthOf } from "../subscriptions/health"
import { Recent } from "../subscriptions/recent"
import { RowMenu } from "../subscriptions/row-menu"
import { Secrets } from "../subscriptions/secrets"
import { VerifyPanel } from "../subscriptions/verify-panel"

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
        {subscription.state !== "disabled" && (
          <Button
            onClick={() =>
              void run(() => (paused ? resume(id) : pause(id)), paused ? "It goes on" : "Paused; deliveries queue up")
            }
          >
            {paused ? "Resume" : "Pause"}
          </Button>
        )}
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
          <section className="notice bad" aria-label="Disabled">
            <Icon id="warn" />
            <div className="grow">
              <strong>Loghorn disabled it</strong>
              <div className="wrap">
                {subscription.disabled_reason}. What waits is kept; events that come meanwhile are not matched. Enable
                it once the receiver is mended.
              </div>
            </div>
            <Button onClick={() => void run(() => resume(id), "It is enabled again")}>Enable</Button>
          </section>
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
            <VerifyPanel />
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
