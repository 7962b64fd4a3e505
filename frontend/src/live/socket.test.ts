import type { AddressInfo } from "node:net"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { WebSocket as NodeSocket, WebSocketServer } from "ws"
import { type Envelope, SUBPROTOCOL } from "./frames"
import { backoff, type Link, Socket } from "./socket"

/** A server that does what a script tells it to. */
class Scripted {
  readonly server = new WebSocketServer({
    port: 0,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  })
  readonly heard: { k: string; d: Record<string, unknown> }[] = []
  connections = 0
  seq = 0
  #open: NodeSocket | undefined

  constructor(readonly greet = true) {
    this.server.on("connection", (socket) => {
      this.connections += 1
      this.#open = socket
      this.seq = 0
      socket.on("message", (text) => this.heard.push(JSON.parse(String(text))))
      if (greet) this.send("hello", { version: "0" })
    })
  }

  get url() {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/api/v1/ws`
  }

  send(k: string, d: unknown, skip = 0) {
    this.seq += 1 + skip
    this.#open?.send(JSON.stringify({ v: 1, k, seq: this.seq, t: Date.now(), d }))
  }

  cut() {
    this.#open?.terminate()
  }

  close() {
    for (const client of this.server.clients) client.terminate()
    return new Promise((resolve) => this.server.close(resolve))
  }
}

function listening(url: string | (() => Promise<string>), random = () => 0) {
  const frames: Envelope[] = []
  const gaps: number[] = []
  const links: Link[] = []
  const socket = new Socket(
    { url: typeof url === "string" ? () => url : url, random, WebSocket: NodeSocket as unknown as typeof WebSocket },
    { frame: (frame) => frames.push(frame), gap: (missed) => gaps.push(missed), link: (link) => links.push(link) },
  )
  return { socket, frames, gaps, links }
}

describe("the socket", () => {
  let server: Scripted
  const sockets: Socket[] = []
  beforeEach(() => {
    server = new Scripted()
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.stop()
    await server.close()
  })
  const connect = (...args: Parameters<typeof listening>) => {
    const all = listening(...args)
    sockets.push(all.socket)
    all.socket.start()
    return all
  }

  it("speaks the subprotocol, subscribes, and hands frames on in order", async () => {
    const all = listening(server.url)
    sockets.push(all.socket)
    all.socket.sub("tail", { status: "dead_letter" })
    all.socket.start()
    await vi.waitFor(() => expect(all.links.at(-1)).toBe("open"))
    await vi.waitFor(() =>
      expect(server.heard).toEqual([{ v: 1, k: "sub", d: { topic: "tail", filter: { status: "dead_letter" } } }]),
    )
    server.send("tail", { rows: [] })
    server.send("dlq", { total: 3 })
    await vi.waitFor(() => expect(all.frames.map((frame) => frame.k)).toEqual(["hello", "tail", "dlq"]))
    expect(all.gaps).toEqual([])
  })

  it("tells of frames that were lost, once for each gap", async () => {
    const { frames, gaps } = connect(server.url)
    await vi.waitFor(() => expect(frames).toHaveLength(1))
    server.send("dlq", { total: 1 }, 4)
    server.send("dlq", { total: 2 })
    await vi.waitFor(() => expect(frames).toHaveLength(3))
    expect(gaps).toEqual([4])
  })

  it("does not take a new connection's numbers for a gap, and subscribes again", async () => {
    const all = listening(server.url)
    sockets.push(all.socket)
    all.socket.sub("stats")
    all.socket.start()
    await vi.waitFor(() => expect(all.frames).toHaveLength(1))
    server.send("dlq", { total: 1 }, 0)
    server.cut()
    await vi.waitFor(() => expect(server.connections).toBe(2), 3000)
    await vi.waitFor(() => expect(server.heard.filter((one) => one.k === "sub")).toHaveLength(2))
    expect(all.gaps).toEqual([])
    expect(all.links).toEqual(["connecting", "open", "closed", "connecting", "open"])
  })

  it("drops what is not of this protocol", async () => {
    const { frames } = connect(server.url)
    await vi.waitFor(() => expect(frames).toHaveLength(1))
    for (const client of server.server.clients) {
      client.send("{")
      client.send('{"v":2,"k":"dlq","seq":2,"t":0,"d":{}}')
      client.send(Buffer.from([1, 2, 3]))
    }
    server.send("dlq", { total: 9 })
    await vi.waitFor(() => expect(frames).toHaveLength(2))
    expect(frames[1]?.d).toEqual({ total: 9 })
  })

  it("waits as long as a server that says goodbye asks it to", async () => {
    const { frames, links } = connect(server.url)
    await vi.waitFor(() => expect(frames).toHaveLength(1))
    const began = Date.now()
    server.send("bye", { reason: "restart", retry_after_ms: 700 })
    await vi.waitFor(() => expect(links.at(-1)).toBe("closed"))
    await vi.waitFor(() => expect(server.connections).toBe(2), 3000)
    expect(Date.now() - began).toBeGreaterThanOrEqual(690)
  })

  it("stops when told to, and starts again with what it was subscribed to", async () => {
    const all = listening(server.url)
    sockets.push(all.socket)
    all.socket.sub("tail")
    all.socket.start()
    await vi.waitFor(() => expect(all.links.at(-1)).toBe("open"))
    all.socket.stop()
    await vi.waitFor(() => expect(server.server.clients.size).toBe(0))
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(server.connections).toBe(1)
    all.socket.unsub("tail")
    all.socket.sub("dlq")
    all.socket.start()
    await vi.waitFor(() => expect(server.heard.at(-1)).toEqual({ v: 1, k: "sub", d: { topic: "dlq" } }))
  })

  it("asks for a new address before each try, and tries again where it gets none", async () => {
    let asked = 0
    const { links } = connect(async () => {
      asked += 1
      if (asked === 1) throw new Error("no ticket")
      return server.url
    })
    await vi.waitFor(() => expect(links.at(-1)).toBe("open"), 3000)
    expect(asked).toBe(2)
  })
})

describe("the wait between tries", () => {
  it("doubles from half a second to ten, and half of it is drawn", () => {
    expect([1, 2, 3, 4, 5, 6, 9].map((n) => backoff(n, 1))).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000])
    expect(backoff(1, 0)).toBe(250)
    expect(backoff(20, 0)).toBe(5000)
  })
})
