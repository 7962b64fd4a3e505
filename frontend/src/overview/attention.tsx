/** What needs a person, the worst first: from the feed where there is one, else from what the lists say. */

import { useQueries } from "@tanstack/react-query"
import { useState } from "react"
import { useNavigate } from "react-router"
import { api, data } from "../api/client"
import { useGroups, useHealth, useRefresh, useSubscriptions } from "../api/queries"
import type { Circuit, Group, Health, Subscription } from "../api/types"
import { useNow } from "../components/hooks"
import { Icon, type IconId } from "../components/icon"
import { Ago, Bones, Trouble } from "../components/parts"
import { say, sayProblem } from "../components/say"
import { count, plural } from "../format/number"
import { countdown, parse, span } from "../format/time"
import { cause, host } from "../format/words"
import type { Attention as Told } from "../live/frames"
import { useFeedState, usePoll } from "../live/use-feed"

export interface Need {
  id: string
  tone: "failed" | "dead" | "retrying"
  icon: IconId
  title: string
  lines: string[]
  /** When it is probed again. */
  until?: number
  /** When it ends. */
  ends?: number
  act: { label: string; to?: string; probe?: string }
}

const CIRCUITS_MAX = 5

export function needs(
  subscriptions: readonly Subscription[],
  groups: readonly Group[],
  health: Health | undefined,
  circuits: ReadonlyMap<string, Circuit>,
  told: readonly Told[],
  now: number,
): Need[] {
  const list: Need[] = []
  for (const [part, reason] of Object.entries(health?.reasons ?? {})) {
    list.push({
      id: `part-${part}`,
      tone: "failed",
      icon: "warn",
      title: `${part.replaceAll("_", " ")} is not ready`,
      lines: [reason],
      act: { label: "Open", to: "/system" },
    })
  }
  const broken = subscriptions.filter((one) => one.circuit !== "closed" && one.state !== "disabled")
  for (const one of broken.slice(0, CIRCUITS_MAX)) {
    const circuit = circuits.get(one.id)
    const standings = circuit ? [circuit, ...Object.values(circuit.regions ?? {})] : []
    const waiting = standings.reduce((sum, standing) => sum + standing.waiting, 0)
    const until = standings.map((standing) => parse(standing.until)).find((time) => time !== undefined)
    const isOpen = one.circuit === "open"
    list.push({
      id: `circuit-${one.id}`,
      tone: isOpen ? "failed" : "retrying",
      icon: "bolt",
      title: isOpen ? `Circuit open — ${one.name}` : `Half-open — ${one.name}`,
      lines: [
        `${circuit ? `${plural(waiting, "delivery waits", "deliveries wait")} · ` : ""}${host(one.url)}`,
        ...(isOpen && circuit && until === undefined ? ["opened by hand: nothing is attempted"] : []),
        ...(isOpen ? [] : ["one attempt at a time until it answers"]),
      ],
      until: isOpen ? until : undefined,
      act: { label: "Probe now", probe: one.id },
    })
  }
  if (broken.length > CIRCUITS_MAX) {
    list.push({
      id: "circuits",
      tone: "failed",
      icon: "bolt",
      title: `${broken.length - CIRCUITS_MAX} more circuits are not closed`,
      lines: [],
      act: { label: "Show all", to: "/subscriptions?health=open" },
    })
  }
  const dead = groups.reduce((sum, group) => sum + group.count, 0)
  if (dead > 0) {
    const [largest] = groups
    const oldest = Math.min(...groups.map((group) => parse(group.oldest) ?? now))
    list.push({
      id: "dead-letters",
      tone: "dead",
      icon: "skull",
      title: plural(dead, "dead letter"),
      lines: [
        groups.length === 1
          ? `all from ${largest?.subscription_name ?? "one endpoint"}`
          : `${count(largest?.count)} from ${largest?.subscription_name ?? "one endpoint"}`,
        `${cause(largest?.last_class, largest?.last_status_code)} · oldest ${span(now - oldest)}`,
      ],
      act: { label: "Review and replay", to: "/dead-letters" },
    })
  }
  for (const one of subscriptions) {
    if (one.state === "disabled" && one.disabled_reason) {
      list.push({
        id: `disabled-${one.id}`,
        tone: "failed",
        icon: "cross",
        title: `Disabled — ${one.name}`,
        lines: [one.disabled_reason],
        act: { label: "Open", to: `/subscriptions/${one.id}` },
      })
    }
    if (list.length > 12) break
  }
  const derived = new Set(["circuit", "dead_letters", "disabled", "part"])
  for (const one of told) {
    if (derived.has(one.kind)) continue
    list.push({
      id: one.id,
      tone: "retrying",
      icon: "clock",
      title: one.kind === "secret" ? `An old secret ends — ${one.title}` : one.title,
      lines: [one.detail],
      ends: parse(one.until),
      act: { label: "Open", to: one.subscription_id ? `/subscriptions/${one.subscription_id}` : "/system" },
    })
  }
  return list
}

export function useNeeds() {
  const subscriptions = useSubscriptions()
  const groups = useGroups()
  const health = useHealth()
  const { attention } = useFeedState()
  const now = useNow(10_000)
  const broken = (subscriptions.data ?? []).filter((one) => one.circuit !== "closed").slice(0, CIRCUITS_MAX)
  const refetchInterval = usePoll()
  const circuits = useQueries({
    queries: broken.map((one) => ({
      queryKey: ["circuit", one.id],
      queryFn: async () =>
        (await data(api.GET("/api/v1/subscriptions/{id}/circuit", { params: { path: { id: one.id } } }))) as Circuit,
      refetchInterval,
    })),
  })
  const known = new Map(circuits.flatMap(({ data }) => (data ? [[data.subscription_id, data] as const] : [])))
  const error = subscriptions.error ?? groups.error
  return {
    list: needs(subscriptions.data ?? [], groups.data?.items ?? [], health.data, known, attention, now),
    isLoading: subscriptions.isPending || groups.isPending,
    error: subscriptions.data && groups.data ? null : error,
  }
}

export function AttentionPanel({ list, isLoading, error }: ReturnType<typeof useNeeds>) {
  return (
    <section className="panel" aria-label="Needs attention">
      <div className="panel-head ruled">
        <h2>Needs attention</h2>
      </div>
      {error ? (
        <div className="panel-body" style={{ paddingTop: 16 }}>
          <Trouble error={error} />
        </div>
      ) : isLoading ? (
        <Bones rows={2} height={76} />
      ) : list.length === 0 ? (
        <p className="calm">
          <Icon id="tick" /> Nothing. Everything delivers.
        </p>
      ) : (
        <ul>
          {list.map((need) => (
            <NeedItem key={need.id} need={need} />
          ))}
        </ul>
      )}
    </section>
  )
}

function NeedItem({ need }: { need: Need }) {
  const navigate = useNavigate()
  const refresh = useRefresh()
  const [busy, setBusy] = useState(false)
  const { act } = need
  const run = async () => {
    if (act.to) return navigate(act.to)
    setBusy(true)
    try {
      const id = act.probe as string
      await data(
        api.POST("/api/v1/subscriptions/{id}/circuit", { params: { path: { id } }, body: { action: "probe" } }),
      )
      say("Probing: one attempt is made now")
      await refresh()
    } catch (error) {
      sayProblem(error)
    } finally {
      setBusy(false)
    }
  }
  return (
    <li className="need">
      <span style={{ color: `var(--${need.tone})` }}>
        <Icon id={need.icon} />
      </span>
      <div className="grow">
        <strong className="wrap">{need.title}</strong>
        {need.lines.map((line) => (
          <div key={line} className="muted small wrap">
            {line}
          </div>
        ))}
        {need.until !== undefined && <Until at={need.until} />}
        {need.ends !== undefined && (
          <div className="muted small">
            <Ago at={need.ends} />
          </div>
        )}
      </div>
      <button type="button" className="btn" disabled={busy} onClick={() => void run()}>
        {act.label}
      </button>
    </li>
  )
}

function Until({ at }: { at: number }) {
  const now = useNow()
  return <div className="muted small">{at <= now ? "probes again now" : `probes again in ${countdown(at, now)}`}</div>
}
