import { Link } from "react-router"
import { type Range, useDeliveries, useFailures } from "../api/queries"
import type { Delivery } from "../api/types"
import { Bones, Trouble } from "../components/parts"
import { rangeWords, usePrefs } from "../components/prefs"
import { count } from "../format/number"
import { cause, verdict } from "../format/words"

interface Line {
  cls: string
  code: number | null
  count: number
}

const SHOWN_MAX = 6
const COUNTED_MAX = 500

/** By what their last attempt came to; what was delivered is left out. */
export function countByCause(deliveries: readonly Pick<Delivery, "last_class" | "last_status_code">[]): Line[] {
  const found = new Map<string, Line>()
  for (const { last_class, last_status_code } of deliveries) {
    if (!last_class || last_class === "ok") continue
    const key = `${last_class} ${last_status_code ?? ""}`
    const line = found.get(key) ?? { cls: last_class, code: last_status_code ?? null, count: 0 }
    line.count += 1
    found.set(key, line)
  }
  return [...found.values()].sort((a, b) => b.count - a.count)
}

export function FailuresPanel({ subscription }: { subscription?: string }) {
  const { range } = usePrefs()
  const told = useFailures(range, subscription)
  // A server that does not count them: by what waits and what is dead.
  const fallback = told.data === null
  const since = sinceOf(range)
  const waiting = useDeliveries({ status: "retrying,dead_letter", since, subscription, limit: COUNTED_MAX }, fallback)
  const lines: Line[] = fallback
    ? countByCause(waiting.data?.items ?? [])
    : (told.data?.items ?? []).map((item) => ({ cls: item.class, code: item.status_code, count: item.count }))
  const most = Math.max(1, ...lines.map((line) => line.count))
  const isLoading = told.isPending || (fallback && waiting.isPending)
  const error = told.error ?? (fallback ? waiting.error : null)
  const cut = fallback && waiting.data?.next_cursor ? ` · of the newest ${COUNTED_MAX}` : ""
  return (
    <section className="panel" aria-label="Why deliveries fail">
      <div className="panel-head">
        <h2>Why deliveries fail</h2>
        <span className="muted small">
          {rangeWords(range)}
          {fallback && " · waiting and dead"}
          {cut}
        </span>
      </div>
      {error ? (
        <div className="panel-body">
          <Trouble error={error} />
        </div>
      ) : isLoading ? (
        <Bones rows={4} height={34} />
      ) : lines.length === 0 ? (
        <p className="calm muted">None failed in the {rangeWords(range)}.</p>
      ) : (
        <ul className="causes">
          {lines.slice(0, SHOWN_MAX).map((line) => {
            const { text, dies } = verdict(line.cls, line.code)
            const filter = line.code ? `code:${line.code}` : `class:${line.cls}`
            return (
              <li key={`${line.cls} ${line.code}`}>
                <Link to={`/deliveries?q=${encodeURIComponent(filter)}`}>
                  <span className="cut">
                    {cause(line.cls, line.code)} <span className="muted small">{text}</span>
                  </span>
                  <strong>{count(line.count)}</strong>
                  <span className="bar" aria-hidden="true">
                    <i
                      style={{
                        width: `${Math.max(1, (100 * line.count) / most)}%`,
                        background: dies ? "var(--dead)" : "var(--retrying)",
                      }}
                    />
                  </span>
                </Link>
              </li>
            )
          })}
        </ul>
      )}
    </section>
  )
}

function sinceOf(range: Range): string {
  return "span" in range ? range.span : new Date(range.from).toISOString()
}
