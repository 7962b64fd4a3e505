import Button from "@mui/material/Button"
import { useEffect, useMemo, useState } from "react"
import { Link, useNavigate, useSearchParams } from "react-router"
import { api, data } from "../api/client"
import { useEvents } from "../api/queries"
import type { LogEvent, Page } from "../api/types"
import { useSettled, useWide } from "../components/hooks"
import { VirtualList } from "../components/list"
import { Bones, Clock, Empty, Head, Trouble } from "../components/parts"
import { plural } from "../format/number"
import { parse } from "../format/time"
import { sendAndSay } from "../frame/test-event"

const LEVELS = ["", "WARNING", "ERROR", "CRITICAL"] as const
const PAGE = 100
const SHOWN_MAX = 2000

export default function Events() {
  const [search, setSearch] = useSearchParams()
  const navigate = useNavigate()
  const wide = useWide(720)
  const [text, setText] = useState(search.get("q") ?? "")
  const settled = useSettled(text.trim())
  const level = search.get("min_level") ?? ""
  // What looks like a type is asked for as one.
  const isType = /^[a-z0-9_*-]+(\.[a-z0-9_*-]+)+$/.test(settled)
  const query = useMemo(
    () => ({ limit: PAGE, [isType ? "type" : "q"]: settled || undefined, min_level: level || undefined }),
    [settled, level, isType],
  )
  const head = useEvents(query)
  const [older, setOlder] = useState<{ of: unknown; items: LogEvent[]; cursor: string | null | undefined }>({
    of: null,
    items: [],
    cursor: undefined,
  })
  const own = older.of === query ? older : { of: query, items: [], cursor: undefined }
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what comes from outside
  useEffect(() => {
    const next = new URLSearchParams(search)
    if (settled) next.set("q", settled)
    else next.delete("q")
    if (next.toString() !== search.toString()) setSearch(next, { replace: true })
  }, [settled])

  const items = useMemo(() => {
    const byId = new Map<string, LogEvent>()
    for (const event of [...(head.data?.items ?? []), ...own.items]) byId.set(event.id, event)
    return [...byId.values()].sort((a, b) => b.seq - a.seq)
  }, [head.data, own.items])
  const more = async () => {
    const cursor = own.cursor === undefined ? head.data?.next_cursor : own.cursor
    if (!cursor || items.length >= SHOWN_MAX) return
    const page = (await data(api.GET("/api/v1/events", { params: { query: { ...query, cursor } } })).catch(
      () => undefined,
    )) as Page<LogEvent> | undefined
    // The head moves on while older ones are read; what lay between stays.
    if (page)
      setOlder({
        of: query,
        items: [...own.items, ...(head.data?.items ?? []), ...page.items],
        cursor: page.next_cursor ?? null,
      })
  }
  return (
    <div className="fill">
      <Head
        title="Events"
        sub={head.data && items.length ? `${plural(items.length, "event")} shown, newest first.` : undefined}
      />
      <div className="line-up filters">
        <input
          className="field mono filter-field"
          data-filter
          aria-label="Filter events"
          placeholder="payment.** or any text in the event"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
        />
        {LEVELS.map((name) => (
          <button
            key={name}
            type="button"
            className="chip"
            aria-pressed={level === name}
            onClick={() => {
              const next = new URLSearchParams(search)
              if (name) next.set("min_level", name)
              else next.delete("min_level")
              setSearch(next, { replace: true })
            }}
          >
            {name ? `${name.toLowerCase()}${name === "CRITICAL" ? "" : " and worse"}` : "All levels"}
          </button>
        ))}
      </div>
      <section className={`panel fill-panel ${head.error && head.data ? "stale" : ""}`} aria-label="Events">
        {head.error && !head.data ? (
          <div className="panel-body" style={{ paddingTop: 16 }}>
            <Trouble error={head.error} what="The list" retry={() => void head.refetch()} />
          </div>
        ) : head.isPending ? (
          <Bones rows={14} height={30} />
        ) : items.length === 0 ? (
          settled || level ? (
            <Empty title="No event matches">
              <code className="wrap">{[settled, level && `${level} and worse`].filter(Boolean).join(", ")}</code>
              <Button
                onClick={() => {
                  setText("")
                  setSearch({}, { replace: true })
                }}
              >
                Clear the filter
              </Button>
            </Empty>
          ) : (
            <Empty title="No event came in yet">
              <p>Point a log shipper at it, post events by REST, or send one now.</p>
              <div className="line-up">
                <Button variant="contained" onClick={() => void sendAndSay()}>
                  Send test event
                </Button>
                <Button onClick={() => navigate("/welcome")}>First steps</Button>
              </div>
            </Empty>
          )
        ) : (
          <VirtualList
            count={items.length}
            rowHeight={wide ? 30 : 48}
            label="Events, newest first"
            onEnd={() => void more()}
            row={(index, style) => {
              const event = items[index]
              return (
                event && (
                  <EventRow key={event.id} event={event} style={style} position={index + 1} total={items.length} />
                )
              )
            }}
          />
        )}
      </section>
    </div>
  )
}

function EventRow({
  event,
  style,
  position,
  total,
}: {
  event: LogEvent
  style: React.CSSProperties
  position: number
  total: number
}) {
  return (
    <li className="row event-row" style={style} aria-posinset={position} aria-setsize={total}>
      <Clock at={parse(event.received_at) ?? 0} className="when muted" />
      <span className={`level level-${event.level}`}>{event.level}</span>
      <Link className="row-link mono cut type" to={`/events/${encodeURIComponent(event.id)}`}>
        {event.event_type}
      </Link>
      <span className="cut src">{event.source}</span>
      <span className="cut muted msg">{event.message}</span>
      <span className="num mono muted seq">{event.seq}</span>
    </li>
  )
}
