import { QueryClient } from "@tanstack/react-query"
import { afterEach, describe, expect, it, vi } from "vitest"
import { WebSocket as NodeSocket, WebSocketServer } from "ws"
import { eventTypes } from "../api/event-types"
import { Feed } from "./feed"

describe("the feed", () => {
  let server: WebSocketServer
  let feed: Feed
  let seq = 0
  const send = (k: string, d: unknown, skip = 0) => {
    seq += 1 + skip
    for (const client of server.clients) client.send(JSON.stringify({ v: 1, k, seq, t: Date.now(), d }))
  }
  const start = async () => {
    server = new WebSocketServer({ port: 0, handleProtocols: () => "loghorn.v1" })
    seq = 0
    const { port } = server.address() as { port: number }
    const client = new QueryClient()
    feed = new Feed(client, {
      url: () => `ws://127.0.0.1:${port}/`,
      WebSocket: NodeSocket as unknown as typeof WebSocket,
    })
    feed.start()
    await vi.waitFor(() => expect(feed.get().link).toBe("live"))
    return client
  }
  afterEach(async () => {
    feed.stop()
    for (const client of server.clients) client.terminate()
    await new Promise((resolve) => server.close(resolve))
  })

  const delivery = {
    id: "dlv_1",
    event_id: "evt_1",
    event_seq: 1,
    status: "retrying",
    attempts: 2,
    created_at: "2026-11-26T10:00:00.000Z",
    origin: "live",
    last_status_code: 503,
  }

  it("puts stats and deliveries where the pages read them", async () => {
    const client = await start()
    const stats = { delivery_stats: { delivered: 7 }, event_stats: { last_seq: 9 } }
    send("stats", { ...stats, p95_ms: 84 })
    await vi.waitFor(() => expect(client.getQueryData(["stats"])).toMatchObject(stats))
    expect(feed.get().stats?.p95_ms).toBe(84)
    send("tail", { rows: [{ ...delivery, event_type: "payment.failed" }], seen: 400, shown: 48 })
    await vi.waitFor(() =>
      expect(feed.tail.get().rows[0]).toMatchObject({ id: "dlv_1", type: "payment.failed", code: 503 }),
    )
    expect(feed.get().tail).toEqual({ seen: 400, shown: 48 })
    expect(eventTypes.get("evt_1")).toBe("payment.failed")
    send("delivery", { ...delivery, status: "delivered", attempt_log: [] })
    await vi.waitFor(() => expect(client.getQueryData(["delivery", "dlv_1"])).toMatchObject({ status: "delivered" }))
    await vi.waitFor(() => expect(feed.tail.get().rows[0]?.status).toBe("delivered"))
  })

  it("reads everything anew after a gap, and after the server left something out", async () => {
    const client = await start()
    const reread = vi.spyOn(client, "invalidateQueries")
    send("dlq", { total: 1 })
    await vi.waitFor(() => expect(reread).toHaveBeenCalledWith({ queryKey: ["dead-letter-groups"] }))
    reread.mockClear()
    send("job", { id: "job_1", state: "running" }, 3)
    await vi.waitFor(() => expect(reread).toHaveBeenCalledWith())
    reread.mockClear()
    send("lag", { topic: "tail", dropped: 12 })
    await vi.waitFor(() => expect(feed.get().dropped).toBe(12))
    expect(reread).toHaveBeenCalledWith()
  })

  it("asks for what happened before the socket listened, once, and only when it does", async () => {
    const client = await start()
    const reread = vi.spyOn(client, "invalidateQueries")
    send("pong", {})
    await vi.waitFor(() => expect(reread).toHaveBeenCalledTimes(1))
    send("pong", {})
    send("dlq", { total: 1 })
    await vi.waitFor(() => expect(reread).toHaveBeenCalledTimes(2))
    expect(reread).toHaveBeenLastCalledWith({ queryKey: ["dead-letter-groups"] })
  })

  it("forgets what needed attention when it is cut off: it is told anew", async () => {
    await start()
    send("attention", { change: "raise", id: "a", kind: "slow", title: "Slow", detail: "" })
    await vi.waitFor(() => expect(feed.get().attention).toHaveLength(1))
    for (const client of server.clients) client.terminate()
    await vi.waitFor(() => expect(feed.get().attention).toEqual([]))
  })

  it("raises and clears what needs attention", async () => {
    await start()
    send("attention", { change: "raise", id: "a", kind: "slow", title: "Slow", detail: "" })
    send("attention", { change: "raise", id: "b", kind: "secret", title: "Secret", detail: "" })
    await vi.waitFor(() => expect(feed.get().attention.map((one) => one.id)).toEqual(["b", "a"]))
    send("attention", { change: "clear", id: "a", kind: "slow", title: "", detail: "" })
    await vi.waitFor(() => expect(feed.get().attention.map((one) => one.id)).toEqual(["b"]))
  })

  it("polls where no socket answers, and stops while nobody looks", async () => {
    await start()
    vi.spyOn(document, "hidden", "get").mockReturnValue(true)
    document.dispatchEvent(new Event("visibilitychange"))
    await vi.waitFor(() => expect(server.clients.size).toBe(0))
    expect(feed.get().link).toBe("polling")
    vi.spyOn(document, "hidden", "get").mockReturnValue(false)
    document.dispatchEvent(new Event("visibilitychange"))
    await vi.waitFor(() => expect(feed.get().link).toBe("live"))
  })
})
