import Button from "@mui/material/Button"
import { useQueryClient } from "@tanstack/react-query"
import { useEffect, useMemo, useState } from "react"
import { useNavigate, useParams, useSearchParams } from "react-router"
import { api, data, Problem, send } from "../api/client"
import { useSubscription } from "../api/queries"
import type { Subscription } from "../api/types"
import { Bones, Head, Segments, Trouble } from "../components/parts"
import { copy, say } from "../components/say"
import { ConditionRows } from "../editor/condition-rows"
import { Conflict } from "../editor/conflict"
import { convert, matchesPointer, patchOf } from "../editor/convert"
import {
  ATTEMPTS,
  bodyOf,
  check,
  type Draft,
  draftOf,
  EMPTY,
  type FilterMode,
  filtersOf,
  typesOf,
} from "../editor/draft"
import { Field } from "../editor/field"
import { Preview, useTrial } from "../editor/preview"
import type { Sample } from "../editor/samples"
import { UrlCheck } from "../editor/url-check"
import { totalMs, waits } from "../filter/retries"
import { subscriptionAsCli, yaml } from "../format/snippets"
import { span } from "../format/time"
import { SecretDialog } from "../subscriptions/secret-dialog"

export default function Editor() {
  const { id } = useParams()
  const [search] = useSearchParams()
  const from = id ?? search.get("copy") ?? undefined
  const source = useSubscription(from)
  const title = id ? "Edit subscription" : "New subscription"
  if (from && source.error && !source.data)
    return (
      <>
        <Head title={title} />
        <Trouble error={source.error} what="The subscription" retry={() => void source.refetch()} />
      </>
    )
  if (from && !source.data)
    return (
      <>
        <Head title={title} />
        <Bones rows={6} height={64} />
      </>
    )
  const start = source.data ? draftOf(source.data) : EMPTY
  return (
    <Form
      key={from ?? "new"}
      title={title}
      saved={id ? source.data : undefined}
      start={id ? start : source.data ? { ...start, name: `${start.name} copy` } : start}
    />
  )
}

function Form({ title, saved: current, start }: { title: string; saved: Subscription | undefined; start: Draft }) {
  const navigate = useNavigate()
  const client = useQueryClient()
  // What the draft was made from; a newer version does not change what is being written.
  const [base, setBase] = useState(current)
  const [initial] = useState(start)
  const [draft, setDraft] = useState(initial)
  const [sample, setSample] = useState<Sample | null>(null)
  const [tried, setTried] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [theirs, setTheirs] = useState<Subscription | null>(null)
  const [created, setCreated] = useState<Subscription | null>(null)
  const [note, setNote] = useState("")
  const isNew = !base
  const set = (change: Partial<Draft>) => {
    setDraft({ ...draft, ...change })
    setProblem(null)
    setNote("")
  }
  const errors = useMemo(() => check(draft), [draft])
  const built = useMemo(() => filtersOf(draft), [draft])
  const trial = useTrial({ events: typesOf(draft.types), filters: built.filters }, sample)
  const report = trial.error ? undefined : trial.data
  const hits = draft.rows.map((_, index) => {
    const pointer = built.pointers[index]
    return pointer === undefined ? undefined : report?.conditions.find((one) => matchesPointer(one.pointer, pointer))
  })
  useUnsaved(draft !== initial && !created && !busy)

  const fieldError = (name: string, pointer: string) =>
    (tried ? errors.fields[name] : undefined) ??
    problem?.errors.find((wrong) => wrong.pointer === pointer || wrong.pointer.startsWith(`${pointer}/`))?.detail
  const save = async () => {
    setTried(true)
    setProblem(null)
    if (Object.keys(errors.fields).length || errors.rows.size) return
    setBusy(true)
    try {
      if (!base) {
        const made = await send<Subscription>("POST", "/api/v1/subscriptions", bodyOf(draft, true), {
          "Idempotency-Key": key,
        })
        setCreated(made)
      } else {
        const changed = await send<Subscription>(
          "PATCH",
          `/api/v1/subscriptions/${encodeURIComponent(base.id)}`,
          patchOf(draft, base),
          { "If-Match": `"v${base.version}"` },
        )
        say(`${changed.name} is saved`)
        navigate(`/subscriptions/${changed.id}`)
      }
      await client.invalidateQueries()
    } catch (error) {
      const said = error instanceof Problem ? error : new Problem(-1, "This page failed", String(error))
      if (said.status === 412 && base) {
        const now = (await data(api.GET("/api/v1/subscriptions/{id}", { params: { path: { id: base.id } } })).catch(
          () => null,
        )) as unknown as Subscription | null
        if (now) setTheirs(now)
        else setProblem(said)
      } else setProblem(said)
    } finally {
      setBusy(false)
    }
  }
  // The same for each try, so that a click too many makes no second one.
  const [key] = useState(() => `dashboard-${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`)

  const turn = (mode: FilterMode) => {
    if (mode === draft.mode) return
    const change = convert(draft, mode)
    if (typeof change === "string") setNote(change)
    else set({ ...change, mode })
  }
  const unplaced =
    problem && !problem.errors.some(({ pointer }) => /^\/(name|url|events|filters|retry|secret|timeout)/.test(pointer))
      ? problem
      : null
  const attempts = Number(draft.attempts) || ATTEMPTS
  const target = { url: draft.url.trim(), timeout: draft.timeout.trim(), secret: draft.secret, saved: base }
  return (
    <>
      <Head title={title} tab={title}>
        <Button onClick={() => void copy(yaml([shareable(draft)]), "the YAML")}>Copy as YAML</Button>
        <Button onClick={() => void copy(subscriptionAsCli(shareable(draft)), "the command")}>Copy for the CLI</Button>
        <Button variant="contained" disabled={busy} onClick={() => void save()}>
          {isNew ? "Create subscription" : "Save"}
        </Button>
      </Head>
      {unplaced && (
        <div className="stack" style={{ marginBottom: 12 }}>
          <Trouble error={unplaced} what="It was not saved; the answer" />
        </div>
      )}
      <div className="editor">
        <form
          className="panel form"
          onSubmit={(event) => {
            event.preventDefault()
            void save()
          }}
        >
          <Field label="Name" id="name" error={fieldError("name", "/name")}>
            <input
              id="name"
              className="field"
              value={draft.name}
              maxLength={200}
              onChange={(event) => set({ name: event.target.value })}
            />
          </Field>
          <Field label="Send to" hint="HTTPS outside loopback" id="url" error={fieldError("url", "/url")}>
            <div className="with-button">
              <input
                id="url"
                className="field mono"
                inputMode="url"
                spellCheck={false}
                placeholder="https://example.com/hooks/loghorn"
                value={draft.url}
                onChange={(event) => set({ url: event.target.value })}
              />
              <UrlCheck target={target} />
            </div>
          </Field>
          <Field
            label="Event types"
            hint="* matches one part, ** any depth"
            id="types"
            error={fieldError("types", "/events")}
          >
            <input
              id="types"
              className="field mono"
              spellCheck={false}
              placeholder="payment.processor.failure, payment.authorization.*"
              value={draft.types}
              onChange={(event) => set({ types: event.target.value })}
            />
          </Field>
          <Field label="Only when" hint="All must hold" error={fieldError("filter", "/filters")}>
            <div className="stack">
              <div>
                <Segments<FilterMode>
                  label="How the filter is written"
                  value={draft.mode}
                  options={[
                    ["conditions", "Conditions"],
                    ["expression", "Expression"],
                    ["json", "JSON"],
                  ]}
                  onChange={turn}
                />
              </div>
              {note && <p className="field-error">{note}</p>}
              {draft.mode === "conditions" && (
                <>
                  <ConditionRows
                    rows={draft.rows}
                    errors={tried ? errors.rows : built.errors.rows}
                    hits={hits}
                    onChange={(rows) => set({ rows })}
                  />
                  {Object.keys(draft.kept).length > 0 && (
                    <p className="muted small wrap">
                      And, as written in JSON: <code>{JSON.stringify(draft.kept)}</code>
                    </p>
                  )}
                </>
              )}
              {draft.mode === "expression" && (
                <textarea
                  className="field mono"
                  aria-label="Expression"
                  rows={4}
                  spellCheck={false}
                  placeholder="@.metadata.amount > 1000 && search(@.message, 'timeout')"
                  value={draft.where}
                  onChange={(event) => set({ where: event.target.value })}
                />
              )}
              {draft.mode === "json" && (
                <textarea
                  className="field mono"
                  aria-label="Filter as JSON"
                  rows={9}
                  spellCheck={false}
                  value={draft.json}
                  onChange={(event) => set({ json: event.target.value })}
                />
              )}
            </div>
          </Field>
          {isNew && (
            <Field label="Signing secret" hint="Shown once" id="secret" error={fieldError("secret", "/secret")}>
              <input
                id="secret"
                className="field mono"
                type="password"
                autoComplete="new-password"
                placeholder="made for you"
                value={draft.secret}
                onChange={(event) => set({ secret: event.target.value })}
              />
            </Field>
          )}
          <Field
            label="Retries"
            hint={`${attempts} ${attempts === 1 ? "attempt" : "attempts"} over ${span(totalMs(attempts))}`}
            id="attempts"
            error={fieldError("attempts", "/retry")}
          >
            <div className="line-up">
              <input
                id="attempts"
                className="field short-field"
                inputMode="numeric"
                placeholder={String(ATTEMPTS)}
                value={draft.attempts}
                onChange={(event) => set({ attempts: event.target.value })}
              />
              <label className="muted small" htmlFor="max-age">
                attempts, given up at the age of
              </label>
              <input
                id="max-age"
                className="field short-field"
                placeholder="24h"
                value={draft.maxAge}
                onChange={(event) => set({ maxAge: event.target.value })}
              />
            </div>
            <p className="mono small wrap">{schedule(attempts)}</p>
          </Field>
          <Field label="Priority" id="priority" error={fieldError("priority", "/priority")}>
            <div className="line-up">
              <select
                id="priority"
                className="field short-field wide-field"
                value={draft.priority}
                onChange={(event) => set({ priority: event.target.value })}
              >
                <option value="">normal, CRITICAL high</option>
                <option>high</option>
                <option>normal</option>
                <option>low</option>
              </select>
              <label className="muted small" htmlFor="timeout">
                waits for an answer
              </label>
              <input
                id="timeout"
                className="field short-field"
                placeholder="10s"
                value={draft.timeout}
                onChange={(event) => set({ timeout: event.target.value })}
              />
            </div>
          </Field>
          {isNew && (
            <Field label="Shadow" hint="Counts, sends nothing">
              <label className="check">
                <input
                  type="checkbox"
                  checked={draft.shadow}
                  onChange={(event) => set({ shadow: event.target.checked })}
                />{" "}
                Show what it would send, until it is promoted
              </label>
            </Field>
          )}
        </form>
        <Preview trial={trial} target={target} sample={sample} onSample={setSample} />
      </div>
      {theirs && base && (
        <Conflict
          mine={bodyOf(draft, false)}
          theirs={theirs}
          onClose={() => setTheirs(null)}
          onTakeTheirs={() => {
            setDraft(draftOf(theirs))
            setBase(theirs)
            setTheirs(null)
          }}
          onKeepMine={() => {
            setBase(theirs)
            setTheirs(null)
            setNote("Look at it once more, then save: it replaces what is there now.")
          }}
        />
      )}
      {created && (
        <SecretDialog
          title={`${created.name} is created`}
          secret={created.secret ?? undefined}
          onClose={() => navigate(`/subscriptions/${created.id}`)}
        />
      )}
    </>
  )
}

/** Without its secret: what is copied is shown to others. */
function shareable(draft: Draft): Record<string, unknown> {
  return bodyOf({ ...draft, secret: "" }, true)
}

function schedule(attempts: number): string {
  const all = waits(attempts)
  const shown = all.slice(0, 9).map(span)
  return `${shown.join(" ")}${all.length > shown.length ? " …" : ""}${shown.length ? " " : ""}then dead letter`
}

function useUnsaved(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener("beforeunload", ask)
    return () => window.removeEventListener("beforeunload", ask)
  }, [dirty])
}
