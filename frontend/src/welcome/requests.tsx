import { useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { Link } from "react-router"
import type { Received, Receiver } from "../api/types"
import { Code } from "../components/code"
import { Icon } from "../components/icon"
import { Clock } from "../components/parts"
import { sayProblem } from "../components/say"
import { parse } from "../format/time"
import { statusCode } from "../format/words"
import { ANSWERS, answerId, answerWith, deliveryOf, typeOf, VERIFIED } from "./receiver"

/** What the receiver answers from now on. */
export function AnswerChoice({ receiver }: { receiver: Receiver }) {
  const client = useQueryClient()
  return (
    <label className="line-up small muted">
      answer with
      <select
        className="field answer"
        value={answerId(receiver.answer)}
        onChange={(event) => {
          const answer = ANSWERS.find(([id]) => id === event.target.value)?.[2]
          if (!answer) return
          client.setQueryData(["receiver"], { ...receiver, answer })
          answerWith(answer)
            .catch(sayProblem)
            .finally(() => void client.invalidateQueries({ queryKey: ["receiver"] }))
        }}
      >
        {ANSWERS.map(([id, words]) => (
          <option key={id} value={id}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}

/** What came in, newest first. Headers and bodies are shown as text. */
export function Requests({ requests }: { requests: readonly Received[] }) {
  const [open, setOpen] = useState<number | null>(null)
  return (
    <ul aria-label="Requests received">
      {requests.map((request) => (
        <li key={request.number} className="received">
          <button
            type="button"
            className="received-line"
            aria-expanded={open === request.number}
            onClick={() => setOpen(open === request.number ? null : request.number)}
          >
            <Clock at={parse(request.received_at) ?? 0} className="muted" />
            <span className={`state ${request.verified === "yes" ? "tone-delivered" : "tone-failed"}`}>
              <Icon id={request.verified === "yes" ? "shield" : "warn"} />
              {VERIFIED[request.verified]}
            </span>
            <code className="cut">{typeOf(request) ?? "–"}</code>
            <span className="muted cut">{statusCode(request.answered)}</span>
          </button>
          {open === request.number && (
            <div className="stack received-body">
              {deliveryOf(request) && <Link to={`/deliveries/${deliveryOf(request)}`}>Open the delivery</Link>}
              <Code label="Request" wraps>
                {Object.entries(request.headers)
                  .map(([name, value]) => `${name}: ${value}`)
                  .join("\n")}
                {"\n\n"}
                {request.body}
              </Code>
            </div>
          )}
        </li>
      ))}
    </ul>
  )
}
