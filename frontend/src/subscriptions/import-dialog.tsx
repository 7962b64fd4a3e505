import Button from "@mui/material/Button"
import Dialog from "@mui/material/Dialog"
import DialogActions from "@mui/material/DialogActions"
import DialogContent from "@mui/material/DialogContent"
import DialogTitle from "@mui/material/DialogTitle"
import { useQueryClient } from "@tanstack/react-query"
import { useMemo, useState } from "react"
import { Problem } from "../api/client"
import type { Subscription } from "../api/types"
import { useSettled } from "../components/hooks"
import { Icon, type IconId } from "../components/icon"
import { say } from "../components/say"
import { count, plural } from "../format/number"
import { apply, planOf, type Step } from "./import"

const BYTES_MAX = 5_000_000
const SHOWN_MAX = 200

const KINDS: Record<Step["kind"], { icon: IconId; word: string; tone: string }> = {
  create: { icon: "plus", word: "create", tone: "" },
  change: { icon: "retry", word: "change", tone: "tone-retrying" },
  same: { icon: "tick", word: "unchanged", tone: "muted" },
  wrong: { icon: "cross", word: "cannot", tone: "tone-failed" },
}

/** Pasted or from a file, shown as a plan, then applied. What the text does not name stays. */
export default function ImportDialog({
  existing,
  onClose,
}: {
  existing: readonly Subscription[]
  onClose: () => void
}) {
  const client = useQueryClient()
  const [text, setText] = useState("")
  const settled = useSettled(text)
  const [trouble, setTrouble] = useState("")
  const [results, setResults] = useState<ReadonlyMap<Step, string>>(new Map())
  const [busy, setBusy] = useState(false)
  const [ended, setEnded] = useState(false)
  // What was there when the text was read: while it is applied the list changes.
  const [base, setBase] = useState(existing)
  const { steps, wrong } = useMemo(() => {
    if (!settled.trim()) return { steps: [] as Step[], wrong: "" }
    try {
      return { steps: planOf(settled, base), wrong: "" }
    } catch (error) {
      return { steps: [] as Step[], wrong: error instanceof Error ? error.message : String(error) }
    }
  }, [settled, base])
  const todo = steps.filter((step) => step.kind === "create" || step.kind === "change")
  const failed = [...results.values()].filter(Boolean).length
  const [key] = useState(() => `import-${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`)

  const put = (text: string) => {
    setText(text)
    setTrouble("")
    setResults(new Map())
    setEnded(false)
    setBase(existing)
  }
  const read = async (file: File | undefined) => {
    if (!file) return
    if (file.size > BYTES_MAX) return setTrouble(`${file.name} is larger than 5 MB`)
    put(await file.text())
  }
  const run = async () => {
    setBusy(true)
    let wrongs = 0
    for (const [index, step] of todo.entries()) {
      let said = ""
      try {
        await apply(step, `${key}-${index}`)
      } catch (error) {
        wrongs += 1
        said = reasonOf(error)
      }
      setResults((known) => new Map(known).set(step, said))
    }
    setBusy(false)
    setEnded(true)
    await client.invalidateQueries()
    if (!wrongs) {
      say(`${plural(todo.length, "subscription")} imported`)
      onClose()
    }
  }
  const numbers = (["create", "change", "same", "wrong"] as const)
    .map((kind) => [kind, steps.filter((step) => step.kind === kind).length] as const)
    .filter(([, number]) => number > 0)
  return (
    <Dialog open onClose={busy ? undefined : onClose} fullWidth maxWidth="md" aria-labelledby="import-title">
      <DialogTitle id="import-title">Import subscriptions</DialogTitle>
      <DialogContent className="stack">
        <p className="muted">
          YAML or JSON, as “Copy as YAML” gives it. Each is found by its name: new ones are created, others changed
          where they differ. What the text does not name stays.
        </p>
        <textarea
          className="field mono"
          aria-label="Subscriptions as YAML or JSON"
          rows={steps.length ? 6 : 12}
          spellCheck={false}
          placeholder={
            "- name: High-value payment failures\n  url: https://example.com/hooks/loghorn\n  events: [payment.**]"
          }
          value={text}
          disabled={busy}
          onChange={(event) => put(event.target.value)}
        />
        <label className="line-up small">
          <span className="muted">or a file</span>
          <input
            type="file"
            accept=".yaml,.yml,.json,text/yaml,application/json"
            disabled={busy}
            onChange={(event) => void read(event.target.files?.[0])}
          />
        </label>
        {(wrong || trouble) && (
          <p className="field-error" role="alert">
            {trouble || wrong}
          </p>
        )}
        {steps.length > 0 && (
          <>
            <p role="status">
              <strong>Plan:</strong>{" "}
              {numbers.map(([kind, number]) => `${count(number)} ${KINDS[kind].word}`).join(", ")}
              {results.size > 0 &&
                ` · ${count(results.size - failed)} done${failed ? `, ${count(failed)} failed` : ""}`}
            </p>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must be reached by keys */}
            <ul className="plan" aria-label="Plan" tabIndex={0}>
              {steps.slice(0, SHOWN_MAX).map((step) => (
                <PlanLine key={step.name + step.wrong} step={step} result={results.get(step)} />
              ))}
              {steps.length > SHOWN_MAX && <li className="muted">and {count(steps.length - SHOWN_MAX)} more</li>}
            </ul>
          </>
        )}
      </DialogContent>
      <DialogActions>
        <Button variant="text" disabled={busy} onClick={onClose}>
          {ended ? "Close" : "Cancel"}
        </Button>
        {!ended && (
          <Button
            variant="contained"
            disabled={busy || !todo.length || settled !== text || steps.some((step) => step.kind === "wrong")}
            onClick={() => void run()}
          >
            {todo.length || !steps.length ? `Apply ${plural(todo.length, "change")}` : "Nothing to apply"}
          </Button>
        )}
      </DialogActions>
    </Dialog>
  )
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Problem)) return String(error)
  const [first] = error.errors
  return first ? `${first.pointer} ${first.detail}` : error.detail || error.title
}

function PlanLine({ step, result }: { step: Step; result: string | undefined }) {
  const { icon, word, tone } = KINDS[step.kind]
  const problem = step.wrong ?? result
  return (
    <li className="plan-line">
      <span className={`state ${tone}`}>
        <Icon id={result === "" ? "tick" : icon} />
        {result === "" ? "done" : word}
      </span>
      <strong className="cut">{step.name}</strong>
      <span className={`wrap small ${problem ? "tone-failed" : "muted"}`}>
        {problem || (step.kind === "create" ? String(step.body?.url ?? "") : step.members.join(", "))}
      </span>
    </li>
  )
}
