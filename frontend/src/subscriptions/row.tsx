/** One subscription in the list. Plain elements and classes: ten thousand of them scroll. */

import { memo } from "react"
import { Link } from "react-router"
import { Icon } from "../components/icon"
import { Ago, HealthState } from "../components/parts"
import { Spark } from "../components/spark"
import { count, percent } from "../format/number"
import { parse, span } from "../format/time"
import { bare } from "../format/words"
import { filterWords, type Line } from "./health"

interface Props {
  line: Line
  wide: boolean
  style: React.CSSProperties
  index: number
  picked: boolean
  onPick: (id: string, on: boolean) => void
  onMenu: (anchor: HTMLElement) => void
}

const LOW = 99

export const SubscriptionRow = memo(
  function SubscriptionRow({ line, wide, style, index, picked, onPick, onMenu }: Props) {
    const { subscription, figures, health } = line
    const { success } = figures
    const isLow = success != null && success < LOW
    const [type, ...others] = subscription.events
    return (
      <div role="row" className={`row sub-row ${picked ? "chosen" : ""}`} style={style} aria-rowindex={index + 2}>
        {wide && (
          <span role="cell" className="above">
            <input
              type="checkbox"
              aria-label={`Choose ${subscription.name}`}
              checked={picked}
              onChange={(event) => onPick(subscription.id, event.target.checked)}
            />
          </span>
        )}
        <span role="cell" className="two-lines">
          <Link className="row-link cut" to={`/subscriptions/${subscription.id}`}>
            <strong>{subscription.name}</strong>
          </Link>
          <span className="mono muted" title={subscription.url}>
            {bare(subscription.url)}
          </span>
        </span>
        <span role="cell">
          <HealthState health={health} />
        </span>
        {wide && (
          <>
            <span role="cell" className="cut mono" title={subscription.events.join("\n")}>
              {type}
              {others.length > 0 && <span className="muted"> +{others.length}</span>}
            </span>
            <span role="cell" className="cut mono muted o3" title={filterWords(subscription)}>
              {filterWords(subscription)}
            </span>
            <span role="cell" className="success">
              <Spark values={figures.spark} width={54} tone={isLow ? "failed" : "text2"} />
              <span className={isLow ? "tone-failed" : "muted"}>{success == null ? "–" : `${percent(success)} %`}</span>
            </span>
            <span role="cell" className="num o3">
              {span(figures.p95)}
            </span>
            <span role="cell" className={`num ${figures.dead ? "tone-dead strong" : "muted"}`}>
              {count(figures.dead)}
            </span>
            <span role="cell" className="muted cut o3">
              <Ago at={parse(figures.lastAt)} />
            </span>
          </>
        )}
        <span role="cell" className="above">
          <button
            type="button"
            className="icon-button"
            aria-label={`Acts for ${subscription.name}`}
            aria-haspopup="menu"
            onClick={(event) => onMenu(event.currentTarget)}
          >
            <Icon id="more" />
          </button>
        </span>
      </div>
    )
  },
  (a, b) =>
    a.line === b.line &&
    a.wide === b.wide &&
    a.picked === b.picked &&
    a.index === b.index &&
    a.style.transform === b.style.transform,
)
