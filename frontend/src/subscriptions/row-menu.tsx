import { useQueryClient } from "@tanstack/react-query"
import type { ElementType } from "react"
import { useNavigate } from "react-router"
import type { Subscription } from "../api/types"
import { copy, say, sayProblem } from "../components/say"
import { yaml } from "../format/snippets"
import { circuit, pause, resume, specOf, test } from "./acts"

/** The menu of one subscription: in the list, and on its own page. */
export function RowMenu({
  subscription,
  close,
  onDelete,
  item: Item,
}: {
  subscription: Subscription
  close: () => void
  onDelete: () => void
  item: ElementType
}) {
  const navigate = useNavigate()
  const client = useQueryClient()
  const { id, name } = subscription
  const run = (act: () => Promise<unknown>, done: string) => async () => {
    close()
    try {
      await act()
      say(done)
    } catch (error) {
      sayProblem(error)
    }
    await client.invalidateQueries()
  }
  const go = (path: string) => () => {
    close()
    navigate(path)
  }
  const paused = subscription.state === "paused"
  return (
    <>
      <Item
        onClick={async () => {
          close()
          try {
            const { delivery_id } = await test(id)
            say(`Test event sent to ${name}`, { label: "Follow it", to: `/deliveries/${delivery_id}` }, 8000)
          } catch (error) {
            sayProblem(error)
          }
        }}
      >
        Send test event
      </Item>
      <Item onClick={go(`/subscriptions/${id}/edit`)}>Edit</Item>
      <Item onClick={go(`/subscriptions/new?copy=${id}`)}>Duplicate</Item>
      {subscription.state === "disabled" ? (
        <Item onClick={run(() => resume(id), `${name} is enabled again`)}>Enable</Item>
      ) : (
        <Item
          onClick={run(
            () => (paused ? resume(id) : pause(id)),
            paused ? `${name} goes on` : `${name} is paused; deliveries queue up`,
          )}
        >
          {paused ? "Resume" : "Pause"}
        </Item>
      )}
      {subscription.circuit !== "closed" && (
        <Item onClick={run(() => circuit(id, "probe"), "Probing: one attempt is made now")}>Probe now</Item>
      )}
      {subscription.circuit !== "closed" && (
        <Item onClick={run(() => circuit(id, "close"), "Circuit closed: attempts flow")}>Close the circuit</Item>
      )}
      {subscription.circuit === "closed" && (
        <Item onClick={run(() => circuit(id, "open"), "Circuit opened: nothing is attempted until you close it")}>
          Open the circuit
        </Item>
      )}
      <Item onClick={go(`/subscriptions/${id}#secrets`)}>Rotate secret</Item>
      <Item
        onClick={() => {
          close()
          void copy(yaml([specOf(subscription)]), "the YAML")
        }}
      >
        Copy as YAML
      </Item>
      <Item
        className="danger-item"
        onClick={() => {
          close()
          onDelete()
        }}
      >
        Delete…
      </Item>
    </>
  )
}
