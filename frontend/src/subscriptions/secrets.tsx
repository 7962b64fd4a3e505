import Button from "@mui/material/Button"
import { useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { send } from "../api/client"
import { useSecrets } from "../api/queries"
import { useNow } from "../components/hooks"
import { Bones, Clock, Missing, Trouble } from "../components/parts"
import { sayProblem } from "../components/say"
import { parse, span } from "../format/time"
import { SecretDialog } from "./secret-dialog"

const OVERLAPS = [
  ["1h", "1 hour"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
] as const

/** The keys that sign now: two of them while a receiver is being moved from one to the other. */
export function Secrets({ id }: { id: string }) {
  const client = useQueryClient()
  const secrets = useSecrets(id)
  const now = useNow(30_000)
  const [overlap, setOverlap] = useState("24h")
  const [busy, setBusy] = useState(false)
  const [shown, setShown] = useState<{ title: string; secret: string | undefined; note?: string } | null>(null)
  const path = `/api/v1/subscriptions/${encodeURIComponent(id)}/secrets`
  const run = async (act: () => Promise<void>) => {
    setBusy(true)
    try {
      await act()
      await client.invalidateQueries({ queryKey: ["secrets", id] })
    } catch (error) {
      sayProblem(error)
    } finally {
      setBusy(false)
    }
  }
  const rotate = () =>
    run(async () => {
      const { secret } = await send<{ secret?: string }>("POST", `${path}/rotate`, { overlap })
      setShown({
        title: "New secret",
        secret,
        note: `The old one signs, too, for ${OVERLAPS.find(([text]) => text === overlap)?.[1]}.`,
      })
    })
  const reveal = (number: number) =>
    run(async () => {
      const { secret } = await send<{ secret: string }>("POST", `${path}/${number}/reveal`)
      setShown({ title: `Secret ${number}`, secret, note: "That it was revealed stands in the audit log." })
    })
  return (
    <section className="panel" aria-label="Secrets" id="secrets">
      <div className="panel-head">
        <h2>Signing secrets</h2>
      </div>
      <div className="panel-body stack">
        {secrets.error ? (
          <Trouble error={secrets.error} retry={() => void secrets.refetch()} />
        ) : secrets.isPending ? (
          <Bones rows={1} height={40} />
        ) : secrets.data ? (
          <>
            <ul className="stack">
              {secrets.data.items.map((one) => {
                const ends = parse(one.expires_at)
                return (
                  <li key={one.number} className="line-up">
                    <code>whsec_••••••••••••</code>
                    <span className="tag">key {one.number}</span>
                    <span className="muted small grow">
                      since <Clock at={parse(one.created_at) ?? 0} ms={false} />
                      {ends !== undefined && ` · signs for another ${span(ends - now)}`}
                    </span>
                    <Button disabled={busy} onClick={() => void reveal(one.number)}>
                      Reveal
                    </Button>
                  </li>
                )
              })}
            </ul>
            <div className="line-up">
              <label htmlFor="overlap" className="muted">
                Rotate; both sign for
              </label>
              <select
                id="overlap"
                className="field short-field wide-field"
                value={overlap}
                onChange={(event) => setOverlap(event.target.value)}
              >
                {OVERLAPS.map(([text, words]) => (
                  <option key={text} value={text}>
                    {words}
                  </option>
                ))}
              </select>
              <Button disabled={busy} onClick={() => void rotate()}>
                Rotate secret
              </Button>
            </div>
          </>
        ) : (
          <Missing what="– This server cannot rotate or reveal secrets yet." />
        )}
      </div>
      {shown && <SecretDialog {...shown} onClose={() => setShown(null)} />}
    </section>
  )
}
