/** The rows of the deliveries' page: the newest by asking or by the feed, older ones page by page. */

import { useQuery } from "@tanstack/react-query"
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react"
import { eventTypes } from "../api/event-types"
import { listDeliveries, useSubscriptionsById } from "../api/queries"
import { toRow } from "../api/rows"
import { isEmpty, matches, parseQuery, type Query, serverParams } from "../filter/query"
import { Tail, type TailRow } from "../live/tail"
import { useFeed, useFeedState, usePoll } from "../live/use-feed"

const PAGE = 100

export interface DeliveryList {
  rows: readonly TailRow[]
  query: Query
  held: boolean
  fresh: number
  hold: () => void
  resume: () => void
  /** Reads older ones, if there are any. */
  more: () => void
  isLoading: boolean
  isStale: boolean
  error: unknown
  retry: () => void
  /** Whether the oldest one is there, and whether no more are kept. */
  ended: boolean
  full: boolean
}

export function useDeliveryList(text: string): DeliveryList {
  const feed = useFeed()
  const feedTail = feed.tail
  const { link } = useFeedState()
  const byId = useSubscriptionsById()
  const query = useMemo(() => parseQuery(text), [text])
  const find = useCallback(
    (name: string) => {
      if (byId.has(name)) return name
      const found = [...byId.values()].filter((one) => one.name.toLowerCase().includes(name.toLowerCase()))
      return found.length === 1 ? found[0]?.id : undefined
    },
    [byId],
  )
  const params = useMemo(() => serverParams(query, find), [query, find])
  const key = JSON.stringify(params)
  // One list for each question to the server; the rest of the filter is held against its rows.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says when it is another question
  const tail = useMemo(() => new Tail(), [key])
  const state = useSyncExternalStore(tail.subscribe, tail.get)

  const head = useQuery({
    queryKey: ["deliveries", "head", key],
    queryFn: () => listDeliveries({ ...params, limit: PAGE }),
    refetchInterval: usePoll(),
  })
  const cursor = useRef<string | null | undefined>(undefined)
  const [ended, setEnded] = useState(false)
  const busy = useRef(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another list begins anew
  useEffect(() => {
    cursor.current = undefined
    setEnded(false)
  }, [tail])
  useEffect(() => {
    if (!head.data) return
    tail.put(head.data.items.map(toRow))
    // Where older ones begin is what the first answer said.
    if (cursor.current === undefined) {
      cursor.current = head.data.next_cursor ?? null
      setEnded(cursor.current === null)
    }
  }, [head.data, tail])

  // What the feed tells goes in where the server would have answered with it, too.
  useEffect(() => {
    if (link !== "live") return
    const wanted = parseQuery(
      Object.entries(params)
        .map(([name, value]) => asTerm(name, value))
        .join(" "),
    )
    // Rows are never changed, only replaced: one that was looked at needs no second look.
    const seen = new WeakSet<TailRow>()
    const take = () => {
      const fresh = feedTail.get().rows.filter((row) => !seen.has(row))
      for (const row of fresh) seen.add(row)
      const now = Date.now()
      const name = (row: TailRow) => (row.subscriptionId ? byId.get(row.subscriptionId)?.name : undefined)
      tail.put(fresh.filter((row) => tail.has(row.id) || matches(wanted, matchable(row, name(row)), now)))
    }
    take()
    return feedTail.subscribe(take)
  }, [link, feedTail, tail, params, byId])

  const more = useCallback(() => {
    if (busy.current || !cursor.current || tail.get().rows.length >= tail.capacity) return
    busy.current = true
    listDeliveries({ ...params, limit: PAGE, cursor: cursor.current })
      .then((page) => {
        cursor.current = page.next_cursor ?? null
        setEnded(cursor.current === null)
        tail.put(page.items.map(toRow))
      })
      .catch(() => undefined)
      .finally(() => {
        busy.current = false
      })
  }, [params, tail])

  // The top bar says so, too, and lets it move again.
  useEffect(() => {
    feed.hold(state.held ? tail : null)
  }, [state.held, feed, tail])
  useEffect(() => () => feed.hold(null), [feed])

  useSyncExternalStore(eventTypes.subscribe, eventTypes.version)
  const rows = isEmpty(query)
    ? state.rows
    : state.rows.filter((row) =>
        matches(query, matchable(row, row.subscriptionId ? byId.get(row.subscriptionId)?.name : undefined), Date.now()),
      )
  return {
    rows,
    query,
    held: state.held,
    fresh: state.fresh,
    hold: () => tail.hold(),
    resume: () => tail.resume(),
    more,
    isLoading: head.isPending,
    isStale: !!head.error && !!head.data,
    error: head.error,
    retry: () => void head.refetch(),
    ended,
    full: state.rows.length >= tail.capacity,
  }
}

function matchable(row: TailRow, subscription: string | undefined) {
  return { ...row, type: row.type ?? eventTypes.get(row.eventId), subscription }
}

function asTerm(name: string, value: string): string {
  if (name === "subscription") return `sub:"${value}"`
  if (name === "status")
    return value
      .split(",")
      .map((one) => `status:${one}`)
      .join(" ")
  return `${name}:"${value}"`
}
