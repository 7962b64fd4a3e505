import Button from "@mui/material/Button"
import { useState } from "react"
import { Link } from "react-router"
import { useGroups, useJobs, useSubscriptionStats, useSubscriptionsById } from "../api/queries"
import type { Group } from "../api/types"
import { Ago, Bones, Empty, Head, HealthState, Trouble } from "../components/parts"
import { sayProblem } from "../components/say"
import { ActDialog, type Selection } from "../dead-letters/act-dialog"
import { useDiscards } from "../dead-letters/discard"
import { filterOf, filterOfAll, finds } from "../dead-letters/filter"
import { JobLine } from "../dead-letters/job"
import { count } from "../format/number"
import { parse } from "../format/time"
import { bare, cause, death } from "../format/words"
import { healthOf } from "../subscriptions/health"

export default function DeadLetters() {
  const groups = useGroups()
  const jobs = useJobs()
  const byId = useSubscriptionsById()
  const ids = [...new Set((groups.data?.items ?? []).flatMap((group) => group.subscription_id ?? []))].slice(0, 500)
  const figures = useSubscriptionStats(ids).data?.items
  const success = (id: string) => figures?.find((one) => one.subscription_id === id)?.success_rate
  const [asked, setAsked] = useState<Selection | null>(null)
  const { hidden, discard } = useDiscards()

  const [text, setText] = useState("")
  const words = text.trim()
  const kept = (groups.data?.items ?? []).filter((group) => !hidden.has(keyOf(group)))
  const items = words ? kept.filter((group) => finds(group, words)) : kept
  const causes = [...new Set(kept.map((group) => cause(group.last_class, group.last_status_code)))].slice(0, 5)
  const total = items.reduce((sum, group) => sum + group.count, 0)
  const running = jobs.data?.items.filter((job) => job.state === "running" && job.kind !== "backfill") ?? []
  const open = items.filter((group) => byId.get(group.subscription_id ?? "")?.circuit === "open")
  const all = groups.data?.items ?? []
  const ask = async (group: Group) => {
    try {
      setAsked({ count: group.count, filter: await filterOf(group, all), groups: [group] })
    } catch (error) {
      sayProblem(error)
    }
  }
  const askAll = async () => {
    try {
      const filter = await filterOfAll(items, all)
      setAsked({ count: filter.ids?.length ?? total, filter, groups: items })
    } catch (error) {
      sayProblem(error)
    }
  }
  return (
    <>
      <Head
        title="Dead letters"
        sub={
          groups.data &&
          (total
            ? `${count(total)} ${words ? "match" : "kept"}, grouped by endpoint and cause.${groups.data.complete ? "" : " Of the newest 100,000."}`
            : undefined)
        }
      >
        {total > 0 && (
          <Button variant="contained" onClick={() => void askAll()}>
            Replay {words ? "these" : "all"} {count(total)}
          </Button>
        )}
      </Head>
      {(kept.length > 1 || words) && (
        <div className="line-up filters">
          <input
            className="field filter-field"
            data-filter
            type="search"
            aria-label="Filter dead letters"
            placeholder="Subscription, host, code, cause or reason"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          {causes.length > 1 &&
            causes.map((one) => (
              <button
                key={one}
                type="button"
                className="chip"
                aria-pressed={words === one}
                onClick={() => setText(words === one ? "" : one)}
              >
                {one}
              </button>
            ))}
        </div>
      )}
      {running.length > 0 && (
        <section className="panel jobs" aria-label="Jobs that run">
          {running.map((job) => (
            <JobLine key={job.id} job={job} />
          ))}
        </section>
      )}
      {groups.error && !groups.data ? (
        <Trouble error={groups.error} what="The list" retry={() => void groups.refetch()} />
      ) : groups.isPending ? (
        <section className="panel">
          <Bones rows={4} height={56} />
        </section>
      ) : items.length === 0 && words ? (
        <section className="panel">
          <Empty title="No dead letter matches">
            <code className="wrap">{words}</code>
            <Button onClick={() => setText("")}>Clear the filter</Button>
          </Empty>
        </section>
      ) : items.length === 0 ? (
        <section className="panel">
          <Empty title="No dead letters">
            <p>
              What cannot be delivered, because a receiver refuses it or all attempts are used up, is kept here until
              you replay or discard it.
            </p>
          </Empty>
        </section>
      ) : (
        <section className={`panel ${groups.error ? "stale" : ""}`} aria-label="Dead letters by endpoint and cause">
          <ul>
            {items.map((group) => {
              const subscription = byId.get(group.subscription_id ?? "")
              const name = group.subscription_name ?? "Deleted subscription"
              return (
                <li key={keyOf(group)} className="row group-row">
                  <strong className="big">{count(group.count)}</strong>
                  <span className="two-lines">
                    {group.subscription_id ? (
                      <Link className="name-link cut" to={`/subscriptions/${group.subscription_id}`}>
                        <strong>{name}</strong>
                      </Link>
                    ) : (
                      <strong className="muted">{name}</strong>
                    )}
                    <span className="mono muted" title={group.url ?? undefined}>
                      {bare(group.url)}
                    </span>
                  </span>
                  <span className="two-lines">
                    <Link className="name-link cut" to={`/deliveries?q=${encodeURIComponent(queryOf(group))}`}>
                      {cause(group.last_class, group.last_status_code)}
                    </Link>
                    <span className="muted small" title={group.last_error ?? undefined}>
                      {death(group.reason) ?? group.last_error ?? ""}
                    </span>
                  </span>
                  <span>
                    {subscription ? (
                      <HealthState health={healthOf(subscription, success(subscription.id))} />
                    ) : (
                      <span className="muted">–</span>
                    )}
                  </span>
                  <span className="muted small">
                    oldest <Ago at={parse(group.oldest)} />
                  </span>
                  <span className="acts">
                    {group.count > 1 && group.samples[0] && (
                      <button
                        type="button"
                        className="btn"
                        onClick={() =>
                          setAsked({
                            count: 1,
                            filter: { ids: [group.samples[0] as string] },
                            groups: [{ ...group, count: 1 }],
                          })
                        }
                      >
                        Replay one
                      </button>
                    )}
                    <button
                      type="button"
                      className="btn"
                      onClick={() => void ask(group)}
                      aria-label={`Replay ${group.count} of ${name}`}
                    >
                      {group.count > 1 ? `Replay ${count(group.count)}` : "Replay"}
                    </button>
                    <button
                      type="button"
                      className="btn quiet danger"
                      onClick={() => discard(keyOf(group), group.count, () => filterOf(group, all))}
                      aria-label={`Discard ${group.count} of ${name}`}
                    >
                      Discard…
                    </button>
                  </span>
                </li>
              )
            })}
          </ul>
        </section>
      )}
      {asked && <ActDialog selection={asked} open={open} onClose={() => setAsked(null)} />}
    </>
  )
}

function keyOf(group: Group): string {
  return [group.subscription_id, group.url, group.last_class, group.last_status_code, group.reason].join(" ")
}

function queryOf(group: Group): string {
  const parts = ["status:dead"]
  if (group.subscription_id) parts.push(`sub:${group.subscription_id}`)
  if (group.last_status_code) parts.push(`code:${group.last_status_code}`)
  else if (group.last_class) parts.push(`class:${group.last_class}`)
  return parts.join(" ")
}
