/** Whether an endpoint answers, and how. */

import Button from "@mui/material/Button"
import { useState } from "react"
import { Icon } from "../components/icon"
import { canProbe, type Outcome, probe, type Target } from "./probe"

export function UrlCheck({ target }: { target: Target }) {
  const [busy, setBusy] = useState(false)
  const [seen, setSeen] = useState<{ of: string; outcome: Outcome } | null>(null)
  const run = async () => {
    setBusy(true)
    setSeen(null)
    setSeen({ of: target.url, outcome: await probe(target) })
    setBusy(false)
  }
  return (
    <>
      <Button onClick={() => void run()} disabled={busy || !canProbe(target)}>
        {busy ? "Checking…" : "Check"}
      </Button>
      {seen?.of === target.url && <Said {...seen.outcome} />}
    </>
  )
}

/** What came of a probe. */
export function Said({ tone, text }: Outcome) {
  const look = { good: ["tick", "good"], bad: ["cross", "tone-failed"], unknown: ["info", "muted"] } as const
  const [icon, className] = look[tone]
  return (
    <p role="status" className={`checked small wrap ${className}`}>
      <Icon id={icon} />
      {text}
    </p>
  )
}
