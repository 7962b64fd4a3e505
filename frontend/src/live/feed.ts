/**
 * What is live: the socket's frames go where they belong (the tail, the query cache, what needs attention), and where
 * no socket answers the pages poll. One for the whole page, outside React.
 */

import type { QueryClient } from "@tanstack/react-query"
import { learn } from "../api/event-types"
import { reach } from "../api/reach"
import { toRow } from "../api/rows"
import type { Bucket, Received, Receiver, Subscription } from "../api/types"
import type { Attention, Envelope, Frames } from "./frames"
import { Samples } from "./samples"
import { type Link, Socket, type SocketOptions } from "./socket"
import { Tail } from "./tail"

export const POLL_MS = 5000
const RECEIVED_MAX = 200

export interface FeedState {
  /** `live`: frames come. `polling`: no socket answers, so the pages ask. `connecting`: not known yet. */
  link: "connecting" | "live" | "polling"
  /** What only the feed knows beside the stats. */
  stats: Partial<Frames["stats"]> | null
  bucket: Bucket | null
  attention: readonly Attention[]
  /** Deliveries a second: how many there were, how many are shown. */
  tail: { seen: number; shown: number } | null
  /** Frames that the server left out for this client, so far. */
  dropped: number
  /** The list that stands still, if one does. */
  held: Tail | null
}

export class Feed {
  readonly tail = new Tail()
  readonly samples = new Samples()
  readonly socket: Socket
  #state: FeedState = {
    link: "connecting",
    stats: null,
    bucket: null,
    attention: [],
    tail: null,
    dropped: 0,
    held: null,
  }
  #listeners = new Set<() => void>()
  #hidden = false
  /** Whether something may have happened that no frame told. */
  #behind = false
  #counted: { at: number; seen: number; shown: number }[] = []

  constructor(
    readonly client: QueryClient,
    options: SocketOptions,
  ) {
    this.socket = new Socket(options, { frame: this.#take, gap: () => this.#reread(), link: this.#linked })
    for (const topic of ["stats", "bucket", "tail", "sub", "dlq", "job", "receiver", "attention"] as const)
      this.socket.sub(topic)
  }

  start(): void {
    this.socket.start()
    document.addEventListener("visibilitychange", this.#seen)
  }

  stop(): void {
    this.socket.stop()
    document.removeEventListener("visibilitychange", this.#seen)
  }

  get = () => this.#state

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Follows deliveries closely: every change of these is told. */
  follow(ids: readonly string[]): void {
    if (ids.length) this.socket.sub("delivery", { ids })
    else this.socket.unsub("delivery")
  }

  /** Tells the frame which list stands still. */
  hold(tail: Tail | null): void {
    if (this.#state.held !== tail) this.#set({ held: tail })
  }

  #seen = () => {
    if (document.hidden === this.#hidden) return
    this.#hidden = document.hidden
    if (this.#hidden) this.socket.stop()
    else {
      this.socket.start()
      this.#reread()
    }
  }

  #linked = (link: Link) => {
    if (link === "open") {
      reach.succeeded()
      this.#set({ link: "live" })
      // What happened before frames tell it is asked for; they do once the server answers what comes after the topics.
      this.#behind = true
      this.socket.ping()
    } else if (link === "closed") {
      // What needs attention is told anew from the start.
      this.#set({ link: "polling", stats: null, tail: null, bucket: null, attention: [] })
    }
  }

  /** How many rows there were in the last second, and how many were shown. */
  #countTail(): void {
    const since = Date.now() - 1000
    this.#counted = this.#counted.filter(({ at }) => at > since)
    const sum = (pick: (one: { seen: number; shown: number }) => number) =>
      this.#counted.reduce((all, one) => all + pick(one), 0)
    this.#set({ tail: { seen: sum(({ seen }) => seen), shown: sum(({ shown }) => shown) } })
  }

  #reread(): void {
    void this.client.invalidateQueries()
  }

  #take = (frame: Envelope) => {
    const { client } = this
    switch (frame.k) {
      case "stats": {
        const stats = frame.d as Frames["stats"]
        client.setQueryData(["stats"], stats)
        this.#set({ stats })
        this.#countTail()
        break
      }
      case "bucket":
        this.#set({ bucket: (frame.d as Frames["bucket"]).open })
        break
      case "tail": {
        const { rows, seen, shown } = frame.d as Frames["tail"]
        learn(rows.map((row) => ({ id: row.event_id, event_type: row.event_type })))
        this.tail.put(rows.map(toRow))
        this.#counted.push({ at: Date.now(), seen, shown })
        this.#countTail()
        break
      }
      case "delivery": {
        const delivery = frame.d as Frames["delivery"]
        client.setQueryData(["delivery", delivery.id], delivery)
        this.tail.put([toRow(delivery)])
        break
      }
      case "sub": {
        const { id, subscription } = frame.d as Frames["sub"]
        if (subscription) {
          client.setQueryData(["subscriptions"], (known: Subscription[] | undefined) =>
            known?.some((one) => one.id === id)
              ? known.map((one) => (one.id === id ? { ...one, ...subscription } : one))
              : known && [...known, subscription],
          )
        }
        void client.invalidateQueries({ queryKey: ["subscriptions"] })
        void client.invalidateQueries({ queryKey: ["subscription", id] })
        void client.invalidateQueries({ queryKey: ["circuit", id] })
        break
      }
      case "dlq":
        void client.invalidateQueries({ queryKey: ["dead-letter-groups"] })
        break
      case "job": {
        const job = frame.d as Frames["job"]
        client.setQueryData(["job", job.id], job)
        void client.invalidateQueries({ queryKey: ["jobs"] })
        break
      }
      case "receiver": {
        const request = frame.d as Received
        client.setQueryData(["receiver"], (known: Receiver | null | undefined) =>
          known
            ? {
                ...known,
                seen: Math.max(known.seen, request.number),
                items: [request, ...known.items.filter((one) => one.number !== request.number)].slice(0, RECEIVED_MAX),
              }
            : known,
        )
        break
      }
      case "attention": {
        const { change, ...attention } = frame.d as Frames["attention"]
        const others = this.#state.attention.filter((one) => one.id !== attention.id)
        this.#set({ attention: change === "raise" ? [attention, ...others] : others })
        break
      }
      case "pong":
        if (this.#behind) this.#reread()
        this.#behind = false
        break
      case "lag": {
        const { dropped } = frame.d as Frames["lag"]
        this.#set({ dropped: this.#state.dropped + dropped })
        this.#reread()
        break
      }
    }
  }

  #set(change: Partial<FeedState>): void {
    this.#state = { ...this.#state, ...change }
    for (const listener of this.#listeners) listener()
  }
}
