import Button from "@mui/material/Button"
import { useQueryClient } from "@tanstack/react-query"
import { useNavigate } from "react-router"
import { useReceiver, useSubscriptions } from "../api/queries"
import { Bones, Empty, Head, Trouble } from "../components/parts"
import { sayProblem } from "../components/say"
import { plural } from "../format/number"
import { sendAndSay } from "../frame/test-event"
import { forgetRequests, isReceiver, subscribeReceiver } from "../welcome/receiver"
import { AnswerChoice, Requests } from "../welcome/requests"

/** What the built-in receiver got, and what it answers. */
export default function ReceiverPage() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const { data: receiver, error, isPending, refetch } = useReceiver(1000)
  const subscribed = useSubscriptions().data?.some((one) => isReceiver(one.url))
  const run = (act: () => Promise<unknown>) => () =>
    void act()
      .catch(sayProblem)
      .finally(() => void client.invalidateQueries())
  return (
    <>
      <Head
        title="Test receiver"
        sub={receiver ? <code className="wrap">{receiver.url ?? receiver.reason}</code> : undefined}
      >
        {receiver && (
          <>
            <AnswerChoice receiver={receiver} />
            <Button onClick={run(forgetRequests)} disabled={!receiver.items.length}>
              Forget all
            </Button>
          </>
        )}
      </Head>
      <section className="panel" aria-label="Requests">
        {error && receiver === undefined ? (
          <div className="panel-body" style={{ paddingTop: 16 }}>
            <Trouble error={error} what="The receiver" retry={() => void refetch()} />
          </div>
        ) : isPending ? (
          <Bones rows={4} height={40} />
        ) : receiver === null || receiver === undefined ? (
          <Empty title="This server has no built-in receiver">
            <p>Start one beside it, and subscribe its address:</p>
            <code>loghorn listen --bind 127.0.0.1:9100</code>
            <Button onClick={() => navigate("/subscriptions/new")}>New subscription</Button>
          </Empty>
        ) : receiver.items.length === 0 ? (
          <Empty title="Nothing came in yet">
            <p>
              It takes webhooks at its own address on this server, checks their signatures, and answers as you choose.
            </p>
            <div className="line-up">
              {receiver.url && !subscribed && (
                <Button variant="contained" onClick={run(() => subscribeReceiver(receiver.url as string))}>
                  Subscribe the built-in receiver
                </Button>
              )}
              <Button onClick={() => void sendAndSay()}>Send test event</Button>
            </div>
          </Empty>
        ) : (
          <>
            <div className="panel-head ruled">
              <h2>Requests</h2>
              <span className="muted small">{plural(receiver.items.length, "request")}, newest first</span>
            </div>
            <Requests requests={receiver.items} />
          </>
        )}
      </section>
    </>
  )
}
