import Button from "@mui/material/Button"
import Dialog from "@mui/material/Dialog"
import DialogActions from "@mui/material/DialogActions"
import DialogContent from "@mui/material/DialogContent"
import DialogTitle from "@mui/material/DialogTitle"
import { useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { useNavigate } from "react-router"
import { useDeliveries } from "../api/queries"
import type { Subscription } from "../api/types"
import { Trouble } from "../components/parts"
import { say } from "../components/say"
import { remove } from "./acts"

/** Asks before a subscription goes; for its name, too, where it got traffic within a day. */
export function DeleteDialog({ subscription, onClose }: { subscription: Subscription; onClose: () => void }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [typed, setTyped] = useState("")
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const recent = useDeliveries({ subscription: subscription.id, since: "24h", limit: 1 })
  // Where that is not known, it is taken for busy.
  const isBusy = recent.data === undefined || recent.data.items.length > 0
  const run = async () => {
    setBusy(true)
    try {
      await remove(subscription.id)
      onClose()
      say(`${subscription.name} is deleted; what waited for it is cancelled`)
      navigate("/subscriptions")
      await client.invalidateQueries()
    } catch (problem) {
      setError(problem)
      setBusy(false)
    }
  }
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="xs" aria-labelledby="delete-title">
      <DialogTitle id="delete-title">Delete {subscription.name}?</DialogTitle>
      <DialogContent className="stack">
        <p>
          Its deliveries that wait are cancelled, and its secret is gone for good. Past deliveries stay until retention
          ends.
        </p>
        {isBusy && (
          <>
            <label htmlFor="delete-name">
              It got traffic within the last 24 hours. Type its name:{" "}
              <strong className="wrap">{subscription.name}</strong>
            </label>
            <input
              id="delete-name"
              className="field"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              autoComplete="off"
            />
          </>
        )}
        {error !== undefined && <Trouble error={error} what="It was not deleted; the answer" />}
      </DialogContent>
      <DialogActions>
        <Button variant="text" onClick={onClose}>
          Cancel
        </Button>
        <Button
          variant="contained"
          color="error"
          disabled={busy || (isBusy && typed !== subscription.name)}
          onClick={() => void run()}
        >
          Delete
        </Button>
      </DialogActions>
    </Dialog>
  )
}
