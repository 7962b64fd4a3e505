import Button from "@mui/material/Button"
import Dialog from "@mui/material/Dialog"
import DialogActions from "@mui/material/DialogActions"
import DialogContent from "@mui/material/DialogContent"
import DialogTitle from "@mui/material/DialogTitle"
import { useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import type { Subscription } from "../api/types"
import { say, sayProblem } from "../components/say"
import { plural } from "../format/number"
import { pause, remove, resume } from "./acts"

const AT_ONCE = 4

/** Does the same with many, a few at a time; how many it was done with. */
export async function each<T>(
  all: readonly T[],
  act: (one: T) => Promise<unknown>,
  told?: (done: number) => void,
): Promise<number> {
  let [next, done] = [0, 0]
  let first: unknown
  const worker = async () => {
    while (next < all.length && first === undefined) {
      const one = all[next++] as T
      try {
        await act(one)
        done += 1
        told?.(done)
      } catch (error) {
        first ??= error
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  if (first !== undefined) throw first
  return done
}

export function BulkBar({ chosen, clear }: { chosen: readonly Subscription[]; clear: () => void }) {
  const client = useQueryClient()
  const [busy, setBusy] = useState<string | null>(null)
  const [asks, setAsks] = useState(false)
  if (!chosen.length) return null
  const run = async (act: (one: Subscription) => Promise<unknown>, did: string) => {
    setAsks(false)
    setBusy(`0 of ${chosen.length}`)
    let done = 0
    try {
      await each(chosen, act, (count) => {
        done = count
        setBusy(`${count} of ${chosen.length}`)
      })
      say(`${plural(chosen.length, "subscription")} ${did}`)
      clear()
    } catch (error) {
      sayProblem(error)
      if (done)
        say(
          `${plural(done, "subscription")} ${did}; then it stopped: ${error instanceof Error ? error.message : error}`,
        )
    } finally {
      setBusy(null)
      await client.invalidateQueries()
    }
  }
  return (
    <section className="panel bulk" aria-label="Chosen subscriptions">
      <strong>{plural(chosen.length, "subscription")} chosen</strong>
      {busy && (
        <span role="status" className="muted">
          {busy}
        </span>
      )}
      <span className="grow" />
      <Button disabled={!!busy} onClick={() => void run(({ id }) => pause(id), "paused")}>
        Pause
      </Button>
      <Button disabled={!!busy} onClick={() => void run(({ id }) => resume(id), "resumed")}>
        Resume
      </Button>
      <Button disabled={!!busy} color="error" onClick={() => setAsks(true)}>
        Delete…
      </Button>
      <Button variant="text" disabled={!!busy} onClick={clear}>
        Clear
      </Button>
      {asks && (
        <Dialog open onClose={() => setAsks(false)} aria-labelledby="bulk-title">
          <DialogTitle id="bulk-title">Delete {plural(chosen.length, "subscription")}?</DialogTitle>
          <DialogContent>
            <p>Their deliveries that wait are cancelled, and their secrets are gone for good.</p>
            <ul className="names">
              {chosen.slice(0, 8).map((one) => (
                <li key={one.id}>{one.name}</li>
              ))}
              {chosen.length > 8 && <li className="muted">and {chosen.length - 8} more</li>}
            </ul>
          </DialogContent>
          <DialogActions>
            <Button variant="text" onClick={() => setAsks(false)}>
              Cancel
            </Button>
            <Button variant="contained" color="error" onClick={() => void run(({ id }) => remove(id), "deleted")}>
              Delete {chosen.length}
            </Button>
          </DialogActions>
        </Dialog>
      )}
    </section>
  )
}
