import { useState } from "react"
import type { Problem } from "../api/client"
import { signOut } from "../api/login"
import { useAudit, useConfig, useHealth, useJobs, useKeys, useLedger, useStats } from "../api/queries"
import type { Setting } from "../api/types"
import { Code } from "../components/code"
import { Icon } from "../components/icon"
import { Ago, Bones, Clock, Head, Missing, Trouble } from "../components/parts"
import { setPrefs, usePrefs } from "../components/prefs"
import { JobLine } from "../dead-letters/job"
import { count, plural } from "../format/number"
import { parse, span } from "../format/time"
import { useFeedState } from "../live/use-feed"
import { DispatchPanel } from "../system/dispatch"

export default function System() {
  const health = useHealth()
  const it = health.data
  return (
    <>
      <Head title="System" sub={it && `Version ${it.version}, up ${span(it.uptime_seconds * 1000)}`}>
        <a className="btn" href="/docs/">
          API description
        </a>
        <a className="btn" href="/metrics">
          Metrics
        </a>
      </Head>
      <div className="halves">
        <div className="stack">
          <section className="panel" aria-label="Parts">
            <div className="panel-head ruled">
              <h2>Parts</h2>
            </div>
            {health.error && !it ? (
              <div className="panel-body" style={{ paddingTop: 16 }}>
                <Trouble error={health.error} what="The health" retry={() => void health.refetch()} />
              </div>
            ) : !it ? (
              <Bones rows={4} height={40} />
            ) : (
              <ul>
                {[...Object.entries(it.components), ["store", it.store] as const].map(([name, state]) => (
                  <Part key={name} name={name.replaceAll("_", " ")} state={state} reason={it.reasons?.[name]} />
                ))}
                <LivePart />
              </ul>
            )}
          </section>
          <Flow />
          <Balance />
        </div>
        <div className="stack">
          <DispatchPanel />
          <Jobs />
          <Configuration />
          <Keys />
          <Preferences />
        </div>
      </div>
      <Audit />
    </>
  )
}

function Part({ name, state, reason }: { name: string; state: string; reason?: string }) {
  const ok = state === "ready"
  return (
    <li className="part">
      <span className="grow">{name}</span>
      <span className={`state tone-${ok ? "delivered" : "failed"}`}>
        <Icon id={ok ? "tick" : "warn"} />
        <span className="word">{state}</span>
      </span>
      {reason && <p className="part-reason tone-failed wrap">{reason}</p>}
    </li>
  )
}

function LivePart() {
  const { link, dropped } = useFeedState()
  const live = link === "live"
  return (
    <li className="part">
      <span className="grow">live feed</span>
      <span className={`state tone-${live ? "delivered" : "queued"}`}>
        <Icon id={live ? "tick" : "clock"} />
        <span className="word">{live ? "ready" : link === "connecting" ? "connecting" : "no answer"}</span>
      </span>
      {!live && link === "polling" && <p className="part-reason muted">The pages ask every 5 seconds instead.</p>}
      {dropped > 0 && (
        <p className="part-reason muted">
          {plural(dropped, "frame was", "frames were")} left out because this page was too slow; it asked anew.
        </p>
      )}
    </li>
  )
}

function Flow() {
  const { data: stats } = useStats()
  const [events, delivery, subscriptions] = [stats?.event_stats, stats?.delivery_stats, stats?.subscription_stats]
  return (
    <section className="panel" aria-label="Queues and log">
      <div className="panel-head">
        <h2>Queues and log</h2>
        {stats && (
          <span className="muted small">
            counting since <Ago at={parse(stats.since)} />
          </span>
        )}
      </div>
      <div className="panel-body">
        <dl className="figures">
          <Figure
            name="Events kept"
            value={
              events &&
              (events.last_seq >= events.first_seq && events.last_seq > 0 ? events.last_seq - events.first_seq + 1 : 0)
            }
          />
          <Figure name="Events accepted since the start" value={events?.accepted} />
          <Figure name="Duplicates" value={events?.duplicates} />
          <Figure name="Refused as bad" value={events?.rejected} />
          <Figure name="Events not matched yet" value={events && Math.max(0, events.last_seq - events.routed_seq)} />
          <Figure name="Deliveries queued" value={delivery?.queued} />
          <Figure name="Attempts under way" value={delivery?.attempting} />
          <Figure name="Waiting to retry" value={delivery?.retrying} />
          <Figure name="Delivered" value={delivery?.delivered} />
          <Figure name="Dead letters" value={delivery?.failed} />
          <Figure name="Cancelled" value={delivery?.cancelled} />
          <Figure name="Subscriptions" value={subscriptions?.total} />
        </dl>
      </div>
    </section>
  )
}

function Figure({ name, value }: { name: string; value: number | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{count(value)}</dd>
    </div>
  )
}

function Balance() {
  const { data: ledger, error, refetch } = useLedger()
  const made = ledger?.items.reduce((sum, line) => sum + line.matched, 0)
  return (
    <section className="panel" aria-label="Ledger">
      <div className="panel-head">
        <h2>Ledger</h2>
        {ledger && (
          <span className={`state tone-${ledger.imbalance === 0 ? "delivered" : "failed"}`}>
            <Icon id={ledger.imbalance === 0 ? "tick" : "warn"} />
            {ledger.imbalance === 0 ? "Balances" : `Off by ${count(ledger.imbalance)}`}
          </span>
        )}
      </div>
      <div className="panel-body muted">
        {error && !ledger ? (
          <Trouble error={error} what="The ledger" retry={() => void refetch()} />
        ) : (
          `${count(made)} deliveries made = delivered + queued + retrying + dead + cancelled, counted anew each minute.`
        )}
      </div>
    </section>
  )
}

function Jobs() {
  const { data: jobs } = useJobs()
  return (
    <section className="panel" aria-label="Jobs">
      <div className="panel-head">
        <h2>Jobs</h2>
      </div>
      <div className="panel-body stack">
        {!jobs ? (
          "–"
        ) : jobs.items.length ? (
          jobs.items.slice(0, 6).map((job) => <JobLine key={job.id} job={job} />)
        ) : (
          <span className="muted">None ran lately.</span>
        )}
      </div>
    </section>
  )
}

/** As in a file of settings, with where it came from. */
function written({ key, value, origin }: Setting) {
  return `${key} = ${value || "–"}${origin === "default" ? "" : `   # ${origin}`}`
}

function Configuration() {
  const { data: config } = useConfig()
  return (
    <section className="panel" aria-label="Configuration">
      <div className="panel-head">
        <h2>Configuration</h2>
      </div>
      <div className="panel-body">
        {config ? (
          <Code label="Settings" maxHeight={320}>
            {config.map(written).join("\n")}
          </Code>
        ) : (
          <Missing what="–  This server does not tell it here; see loghorn config list --origins." />
        )}
      </div>
    </section>
  )
}

function Keys() {
  const { data: keys, error } = useKeys()
  return (
    <section className="panel" aria-label="Keys">
      <div className="panel-head">
        <h2>API keys</h2>
        <span className="muted small">made and revoked by loghorn key</span>
      </div>
      {error ? (
        <div className="panel-body">
          <Missing what={`– ${(error as Problem).detail}`} />
        </div>
      ) : (
        <div className="panel-body">
          {!keys ? "–" : keys.items.length === 0 ? <span className="muted">None beside the admin’s.</span> : null}
          <ul className="key-list">
            {keys?.items.slice(0, 30).map((key) => (
              <li key={key.id}>
                <span className="cut grow">{key.name}</span>
                <span className="tag">{key.scope}</span>
                <span className={key.state === "active" ? "muted" : "tone-failed"}>{key.state}</span>
                <span className="muted small">
                  used <Ago at={parse(key.last_used_at)} />
                </span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}

function Preferences() {
  const { utc, keys } = usePrefs()
  return (
    <section className="panel" aria-label="This browser">
      <div className="panel-head">
        <h2>This browser</h2>
      </div>
      <div className="panel-body">
        <label className="check">
          <input type="checkbox" checked={utc} onChange={(event) => setPrefs({ utc: event.target.checked })} /> Times in
          UTC
        </label>
        <label className="check">
          <input type="checkbox" checked={keys} onChange={(event) => setPrefs({ keys: event.target.checked })} /> Single
          keys act
        </label>
        <button type="button" className="link-button" onClick={() => void signOut()}>
          Sign out
        </button>
      </div>
    </section>
  )
}

const SHOWN = 20

function Audit() {
  const { data: audit, error } = useAudit()
  const [all, setAll] = useState(false)
  const items = audit?.items ?? []
  return (
    <section className="panel audit" aria-label="Audit log">
      <div className="panel-head ruled">
        <h2>Audit log</h2>
        <span className="muted small">who changed what, newest first</span>
      </div>
      {error ? (
        <div className="panel-body" style={{ paddingTop: 16 }}>
          <Missing what={`– ${(error as Problem).detail}`} />
        </div>
      ) : !audit ? (
        <Bones rows={4} height={32} />
      ) : items.length === 0 ? (
        <p className="calm muted">Nothing was changed yet.</p>
      ) : (
        <ul>
          {items.slice(0, all ? items.length : SHOWN).map((entry) => (
            <li key={entry.number} className="row audit-row">
              <Clock at={parse(entry.at) ?? 0} className="muted" />
              <span className="cut">{entry.name ?? entry.who}</span>
              <span className="mono cut">
                {entry.method} {entry.route}
              </span>
              <span className="mono cut muted">{entry.target}</span>
              <span className={`mono ${entry.status >= 400 ? "tone-failed" : "muted"}`}>{entry.status}</span>
              <span className="mono muted cut">{entry.from}</span>
            </li>
          ))}
        </ul>
      )}
      {!all && items.length > SHOWN && (
        <p className="calm">
          <button type="button" className="link-button" onClick={() => setAll(true)}>
            Show the last {items.length}
          </button>
        </p>
      )}
    </section>
  )
}
