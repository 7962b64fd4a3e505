import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Tail, type TailRow } from "./tail"

const row = (seq: number, change: Partial<TailRow> = {}): TailRow => ({
  id: `dlv_${seq}`,
  seq,
  eventId: `evt_${seq}`,
  type: undefined,
  subscriptionId: "sub_1",
  url: null,
  status: "queued",
  code: null,
  cls: null,
  attempts: 0,
  at: seq,
  endedAt: null,
  nextAt: null,
  origin: "live",
  ms: null,
  ...change,
})

describe("the tail", () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it("tells at most four times a second, however many rows come", () => {
    const tail = new Tail()
    let told = 0
    tail.subscribe(() => told++)
    for (let ms = 0; ms < 1000; ms += 1) {
      tail.put([row(ms)])
      vi.advanceTimersByTime(1)
    }
    vi.advanceTimersByTime(250)
    expect(told).toBeLessThanOrEqual(6)
    expect(told).toBeGreaterThanOrEqual(4)
    expect(tail.get().rows).toHaveLength(1000)
  })

  it("keeps the newest 2,000, newest first", () => {
    const tail = new Tail()
    tail.put(Array.from({ length: 5000 }, (_, seq) => row(seq)))
    vi.advanceTimersByTime(300)
    const { rows } = tail.get()
    expect(rows).toHaveLength(2000)
    expect([rows[0]?.seq, rows[1999]?.seq]).toEqual([4999, 3000])
  })

  it("replaces a row that is known, and keeps what only the older one said", () => {
    const tail = new Tail()
    tail.put([row(1, { type: "log.error", ms: 12 })])
    tail.put([row(1, { status: "delivered", attempts: 1 })])
    vi.advanceTimersByTime(300)
    expect(tail.get().rows).toEqual([row(1, { type: "log.error", ms: 12, status: "delivered", attempts: 1 })])
  })

  it("says nothing where nothing changed", () => {
    const tail = new Tail()
    tail.put([row(1)])
    vi.advanceTimersByTime(300)
    const before = tail.get()
    tail.put([row(1)])
    vi.advanceTimersByTime(300)
    expect(tail.get()).toBe(before)
  })

  it("stands still while held, counts what came, and still tells what became of its rows", () => {
    const tail = new Tail()
    tail.put([row(1), row(2)])
    tail.hold()
    tail.put([row(3), row(4), row(2, { status: "delivered" })])
    tail.put([row(4, { status: "retrying" })])
    vi.advanceTimersByTime(300)
    expect(tail.get().rows.map(({ seq, status }) => `${seq} ${status}`)).toEqual(["2 delivered", "1 queued"])
    expect(tail.get().fresh).toBe(2)
    tail.resume()
    expect(tail.get().rows.map(({ seq }) => seq)).toEqual([4, 3, 2, 1])
    expect(tail.get().fresh).toBe(0)
  })

  it("does not grow without end while held", () => {
    const tail = new Tail(100)
    tail.put(Array.from({ length: 100 }, (_, seq) => row(seq)))
    tail.hold()
    for (let seq = 100; seq < 5000; seq += 1) tail.put([row(seq)])
    vi.advanceTimersByTime(300)
    expect(tail.get().rows).toHaveLength(100)
    expect(tail.get().rows[0]?.seq).toBe(99)
    tail.resume()
    expect(tail.get().rows).toHaveLength(100)
    expect(tail.get().rows[0]?.seq).toBe(4999)
  })
})
