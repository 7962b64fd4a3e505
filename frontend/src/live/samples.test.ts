import { describe, expect, it } from "vitest"
import type { Stats } from "../api/types"
import { rates, Samples, steps } from "./samples"

const stats = (seq: number, delivered: number, dead = 0, retrying = 0) =>
  ({ event_stats: { last_seq: seq }, delivery_stats: { delivered, failed: dead, retrying } }) as Stats

describe("samples", () => {
  it("gives no rate before there are two of them", () => {
    const samples = new Samples()
    expect(rates(samples.get())).toEqual({ events: null, delivered: null })
    samples.add(stats(10, 0), 1000)
    expect(rates(samples.get()).events).toBeNull()
    samples.add(stats(60, 10), 6000)
    expect(rates(samples.get())).toEqual({ events: 10, delivered: 120 })
  })

  it("begins anew where the log is another one", () => {
    const samples = new Samples()
    samples.add(stats(1000, 5), 0)
    samples.add(stats(3, 0), 5000)
    expect(samples.get()).toHaveLength(1)
  })

  it("makes steps of what came between", () => {
    const samples = new Samples()
    samples.add(stats(0, 0), 0)
    samples.add(stats(5, 3, 1, 2), 5000)
    samples.add(stats(9, 8, 1, 4), 9000)
    samples.add(stats(10, 9, 2, 0), 15_000)
    expect(steps(samples.get(), 10_000)).toEqual([
      { at: 0, accepted: 9, delivered: 8, dead: 1, retrying: 4 },
      { at: 10_000, accepted: 1, delivered: 1, dead: 1, retrying: 0 },
    ])
  })
})
