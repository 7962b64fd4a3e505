/** What was sent and answered. All of it is somebody else's text, and is shown as text. */

import type { Attempt, LogEvent } from "../api/types"
import { Code } from "../components/code"
import { CopyButton, Missing } from "../components/parts"
import { span } from "../format/time"
import { statusCode } from "../format/words"

/** The body of a standard webhook about one event, as the server writes it. */
export function requestBody(event: LogEvent | undefined): string | undefined {
  if (!event) return undefined
  return JSON.stringify({ type: event.event_type, timestamp: event.timestamp ?? event.received_at, data: event })
}

export function RequestTab({
  attempt,
  url,
  event,
  error,
}: {
  attempt: Attempt
  url: string
  event: LogEvent | undefined
  error: unknown
}) {
  const path = url.replace(/^https?:\/\/[^/?#]*/, "") || "/"
  const head = [`POST ${path} HTTP/1.1`, ...headerLines(attempt.request.headers)].join("\n")
  const { batch } = attempt
  const body = event && !batch ? JSON.stringify(JSON.parse(requestBody(event) ?? "{}"), null, 2) : undefined
  return (
    <>
      <Text label="Request" text={body ? `${head}\n\n${body}` : head} />
      {batch && (
        <p className="muted small">
          Sent as one of {batch.events} events in <code>{batch.id}</code>. The body is that of the whole batch.
        </p>
      )}
      {!batch && (
        <p className="muted small">
          {error
            ? "The event is no longer kept, so neither is the body."
            : "The body is made from the event as the log keeps it; credentials are masked."}
        </p>
      )}
    </>
  )
}

export function ResponseTab({ attempt }: { attempt: Attempt }) {
  if (attempt.status_code == null) return <Missing what={`There was no answer: ${attempt.error ?? attempt.class}`} />
  const head = [`HTTP/1.1 ${statusCode(attempt.status_code)}`, ...headerLines(attempt.response.headers)].join("\n")
  const body = attempt.response.body
  return (
    <>
      <Text label="Response" text={body ? `${head}\n\n${readable(body)}` : head} />
      <p className="muted small">{body ? "At most the first 16 KiB of the body are kept." : "The body was empty."}</p>
    </>
  )
}

const PHASES = [
  ["dns_ms", "DNS"],
  ["connect_ms", "Connect"],
  ["tls_ms", "TLS"],
  ["first_byte_ms", "First byte"],
] as const

export function TimingTab({ attempt }: { attempt: Attempt }) {
  const phases = attempt.phases ?? {}
  const total = Math.max(attempt.duration_ms, 0.001)
  let offset = 0
  return (
    <div className="timing">
      {PHASES.map(([key, name]) => {
        const ms = phases[key]
        const begin = offset
        if (ms != null) offset += ms
        return (
          <div key={key} className="phase">
            <span className="muted">{name}</span>
            <span className="bar" aria-hidden="true">
              {ms != null && (
                <i
                  style={{ marginLeft: `${(100 * begin) / total}%`, width: `${Math.max(0.8, (100 * ms) / total)}%` }}
                />
              )}
            </span>
            <span className="num">{span(ms)}</span>
          </div>
        )
      })}
      <div className="phase total">
        <strong>In all</strong>
        <span />
        <strong className="num">{span(attempt.duration_ms)}</strong>
      </div>
      <p className="muted small">“–”: not known, as on a connection that was open already.</p>
    </div>
  )
}

function Text({ label, text }: { label: string; text: string }) {
  return (
    <div className="text-box">
      <Code label={label} wraps>
        {text}
      </Code>
      <CopyButton text={text} what={label.toLowerCase()} />
    </div>
  )
}

function headerLines(headers: Record<string, string>): string[] {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
}

/** JSON indented; anything else as it came. */
function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch {
    return body
  }
}
