/** The built-in receiver, as the server tells of it. */

import { send } from "../api/client"
import type { Answer, Received, Receiver, Subscription } from "../api/types"
import { parse } from "../format/time"

export const ANSWERS: readonly (readonly [string, string, Answer])[] = [
  ["200", "200 OK", { status: 200 }],
  ["500", "500 Internal Server Error", { status: 500 }],
  ["410", "410 Gone", { status: 410 }],
  ["429", "429 Too Many Requests", { status: 429 }],
  ["slow", "slow: 200 after 5 s", "slow"],
  ["hang", "hang: no answer", "hang"],
]

export function answerId(answer: Answer): string {
  return typeof answer === "string" ? answer : String(answer.status)
}

/** Whether a URL is that of the built-in receiver on this very server. */
export function isReceiver(url: string): boolean {
  try {
    const { hostname, pathname } = new URL(url)
    const here = ["127.0.0.1", "localhost", "[::1]", location.hostname].includes(hostname)
    return here && pathname === "/receiver/hook"
  } catch {
    return false
  }
}

/** Subscribes it: a real subscription, with a secret of its own. */
export function subscribeReceiver(url: string): Promise<Subscription> {
  const body = { name: "Try it", url, events: ["log.error", "log.critical"] }
  return send<Subscription>("POST", "/api/v1/subscriptions", body)
}

export function answerWith(answer: Answer): Promise<Receiver> {
  return send("PUT", "/api/v1/receiver", { answer })
}

export function forgetRequests(): Promise<void> {
  return send("DELETE", "/api/v1/receiver")
}

/** Which delivery a request carried. */
export function deliveryOf(request: Received): string | undefined {
  return request.headers["webhook-id"]
}

/** How old the signed time was when the request came, in milliseconds; it is told in whole seconds. */
export function ageOf(request: Received): number | undefined {
  const seconds = Number(request.headers["webhook-timestamp"])
  const at = parse(request.received_at)
  return at !== undefined && seconds > 0 ? Math.max(0, Math.floor(at / 1000) - seconds) * 1000 : undefined
}

/** The type that stands in the body of a standard webhook. */
export function typeOf(request: Received): string | undefined {
  return /^\{"type":"([\w.-]+)"/.exec(request.body)?.[1]
}

export const VERIFIED: Record<Received["verified"], string> = {
  yes: "Signature verified",
  no: "Signature refused",
  stale: "Signature too old",
  unsigned: "Not signed",
}
