import { send } from "./client"
import { session } from "./session"

/** Who this page is to the server. */
export interface Who {
  name: string | null
  scope: string
  expires_at: string | null
  key_required: boolean
}

/** Exchanges the token of a one-time link for a session. */
export async function openLink(token: string): Promise<void> {
  await send("POST", "/api/v1/session", { token })
  session.opened()
}

/** Exchanges a key for a session; it is kept nowhere. */
export async function signIn(key: string): Promise<void> {
  await send("POST", "/api/v1/session", { key })
  session.opened()
}

export async function signOut(): Promise<void> {
  await send("DELETE", "/api/v1/session")
  location.assign("/")
}
