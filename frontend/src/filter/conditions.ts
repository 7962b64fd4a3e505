/**
 * A filter as rows of `what · operator · value`, as an expression, and as the API has it. Whatever cannot be said in
 * rows without changing its meaning is not turned into rows.
 */

import type { Filters } from "../api/types"

export const OPERATORS = [
  "=",
  "≠",
  ">",
  "≥",
  "<",
  "≤",
  "=~",
  "in",
  "not in",
  "exists",
  "prefix",
  "suffix",
  "contains",
] as const
export type Operator = (typeof OPERATORS)[number]

export interface Row {
  /** `source`, `message`, `level`, or a path in the metadata: `metadata.amount`, `metadata.$.items[*].sku`. */
  path: string
  operator: Operator
  value: string
}

type Wire =
  | "eq"
  | "ne"
  | "gt"
  | "gte"
  | "lt"
  | "lte"
  | "regex"
  | "in"
  | "not_in"
  | "exists"
  | "prefix"
  | "suffix"
  | "contains"

const WIRE: Record<Operator, Wire> = {
  "=": "eq",
  "≠": "ne",
  ">": "gt",
  "≥": "gte",
  "<": "lt",
  "≤": "lte",
  "=~": "regex",
  in: "in",
  "not in": "not_in",
  exists: "exists",
  prefix: "prefix",
  suffix: "suffix",
  contains: "contains",
}
const SIGN = Object.fromEntries(Object.entries(WIRE).map(([sign, wire]) => [wire, sign])) as Record<Wire, Operator>

export const LEVELS = ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

/** Which operators a path takes. */
export function operatorsOf(path: string): readonly Operator[] {
  if (path === "source" || path === "message") return ["=~"]
  if (path === "level") return ["≥", "in"]
  return OPERATORS
}

/** What was typed, as JSON where it is that: `1000` is a number, `"1000"` and `abc` are texts. */
export function literal(text: string): unknown {
  const trimmed = text.trim()
  if (/^(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null|".*"|\[.*\]|\{.*\})$/s.test(trimmed)) {
    try {
      return JSON.parse(trimmed)
    } catch {
      // Then it is a text.
    }
  }
  return text
}

/** A value as a person would type it. */
export function typed(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value)
  return typeof literal(value) === "string" && literal(value) === value ? value : JSON.stringify(value)
}

function list(text: string): unknown[] {
  const whole = literal(text)
  if (Array.isArray(whole)) return whole
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
    .map(literal)
}

export interface Converted {
  filters: Filters
  /** Rows that could not be used, by their number, and why. */
  errors: Map<number, string>
  /** The JSON pointer at which each row stands, to find what the server says of it. */
  pointers: (string | undefined)[]
}

const escapePointer = (part: string) => part.replaceAll("~", "~0").replaceAll("/", "~1")

/** Rows as the API takes them. `kept` are the members that rows do not say: schedule, any, all, not, where. */
export function toFilters(rows: readonly Row[], kept: Filters = {}): Converted {
  const filters: Filters = { ...kept }
  const errors = new Map<number, string>()
  const pointers: (string | undefined)[] = []
  const metadata: Record<string, Record<string, unknown>> = {}
  rows.forEach(({ path, operator, value }, index) => {
    const wrong = (text: string) => void errors.set(index, text)
    const name = path.trim()
    if (!name) return wrong("say what is compared: source, message, level or metadata.…")
    if (!value.trim() && operator !== "exists") return wrong("a value is missing")
    if (name === "source" || name === "message") {
      if (filters[name] !== undefined && filters[name] !== null) return wrong(`there is a condition on ${name} already`)
      filters[name] = (name === "source" && Array.isArray(literal(value)) ? literal(value) : value) as never
      pointers[index] = `/filters/${name}`
      return
    }
    if (name === "level") {
      const member = operator === "in" ? "levels" : "min_level"
      if (filters[member]) return wrong("there is such a condition on the level already")
      const levels = (operator === "in" ? list(value) : [value]).map((one) => String(one).trim().toUpperCase())
      const unknown = levels.find((level) => !LEVELS.includes(level))
      if (unknown) return wrong(`${unknown} is none of ${LEVELS.join(", ")}`)
      if (operator === "in") filters.levels = levels
      else filters.min_level = levels[0]
      pointers[index] = `/filters/${member}`
      return
    }
    if (!name.startsWith("metadata.")) return wrong(`${name}: neither source, message, level nor metadata.…`)
    const inner = name.slice("metadata.".length)
    if (!inner) return wrong("which member of the metadata?")
    const wire = WIRE[operator]
    const tests = (metadata[inner] ??= {})
    if (wire in tests) return wrong(`there is a ${operator} on ${name} already`)
    if (wire === "in" || wire === "not_in") tests[wire] = list(value)
    else if (wire === "exists") tests[wire] = value.trim() !== "false"
    else if (wire === "gt" || wire === "gte" || wire === "lt" || wire === "lte") {
      const number = literal(value)
      if (typeof number !== "number") return wrong(`${operator} needs a number`)
      tests[wire] = number
    } else if (wire === "eq" || wire === "ne" || wire === "contains") tests[wire] = literal(value)
    else tests[wire] = value
    pointers[index] = `/filters/metadata/${escapePointer(inner)}/${wire}`
  })
  if (Object.keys(metadata).length) filters.metadata = metadata as never
  return { filters, errors, pointers }
}

/** A filter as rows, and what rows do not say. `null` where its metadata is written in a way that rows cannot say. */
export function fromFilters(filters: Filters | null | undefined): { rows: Row[]; kept: Filters } | null {
  const rows: Row[] = []
  const { source, message, levels, min_level, metadata, ...kept } = filters ?? {}
  if (source != null)
    rows.push({ path: "source", operator: "=~", value: typeof source === "string" ? source : JSON.stringify(source) })
  if (min_level) rows.push({ path: "level", operator: "≥", value: min_level })
  if (levels) rows.push({ path: "level", operator: "in", value: levels.join(", ") })
  if (message != null) rows.push({ path: "message", operator: "=~", value: message })
  for (const [path, test] of Object.entries(metadata ?? {})) {
    const at = `metadata.${path}`
    if (Array.isArray(test)) rows.push({ path: at, operator: "in", value: JSON.stringify(test) })
    else if (test && typeof test === "object") {
      for (const [wire, value] of Object.entries(test)) {
        const operator = SIGN[wire as Wire]
        if (!operator) return null
        const text = wire === "regex" || wire === "prefix" || wire === "suffix" ? String(value) : typed(value)
        rows.push({ path: at, operator, value: text })
      }
    } else rows.push({ path: at, operator: "=", value: typed(test) })
  }
  return { rows, kept: withoutEmpty(kept) }
}

export function withoutEmpty(filters: Filters): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value != null)) as Filters
}
