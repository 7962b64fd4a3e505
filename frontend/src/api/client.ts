/**
 * The one way to the server. A call ends with its data or with a {@link Problem}; whether the server could be reached
 * is told to {@link reach}, so that every page can say how old what it shows is.
 */

import createClient from "openapi-fetch"
import { reach } from "./reach"
import type { paths } from "./schema"
import { session } from "./session"

export interface Wrong {
  pointer: string
  detail: string
}

/** What went wrong, as the server says it; `status` is 0 where it could not be reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly remedy = "",
    readonly requestId = "",
    readonly errors: Wrong[] = [],
  ) {
    super(detail || title)
  }

  /** Whether the server does not have this route: a part of it is down, or not built. */
  get isMissing(): boolean {
    return (this.status === 404 && this.detail.startsWith("nothing is served")) || this.status === 405
  }

  static async of(response: Response): Promise<Problem> {
    const text = await response.text().catch(() => "")
    try {
      const body = JSON.parse(text)
      return new Problem(response.status, body.title, body.detail, body.remedy, body.request_id, body.errors)
    } catch {
      return new Problem(response.status, response.statusText || `HTTP ${response.status}`, text.slice(0, 500))
    }
  }
}

/** `fetch`, that also says whether the server answers, and whether it wants a key. */
export async function call(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init)
  let response: Response
  try {
    response = await fetch(request)
  } catch (error) {
    if (request.signal.aborted) throw error
    reach.failed()
    throw new Problem(
      0,
      "The server cannot be reached",
      "No answer came from it.",
      "See whether it runs; this page tries again by itself.",
    )
  }
  // A gateway that stands before it answers for a server that is down.
  if (response.status === 502 || response.status === 504) reach.failed()
  else reach.succeeded()
  // Where a key is exchanged, a refusal is for the form to tell.
  if (response.status === 401 && !request.url.endsWith("/api/v1/session")) session.refused()
  return response
}

export const api = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? "http://localhost",
  fetch: (request) => call(request),
})

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The data of an answer; throws its problem. */
export async function data<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer
  if (response.ok) return data as T
  const body = error as { title?: string; detail?: string; remedy?: string; request_id?: string; errors?: Wrong[] }
  if (body && typeof body === "object") {
    throw new Problem(
      response.status,
      body.title ?? response.statusText,
      body.detail ?? "",
      body.remedy,
      body.request_id,
      body.errors,
    )
  }
  throw new Problem(response.status, response.statusText || `HTTP ${response.status}`, String(error ?? ""))
}

/** A call of a route that the API's description does not have yet. */
export async function send<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await call(new URL(path, location.origin).href, {
    method,
    headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  if (!response.ok) throw await Problem.of(response)
  return (response.status === 204 ? undefined : await response.json()) as T
}

/** The same, `null` where the server does not have the route: what it would have told is not known. */
export async function ask<T>(path: string): Promise<T | null> {
  try {
    return await send<T>("GET", path)
  } catch (error) {
    if (error instanceof Problem && (error.status === 404 || error.status === 405)) return null
    throw error
  }
}
