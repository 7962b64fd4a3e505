import { useEffect, useRef } from "react"
import { useNavigate } from "react-router"
import { isTyping } from "../components/hooks"
import { getPrefs } from "../components/prefs"
import { PLACES } from "./places"
import { sendAndSay } from "./test-event"

/** So long after `g` the next key still means a place. */
const SEQUENCE_MS = 2000

/** The keys that act everywhere; `off` while something is open, or on its way, that takes what is typed. */
export function useShortcuts({ find, help, off }: { find: () => void; help: () => void; off: boolean }): void {
  const navigate = useNavigate()
  const acts = useRef({ find, help, off })
  acts.current = { find, help, off }
  useEffect(() => {
    let goAt = Number.NEGATIVE_INFINITY
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault()
        acts.current.find()
        return
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      if (acts.current.off || !getPrefs().keys || isTyping(event.target)) return
      if (event.timeStamp - goAt < SEQUENCE_MS) {
        goAt = Number.NEGATIVE_INFINITY
        const place = PLACES.find(({ key }) => key === event.key)
        if (place) {
          event.preventDefault()
          navigate(place.path)
        }
        return
      }
      switch (event.key) {
        case "g":
          goAt = event.timeStamp
          break
        case "n":
          navigate("/subscriptions/new")
          break
        case "t":
          void sendAndSay()
          break
        case "?":
          acts.current.help()
          break
        case "/": {
          const filter = document.querySelector<HTMLInputElement>("main [data-filter]")
          if (filter) filter.focus()
          else acts.current.find()
          break
        }
        default:
          return
      }
      event.preventDefault()
    }
    window.addEventListener("keydown", press)
    return () => window.removeEventListener("keydown", press)
  }, [navigate])
}
