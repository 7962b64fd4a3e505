import Button from "@mui/material/Button"
import { useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useState } from "react"
import { signIn } from "../api/login"
import { Head, Trouble } from "../components/parts"

/** In place of the page, wherever the server asks for a key. */
export function SignIn({ trouble }: { trouble?: unknown }) {
  const client = useQueryClient()
  const [key, setKey] = useState("")
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(trouble)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(undefined)
    try {
      await signIn(key.trim())
      setKey("")
      await client.invalidateQueries()
    } catch (problem) {
      setError(problem)
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className="sign-in">
      <Head title="Sign in" sub="This server asks for a key." />
      <form className="panel stack sign-in-form" onSubmit={(event) => void submit(event)}>
        <label htmlFor="key">Key</label>
        <input
          id="key"
          className="field mono"
          type="password"
          autoComplete="current-password"
          required
          value={key}
          placeholder="lh_admin_…"
          onChange={(event) => setKey(event.target.value)}
        />
        <p className="muted small">
          The admin key lies in the file <code>admin.key</code> of the data directory. Or run <code>loghorn open</code>,
          which prints a link that signs you in.
        </p>
        {error !== undefined && <Trouble error={error} what="This session" />}
        <div>
          <Button type="submit" variant="contained" disabled={busy || !key.trim()}>
            {busy ? "Signing in…" : "Sign in"}
          </Button>
        </div>
      </form>
    </div>
  )
}
