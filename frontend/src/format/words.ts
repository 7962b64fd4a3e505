/** How outcomes are told: what happened, and what follows from it. */

export type Tone = "delivered" | "retrying" | "failed" | "dead" | "queued" | "plain"

/** The state of a delivery: its word, in lower case, and its colour. */
export function deliveryState(status: string): { word: string; tone: Tone; icon: IconName } {
  switch (status) {
    case "delivered":
      return { word: "delivered", tone: "delivered", icon: "tick" }
    case "retrying":
      return { word: "retrying", tone: "retrying", icon: "retry" }
    case "dead_letter":
    case "dead":
      return { word: "dead", tone: "dead", icon: "skull" }
    case "queued":
      return { word: "queued", tone: "queued", icon: "clock" }
    case "attempting":
      return { word: "sending", tone: "queued", icon: "send" }
    case "cancelled":
      return { word: "cancelled", tone: "plain", icon: "cross" }
    default:
      return { word: status, tone: "plain", icon: "dot" }
  }
}

export type IconName =
  | "tick"
  | "retry"
  | "skull"
  | "clock"
  | "send"
  | "cross"
  | "dot"
  | "bolt"
  | "pause"
  | "pulse"
  | "eye"

export type Health = "open" | "half_open" | "disabled" | "degraded" | "paused" | "shadow" | "ok" | "idle"

/** The health of a subscription: its words, its colour, and how bad it is (the worst first). */
export const HEALTH: Record<Health, { word: string; tone: Tone; icon: IconName; rank: number }> = {
  open: { word: "Circuit open", tone: "failed", icon: "bolt", rank: 0 },
  half_open: { word: "Half-open", tone: "retrying", icon: "clock", rank: 1 },
  disabled: { word: "Disabled", tone: "failed", icon: "cross", rank: 2 },
  degraded: { word: "Degraded", tone: "retrying", icon: "pulse", rank: 3 },
  paused: { word: "Paused", tone: "queued", icon: "pause", rank: 4 },
  shadow: { word: "Shadow", tone: "queued", icon: "eye", rank: 5 },
  idle: { word: "No traffic yet", tone: "plain", icon: "dot", rank: 7 },
  ok: { word: "Healthy", tone: "plain", icon: "tick", rank: 6 },
}

const REASONS: Record<number, string> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  301: "Moved Permanently",
  302: "Found",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  413: "Payload Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  425: "Too Early",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
}

/** `503 Service Unavailable`. The phrase is the registry's, never the receiver's. */
export function statusCode(code: number): string {
  return REASONS[code] ? `${code} ${REASONS[code]}` : String(code)
}

const CLASSES: Record<string, string> = {
  ok: "Delivered",
  http_3xx: "Redirected",
  http_4xx: "Refused by the receiver",
  http_5xx: "Receiver failed",
  rate_limited: "429 Too Many Requests",
  timeout_connect: "Timed out while connecting",
  timeout_response: "Timed out waiting for an answer",
  dns: "Name not found",
  connect: "Connection refused",
  tls: "TLS failed",
  reset: "Connection reset",
  protocol: "Not valid HTTP",
  blocked: "Blocked: not a permitted address",
  template: "Template failed",
  refused: "Not taken, whatever the code says",
}

/** What went wrong, in words: the status code where there is one, else the class. */
export function cause(cls: string | null | undefined, code: number | null | undefined): string {
  // Its code says that all is well.
  if (cls !== "refused" && code != null && code > 0) return statusCode(code)
  return CLASSES[cls ?? ""] ?? (cls ? cls.replaceAll("_", " ") : "Unknown cause")
}

/** What follows from an outcome, as the verdicts are. */
export function verdict(
  cls: string | null | undefined,
  code: number | null | undefined,
): { text: string; dies: boolean } {
  if (cls === "ok") return { text: "delivered", dies: false }
  if (code === 410) return { text: "dead at once, subscription disabled", dies: true }
  if (code === 429 || cls === "rate_limited") return { text: "retries, honours Retry-After", dies: false }
  if (code === 408 || code === 425) return { text: "retries", dies: false }
  if (cls === "http_3xx") return { text: "dead at once, redirects are not followed", dies: true }
  if (cls === "http_4xx" || cls === "blocked" || cls === "template" || cls === "refused")
    return { text: "dead at once", dies: true }
  return { text: "retries", dies: false }
}

const DEATHS: Record<string, string> = {
  gone: "the receiver said 410 Gone",
  exhausted: "all attempts were used up",
  blocked: "the address is not permitted",
  template: "the template failed",
  refused: "the receiver answered that it did not take it",
}

/** Why it is a dead letter. */
export function death(reason: string | null | undefined): string | undefined {
  if (!reason) return undefined
  return DEATHS[reason] ?? cause(reason, undefined).toLowerCase()
}

/** A URL without its scheme, as lists show it. */
export function bare(url: string | null | undefined): string {
  return (url ?? "").replace(/^https?:\/\//, "").replace(/\/$/, "")
}

/** The host of a URL. */
export function host(url: string | null | undefined): string {
  return bare(url).split(/[/?#]/)[0] ?? ""
}
