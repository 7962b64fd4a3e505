/** Which dead letters a group is. A mistake here would replay or discard somebody else's. */

import { api, data } from "../api/client"
import type { DeadLetterFilter, Delivery, Group, Page } from "../api/types"
import { cause, death } from "../format/words"

/** Most ids in one request, as the server takes them. */
const IDS_MAX = 1000

/** A filter that needs no asking: the letters themselves where all are named, or what only this group has. */
export function plainFilter(group: Group, groups: readonly Group[]): DeadLetterFilter | undefined {
  if (group.samples.length >= group.count) return { ids: group.samples }
  const { subscription_id: subscription, last_class } = group
  if (!subscription || !last_class) return undefined
  const alike = groups.filter((one) => one.subscription_id === subscription && one.last_class === last_class)
  return alike.length === 1 ? { subscription, class: last_class } : undefined
}

/** Exactly the letters of a group: by a filter where one says it, else by their ids, at most the newest 1,000. */
export async function filterOf(group: Group, groups: readonly Group[]): Promise<DeadLetterFilter> {
  const plain = plainFilter(group, groups)
  if (plain) return plain
  return { ids: (await idsOf(group)).slice(0, IDS_MAX) }
}

async function idsOf(group: Group): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const query = {
      subscription: group.subscription_id ?? undefined,
      class: group.last_class ?? undefined,
      code: group.last_status_code ?? undefined,
      limit: 500,
      cursor,
    }
    const page = (await data(api.GET("/api/v1/dead-letters", { params: { query } }))) as Page<Delivery>
    for (const letter of page.items) if (isOf(letter, group)) ids.push(letter.id)
    cursor = page.next_cursor ?? undefined
  } while (cursor && ids.length < IDS_MAX)
  return ids
}

/** Exactly the letters of some of the groups. */
export async function filterOfAll(shown: readonly Group[], groups: readonly Group[]): Promise<DeadLetterFilter> {
  if (shown.length === groups.length) return {}
  if (shown.length === 1) return filterOf(shown[0] as Group, groups)
  const ids: string[] = []
  for (const group of shown) {
    if (ids.length >= IDS_MAX) break
    // By name, whatever a filter could say: several filters are no one filter.
    ids.push(...(group.samples.length >= group.count ? group.samples : await idsOf(group)))
  }
  return { ids: ids.slice(0, IDS_MAX) }
}

/** Whether a group is what was looked for: its subscription, its host, its cause, its code or its reason. */
export function finds(group: Group, words: string): boolean {
  const texts = [
    group.subscription_name,
    group.url,
    group.last_class,
    String(group.last_status_code ?? ""),
    cause(group.last_class, group.last_status_code),
    group.reason,
    death(group.reason),
    group.last_error,
  ]
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => texts.some((text) => text?.toLowerCase().includes(word)))
}

function isOf(letter: Delivery, group: Group): boolean {
  const same = (a: unknown, b: unknown) => (a ?? null) === (b ?? null)
  return (
    same(letter.subscription_id, group.subscription_id) &&
    same(letter.last_class, group.last_class) &&
    same(letter.last_status_code, group.last_status_code) &&
    same(letter.reason, group.reason) &&
    (!group.url || !letter.url || letter.url === group.url)
  )
}
