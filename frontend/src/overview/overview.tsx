import { Link } from "react-router"
import { useDeliveries, useHealth, useRefresh, useStats } from "../api/queries"
import { toRow } from "../api/rows"
import { Icon } from "../components/icon"
import { Bones, Empty, Head, Missing, Trouble } from "../components/parts"
import { usePrefs } from "../components/prefs"
import { DeliveryRow, useNames } from "../deliveries/row"
import { count, plural } from "../format/number"
import { parse } from "../format/time"
import { useTail } from "../live/use-feed"
import { useActivity } from "./activity"
import { AttentionPanel, useNeeds } from "./attention"
import { ActivityChart } from "./chart"
import { FailuresPanel } from "./failures"
import { Kpis } from "./kpis"

const ROWS = 15

/** In its place until it is known what is subscribed; what it will show is asked for meanwhile. */
export function OverviewToCome() {
  useStats()
  useActivity(usePrefs().range)
  useDeliveries({ limit: ROWS })
  useHealth()
  return (
    <>
      <Head title="Overview" />
      <Bones rows={6} height={90} />
    </>
  )
}

export default function Overview() {
  const { range } = usePrefs()
  const stats = useStats()
  const refresh = useRefresh()
  const activity = useActivity(range)
  const needs = useNeeds()
  const retrying = stats.data?.delivery_stats.retrying ?? 0
  const waiting = useDeliveries({ status: "retrying", limit: 500 }, retrying > 0)
  // Only where all that wait were read can it be said which is next.
  const nextAt =
    waiting.data && !waiting.data.next_cursor
      ? waiting.data.items.reduce<number | null>((next, { next_attempt_at }) => {
          const at = parse(next_attempt_at)
          return at !== undefined && (next === null || at < next) ? at : next
        }, null)
      : undefined
  const { length } = needs.list
  const sub = needs.isLoading
    ? undefined
    : length === 0
      ? "Nothing needs attention."
      : `${plural(length, "thing needs", "things need")} attention. Everything else is delivering.`
  return (
    <>
      <Head title="Overview" sub={sub} />
      <div className="stack">
        {stats.error && !stats.data ? (
          <Trouble error={stats.error} what="The figures" retry={() => void refresh()} />
        ) : null}
        <Kpis stats={stats.data} activity={activity} nextAt={nextAt} />
        <div className="overview">
          <ActivityChart activity={activity} retry={() => void refresh()} />
          <AttentionPanel {...needs} />
          <LiveDeliveries />
          <div className="stack">
            <FailuresPanel />
            <SystemPanel />
          </div>
        </div>
      </div>
    </>
  )
}

function LiveDeliveries() {
  const { rows: live } = useTail()
  const asked = useDeliveries({ limit: ROWS })
  const known = new Map((asked.data?.items ?? []).map((delivery) => [delivery.id, toRow(delivery)]))
  for (const row of live.slice(0, ROWS)) known.set(row.id, { ...known.get(row.id), ...row })
  const rows = [...known.values()].sort((a, b) => b.seq - a.seq).slice(0, ROWS)
  const names = useNames()
  return (
    <section className="panel live-panel" aria-label="Live deliveries">
      <div className="panel-head ruled">
        <h2>Live deliveries</h2>
        <Link to="/deliveries">Open the live tail</Link>
      </div>
      {asked.error && !asked.data ? (
        <div className="panel-body" style={{ paddingTop: 16 }}>
          <Trouble error={asked.error} />
        </div>
      ) : asked.isPending ? (
        <Bones rows={ROWS} height={30} />
      ) : rows.length === 0 ? (
        <Empty title="Nothing was delivered yet">
          <p>An event that matches a subscription shows here within a second.</p>
        </Empty>
      ) : (
        <ul className="plain-rows" aria-label="The newest deliveries">
          {rows.map((row) => (
            <DeliveryRow key={row.id} row={row} names={names} shape="brief" />
          ))}
        </ul>
      )}
    </section>
  )
}

function SystemPanel() {
  const { data: health, error } = useHealth()
  const { data: stats } = useStats()
  const delivery = stats?.delivery_stats
  const events = stats?.event_stats
  const behind = events ? Math.max(0, events.last_seq - events.routed_seq) : undefined
  return (
    <section className="panel" aria-label="System">
      <div className="panel-head">
        <h2>System</h2>
        {health && (
          <span className={health.status === "healthy" ? "state tone-delivered" : "state tone-failed"}>
            <Icon id={health.status === "healthy" ? "tick" : "warn"} />
            {health.status === "healthy" ? "All parts healthy" : "Degraded"}
          </span>
        )}
      </div>
      <div className="panel-body">
        {error && !health ? (
          <Missing what="Its health is not known." />
        ) : (
          <dl className="figures">
            <div>
              <dt>Waiting in queues</dt>
              <dd>{count(delivery ? delivery.queued + delivery.retrying : undefined)}</dd>
            </div>
            <div>
              <dt>Attempts under way</dt>
              <dd>{count(delivery?.attempting)}</dd>
            </div>
            <div>
              <dt>Events not matched yet</dt>
              <dd>{count(behind)}</dd>
            </div>
            <div>
              <dt>Store</dt>
              <dd>{health?.store ?? "–"}</dd>
            </div>
          </dl>
        )}
        <Link to="/system">Open system</Link>
      </div>
    </section>
  )
}
