import { createContext, useContext, useSyncExternalStore } from "react"
import { type Feed, type FeedState, POLL_MS } from "./feed"

export const FeedContext = createContext<Feed | null>(null)

export function useFeed(): Feed {
  const feed = useContext(FeedContext)
  if (!feed) throw new Error("there is no feed around this component")
  return feed
}

export function useFeedState(): FeedState {
  const feed = useFeed()
  return useSyncExternalStore(feed.subscribe, feed.get)
}

/** How often a query asks, in milliseconds: seldom while frames tell what changes. */
export function usePoll(ms = POLL_MS, whileLiveMs = 30_000): number {
  return useFeedState().link === "live" ? whileLiveMs : ms
}

export function useTail() {
  const { tail } = useFeed()
  return useSyncExternalStore(tail.subscribe, tail.get)
}

export function useSamples() {
  const { samples } = useFeed()
  return useSyncExternalStore(samples.subscribe, samples.get)
}

/** The list that stands still, or `null`. */
export function useHeld() {
  const feed = useFeed()
  const { held } = useFeedState()
  const tail = held ?? feed.tail
  const state = useSyncExternalStore(tail.subscribe, tail.get)
  return held && state.held ? { fresh: state.fresh, resume: () => held.resume() } : null
}
