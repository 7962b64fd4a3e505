import Button from "@mui/material/Button"
import Menu from "@mui/material/Menu"
import MenuItem from "@mui/material/MenuItem"
import { lazy, Suspense, useMemo, useState } from "react"
import { useNavigate, useSearchParams } from "react-router"
import { useGroups, useLedger, useSubscriptionStats, useSubscriptions } from "../api/queries"
import type { LedgerLine, Subscription } from "../api/types"
import { useWide } from "../components/hooks"
import { VirtualList } from "../components/list"
import { Bones, Empty, Head, Trouble } from "../components/parts"
import { glob } from "../filter/query"
import { count } from "../format/number"
import { HEALTH } from "../format/words"
import { BulkBar } from "../subscriptions/bulk"
import { DeleteDialog } from "../subscriptions/delete-dialog"
import { deadBySubscription, figuresOf, healthOf, type Line, worstFirst } from "../subscriptions/health"
import { SubscriptionRow } from "../subscriptions/row"
import { RowMenu } from "../subscriptions/row-menu"

const ImportDialog = lazy(() => import("../subscriptions/import-dialog"))

const CHIPS = [
  ["all", "All"],
  ["open", "Circuit open"],
  ["half_open", "Half-open"],
  ["paused", "Paused"],
  ["disabled", "Disabled"],
] as const

type Sort = "health" | "name" | "dead" | "success"

const SORTS: Record<Sort, (a: Line, b: Line) => number> = {
  health: worstFirst,
  name: (a, b) => a.subscription.name.localeCompare(b.subscription.name),
  dead: (a, b) => (b.figures.dead ?? -1) - (a.figures.dead ?? -1) || worstFirst(a, b),
  success: (a, b) => (a.figures.success ?? 101) - (b.figures.success ?? 101) || worstFirst(a, b),
}

/** For so many the server is asked for figures by id. */
const STATS_MAX = 500

export default function Subscriptions() {
  const list = useSubscriptions()
  const groups = useGroups()
  const ledger = useLedger()
  const [search, setSearch] = useSearchParams()
  const navigate = useNavigate()
  const wide = useWide(900)
  const [text, setText] = useState("")
  const [sort, setSort] = useState<Sort>("health")
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set())
  const [menu, setMenu] = useState<{ anchor: HTMLElement; subscription: Subscription } | null>(null)
  const [deleting, setDeleting] = useState<Subscription | null>(null)
  const health = search.get("health") ?? "all"

  const ids = useMemo(() => (list.data ?? []).slice(0, STATS_MAX).map((one) => one.id), [list.data])
  const stats = useSubscriptionStats(ids)
  const lines = useMemo<Line[]>(() => {
    const dead = deadBySubscription(groups.data?.items)
    const byId = new Map(stats.data?.items.map((item) => [item.subscription_id, item]))
    const ledgerById = new Map<string, LedgerLine[]>()
    for (const line of ledger.data?.items ?? []) {
      if (!line.subscription_id) continue
      const known = ledgerById.get(line.subscription_id)
      if (known) known.push(line)
      else ledgerById.set(line.subscription_id, [line])
    }
    return (list.data ?? []).map((subscription) => {
      const counted = ledger.data && (ledgerById.get(subscription.id) ?? [])
      const figures = figuresOf(byId.get(subscription.id), counted, dead && (dead.get(subscription.id) ?? 0))
      return { subscription, figures, health: healthOf(subscription, figures.success) }
    })
  }, [list.data, groups.data, stats.data, ledger.data])

  const shown = useMemo(() => {
    const words = text.trim().toLowerCase()
    return lines
      .filter(
        ({ subscription, health: is }) => (health === "all" || is === health) && (!words || fits(subscription, words)),
      )
      .sort(SORTS[sort])
  }, [lines, text, health, sort])

  const total = list.data?.length
  const counts = useMemo(() => {
    const found = new Map<string, number>()
    for (const line of lines) found.set(line.health, (found.get(line.health) ?? 0) + 1)
    return found
  }, [lines])
  const pick = (id: string, on: boolean) => {
    const next = new Set(picked)
    if (on) next.add(id)
    else next.delete(id)
    setPicked(next)
  }
  const allPicked = shown.length > 0 && shown.every(({ subscription }) => picked.has(subscription.id))
  const heading = (name: Sort, words: string) => (
    <span role="columnheader" aria-sort={sort === name ? "descending" : "none"}>
      <button type="button" onClick={() => setSort(name)}>
        {words}
        {sort === name ? " ↓" : ""}
      </button>
    </span>
  )
  return (
    <div className="fill">
      <Head title="Subscriptions" sub={total === undefined ? undefined : `${count(shown.length)} of ${count(total)}`}>
        <Button onClick={() => setSearch({ import: "" }, { replace: true })}>Import</Button>
        <Button variant="contained" onClick={() => navigate("/subscriptions/new")}>
          New subscription
        </Button>
      </Head>
      <div className="line-up filters">
        <input
          className="field filter-field"
          data-filter
          type="search"
          aria-label="Filter subscriptions"
          placeholder="Name, URL or event type"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {CHIPS.map(([id, word]) => (
          <button
            key={id}
            type="button"
            className="chip"
            aria-pressed={health === id}
            onClick={() => setSearch(id === "all" ? {} : { health: id }, { replace: true })}
          >
            {word}
            {id !== "all" && counts.get(id) ? ` ${count(counts.get(id))}` : ""}
          </button>
        ))}
      </div>
      <BulkBar
        chosen={shown.filter(({ subscription }) => picked.has(subscription.id)).map((line) => line.subscription)}
        clear={() => setPicked(new Set())}
      />
      <section className={`panel fill-panel ${list.error && list.data ? "stale" : ""}`} aria-label="Subscriptions">
        {list.error && !list.data ? (
          <div className="panel-body" style={{ paddingTop: 16 }}>
            <Trouble error={list.error} what="The list" retry={() => void list.refetch()} />
          </div>
        ) : list.isPending ? (
          <Bones rows={8} height={48} />
        ) : total === 0 ? (
          <Empty title="Nothing is subscribed yet">
            <p>A subscription says which events go where. The built-in receiver needs no service of your own.</p>
            <div className="line-up">
              <Button variant="contained" onClick={() => navigate("/subscriptions/new")}>
                New subscription
              </Button>
              <Button onClick={() => setSearch({ import: "" }, { replace: true })}>Import</Button>
              <Button onClick={() => navigate("/welcome")}>First steps</Button>
            </div>
          </Empty>
        ) : shown.length === 0 ? (
          <Empty title="No subscription matches">
            <code className="wrap">
              {[health === "all" ? "" : HEALTH[health as keyof typeof HEALTH]?.word, text].filter(Boolean).join(", ")}
            </code>
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
          <div role="table" aria-label="Subscriptions" aria-rowcount={shown.length + 1} className="table">
            <div role="rowgroup">
              <div role="row" className="row-head sub-head">
                <span role="columnheader" className="o2">
                  <input
                    type="checkbox"
                    aria-label="Choose all that are shown"
                    checked={allPicked}
                    onChange={(event) =>
                      setPicked(event.target.checked ? new Set(shown.map((line) => line.subscription.id)) : new Set())
                    }
                  />
                </span>
                {heading("name", "Subscription")}
                {heading("health", "Health")}
                <span role="columnheader" className="o2">
                  Event types
                </span>
                <span role="columnheader" className="o3">
                  Filter
                </span>
                <span role="columnheader" className="o2" aria-sort={sort === "success" ? "ascending" : "none"}>
                  <button type="button" onClick={() => setSort("success")}>
                    Success {stats.data ? "24 h" : "so far"}
                    {sort === "success" ? " ↑" : ""}
                  </button>
                </span>
                <span role="columnheader" className="num o3">
                  p95
                </span>
                <span role="columnheader" className="num o2" aria-sort={sort === "dead" ? "descending" : "none"}>
                  <button type="button" onClick={() => setSort("dead")}>
                    Dead{sort === "dead" ? " ↓" : ""}
                  </button>
                </span>
                <span role="columnheader" className="o3">
                  Last delivery
                </span>
                <span role="columnheader">
                  <span className="sr-only">Acts</span>
                </span>
              </div>
            </div>
            <VirtualList
              as="rows"
              count={shown.length}
              rowHeight={48}
              label="Subscriptions"
              row={(index, style) => {
                const line = shown[index]
                return (
                  line && (
                    <SubscriptionRow
                      key={line.subscription.id}
                      line={line}
                      wide={wide}
                      style={style}
                      index={index}
                      picked={picked.has(line.subscription.id)}
                      onPick={pick}
                      onMenu={(anchor) => setMenu({ anchor, subscription: line.subscription })}
                    />
                  )
                )
              }}
            />
          </div>
        )}
      </section>
      <Menu anchorEl={menu?.anchor} open={!!menu} onClose={() => setMenu(null)}>
        {menu && (
          <RowMenu
            subscription={menu.subscription}
            close={() => setMenu(null)}
            onDelete={() => setDeleting(menu.subscription)}
            item={MenuItem}
          />
        )}
      </Menu>
      {search.has("import") && list.data && (
        <Suspense fallback={null}>
          <ImportDialog existing={list.data} onClose={() => setSearch({}, { replace: true })} />
        </Suspense>
      )}
      {deleting && <DeleteDialog subscription={deleting} onClose={() => setDeleting(null)} />}
    </div>
  )
}

/** Whether its name, its URL or one of its types fits; a type also by its pattern. */
function fits(subscription: Subscription, words: string): boolean {
  const { name, url, events, id } = subscription
  if ([name, url, id, ...events].some((text) => text.toLowerCase().includes(words))) return true
  return /^[\w.-]+$/.test(words) && words.includes(".") && events.some((pattern) => glob(pattern).test(words))
}
