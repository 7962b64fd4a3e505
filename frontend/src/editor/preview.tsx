/** Against live events: which of the last ones would be sent, and which condition the others failed. */

import Button from "@mui/material/Button"
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { Link } from "react-router"
import { api, data, type Problem } from "../api/client"
import { useEvents } from "../api/queries"
import type { Filters, LogEvent, Report } from "../api/types"
import { useSettled } from "../components/hooks"
import { Icon } from "../components/icon"
import { Bones, Clock, Empty } from "../components/parts"
import { count, rate } from "../format/number"
import { parse } from "../format/time"
import { usePoll } from "../live/use-feed"
import { canProbe, type Target } from "./probe"
import { type Sample, samples } from "./samples"
import { SendOne, useSendOne } from "./send-one"
import { Said } from "./url-check"

const LAST = 200
const SHOWN = 12

export interface Wanted {
  events: string[]
  filters: Filters
}

/** Tries a filter on the last events of the log, anew as it and they change. */
export function useTrial(wanted: Wanted, sample: Sample | null) {
  const settled = useSettled(JSON.stringify({ wanted, sample }), 350)
  return useQuery<Report, Problem>({
    queryKey: ["trial", settled],
    queryFn: async () => {
      const { wanted, sample } = JSON.parse(settled) as { wanted: Wanted; sample: Sample | null }
      return (await data(
        api.POST("/api/v1/filters/test", {
          body: {
            ...(wanted.events.length && { events: wanted.events }),
            filters: wanted.filters as never,
            sample: sample ? { event: sample as never } : { last: LAST },
          },
        }),
      )) as unknown as Report
    },
    refetchInterval: usePoll(5000, 2000),
    placeholderData: keepPreviousData,
    retry: false,
  })
}

export function Preview({
  trial,
  target,
  sample,
  onSample,
}: {
  trial: ReturnType<typeof useTrial>
  target: Target
  sample: Sample | null
  onSample: (sample: Sample | null) => void
}) {
  const events = useEvents({ limit: LAST })
  const byId = new Map((events.data?.items ?? []).map((event) => [event.id, event]))
  const report = trial.data
  const [pasting, setPasting] = useState(false)
  const sending = useSendOne(target)
  const perMinute = report?.per_minute.mean
  // Those whose type is wanted are what the rest of the filter is about.
  const ofType = report?.conditions.find((one) => one.pointer === "/events")?.passed ?? report?.tested
  const isOfType = (one: Report["results"][number]) =>
    one.conditions.every((condition) => condition.pointer !== "/events" || condition.passed)
  const results = report ? [...report.results.filter(isOfType), ...report.results.filter((one) => !isOfType(one))] : []
  // The trial may be ahead of the list that names its events.
  const unknown = !sample && results.slice(0, SHOWN).some((one) => !byId.has(one.event_id))
  const { refetch } = events
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each answer of the trial
  useEffect(() => {
    if (unknown) void refetch()
  }, [unknown, trial.dataUpdatedAt])
  return (
    <section className="panel preview" aria-label="Against live events">
      <div className="panel-head ruled">
        <h2>{sample ? "Against one event" : "Against live events"}</h2>
        {report && !trial.error && (
          <span className="muted small">
            {sample
              ? report.matched
                ? "it matches"
                : "it does not match"
              : `${count(report.matched)} of ${count(ofType)} of these types match${report.matched ? ` · about ${rate(perMinute)} a minute` : ""} · last ${count(report.tested)}`}
          </span>
        )}
      </div>
      {trial.error ? (
        <div className="notice bad trial-problem" role="alert">
          <Icon id="warn" />
          <div>
            <strong>{trial.error.title}</strong>
            {(trial.error.errors?.length ? trial.error.errors : [{ pointer: "", detail: trial.error.detail }]).map(
              (wrong) => (
                <div key={wrong.pointer + wrong.detail} className="wrap">
                  {wrong.pointer && <code>{wrong.pointer}</code>} {wrong.detail}
                </div>
              ),
            )}
          </div>
        </div>
      ) : !report ? (
        <Bones rows={6} height={48} />
      ) : report.tested === 0 ? (
        <Empty title="The log is empty">
          <p>Send an event, or paste one, to see whether it would be sent.</p>
        </Empty>
      ) : (
        <>
          <ul aria-label="Events tried">
            {results.slice(0, SHOWN).map((one) => {
              const event = sample ? (sample as LogEvent) : byId.get(one.event_id)
              const failed = firstFailed(one.conditions)
              return (
                <li key={one.event_id} className="tried">
                  <span style={{ color: one.matched ? "var(--delivered)" : "var(--text2)" }}>
                    <Icon id={one.matched ? "tick" : "cross"} label={one.matched ? "matches" : "does not match"} />
                  </span>
                  {event?.received_at ? (
                    <Clock at={parse(event.received_at) ?? 0} ms={false} className="muted" />
                  ) : (
                    <span className="mono muted">–</span>
                  )}
                  <span className="two-lines">
                    {sample ? (
                      <code>{event?.event_type}</code>
                    ) : (
                      <Link className="mono name-link" to={`/events/${encodeURIComponent(one.event_id)}`}>
                        {event?.event_type ?? one.event_id}
                      </Link>
                    )}
                    <span className="muted small" title={failed?.message}>
                      {one.matched ? (event?.message ?? event?.source ?? "") : (failed?.message ?? "")}
                    </span>
                  </span>
                  {one.matched && canProbe(target) && (
                    <button
                      type="button"
                      className="icon-button send-this"
                      aria-label={`Send this ${event?.event_type ?? "event"} to the URL`}
                      title="Send this one to the URL"
                      disabled={sending.busy}
                      onClick={() => void sending.send(sample ?? one.event_id)}
                    >
                      <Icon id="send" />
                    </button>
                  )}
                </li>
              )
            })}
          </ul>
          {report.unseen_paths.length > 0 && !sample && (
            <p className="trial-note tone-retrying small">
              No event had a value at <code>{report.unseen_paths.join(", ")}</code>: misspelt, maybe.
            </p>
          )}
        </>
      )}
      {sending.outcome && (
        <div className="sent">
          <Said {...sending.outcome} />
        </div>
      )}
      <div className="line-up preview-acts">
        <Button onClick={() => setPasting(!pasting)}>Paste an event</Button>
        <SendOne
          sending={sending}
          target={target}
          newest={sample ? (report?.matched ? sample : undefined) : results.find((one) => one.matched)?.event_id}
        />
        {samples().map((one) => (
          <Button key={one.id ?? one.event_type} variant="text" onClick={() => onSample(one)}>
            {one.event_type}
          </Button>
        ))}
        {sample && <Button onClick={() => onSample(null)}>Back to live events</Button>}
      </div>
      {pasting && (
        <Paste
          onEvent={(event) => {
            onSample(event)
            setPasting(false)
          }}
        />
      )}
    </section>
  )
}

function Paste({ onEvent }: { onEvent: (event: Sample) => void }) {
  const [text, setText] = useState(
    '{"event_type": "payment.processor.failure", "level": "ERROR", "source": "payment-service", "metadata": {"amount": 1240}}',
  )
  const [error, setError] = useState("")
  const take = () => {
    try {
      const event = JSON.parse(text)
      if (!event || typeof event !== "object" || Array.isArray(event)) throw new Error("an object is expected")
      onEvent(event)
    } catch (problem) {
      setError(`not an event: ${problem instanceof Error ? problem.message : problem}`)
    }
  }
  return (
    <div className="stack paste">
      <textarea
        className="field mono"
        aria-label="An event as JSON"
        rows={6}
        value={text}
        spellCheck={false}
        onChange={(event) => setText(event.target.value)}
      />
      {error && <p className="field-error">{error}</p>}
      <div>
        <Button variant="contained" onClick={take}>
          Try it
        </Button>
      </div>
    </div>
  )
}

function firstFailed(conditions: Report["results"][number]["conditions"]): { message: string } | undefined {
  return conditions.find((one) => !one.passed)
}
