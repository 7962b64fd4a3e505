import type { IconId } from "../components/icon"

export interface Place {
  path: string
  name: string
  icon: IconId
  /** The key after `g`. */
  key: string
  /** Not in the bar at the foot of a narrow window. */
  minor?: boolean
}

export const PLACES: readonly Place[] = [
  { path: "/", name: "Overview", icon: "home", key: "o" },
  { path: "/deliveries", name: "Deliveries", icon: "list", key: "d" },
  { path: "/subscriptions", name: "Subscriptions", icon: "plug", key: "s" },
  { path: "/dead-letters", name: "Dead letters", icon: "box", key: "x" },
  { path: "/events", name: "Events", icon: "pulse", key: "e" },
  { path: "/receiver", name: "Test receiver", icon: "inbox", key: "r", minor: true },
  { path: "/system", name: "System", icon: "chip", key: "y", minor: true },
]
