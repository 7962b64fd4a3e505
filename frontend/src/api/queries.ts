/** What pages ask the server for. Each is asked once, however many places show it. */

import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useMemo } from "react"
import { useFeed, usePoll } from "../live/use-feed"
import { api, ask, data } from "./client"
import { learn } from "./event-types"
import type {
  AuditEntry,
  Circuit,
  Delivery,
  Dispatch,
  Explained,
  Failures,
  Job,
  Key,
  LogEvent,
  Page,
  Receiver,
  Secrets,
  Series,
  Setting,
  Subscription,
  SubscriptionStats,
} from "./types"

/** The most subscriptions that are read: 40 pages of 500. */
const SUBSCRIPTIONS_MAX = 20_000

export function useStats() {
  const { samples } = useFeed()
  const query = useQuery({
    queryKey: ["stats"],
    queryFn: () => data(api.GET("/api/v1/stats")),
    refetchInterval: usePoll(),
  })
  useEffect(() => {
    if (query.data) samples.add(query.data, query.dataUpdatedAt)
  }, [query.data, query.dataUpdatedAt, samples])
  return query
}

export function useHealth() {
  return useQuery({
    queryKey: ["health"],
    queryFn: () => data(api.GET("/api/v1/health")),
    refetchInterval: usePoll(5000, 10_000),
  })
}

export async function allSubscriptions(): Promise<Subscription[]> {
  const found: Subscription[] = []
  let cursor: string | undefined
  do {
    const page = (await data(
      api.GET("/api/v1/subscriptions", { params: { query: { limit: 500, cursor } } }),
    )) as unknown as Page<Subscription>
    found.push(...page.items)
    cursor = page.next_cursor ?? undefined
  } while (cursor && found.length < SUBSCRIPTIONS_MAX)
  return found
}

export function useSubscriptions() {
  const poll = usePoll()
  return useQuery({
    queryKey: ["subscriptions"],
    queryFn: allSubscriptions,
    // Twenty pages every five seconds would be a load of their own.
    refetchInterval: (query) => poll * Math.max(1, Math.ceil((query.state.data?.length ?? 0) / 500)),
  })
}

/** Subscriptions by id; empty until they are read. */
export function useSubscriptionsById(): Map<string, Subscription> {
  const { data: list } = useSubscriptions()
  return useMemo(() => new Map(list?.map((one) => [one.id, one])), [list])
}

export function useSubscription(id: string | undefined) {
  return useQuery({
    queryKey: ["subscription", id],
    enabled: !!id,
    queryFn: async () =>
      (await data(
        api.GET("/api/v1/subscriptions/{id}", { params: { path: { id: id as string } } }),
      )) as unknown as Subscription,
    refetchInterval: usePoll(),
  })
}

export function useCircuit(id: string | undefined) {
  return useQuery({
    queryKey: ["circuit", id],
    enabled: !!id,
    queryFn: async () =>
      (await data(
        api.GET("/api/v1/subscriptions/{id}/circuit", { params: { path: { id: id as string } } }),
      )) as Circuit,
    refetchInterval: usePoll(),
  })
}

export function useGroups() {
  return useQuery({
    queryKey: ["dead-letter-groups"],
    queryFn: () => data(api.GET("/api/v1/dead-letters/groups", { params: { query: { limit: 500 } } })),
    refetchInterval: usePoll(),
  })
}

/** Counts of each subscription since ever; counted anew by the server, so asked for seldom. */
export function useLedger(enabled = true) {
  return useQuery({
    queryKey: ["ledger"],
    enabled,
    queryFn: () => data(api.GET("/api/v1/ledger")),
    staleTime: 30_000,
    refetchInterval: 60_000,
  })
}

export async function listDeliveries(query: Record<string, string | number | undefined>): Promise<Page<Delivery>> {
  return (await data(api.GET("/api/v1/deliveries", { params: { query } }))) as Page<Delivery>
}

export function useDeliveries(query: Record<string, string | number | undefined>, enabled = true) {
  return useQuery({
    queryKey: ["deliveries", query],
    enabled,
    queryFn: () => listDeliveries(query),
    refetchInterval: usePoll(),
    placeholderData: keepPreviousData,
  })
}

export function useDelivery(id: string | undefined, followMs?: number) {
  const poll = usePoll(2000)
  return useQuery({
    queryKey: ["delivery", id],
    enabled: !!id,
    queryFn: () => data(api.GET("/api/v1/deliveries/{id}", { params: { path: { id: id as string } } })),
    refetchInterval: (query) => {
      const status = query.state.data?.status
      if (followMs && status !== "delivered" && status !== "dead_letter") return followMs
      return status === "queued" || status === "attempting" || status === "retrying" ? poll : poll * 5
    },
  })
}

export function useEvent(id: string | undefined) {
  return useQuery({
    queryKey: ["event", id],
    enabled: !!id,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => {
      const event = (await data(api.GET("/api/v1/events/{id}", { params: { path: { id: id as string } } }))) as LogEvent
      learn([event])
      return event
    },
  })
}

export function useEvents(query: Record<string, string | number | undefined>) {
  return useQuery({
    queryKey: ["events", query],
    queryFn: async () => {
      const page = (await data(api.GET("/api/v1/events", { params: { query } }))) as Page<LogEvent>
      learn(page.items)
      return page
    },
    refetchInterval: usePoll(5000, 5000),
    placeholderData: keepPreviousData,
  })
}

export function useEventDeliveries(id: string | undefined) {
  return useQuery({
    queryKey: ["event-deliveries", id],
    enabled: !!id,
    queryFn: async () =>
      (await data(
        api.GET("/api/v1/events/{id}/deliveries", { params: { path: { id: id as string } } }),
      )) as Page<Delivery>,
    refetchInterval: usePoll(3000, 3000),
  })
}

export function useExplain(id: string | undefined) {
  return useQuery({
    queryKey: ["explain", id],
    enabled: !!id,
    queryFn: async () =>
      (await data(
        api.GET("/api/v1/events/{id}/explain", { params: { path: { id: id as string }, query: { limit: 500 } } }),
      )) as Explained,
    refetchInterval: (query) => (query.state.data?.routed ? false : 1000),
  })
}

export function useJob(id: string | undefined) {
  return useQuery({
    queryKey: ["job", id],
    enabled: !!id,
    queryFn: () => data(api.GET("/api/v1/jobs/{id}", { params: { path: { id: id as string } } })),
    refetchInterval: (query) => (query.state.data?.state === "running" ? 500 : false),
  })
}

export function useJobs() {
  return useQuery({
    queryKey: ["jobs"],
    queryFn: async () => (await data(api.GET("/api/v1/jobs", { params: { query: { limit: 20 } } }))) as Page<Job>,
    refetchInterval: usePoll(),
  })
}

export function useAudit() {
  return useQuery({
    queryKey: ["audit"],
    queryFn: async () =>
      (await data(api.GET("/api/v1/audit", { params: { query: { limit: 100 } } }))) as Page<AuditEntry>,
    refetchInterval: usePoll(15_000),
    retry: false,
  })
}

export function useKeys() {
  return useQuery({
    queryKey: ["keys"],
    queryFn: async () => (await data(api.GET("/api/v1/keys", { params: { query: { limit: 200 } } }))) as Page<Key>,
    retry: false,
  })
}

// Routes that a server may not have: `null` then.

/** What a chart is drawn over: a span such as `1h`, or two times in milliseconds. */
export type Range = { span: string } | { from: number; to: number }

export function rangeQuery(range: Range): string {
  if ("span" in range) return `range=${range.span}`
  const time = (ms: number) => encodeURIComponent(new Date(ms).toISOString())
  return `since=${time(range.from)}&until=${time(range.to)}`
}

export function useSeries(range: Range, step: string, subscription?: string) {
  const of = subscription ? `&subscription=${encodeURIComponent(subscription)}` : ""
  return useQuery({
    queryKey: ["series", range, step, subscription],
    queryFn: () => ask<Series>(`/api/v1/stats/series?${rangeQuery(range)}&step=${step}${of}`),
    refetchInterval: usePoll(),
    placeholderData: keepPreviousData,
  })
}

export function useFailures(range: Range, subscription?: string) {
  const of = subscription ? `&subscription=${encodeURIComponent(subscription)}` : ""
  return useQuery({
    queryKey: ["failures", range, subscription],
    queryFn: () => ask<Failures>(`/api/v1/stats/failures?${rangeQuery(range)}${of}`),
    refetchInterval: usePoll(10_000, 10_000),
  })
}

/** Figures of some subscriptions over the last day. */
export function useSubscriptionStats(ids: readonly string[]) {
  return useQuery({
    queryKey: ["subscription-stats", ids],
    enabled: ids.length > 0,
    queryFn: () => ask<SubscriptionStats>(`/api/v1/stats/subscriptions?ids=${ids.join(",")}&range=24h`),
    refetchInterval: usePoll(15_000, 15_000),
    placeholderData: keepPreviousData,
  })
}

export function useSecrets(id: string) {
  return useQuery({
    queryKey: ["secrets", id],
    queryFn: () => ask<Secrets>(`/api/v1/subscriptions/${encodeURIComponent(id)}/secrets`),
  })
}

export function useConfig() {
  return useQuery({
    queryKey: ["config"],
    queryFn: async () => (await ask<{ settings: Setting[] }>("/api/v1/config"))?.settings ?? null,
    staleTime: 60_000,
  })
}

/** Whether webhooks go out at all. */
export function useDispatch() {
  return useQuery({
    queryKey: ["dispatch"],
    queryFn: () => ask<Dispatch>("/api/v1/dispatch"),
    refetchInterval: usePoll(10_000, 15_000),
    retry: false,
  })
}

export function useReceiver(fastMs?: number) {
  const poll = usePoll(fastMs ?? 2000)
  return useQuery({
    queryKey: ["receiver"],
    queryFn: () => ask<Receiver>("/api/v1/receiver"),
    refetchInterval: (query) => (query.state.data === null ? 30_000 : poll),
  })
}

/** Asks anew for everything that a change may have touched. */
export function useRefresh() {
  const client = useQueryClient()
  return () => client.invalidateQueries()
}
