/** What can be done with a subscription. */

import { api, data } from "../api/client"
import type { Subscription, SubscriptionSpec } from "../api/types"

const at = (id: string) => ({ params: { path: { id } } })

export const pause = (id: string) => data(api.POST("/api/v1/subscriptions/{id}/pause", at(id)))
/** Lets deliveries flow, whatever held them back: one that was disabled is enabled. */
export const resume = (id: string) => data(api.POST("/api/v1/subscriptions/{id}/resume", at(id)))
export const test = (id: string) => data(api.POST("/api/v1/subscriptions/{id}/test", at(id)))
export const remove = (id: string) => data(api.DELETE("/api/v1/subscriptions/{id}", at(id)))
export const circuit = (id: string, action: "open" | "close" | "probe") =>
  data(api.POST("/api/v1/subscriptions/{id}/circuit", { ...at(id), body: { action } }))

/** What a person wrote, without what the server adds: for a copy, or for YAML. */
export function specOf(subscription: Subscription): SubscriptionSpec {
  const { id, state, disabled_reason, circuit, version, created_at, updated_at, secret, whsec, ...spec } = subscription
  void [id, state, disabled_reason, circuit, version, created_at, updated_at, secret, whsec]
  return spec as SubscriptionSpec
}
