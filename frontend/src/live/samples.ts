/**
 * What the counters said since this page was opened. From these come rates, and the lines of a server that keeps no
 * history of its own; they are said to be that.
 */

import type { Stats } from "../api/types"

export interface Sample {
  /** Milliseconds since 1970. */
  at: number
  /** Last event's place in the log. */
  seq: number
  delivered: number
  dead: number
  retrying: number
}

export interface Rates {
  /** Events accepted a second; `null` until two samples are far enough apart. */
  events: number | null
  /** Delivered a minute. */
  delivered: number | null
}

const KEPT_MS = 2 * 3_600_000
const CAPACITY = 3000
/** Rates are taken over so long: long enough not to jump, short enough to be true. */
const WINDOW_MS = 15_000
const WINDOW_MIN_MS = 900

export class Samples {
  #samples: readonly Sample[] = []
  #listeners = new Set<() => void>()

  add(stats: Stats, at: number): void {
    const sample: Sample = {
      at,
      seq: stats.event_stats.last_seq,
      delivered: stats.delivery_stats.delivered,
      dead: stats.delivery_stats.failed,
      retrying: stats.delivery_stats.retrying,
    }
    const last = this.#samples.at(-1)
    if (last && at <= last.at) return
    // A counter that went back: another server, or another log.
    const kept = last && sample.seq < last.seq ? [] : this.#samples
    this.#samples = [...kept.filter((old) => at - old.at <= KEPT_MS), sample].slice(-CAPACITY)
    for (const listener of this.#listeners) listener()
  }

  get = () => this.#samples

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export function rates(samples: readonly Sample[]): Rates {
  const last = samples.at(-1)
  if (!last) return { events: null, delivered: null }
  const first = samples.find((sample) => last.at - sample.at <= WINDOW_MS) ?? last
  const passed = (last.at - first.at) / 1000
  if (passed * 1000 < WINDOW_MIN_MS) return { events: null, delivered: null }
  return {
    events: (last.seq - first.seq) / passed,
    delivered: (Math.max(0, last.delivered - first.delivered) / passed) * 60,
  }
}

/** What came to be between samples, in steps of `stepMs`; a step without a sample is not there. */
export function steps(
  samples: readonly Sample[],
  stepMs: number,
): { at: number; accepted: number; delivered: number; retrying: number; dead: number }[] {
  const found = new Map<number, { at: number; accepted: number; delivered: number; retrying: number; dead: number }>()
  for (let index = 1; index < samples.length; index += 1) {
    const [before, after] = [samples[index - 1] as Sample, samples[index] as Sample]
    const at = Math.floor(after.at / stepMs) * stepMs
    const step = found.get(at) ?? { at, accepted: 0, delivered: 0, retrying: 0, dead: 0 }
    step.accepted += Math.max(0, after.seq - before.seq)
    step.delivered += Math.max(0, after.delivered - before.delivered)
    step.dead += Math.max(0, after.dead - before.dead)
    step.retrying = after.retrying
    found.set(at, step)
  }
  return [...found.values()]
}
