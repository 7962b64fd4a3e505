/** One delivery in a list. Plain elements and classes: hundreds of these move while events pour in. */

import { memo, useEffect, useSyncExternalStore } from "react"
import { Link } from "react-router"
import { eventTypes } from "../api/event-types"
import { useSubscriptionsById } from "../api/queries"
import { Clock, DeliveryState } from "../components/parts"
import { span } from "../format/time"
import { host } from "../format/words"
import type { TailRow } from "../live/tail"

export interface Names {
  type: (row: TailRow) => string | undefined
  subscription: (row: TailRow) => string
  tries: (row: TailRow) => string
}

/** What rows name only by id. */
export function useNames(): Names {
  useSyncExternalStore(eventTypes.subscribe, eventTypes.version)
  const byId = useSubscriptionsById()
  return {
    type: (row) => row.type ?? eventTypes.get(row.eventId),
    subscription: (row) =>
      row.subscriptionId ? (byId.get(row.subscriptionId)?.name ?? host(row.url)) : "deleted subscription",
    tries: (row) => {
      const most = row.subscriptionId ? byId.get(row.subscriptionId)?.retry?.max_attempts : undefined
      return row.attempts === 0 ? "not tried yet" : `attempt ${row.attempts}${most ? ` of ${most}` : ""}`
    },
  }
}

/** How long it took: the last attempt where that is told, else from the event to the end. */
export function took(row: TailRow): { text: string; title: string } {
  if (row.ms !== null) return { text: span(row.ms), title: "the last attempt" }
  if (row.endedAt !== null)
    return { text: span(row.endedAt - row.at), title: "from the event's arrival to the end of the delivery" }
  return { text: "–", title: "not ended yet" }
}

interface Props {
  row: TailRow
  names: Names
  /** `own`: on the page of its subscription, which need not be named. */
  shape?: "full" | "slim" | "brief" | "own"
  chosen?: boolean
  style?: React.CSSProperties
  position?: number
  total?: number
  search?: string
}

/** Its place moves with every row that comes; what it shows does not, and is drawn once. */
export function DeliveryRow({ row, names, shape = "full", chosen, style, position, total, search = "" }: Props) {
  return (
    <li
      className={`row tail-row ${shape === "full" ? "" : shape} ${chosen ? "chosen" : ""}`}
      style={style}
      aria-posinset={position}
      aria-setsize={total}
    >
      <Cells
        row={row}
        type={names.type(row)}
        subscription={names.subscription(row)}
        tries={shape === "full" || shape === "own" ? names.tries(row) : ""}
        shape={shape}
        chosen={!!chosen}
        search={search}
      />
    </li>
  )
}

interface CellsProps {
  row: TailRow
  type: string | undefined
  subscription: string
  tries: string
  shape: "full" | "slim" | "brief" | "own"
  chosen: boolean
  search: string
}

const Cells = memo(function Cells({ row, type, subscription, tries, shape, chosen, search }: CellsProps) {
  const { text, title } = took(row)
  // Asked for by the rows in sight alone.
  useEffect(() => {
    if (!type) eventTypes.want([row.eventId])
  }, [type, row.eventId])
  return (
    <>
      <Clock at={row.at} className="when" />
      <DeliveryState status={row.status} nextAt={shape === "brief" ? null : row.nextAt} />
      <span className="mono code">{row.code ?? "–"}</span>
      <Link
        className="row-link mono cut type"
        to={`/deliveries/${row.id}${search}`}
        aria-current={chosen || undefined}
        title={type}
      >
        {type ?? "…"}
      </Link>
      {shape !== "slim" && (
        <>
          {shape === "own" ? (
            <span className="muted cut sub">{tries}</span>
          ) : (
            <span className="cut sub" title={subscription}>
              {subscription}
            </span>
          )}
          <span className="num muted ms" title={title}>
            {text}
          </span>
        </>
      )}
      {shape === "full" && <span className="muted cut tries">{tries}</span>}
    </>
  )
})
