/** Whether webhooks go out at all, and what a person can do about it while receivers are worked on. */

import Button from "@mui/material/Button"
import Dialog from "@mui/material/Dialog"
import DialogActions from "@mui/material/DialogActions"
import DialogContent from "@mui/material/DialogContent"
import DialogTitle from "@mui/material/DialogTitle"
import { useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { Problem, send } from "../api/client"
import { useDispatch } from "../api/queries"
import { Icon } from "../components/icon"
import { Ago, Bones, Missing, Trouble } from "../components/parts"
import { say, sayProblem } from "../components/say"
import { count, plural } from "../format/number"
import { parse } from "../format/time"

export function DispatchPanel() {
  const client = useQueryClient()
  const { data: dispatch, error, isPending, refetch } = useDispatch()
  const [asks, setAsks] = useState(false)
  const [busy, setBusy] = useState(false)
  const paused = dispatch?.state === "paused"
  const run = async (path: string, done: string) => {
    setAsks(false)
    setBusy(true)
    try {
      await send("POST", path)
      say(done)
    } catch (problem) {
      if (problem instanceof Problem && problem.isMissing) say("– This server cannot do that from here")
      else sayProblem(problem)
    } finally {
      setBusy(false)
      await client.invalidateQueries()
    }
  }
  return (
    <section className="panel" aria-label="Dispatch">
      <div className="panel-head">
        <h2>Dispatch</h2>
        {dispatch && (
          <span className={`state tone-${paused ? "queued" : "delivered"}`}>
            <Icon id={paused ? "pause" : "tick"} />
            <span className="word">{paused ? "paused" : "running"}</span>
          </span>
        )}
      </div>
      <div className="panel-body stack">
        {error && dispatch === undefined ? (
          <Trouble error={error} what="The dispatch" retry={() => void refetch()} />
        ) : isPending ? (
          <Bones rows={1} height={32} />
        ) : !dispatch ? (
          <Missing what="– This server cannot hold deliveries back as a whole." />
        ) : (
          <>
            <p className="muted">
              {paused ? (
                <>
                  Nothing is sent since <Ago at={parse(dispatch.since)} />.{" "}
                </>
              ) : (
                "Webhooks go out. "
              )}
              {plural(dispatch.waiting, "delivery waits", "deliveries wait")}, {count(dispatch.attempting)} under way.
            </p>
            <div className="line-up">
              {paused ? (
                <Button
                  variant="contained"
                  disabled={busy}
                  onClick={() => void run("/api/v1/dispatch/resume", "Webhooks go out again")}
                >
                  Resume dispatch
                </Button>
              ) : (
                <Button disabled={busy} onClick={() => setAsks(true)}>
                  Pause dispatch…
                </Button>
              )}
            </div>
          </>
        )}
      </div>
      {asks && (
        <Dialog open onClose={() => setAsks(false)} fullWidth maxWidth="xs" aria-labelledby="dispatch-title">
          <DialogTitle id="dispatch-title">Pause all deliveries?</DialogTitle>
          <DialogContent>
            <p>
              Nothing is sent to anybody until you resume, also over a restart. Events are taken and matched as ever,
              what waits is kept, and attempts under way end.
            </p>
          </DialogContent>
          <DialogActions>
            <Button variant="text" onClick={() => setAsks(false)}>
              Cancel
            </Button>
            <Button
              variant="contained"
              onClick={() => void run("/api/v1/dispatch/pause", "Paused: nothing is sent until you resume")}
            >
              Pause dispatch
            </Button>
          </DialogActions>
        </Dialog>
      )}
    </section>
  )
}
