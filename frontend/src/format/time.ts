/** What stands where a value is not known. Never a 0. */
export const UNKNOWN = "–"

const pad = (value: number, width = 2) => String(value).padStart(width, "0")

/** `18:23:38.600` of a time in milliseconds, on UTC's clock or this machine's. */
export function clock(ms: number, utc: boolean, withMs = true): string {
  const date = new Date(ms)
  if (Number.isNaN(date.getTime())) return UNKNOWN
  const parts = utc
    ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getHours(), date.getMinutes(), date.getSeconds()]
  const text = parts.map((part) => pad(part)).join(":")
  return withMs ? `${text}.${pad(date.getUTCMilliseconds(), 3)}` : text
}

/** Exact, for hovering and for copies: UTC with milliseconds. */
export function iso(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? UNKNOWN : date.toISOString()
}

/** Milliseconds of an RFC 3339 time; `undefined` where there is none. */
export function parse(text: string | null | undefined): number | undefined {
  if (!text) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

/** A span for people: `69 ms`, `1.2 s`, `38 min`, `3 h`, `3 d 4 h`. */
export function span(ms: number | null | undefined): string {
  if (ms == null || !Number.isFinite(ms)) return UNKNOWN
  if (ms < 0) return span(0)
  if (ms < 1) return `${ms === 0 ? 0 : ms.toFixed(1)} ms`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 9.95) return `${trim(seconds)} s`
  if (seconds < 59.5) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.round(seconds / 3600)
  if (hours < 24) return `${hours} h`
  const days = Math.floor(seconds / 86_400)
  const rest = Math.floor((seconds % 86_400) / 3600)
  return rest && days < 10 ? `${days} d ${rest} h` : `${days} d`
}

/** `3 min ago`; `in 12 s` for what is to come. */
export function ago(ms: number, now: number): string {
  const passed = now - ms
  if (passed < 0) return `in ${span(-passed)}`
  if (passed < 1000) return "now"
  return `${span(Math.floor(passed / 1000) * 1000)} ago`
}

/** `0:42` until a time; `0:00` once it has passed. */
export function countdown(ms: number, now: number): string {
  const seconds = Math.max(0, Math.ceil((ms - now) / 1000))
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`
}

/** Milliseconds of a duration as the API writes it: `10s`, `1h 30m`, `500ms`. */
export function duration(text: string): number | undefined {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
  let total = 0
  let rest = text.trim()
  if (!rest) return undefined
  while (rest) {
    const found = /^(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)\s*/.exec(rest)
    if (!found) return undefined
    total += Number(found[1]) * (units[found[2] as string] ?? 0)
    rest = rest.slice(found[0].length)
  }
  return total
}

function trim(value: number): string {
  return value.toFixed(1).replace(/\.0$/, "")
}
