/** Short words about what just happened, at the foot of the page. */

import Button from "@mui/material/Button"
import Snackbar from "@mui/material/Snackbar"
import { useSyncExternalStore } from "react"
import { useNavigate } from "react-router"
import { Problem } from "../api/client"

interface Said {
  id: number
  text: string
  act?: { label: string; to?: string; run?: () => void }
  ms: number
}

let said: Said | null = null
const listeners = new Set<() => void>()

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function say(text: string, act?: Said["act"], ms = 6000): void {
  said = { id: Date.now(), text, act, ms }
  for (const listener of listeners) listener()
}

function hush(): void {
  said = null
  for (const listener of listeners) listener()
}

/** Says what went wrong, as the server put it. */
export function sayProblem(error: unknown): void {
  const text =
    error instanceof Problem ? [error.detail || error.title, error.remedy].filter(Boolean).join(". ") : String(error)
  say(text, undefined, 10_000)
}

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    say(`Copied ${what}`)
  } catch {
    say(`This browser lets no page copy here; ${what} could not be copied`)
  }
}

export function Sayings() {
  const navigate = useNavigate()
  const current = useSyncExternalStore(subscribe, () => said)
  const act = current?.act
  return (
    <Snackbar
      key={current?.id}
      open={!!current}
      autoHideDuration={current?.ms}
      onClose={(_, reason) => reason !== "clickaway" && hush()}
      anchorOrigin={{ vertical: "bottom", horizontal: "center" }}
      message={current?.text}
      action={
        act && (
          <Button
            variant="text"
            color="inherit"
            onClick={() => {
              hush()
              act.run?.()
              if (act.to) navigate(act.to)
            }}
          >
            {act.label}
          </Button>
        )
      }
    />
  )
}
