import type { Subscription } from "../api/types"
import { Ago, CopyButton, Id } from "../components/parts"
import { totalMs } from "../filter/retries"
import { plural } from "../format/number"
import { parse, span } from "../format/time"
import { filterWords } from "./health"

/** What a person wrote, in words. */
export function Facts({ subscription }: { subscription: Subscription }) {
  const { retry, headers } = subscription
  const attempts = retry?.max_attempts ?? 16
  return (
    <section className="panel" aria-label="What it is">
      <div className="panel-head">
        <h2>What it is</h2>
        <span className="muted small">version {subscription.version}</span>
      </div>
      <div className="panel-body">
        <dl className="facts">
          <dt>Id</dt>
          <dd>
            <Id id={subscription.id} />
          </dd>
          <dt>Sends to</dt>
          <dd>
            <code className="wrap">{subscription.url}</code> <CopyButton text={subscription.url} what="the URL" />
          </dd>
          <dt>Event types</dt>
          <dd className="mono">{subscription.events.join(", ")}</dd>
          <dt>Only when</dt>
          <dd className="mono">{filterWords(subscription)}</dd>
          <dt>Retries</dt>
          <dd>
            {plural(attempts, "attempt")} over {span(totalMs(attempts))}
            {retry?.max_age && `, given up after ${retry.max_age}`}
          </dd>
          {subscription.regions && (
            <>
              <dt>Regions</dt>
              <dd className="mono">
                by {subscription.regions.by}: {Object.keys(subscription.regions.urls).join(", ")}
              </dd>
            </>
          )}
          {headers && Object.keys(headers).length > 0 && (
            <>
              <dt>Headers</dt>
              <dd className="mono">
                {Object.entries(headers)
                  .map(([name, value]) => `${name}: ${value}`)
                  .join("\n")}
              </dd>
            </>
          )}
          {subscription.description && (
            <>
              <dt>Notes</dt>
              <dd>{subscription.description}</dd>
            </>
          )}
          <dt>Changed</dt>
          <dd>
            <Ago at={parse(subscription.updated_at)} />
          </dd>
        </dl>
      </div>
    </section>
  )
}
