import Button from "@mui/material/Button"
import Dialog from "@mui/material/Dialog"
import DialogActions from "@mui/material/DialogActions"
import DialogContent from "@mui/material/DialogContent"
import DialogTitle from "@mui/material/DialogTitle"
import type { Subscription } from "../api/types"
import { Code } from "../components/code"
import { Ago } from "../components/parts"
import { yaml } from "../format/snippets"
import { parse } from "../format/time"
import { specOf } from "../subscriptions/acts"

interface Props {
  mine: Record<string, unknown>
  theirs: Subscription
  onClose: () => void
  onTakeTheirs: () => void
  onKeepMine: () => void
}

/** Somebody else saved in between: both are shown, and nothing is lost by itself. */
export function Conflict({ mine, theirs, onClose, onTakeTheirs, onKeepMine }: Props) {
  const now = specOf(theirs)
  const alike = Object.fromEntries(Object.keys(mine).map((key) => [key, now[key] ?? null]))
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="md" aria-labelledby="conflict-title">
      <DialogTitle id="conflict-title">It was changed meanwhile</DialogTitle>
      <DialogContent className="stack">
        <p>
          Version {theirs.version} was saved <Ago at={parse(theirs.updated_at)} />. Nothing of yours was saved.
        </p>
        <div className="both">
          <section aria-label="Yours">
            <h3>Yours</h3>
            <Code label="Your version" wraps>
              {yaml(mine)}
            </Code>
          </section>
          <section aria-label="Theirs">
            <h3>What is there now</h3>
            <Code label="The version that is there" wraps>
              {yaml(alike)}
            </Code>
          </section>
        </div>
      </DialogContent>
      <DialogActions>
        <Button onClick={onTakeTheirs}>Take what is there</Button>
        <Button variant="contained" onClick={onKeepMine}>
          Keep mine
        </Button>
      </DialogActions>
    </Dialog>
  )
}
