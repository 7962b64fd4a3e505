/**
 * Rows as an expression of RFC 9535 (`where`), and back. Where a row has a meaning that an expression would change, it
 * says so instead; an expression that is no chain of such rows stays an expression.
 */

import { LEVELS, literal, type Operator, type Row, typed } from "./conditions"

const text = (value: unknown) =>
  typeof value === "string" ? `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'` : JSON.stringify(value)
const escapeRegex = (value: string) => value.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

function place(path: string): string | undefined {
  if (path === "source" || path === "message" || path === "level") return `@.${path}`
  const inner = path.replace(/^metadata\./, "")
  if (inner === path || inner.startsWith("$")) return undefined
  return `@.metadata${inner
    .split(".")
    .map((part) => (/^[A-Za-z_]\w*$/.test(part) ? `.${part}` : `[${text(part)}]`))
    .join("")}`
}

/** One row as an expression; `undefined` where there is none that means the same. */
export function rowToExpression({ path, operator, value }: Row): string | undefined {
  const at = place(path.trim())
  if (!at || (!value.trim() && operator !== "exists")) return undefined
  if (path === "source") return typeof literal(value) === "string" ? `match(${at}, ${text(value)})` : undefined
  if (path === "message") return `search(${at}, ${text(value)})`
  if (path === "level") {
    const levels =
      operator === "in"
        ? value.split(",").map((one) => one.trim().toUpperCase())
        : LEVELS.slice(Math.max(0, LEVELS.indexOf(value.trim().toUpperCase())))
    const any = levels.map((level) => `${at} == ${text(level)}`).join(" || ")
    return levels.length > 1 ? `(${any})` : any
  }
  const operand = literal(value)
  const isPlain = operand === null || typeof operand !== "object"
  const compare: Partial<Record<Operator, string>> = { "=": "==", ">": ">", "≥": ">=", "<": "<", "≤": "<=" }
  switch (operator) {
    case "=":
    case ">":
    case "≥":
    case "<":
    case "≤":
      if (!isPlain || (operator !== "=" && typeof operand !== "number")) return undefined
      return `${at} ${compare[operator]} ${text(operand)}`
    case "≠":
      // Nothing is unequal to everything there, but not here: a value is needed.
      return isPlain ? `(${at} && ${at} != ${text(operand)})` : undefined
    case "exists":
      return value.trim() === "false" ? `!${at}` : at
    case "=~":
      return `search(${at}, ${text(value)})`
    case "prefix":
      return `search(${at}, ${text(`^${escapeRegex(value)}`)})`
    case "suffix":
      return `search(${at}, ${text(`${escapeRegex(value)}$`)})`
    case "in": {
      const all = Array.isArray(operand) ? operand : value.split(",").map((one) => literal(one.trim()))
      if (!all.length || all.some((one) => one !== null && typeof one === "object")) return undefined
      return `(${all.map((one) => `${at} == ${text(one)}`).join(" || ")})`
    }
    default:
      return undefined
  }
}

/** All rows in one expression, and the numbers of those that cannot be in it. */
export function toExpression(rows: readonly Row[]): { where: string; left: number[] } {
  const left: number[] = []
  const parts: string[] = []
  rows.forEach((row, index) => {
    const part = rowToExpression(row)
    if (part === undefined) left.push(index)
    else parts.push(part)
  })
  return { where: parts.join(" && "), left }
}

const LITERAL = String.raw`('(?:[^'\\]|\\.)*'|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)`
const PATH = String.raw`@\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\['(?:[^'\\]|\\.)*'\])*)`

function unquote(token: string): unknown {
  if (!token.startsWith("'")) return JSON.parse(token)
  return token.slice(1, -1).replace(/\\(.)/g, "$1")
}

function rowPath(inner: string): string | undefined {
  const plain = inner.replace(/\['((?:[^'\\]|\\.)*)'\]/g, (_, name: string) => `.${name.replace(/\\(.)/g, "$1")}`)
  if (plain === "source" || plain === "message" || plain === "level") return plain
  return plain.startsWith("metadata.") ? plain : undefined
}

/** An expression as rows; `null` where it says something that rows do not. */
export function fromExpression(where: string): Row[] | null {
  const rows: Row[] = []
  for (const part of conjuncts(where.trim())) {
    const row = part && rowOf(part)
    if (!row) return null
    rows.push(row)
  }
  return rows
}

function rowOf(part: string): Row | null {
  const call = new RegExp(`^(match|search)\\(${PATH},\\s*${LITERAL}\\)$`).exec(part)
  if (call) {
    const path = rowPath(call[2] as string)
    const value = unquote(call[3] as string)
    if (!path || typeof value !== "string") return null
    // `match` of the source and `search` of the rest is what rows mean.
    if ((call[1] === "match") !== (path === "source")) return null
    return path === "level" ? null : { path, operator: "=~", value }
  }
  const compared = new RegExp(`^${PATH}\\s*(==|>=|<=|>|<)\\s*${LITERAL}$`).exec(part)
  if (compared) {
    const path = rowPath(compared[1] as string)
    const value = unquote(compared[3] as string)
    if (!path) return null
    const sign = compared[2] as string
    if (path === "level") return sign === "==" && typeof value === "string" ? { path, operator: "in", value } : null
    if (path === "source" || path === "message") return null
    const operator = ({ "==": "=", ">": ">", ">=": "≥", "<": "<", "<=": "≤" } as Record<string, Operator>)[
      sign
    ] as Operator
    if (operator !== "=" && typeof value !== "number") return null
    return { path, operator, value: typed(value) }
  }
  const present = new RegExp(`^(!?)${PATH}$`).exec(part)
  if (present) {
    const path = rowPath(present[2] as string)
    return path?.startsWith("metadata.") ? { path, operator: "exists", value: present[1] ? "false" : "true" } : null
  }
  const grouped = /^\((.*)\)$/s.exec(part)
  return grouped ? groupOf(grouped[1] as string) : null
}

/** `(@.a == 1 || @.a == 2)` and `(@.a && @.a != 1)`. */
function groupOf(inner: string): Row | null {
  const differs = new RegExp(`^${PATH} && ${PATH} != ${LITERAL}$`).exec(inner)
  if (differs && differs[1] === differs[2]) {
    const path = rowPath(differs[1] as string)
    return path?.startsWith("metadata.") ? { path, operator: "≠", value: typed(unquote(differs[3] as string)) } : null
  }
  const any = split(inner, "||").map((one) => new RegExp(`^${PATH}\\s*==\\s*${LITERAL}$`).exec(one.trim()))
  const [first] = any
  if (!first || any.some((one) => !one || one[1] !== first[1])) return null
  const path = rowPath(first[1] as string)
  const values = any.map((one) => unquote((one as RegExpExecArray)[2] as string))
  if (!path || path === "source" || path === "message") return null
  if (path !== "level") return { path, operator: "in", value: JSON.stringify(values) }
  const tail = LEVELS.slice(-values.length)
  return tail.join() === values.join()
    ? { path, operator: "≥", value: String(values[0]) }
    : { path, operator: "in", value: values.join(", ") }
}

function conjuncts(where: string): string[] {
  return where ? split(where, "&&").map((part) => part.trim()) : []
}

/** Splits at an operator that stands in no text and in no brackets. */
function split(source: string, operator: "&&" | "||"): string[] {
  const parts: string[] = []
  let [depth, begin, quote] = [0, 0, ""]
  for (let index = 0; index < source.length; index += 1) {
    const char = source[index] as string
    if (quote) {
      if (char === "\\") index += 1
      else if (char === quote) quote = ""
    } else if (char === "'" || char === '"') quote = char
    else if ("([{".includes(char)) depth += 1
    else if (")]}".includes(char)) depth -= 1
    else if (depth === 0 && source.startsWith(operator, index)) {
      parts.push(source.slice(begin, index))
      begin = index + 2
      index += 1
    }
  }
  return [...parts, source.slice(begin)]
}
