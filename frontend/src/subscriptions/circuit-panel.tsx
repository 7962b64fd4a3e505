/** Whether attempts flow, and what can be done about it. */

import { useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { useCircuit } from "../api/queries"
import type { Circuit, CircuitChange } from "../api/types"
import { useNow } from "../components/hooks"
import { Icon } from "../components/icon"
import { Ago, Trouble } from "../components/parts"
import { say, sayProblem } from "../components/say"
import { plural } from "../format/number"
import { countdown, parse } from "../format/time"
import { circuit as act } from "./acts"

const CIRCUIT_WORDS: Record<string, string> = {
  closed: "Closed: attempts flow",
  open: "Open: nothing is attempted",
  half_open: "Half-open: one attempt at a time",
}

export function CircuitPanel({ id, name }: { id: string; name: string }) {
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
            <History changes={standing.history ?? []} />
          </li>
        )
      })}
    </ul>
  )
}

/** The newest changes, and why. */
function History({ changes }: { changes: CircuitChange[] }) {
  if (changes.length === 0) return null
  return (
    <details>
      <summary className="small">{plural(changes.length, "change", "changes")} lately</summary>
      <ol className="stack small" aria-label="What happened to the circuit">
        {changes.map((change) => (
          <li key={change.at}>
            <Ago at={parse(change.at)} /> {CIRCUIT_WORDS[change.circuit] ?? change.circuit}
            <div className="muted wrap">{change.cause}</div>
          </li>
        ))}
      </ol>
    </details>
  )
}
