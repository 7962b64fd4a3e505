/** One form of a filter into another, and what was written into what is asked for. */

import type { Subscription } from "../api/types"
import { fromFilters, toFilters } from "../filter/conditions"
import { fromExpression, toExpression } from "../filter/expression"
import { bodyOf, type Draft, type FilterMode, filtersOf } from "./draft"

/** The server's pointer of a row; a test that stands alone may be named without its operator. */
export function matchesPointer(server: string, own: string): boolean {
  return server === own || server === own.replace(/\/eq$/, "")
}

/** A merge patch that makes the filter what was written, whatever stood there before. */
export function patchOf(draft: Draft, base: Subscription): Record<string, unknown> {
  const body = bodyOf(draft, false)
  const { filters } = body
  if (filters && base.filters) {
    // In a merge patch what is not named stays: what was taken out is named as null.
    body.filters = replacing(base.filters, filters)
  }
  return body
}

/** The merge patch that turns `from` into `to`. */
export function replacing(from: unknown, to: unknown): unknown {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    !!value && typeof value === "object" && !Array.isArray(value)
  if (!isObject(from) || !isObject(to)) return to
  const patch: Record<string, unknown> = {}
  for (const key of Object.keys(from)) if (!(key in to)) patch[key] = null
  for (const [key, value] of Object.entries(to)) patch[key] = replacing(from[key], value)
  return patch
}

/** The same filter in another form, or why it cannot be. */
export function convert(draft: Draft, mode: FilterMode): Partial<Draft> | string {
  const { filters, errors } = filtersOf(draft)
  if (errors.fields.filter) return errors.fields.filter
  if (mode === "json") return { json: JSON.stringify(filters, null, 2) }
  const plain = draft.mode === "conditions" ? { rows: draft.rows, kept: draft.kept } : fromFilters(filters)
  if (!plain) return "This filter says more than conditions can; it stays JSON."
  if (mode === "conditions") {
    const { where, ...kept } = plain.kept
    const rows = typeof where === "string" ? fromExpression(where) : []
    if (rows === null) return "This expression says more than conditions can; it stays as it is."
    const all = [...plain.rows, ...rows]
    if (toFilters(all, kept).errors.size) return "Two conditions would say the same; it stays as it is."
    return { rows: all, kept }
  }
  const { where: rest, left } = toExpression(plain.rows)
  if (left.length) return `Condition ${(left[0] ?? 0) + 1} cannot be said in an expression; it stays as it is.`
  const { where, ...kept } = plain.kept
  return { where: [rest, where].filter(Boolean).join(" && "), kept }
}
