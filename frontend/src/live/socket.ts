/**
 * Keeps one socket to the live feed: reconnects after 0.5 s, doubling to 10 s, with jitter; says when frames were lost;
 * is closed while nobody looks. Knows nothing of React, nor of what frames mean.
 */

import { type Command, type Envelope, SUBPROTOCOL, type Topic } from "./frames"

const WAIT_FIRST_MS = 500
const WAIT_MAX_MS = 10_000
const PING_MS = 20_000
/** So long without a frame or a pong and the connection is taken for dead. */
const SILENCE_MAX_MS = 45_000

export type Link = "connecting" | "open" | "closed"

export interface Handlers {
  frame: (frame: Envelope) => void
  /** Frames were lost: whatever was built on them must be read anew. */
  gap: (missed: number) => void
  link: (link: Link) => void
}

export interface SocketOptions {
  /** Where to; asked before each try, as a ticket is good for once. */
  url: () => Promise<string> | string
  /** 0 to 1. */
  random?: () => number
  WebSocket?: typeof WebSocket
}

/** How long to wait before try `n` (1, 2, …): half of it is certain, half is drawn. */
export function backoff(n: number, random: number): number {
  const full = Math.min(WAIT_MAX_MS, WAIT_FIRST_MS * 2 ** (n - 1))
  return full / 2 + (full / 2) * random
}

export class Socket {
  #socket: WebSocket | undefined
  #tries = 0
  #seq: number | undefined
  #lastFrameAt = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #ping: ReturnType<typeof setInterval> | undefined
  #stopped = true
  #topics = new Map<Topic, Command>()
  /** Grows with each start, so that what an older one waited for is let go. */
  #life = 0

  constructor(
    readonly options: SocketOptions,
    readonly handlers: Handlers,
  ) {}

  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#tries = 0
    void this.#connect(++this.#life)
  }

  /** Closes it until the next `start`. What was subscribed to is asked for again then. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#life += 1
    clearTimeout(this.#timer)
    this.#drop()
    this.handlers.link("closed")
  }

  /** Subscribes to a topic, or changes how. */
  sub(topic: Topic, filter?: Record<string, unknown>, max_rate?: number): void {
    const command: Command = { k: "sub", d: { topic, filter, max_rate } }
    this.#topics.set(topic, command)
    this.#send(command)
  }

  unsub(topic: Topic): void {
    if (this.#topics.delete(topic)) this.#send({ k: "unsub", d: { topic } })
  }

  /** Asks for a `pong`, which comes after the answers to all that was said before. */
  ping(): void {
    this.#send({ k: "ping", d: {} })
  }

  async #connect(life: number): Promise<void> {
    this.handlers.link("connecting")
    let url: string
    try {
      url = await this.options.url()
    } catch {
      if (life === this.#life) this.#again()
      return
    }
    if (life !== this.#life) return
    const Constructor = this.options.WebSocket ?? WebSocket
    const socket = new Constructor(url, SUBPROTOCOL)
    this.#socket = socket
    socket.onopen = () => {
      if (this.#socket !== socket) return
      this.#seq = undefined
      this.#lastFrameAt = Date.now()
      for (const command of this.#topics.values()) this.#send(command)
      clearInterval(this.#ping)
      this.#ping = setInterval(() => {
        if (Date.now() - this.#lastFrameAt > SILENCE_MAX_MS) socket.close()
        else this.ping()
      }, PING_MS)
      this.handlers.link("open")
    }
    socket.onmessage = (message) => {
      if (this.#socket === socket) this.#take(message.data)
    }
    socket.onclose = () => {
      if (this.#socket !== socket) return
      this.#drop()
      this.handlers.link("closed")
      this.#again()
    }
    // `close` follows, which does all there is to do.
    socket.onerror = () => {}
  }

  #take(text: unknown): void {
    if (typeof text !== "string") return
    let frame: Envelope
    try {
      frame = JSON.parse(text)
    } catch {
      return
    }
    if (frame?.v !== 1 || typeof frame.seq !== "number") return
    this.#lastFrameAt = Date.now()
    // It works: the next loss begins with short waits again.
    this.#tries = 0
    const missed = this.#seq === undefined ? 0 : frame.seq - this.#seq - 1
    this.#seq = frame.seq
    if (missed !== 0) this.handlers.gap(missed)
    if (frame.k === "bye") {
      const wait = (frame.d as { retry_after_ms?: number }).retry_after_ms
      this.handlers.frame(frame)
      this.#drop()
      this.handlers.link("closed")
      this.#again(wait)
      return
    }
    this.handlers.frame(frame)
  }

  #again(waitMs?: number): void {
    if (this.#stopped) return
    this.#tries += 1
    const wait = Math.max(waitMs ?? 0, backoff(this.#tries, (this.options.random ?? Math.random)()))
    const life = this.#life
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => life === this.#life && void this.#connect(life), wait)
  }

  #drop(): void {
    clearInterval(this.#ping)
    const socket = this.#socket
    this.#socket = undefined
    socket?.close()
  }

  #send(command: Command): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify({ v: 1, ...command }))
  }
}
