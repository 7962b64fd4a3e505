import Button from "@mui/material/Button"
import Dialog from "@mui/material/Dialog"
import DialogActions from "@mui/material/DialogActions"
import DialogContent from "@mui/material/DialogContent"
import DialogTitle from "@mui/material/DialogTitle"
import { useNavigate } from "react-router"
import { setPrefs, usePrefs } from "../components/prefs"
import { PLACES } from "./places"

const KEYS: readonly (readonly [string, string])[] = [
  ...PLACES.map(({ key, name }) => [`g ${key}`, name] as const),
  ["/", "Filter this list"],
  ["Ctrl K", "Find anything"],
  ["n", "New subscription"],
  ["t", "Send test event"],
  ["j k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["Space", "Pause and resume the list"],
  ["r", "Send the open delivery again"],
  ["c", "Copy it as curl"],
  ["y", "Copy a link to it"],
  ["Esc", "Close it"],
]

export default function Help({ onClose }: { onClose: () => void }) {
  const { keys, utc } = usePrefs()
  const navigate = useNavigate()
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm" aria-labelledby="help-title">
      <DialogTitle id="help-title">Keys</DialogTitle>
      <DialogContent>
        <dl className="keys">
          {KEYS.map(([key, does]) => (
            <div key={key}>
              <dt>
                {key.split(" ").map((part) => (
                  <kbd key={part}>{part}</kbd>
                ))}
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <label className="check">
          <input type="checkbox" checked={keys} onChange={(event) => setPrefs({ keys: event.target.checked })} /> Single
          keys act
        </label>
        <label className="check">
          <input type="checkbox" checked={utc} onChange={(event) => setPrefs({ utc: event.target.checked })} /> Times in
          UTC
        </label>
      </DialogContent>
      <DialogActions>
        <Button
          onClick={() => {
            onClose()
            navigate("/welcome")
          }}
        >
          First steps
        </Button>
        <Button href="/docs/">API description</Button>
        <Button variant="contained" onClick={onClose}>
          Close
        </Button>
      </DialogActions>
    </Dialog>
  )
}
