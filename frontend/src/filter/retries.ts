/** When a delivery is tried again, as the server does it unless told otherwise. */

const BASE_MS = 1000
const MAX_MS = 300_000

/** The wait before each retry, without its jitter of ± 20 %. */
export function waits(attempts: number): number[] {
  return Array.from({ length: Math.max(0, Math.min(attempts, 100) - 1) }, (_, index) =>
    Math.min(MAX_MS, BASE_MS * 2 ** index),
  )
}

export function totalMs(attempts: number): number {
  return waits(attempts).reduce((sum, ms) => sum + ms, 0)
}
