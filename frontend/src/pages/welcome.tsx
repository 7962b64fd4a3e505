import Button from "@mui/material/Button"
import { useQueryClient } from "@tanstack/react-query"
import { type ReactNode, useMemo, useState } from "react"
import { useNavigate } from "react-router"
import { ask } from "../api/client"
import { useReceiver, useSubscriptions } from "../api/queries"
import type { Receiver } from "../api/types"
import { Code } from "../components/code"
import { useTitle } from "../components/hooks"
import { Icon } from "../components/icon"
import { Missing, Segments } from "../components/parts"
import { copy, sayProblem } from "../components/say"
import { eventAsCli, eventAsCurl, testEvent } from "../format/snippets"
import { type Sent, sendTestEvent } from "../frame/test-event"
import { Follow } from "../welcome/follow"
import { isReceiver, subscribeReceiver } from "../welcome/receiver"
import { AnswerChoice } from "../welcome/requests"
import { SOURCES, type Source, sourceSnippet } from "../welcome/sources"

export default function Welcome() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const { data: subscriptions } = useSubscriptions()
  const { data: receiver } = useReceiver(1000)
  const [sent, setSent] = useState<Sent | null>(null)
  const [busy, setBusy] = useState(false)
  const [trouble, setTrouble] = useState<string | null>(null)
  const [source, setSource] = useState<Source>("curl")
  const event = useMemo(() => testEvent(), [])
  const own = subscriptions?.find((one) => isReceiver(one.url))
  const none = subscriptions?.length === 0
  const arrived =
    sent && receiver?.items.some((request) => request.verified === "yes" && request.body.includes(sent.id))
  const title = none ? "Nothing is subscribed yet" : "First steps"
  useTitle(title)

  const subscribe = async () => {
    setBusy(true)
    setTrouble(null)
    try {
      // Asked for anew: the page may be older than the server.
      const found = await client.fetchQuery({
        queryKey: ["receiver"],
        queryFn: () => ask<Receiver>("/api/v1/receiver"),
      })
      if (found?.url) await subscribeReceiver(found.url)
      else setTrouble(found?.reason ?? "This server has no built-in receiver. Start one beside it: loghorn listen")
    } catch (error) {
      sayProblem(error)
    } finally {
      setBusy(false)
      await client.invalidateQueries()
    }
  }
  const send = async () => {
    try {
      setSent(await sendTestEvent())
    } catch (error) {
      sayProblem(error)
    }
  }
  return (
    <div className="welcome">
      <div>
        <h1>{title}</h1>
        <p className="lead">
          Three steps take a log event to a signed webhook. Loghorn has a receiver built in, so you need no other
          service to try it.
        </p>
        <ol className="panel steps">
          <Step done={!!own} title="Subscribe the built-in receiver">
            <p className="muted">
              “Try it” listens for <code>log.error</code> and <code>log.critical</code> and sends to{" "}
              <code className="wrap">{receiver?.url ?? "the receiver on this server"}</code>.
            </p>
            {!own && (
              <div className="line-up">
                <Button variant={sent ? "outlined" : "contained"} disabled={busy} onClick={() => void subscribe()}>
                  Subscribe the built-in receiver
                </Button>
              </div>
            )}
            {trouble && <Missing what={trouble} />}
          </Step>
          <Step done={!!sent} title="Send a test event">
            <p className="muted">A card timeout from payment-service. It matches the subscription.</p>
            <div className="line-up">
              <Button variant={own && !sent ? "contained" : "outlined"} onClick={() => void send()}>
                Send test event
              </Button>
              <Button onClick={() => void copy(eventAsCurl(location.origin, event), "the curl command")}>
                Copy as curl
              </Button>
              <Button onClick={() => void copy(eventAsCli(event), "the command")}>Copy for the CLI</Button>
            </div>
            <Code label="The same from the command line">{eventAsCli(event)}</Code>
          </Step>
          <Step done={!!arrived} title="See it arrive, signature checked">
            <p className="muted">
              The receiver verifies the HMAC with your secret and shows each step here. Then let it answer with 500, and
              watch the retries; with 410, and replay the dead letter.
            </p>
          </Step>
        </ol>
        <div className="line-up known">
          <span className="muted">Already know what you want?</span>
          <Button onClick={() => navigate("/subscriptions/new")}>New subscription</Button>
          <Button onClick={() => navigate("/subscriptions?import")}>Import YAML</Button>
          <Button onClick={() => navigate("/?overview")}>Overview</Button>
        </div>
      </div>
      <div className="stack">
        <section className="panel" aria-label="Test receiver">
          <div className="panel-head ruled">
            <h2>Test receiver</h2>
            <span className="tag">{receiver ? "listening" : receiver === null ? "not here" : "…"}</span>
            {receiver && <AnswerChoice receiver={receiver} />}
          </div>
          <Follow sent={sent} subscriptionId={own?.id} />
        </section>
        <section className="panel" aria-label="Use it from">
          <div className="panel-head">
            <h2>Use it from</h2>
          </div>
          <div className="panel-body stack">
            <Segments
              label="Use it from"
              value={source}
              options={SOURCES.map((name) => [name, name] as const)}
              onChange={setSource}
              className="many"
            />
            <Code label={`From ${source}`}>{sourceSnippet(source, location.origin)}</Code>
            <div>
              <Button onClick={() => void copy(sourceSnippet(source, location.origin), "the lines")}>Copy</Button>
            </div>
          </div>
        </section>
      </div>
    </div>
  )
}

function Step({ done, title, children }: { done: boolean; title: string; children: ReactNode }) {
  return (
    <li className="step">
      <span className={`step-mark ${done ? "done" : ""}`}>{done ? <Icon id="tick" label="done" /> : null}</span>
      <div className="grow stack">
        <h2>{title}</h2>
        {children}
      </div>
    </li>
  )
}
