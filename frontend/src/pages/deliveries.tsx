import Button from "@mui/material/Button"
import Drawer from "@mui/material/Drawer"
import { useEffect, useState } from "react"
import { useNavigate, useParams, useSearchParams } from "react-router"
import { useKeys, useSettled, useWide } from "../components/hooks"
import { Icon } from "../components/icon"
import { VirtualList } from "../components/list"
import { Bones, Empty, Head, Trouble } from "../components/parts"
import { copy } from "../components/say"
import { Inspector } from "../deliveries/inspector"
import { DeliveryRow, useNames } from "../deliveries/row"
import { useDeliveryList } from "../deliveries/use-list"
import { isEmpty, toggle } from "../filter/query"
import { count, rate } from "../format/number"
import { rates } from "../live/samples"
import { useFeedState, useSamples } from "../live/use-feed"

const CHIPS = [
  ["delivered", "Delivered"],
  ["retrying", "Retrying"],
  ["dead", "Dead"],
  ["queued", "Queued"],
] as const

export default function Deliveries() {
  const { id } = useParams()
  const [search, setSearch] = useSearchParams()
  const [text, setText] = useState(search.get("q") ?? "")
  const settled = useSettled(text.trim())
  const navigate = useNavigate()
  const docked = useWide(1200)
  const wideRows = useWide(720)
  const list = useDeliveryList(settled)
  const { rows } = list
  const [at, setAt] = useState(-1)
  const names = useNames()

  // A link from elsewhere brings its own filter.
  const asked = search.get("q") ?? ""
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what comes from outside
  useEffect(() => {
    if (asked !== settled) setText(asked)
  }, [asked])
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what a person typed
  useEffect(() => {
    if (settled !== asked) setSearch(settled ? { q: settled } : {}, { replace: true })
  }, [settled])

  const query = settled ? `?q=${encodeURIComponent(settled)}` : ""
  const open = (row: { id: string } | undefined) => row && navigate(`/deliveries/${row.id}${query}`)
  const close = () => navigate(`/deliveries${query}`)
  // An open row holds the list: what a person reads must not move away.
  // By a link alone it opens before there is a list to hold.
  const isThere = !list.isLoading
  // biome-ignore lint/correctness/useExhaustiveDependencies: acts when a row is opened
  useEffect(() => {
    if (id && isThere) list.hold()
  }, [id, isThere])
  const chosen = id ? rows.findIndex((row) => row.id === id) : at
  const step = (by: number) => {
    const next = Math.min(rows.length - 1, Math.max(0, chosen + by))
    list.hold()
    setAt(next)
    if (id) open(rows[next])
  }
  const pause = () => (list.held ? list.resume() : list.hold())
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Enter: () => open(rows[chosen]),
    " ": pause,
    Escape: () => (id ? close() : setAt(-1)),
    y: () => id && void copy(location.href, "the link"),
  })

  const inspector = id && <Inspector key={id} id={id} onClose={close} />
  return (
    <div className="fill">
      <Head title="Deliveries" sub={<Speed held={list.held} />}>
        <Button onClick={pause} startIcon={<Icon id={list.held ? "play" : "pause"} />}>
          {list.held ? `Resume${list.fresh ? ` (${count(list.fresh)} new)` : ""}` : "Pause"}
        </Button>
      </Head>
      <div className="line-up filters">
        <input
          className="field mono filter-field"
          data-filter
          aria-label="Filter deliveries"
          aria-invalid={list.query.errors.length > 0}
          placeholder='status:dead code:5xx type:payment.* sub:"scm" since:1h'
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
        />
        {CHIPS.map(([status, word]) => (
          <button
            key={status}
            type="button"
            className="chip"
            aria-pressed={list.query.terms.status?.includes(status) ?? false}
            onClick={() => setText(toggle(text, "status", status))}
          >
            {word}
          </button>
        ))}
      </div>
      {list.query.errors.map((error) => (
        <p key={error} className="filter-error" role="alert">
          {error}
        </p>
      ))}
      <div className={`desk ${id && docked ? "split-desk" : ""}`}>
        <section className={`panel fill-panel ${list.isStale ? "stale" : ""}`} aria-label="Deliveries">
          {list.error && !rows.length ? (
            <div className="panel-body" style={{ paddingTop: 16 }}>
              <Trouble error={list.error} what="The list" retry={list.retry} />
            </div>
          ) : list.isLoading ? (
            <Bones rows={16} height={30} />
          ) : rows.length === 0 ? (
            <Nothing filtered={!isEmpty(list.query)} text={settled} clear={() => setText("")} />
          ) : (
            <>
              <VirtualList
                count={rows.length}
                rowHeight={wideRows ? 30 : 48}
                label="Deliveries, newest first"
                reveal={chosen >= 0 ? chosen : undefined}
                onEnd={list.more}
                row={(index, style) => {
                  const row = rows[index]
                  return (
                    row && (
                      <DeliveryRow
                        key={row.id}
                        row={row}
                        names={names}
                        shape={id && docked ? "slim" : "full"}
                        chosen={index === chosen}
                        style={style}
                        position={index + 1}
                        total={rows.length}
                        search={query}
                      />
                    )
                  )
                }}
              />
              {list.full && (
                <p className="list-foot">The newest 2,000 are shown. Narrow the filter to see older ones.</p>
              )}
            </>
          )}
        </section>
        {docked
          ? inspector && (
              <aside className="panel inspector" aria-label="Delivery">
                {inspector}
              </aside>
            )
          : inspector && (
              <Drawer
                anchor="right"
                open
                onClose={close}
                slotProps={{
                  paper: {
                    className: "inspector drawer",
                    "aria-label": "Delivery",
                    role: "dialog",
                    "data-keys": true,
                  } as object,
                }}
              >
                {inspector}
              </Drawer>
            )}
      </div>
    </div>
  )
}

function Speed({ held }: { held: boolean }) {
  const { link, tail } = useFeedState()
  const events = rates(useSamples()).events
  if (held) return <>Stands still, newest first.</>
  if (link === "live" && !tail?.seen) return <>Live tail, newest first.</>
  if (link === "live" && tail)
    return <>{`Live tail, newest first. Showing ${rate(tail.shown)} of ${rate(tail.seen)} per second.`}</>
  return <>{`Newest first, asked every 5 s.${events ? ` ${rate(events)} events/s.` : ""}`}</>
}

function Nothing({ filtered, text, clear }: { filtered: boolean; text: string; clear: () => void }) {
  if (filtered)
    return (
      <Empty title="No delivery matches">
        <code className="wrap">{text}</code>
        <Button onClick={clear}>Clear the filter</Button>
      </Empty>
    )
  return (
    <Empty title="Nothing was delivered yet">
      <p>An event that matches a subscription becomes a delivery and shows here. Send one to see it.</p>
      <Button href="/subscriptions/new">New subscription</Button>
    </Empty>
  )
}
