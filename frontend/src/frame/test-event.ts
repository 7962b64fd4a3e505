import { api, data } from "../api/client"
import { say, sayProblem } from "../components/say"
import { testEvent } from "../format/snippets"

export interface Sent {
  id: string
  seq: number
  /** When it was sent, and how long the answer took, in milliseconds. */
  at: number
  tookMs: number
}

/** Sends one event that looks like a real one. */
export async function sendTestEvent(type?: string): Promise<Sent> {
  const at = Date.now()
  const began = performance.now()
  const accepted = (await data(api.POST("/api/v1/events", { body: testEvent(type) as never }))) as {
    id: string
    seq: number
  }
  return { id: accepted.id, seq: accepted.seq, at, tookMs: performance.now() - began }
}

/** The same from wherever a person is; says what became of it. */
export async function sendAndSay(type?: string): Promise<Sent | undefined> {
  try {
    const sent = await sendTestEvent(type)
    say(
      `Test event accepted in ${Math.max(1, Math.round(sent.tookMs))} ms`,
      { label: "Follow it", to: `/events/${sent.id}` },
      8000,
    )
    return sent
  } catch (error) {
    sayProblem(error)
    return undefined
  }
}
