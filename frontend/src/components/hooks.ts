import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react"
import { getPrefs } from "./prefs"

/** One timer for all that want the time anew as often. */
class Ticker {
  #now = Date.now()
  #listeners = new Set<() => void>()
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(readonly ms: number) {}

  get = () => this.#now

  subscribe = (listener: () => void) => {
    if (this.#listeners.size === 0) {
      this.#now = Date.now()
      this.#timer = setInterval(() => {
        if (document.hidden) return
        this.#now = Date.now()
        for (const tell of this.#listeners) tell()
      }, this.ms)
    }
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) clearInterval(this.#timer)
    }
  }
}

const tickers = new Map<number, Ticker>()

/** The time, anew every `ms` milliseconds. */
export function useNow(ms = 1000): number {
  let ticker = tickers.get(ms)
  if (!ticker) {
    ticker = new Ticker(ms)
    tickers.set(ms, ticker)
  }
  return useSyncExternalStore(ticker.subscribe, ticker.get)
}

/** Whether a person is typing, or a dialog is open: single keys are letters then. */
export function isTyping(target: EventTarget | null): boolean {
  const element = target instanceof HTMLElement ? target : null
  return (
    !!element?.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") ||
    !!document.querySelector("[role=dialog]:not([data-keys]), [role=menu]")
  )
}

/** Acts on single keys while this is shown. */
export function useKeys(keys: Record<string, (event: KeyboardEvent) => void>, enabled = true): void {
  const current = useRef(keys)
  current.current = keys
  useEffect(() => {
    if (!enabled) return
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      if (!getPrefs().keys || isTyping(event.target)) return
      const act = current.current[event.key]
      // Enter and Space belong to what has the focus.
      if (!act || ((event.key === "Enter" || event.key === " ") && (event.target as HTMLElement)?.closest("a, button")))
        return
      event.preventDefault()
      act(event)
    }
    window.addEventListener("keydown", press)
    return () => window.removeEventListener("keydown", press)
  }, [enabled])
}

/** Whether the window is at least so wide, in pixels. */
export function useWide(min = 1200): boolean {
  const query = `(min-width: ${min}px)`
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query)
      media.addEventListener("change", listener)
      return () => media.removeEventListener("change", listener)
    },
    [query],
  )
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches)
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "Loghorn" ? title : `${title} · Loghorn`
  }, [title])
}

/** The value, once it has stood still for `ms`. */
export function useSettled<T>(value: T, ms = 250): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return settled
}
