import Button from "@mui/material/Button"
import Dialog from "@mui/material/Dialog"
import DialogActions from "@mui/material/DialogActions"
import DialogContent from "@mui/material/DialogContent"
import DialogTitle from "@mui/material/DialogTitle"
import Slider from "@mui/material/Slider"
import { useQueryClient } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { api, data } from "../api/client"
import { useJob } from "../api/queries"
import type { DeadLetterFilter, Group, Job } from "../api/types"
import { Icon } from "../components/icon"
import { Trouble } from "../components/parts"
import { copy } from "../components/say"
import { count, plural } from "../format/number"
import { quote } from "../format/snippets"
import { span } from "../format/time"
import { Progress } from "./job"

export interface Selection {
  count: number
  filter: DeadLetterFilter
  groups: readonly Group[]
}

const RATES = [1, 2, 5, 10, 20, 50, 100, 200, 500]

/** Asks before dead letters are sent again, and shows how that goes. */
export function ActDialog({
  selection,
  open,
  onClose,
}: {
  selection: Selection
  open: readonly Group[]
  onClose: () => void
}) {
  const client = useQueryClient()
  const [step, setStep] = useState(RATES.indexOf(20))
  const [started, setStarted] = useState<string | undefined>()
  const [counted, setCounted] = useState<number | undefined>()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const job = useJob(started)
  const rate = RATES[step] ?? 20
  const { filter } = selection
  const key = JSON.stringify(filter)

  // How many it will be, as the server counts them now.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the filter
  useEffect(() => {
    let gone = false
    data(api.POST("/api/v1/dead-letters/replay", { body: { filter, dry_run: true } }))
      .then((answer) => !gone && setCounted((answer as { count: number }).count))
      .catch(() => undefined)
    return () => {
      gone = true
    }
  }, [key])

  const total = counted ?? selection.count
  const waiting = open.filter((group) => selection.groups.some((one) => one.subscription_id === group.subscription_id))
  const waits = Math.min(
    total,
    sum(selection.groups.filter((group) => waiting.some((one) => one.subscription_id === group.subscription_id))),
  )
  const endpoints = new Set(selection.groups.map((group) => group.subscription_id)).size || 1
  const seconds = total / (rate * endpoints)
  const state = job.data?.state
  const ended = state !== undefined && state !== "running"
  // biome-ignore lint/correctness/useExhaustiveDependencies: acts when it ends
  useEffect(() => {
    if (ended) void client.invalidateQueries()
  }, [ended])

  const replay = async () => {
    setBusy(true)
    setError(undefined)
    try {
      const answer = (await data(
        api.POST("/api/v1/dead-letters/replay", { body: { filter, rate: `${rate}/s` } }),
      )) as Job
      setStarted(answer.id)
    } catch (problem) {
      setError(problem)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="xs" aria-labelledby="replay-title">
      <DialogTitle id="replay-title">Replay {plural(total, "dead letter")}</DialogTitle>
      <DialogContent className="stack">
        {waiting.length > 0 && !started && (
          <div className="notice warn">
            <Icon id="bolt" />
            <div>
              {count(waits)} {waits === 1 ? "goes" : "go"} to{" "}
              {waiting.length === 1 ? (waiting[0]?.subscription_name ?? "an endpoint") : `${waiting.length} endpoints`},
              whose circuit is open. They wait until it closes.
            </div>
          </div>
        )}
        {!started && (
          <div>
            <div id="rate-label">
              At most <strong>{rate} a second</strong> per endpoint · about {span(Math.max(1, seconds) * 1000)}
            </div>
            <Slider
              aria-labelledby="rate-label"
              value={step}
              min={0}
              max={RATES.length - 1}
              step={1}
              size="small"
              onChange={(_, value) => setStep(value as number)}
              getAriaValueText={(value) => `${RATES[value]} a second`}
            />
          </div>
        )}
        <p className="muted">
          Same event ids, so receivers that deduplicate stay safe. Signed with today’s secret and time.
        </p>
        {started && job.data && <Progress job={job.data} />}
        {error !== undefined && <Trouble error={error} what="It did not start; the answer" />}
      </DialogContent>
      <DialogActions>
        <Button onClick={() => void copy(command(selection, rate), "the command")}>Copy CLI command</Button>
        <span className="grow" />
        <Button variant="text" onClick={onClose}>
          {started ? "Close" : "Cancel"}
        </Button>
        {!started && (
          <Button variant="contained" disabled={busy || total === 0} onClick={() => void replay()}>
            Replay {count(total)}
          </Button>
        )}
        {started && state === "running" && (
          <Button
            color="error"
            onClick={() =>
              void data(api.DELETE("/api/v1/jobs/{id}", { params: { path: { id: started } } })).then(
                () => job.refetch(),
                setError,
              )
            }
          >
            Stop
          </Button>
        )}
      </DialogActions>
    </Dialog>
  )
}

function sum(groups: readonly Group[]): number {
  return groups.reduce((total, group) => total + group.count, 0)
}

function command({ filter }: Selection, rate: number): string {
  const narrow = [
    filter.subscription && `--sub ${quote(filter.subscription)}`,
    filter.class && `--class ${quote(filter.class)}`,
  ].filter(Boolean)
  const which = filter.ids?.length ? filter.ids.map(quote) : narrow.length ? narrow : ["--all"]
  return `loghorn dlq replay ${which.join(" ")} --rate ${rate}/s --yes`
}
