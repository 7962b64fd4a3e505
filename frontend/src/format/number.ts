import { UNKNOWN } from "./time"

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })

/** `1,284,891`. */
export function count(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value) ? UNKNOWN : whole.format(value)
}

/** For axes and badges: `2 k`, `1.3 M`. */
export function short(value: number): string {
  if (value >= 1e6) return `${+(value / 1e6).toFixed(1)} M`
  if (value >= 1e3) return `${+(value / 1e3).toFixed(1)} k`
  return String(+value.toFixed(1))
}

/** `98.7`: one decimal, and never 100 where something failed, nor 0 where something did not. */
export function percent(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return UNKNOWN
  if (value < 100 && value > 99.9) return "99.9"
  if (value > 0 && value < 0.1) return "0.1"
  return value === 100 ? "100" : value.toFixed(1)
}

/** `413`, `4.2`, `0.03`: a rate. */
export function rate(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return UNKNOWN
  if (value === 0 || value >= 10) return whole.format(value)
  return value >= 0.095 ? value.toFixed(1).replace(/\.0$/, "") : value.toFixed(2)
}

/** `412 bytes`, `1.2 MB`. */
export function bytes(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return UNKNOWN
  if (value < 1000) return `${value} bytes`
  const units = ["kB", "MB", "GB", "TB"]
  let [scaled, unit] = [value / 1000, 0]
  while (scaled >= 1000 && unit < units.length - 1) [scaled, unit] = [scaled / 1000, unit + 1]
  return `${scaled.toFixed(scaled < 10 ? 1 : 0)} ${units[unit]}`
}

/** `1 event`, `2 events`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}
