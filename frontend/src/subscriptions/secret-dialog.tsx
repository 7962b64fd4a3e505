import Button from "@mui/material/Button"
import Dialog from "@mui/material/Dialog"
import DialogActions from "@mui/material/DialogActions"
import DialogContent from "@mui/material/DialogContent"
import DialogTitle from "@mui/material/DialogTitle"
import { useState } from "react"
import { copy } from "../components/say"

/** A secret that is shown once. It is on the screen only after it was asked for. */
export function SecretDialog({
  title,
  secret,
  note,
  onClose,
}: {
  title: string
  secret: string | undefined
  note?: string
  onClose: () => void
}) {
  const [shown, setShown] = useState(false)
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm" aria-labelledby="secret-title">
      <DialogTitle id="secret-title">{title}</DialogTitle>
      <DialogContent className="stack">
        <p>
          Its webhooks are signed with this secret. The receiver needs it to check them.{" "}
          {note ?? "It is shown here only."}
        </p>
        {secret ? (
          <div className="line-up">
            <code className="well wrap grow" data-secret>
              {shown ? secret : `${secret.slice(0, 6)}${"•".repeat(24)}`}
            </code>
            <Button onClick={() => setShown(!shown)}>{shown ? "Hide" : "Reveal"}</Button>
            <Button onClick={() => void copy(secret, "the secret")}>Copy</Button>
          </div>
        ) : (
          <p className="muted">–</p>
        )}
      </DialogContent>
      <DialogActions>
        <Button variant="contained" onClick={onClose}>
          Done
        </Button>
      </DialogActions>
    </Dialog>
  )
}
