/** How the signature is checked: what is signed, and code for the receiver's side. */

import { useReceiver } from "../api/queries"
import type { Attempt } from "../api/types"
import { Icon } from "../components/icon"
import { VerifierCode } from "../components/verifier-code"
import { span } from "../format/time"
import { ageOf, deliveryOf } from "../welcome/receiver"

export function VerifyTab({
  attempt,
  subscriptionId,
  body,
}: {
  attempt: Attempt
  subscriptionId?: string | null
  body: string | undefined
}) {
  const headers = lower(attempt.request.headers)
  const [id, timestamp, signature] = [headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]]
  const { data: receiver } = useReceiver()
  const received = receiver?.items.find((request) => deliveryOf(request) === id && request.verified === "yes")
  const tokens = (signature ?? "").split(" ").filter((token) => token.startsWith("v1"))
  return (
    <div className="stack">
      {received && (
        <div className="notice">
          <span style={{ color: "var(--delivered)" }}>
            <Icon id="shield" />
          </span>
          <div>
            <strong>Signature verified</strong>
            <div className="muted small">
              by the built-in receiver, which computed the HMAC itself
              {ageOf(received) !== undefined && `; the timestamp was ${span(ageOf(received))} old`}
            </div>
          </div>
        </div>
      )}
      <dl className="facts">
        <dt>Signed text</dt>
        <dd>
          <code>{id && timestamp ? `${id}.${timestamp}.` : "–"}</code>
          <span className="muted"> + the body, byte for byte</span>
        </dd>
        <dt>HMAC</dt>
        <dd>SHA-256, with the subscription’s secret</dd>
        <dt>Signature</dt>
        <dd>
          {tokens.length
            ? tokens.map((token) => (
                <code key={token} className="block wrap">
                  {token}
                </code>
              ))
            : "–"}
          {tokens.length > 1 && <span className="muted">two keys sign while the secret is being rotated</span>}
        </dd>
        {body && (
          <>
            <dt>Body</dt>
            <dd>{new TextEncoder().encode(body).length} bytes, if the event stands as it was sent</dd>
          </>
        )}
        {subscriptionId && (
          <>
            <dt>By hand</dt>
            <dd>
              <code>loghorn verify --secret-file secret.txt --headers headers.txt body.json</code>
            </dd>
          </>
        )}
      </dl>
      <VerifierCode />
    </div>
  )
}

function lower(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
