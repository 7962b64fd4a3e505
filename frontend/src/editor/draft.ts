/** What is being written: a subscription as a person types it, and as the API takes it. */

import type { Filters, Subscription, SubscriptionSpec } from "../api/types"
import { fromFilters, type Row, toFilters, withoutEmpty } from "../filter/conditions"

export type FilterMode = "conditions" | "expression" | "json"

export interface Draft {
  name: string
  url: string
  types: string
  mode: FilterMode
  rows: Row[]
  /** Members of the filter that rows do not say. */
  kept: Filters
  where: string
  json: string
  attempts: string
  maxAge: string
  priority: string
  timeout: string
  secret: string
  shadow: boolean
}

export const ATTEMPTS = 16

export const EMPTY: Draft = {
  name: "",
  url: "",
  types: "",
  mode: "conditions",
  rows: [],
  kept: {},
  where: "",
  json: "{}",
  attempts: "",
  maxAge: "",
  priority: "",
  timeout: "",
  secret: "",
  shadow: false,
}

export function draftOf(subscription: Subscription | SubscriptionSpec): Draft {
  const { filters } = subscription
  const plain = filters ? withoutEmpty(filters) : {}
  const rows = fromFilters(plain)
  const onlyWhere = Object.keys(plain).length === 1 && typeof plain.where === "string"
  const nests = plain.any || plain.all || plain.not
  return {
    ...EMPTY,
    name: subscription.name,
    url: subscription.url,
    types: subscription.events.join(", "),
    mode: onlyWhere ? "expression" : !rows || nests ? "json" : "conditions",
    rows: rows?.rows ?? [],
    kept: rows?.kept ?? {},
    where: typeof plain.where === "string" ? plain.where : "",
    json: JSON.stringify(plain, null, 2),
    attempts: subscription.retry?.max_attempts ? String(subscription.retry.max_attempts) : "",
    maxAge: subscription.retry?.max_age ?? "",
    priority: subscription.priority ?? "",
    timeout: subscription.timeout ?? "",
    shadow: subscription.mode === "shadow",
  }
}

export function typesOf(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))]
}

export interface Errors {
  /** By field: name, url, types, filter, attempts … */
  fields: Record<string, string>
  /** By the row's number. */
  rows: Map<number, string>
}

export interface Built {
  filters: Filters
  pointers: (string | undefined)[]
  errors: Errors
}

/** The filter of a draft in whichever form it is being written. */
export function filtersOf(draft: Draft): Built {
  const errors: Errors = { fields: {}, rows: new Map() }
  if (draft.mode === "json") {
    try {
      const filters = JSON.parse(draft.json || "{}")
      if (!filters || typeof filters !== "object" || Array.isArray(filters)) throw new Error("an object is expected")
      return { filters, pointers: [], errors }
    } catch (error) {
      errors.fields.filter = `not JSON: ${error instanceof Error ? error.message : error}`
      return { filters: {}, pointers: [], errors }
    }
  }
  if (draft.mode === "expression") {
    const { where: _, ...kept } = draft.kept
    return { filters: draft.where.trim() ? { ...kept, where: draft.where.trim() } : kept, pointers: [], errors }
  }
  const { filters, errors: rows, pointers } = toFilters(draft.rows, draft.kept)
  return { filters, pointers, errors: { fields: {}, rows } }
}

/** What can be told without the server; it has the last word. */
export function check(draft: Draft): Errors {
  const { errors } = filtersOf(draft)
  const { fields } = errors
  if (!draft.name.trim()) fields.name = "A name for people is missing"
  if (!/^https?:\/\/[^\s]+$/.test(draft.url.trim())) fields.url = "A URL that begins with https:// is missing"
  if (!typesOf(draft.types).length) fields.types = "Which events? ** is every one"
  if (draft.attempts && !/^([1-9]\d?|100)$/.test(draft.attempts.trim())) fields.attempts = "1 to 100 attempts"
  if (draft.secret && draft.secret.length < 16) fields.secret = "At least 16 characters"
  return errors
}

/** As the API takes it. A member that was emptied is null, which puts it back to its default. */
export function bodyOf(draft: Draft, isNew: boolean): Record<string, unknown> {
  const { filters } = filtersOf(draft)
  const retry =
    draft.attempts || draft.maxAge
      ? {
          ...(draft.attempts && { max_attempts: Number(draft.attempts) }),
          ...(draft.maxAge && { max_age: draft.maxAge.trim() }),
        }
      : null
  const body: Record<string, unknown> = {
    name: draft.name.trim(),
    url: draft.url.trim(),
    events: typesOf(draft.types),
    filters: Object.keys(filters).length ? filters : null,
    retry,
    priority: draft.priority || null,
    timeout: draft.timeout.trim() || null,
    mode: draft.shadow ? "shadow" : null,
  }
  if (!isNew) {
    // A merge patch would mix the old filter with the new one, and a shadow is promoted, not patched.
    if (!draft.shadow) delete body.mode
    return body
  }
  if (draft.secret) body.secret = draft.secret
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
}
