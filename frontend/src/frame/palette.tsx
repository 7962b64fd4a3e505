import Dialog from "@mui/material/Dialog"
import { useMemo, useState } from "react"
import { useNavigate } from "react-router"
import { useSubscriptions } from "../api/queries"
import { Icon, type IconId } from "../components/icon"
import { bare } from "../format/words"
import { PLACES } from "./places"
import { sendAndSay } from "./test-event"

interface Found {
  key: string
  icon: IconId
  title: string
  detail?: string
  act: () => void
}

const SHOWN_MAX = 12

/** Finds ids, names and URLs, pages and acts. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("")
  const [at, setAt] = useState(0)
  const navigate = useNavigate()
  const { data: subscriptions } = useSubscriptions()

  const found = useMemo<Found[]>(() => {
    const words = text.trim().toLowerCase()
    const go = (path: string) => () => navigate(path)
    const list: Found[] = []
    const id = text.trim()
    if (/^dlv_\w+/.test(id))
      list.push({ key: id, icon: "list", title: "Open this delivery", detail: id, act: go(`/deliveries/${id}`) })
    if (/^evt_\w+/.test(id))
      list.push({ key: id, icon: "pulse", title: "Open this event", detail: id, act: go(`/events/${id}`) })
    if (/^sub_\w+/.test(id))
      list.push({ key: id, icon: "plug", title: "Open this subscription", detail: id, act: go(`/subscriptions/${id}`) })
    const has = (...texts: string[]) => texts.some((one) => one.toLowerCase().includes(words))
    for (const place of PLACES)
      if (has(place.name)) list.push({ key: place.path, icon: place.icon, title: place.name, act: go(place.path) })
    if (has("new subscription"))
      list.push({ key: "new", icon: "plus", title: "New subscription", act: go("/subscriptions/new") })
    if (has("send test event"))
      list.push({ key: "test", icon: "send", title: "Send test event", act: () => void sendAndSay() })
    if (has("first steps", "welcome", "help"))
      list.push({ key: "welcome", icon: "info", title: "First steps", act: go("/welcome") })
    if (words)
      for (const one of subscriptions ?? []) {
        if (list.length >= SHOWN_MAX) break
        if (has(one.name, one.url, one.id))
          list.push({
            key: one.id,
            icon: "plug",
            title: one.name,
            detail: bare(one.url),
            act: go(`/subscriptions/${one.id}`),
          })
      }
    if (words) {
      list.push({
        key: "deliveries",
        icon: "search",
        title: `Deliveries with “${id}”`,
        act: go(`/deliveries?q=${encodeURIComponent(id)}`),
      })
      list.push({
        key: "events",
        icon: "search",
        title: `Events with “${id}”`,
        act: go(`/events?q=${encodeURIComponent(id)}`),
      })
    }
    return list
  }, [text, subscriptions, navigate])

  const chosen = Math.min(at, found.length - 1)
  const run = (one: Found | undefined) => {
    if (!one) return
    onClose()
    one.act()
  }
  return (
    <Dialog
      open
      onClose={onClose}
      fullWidth
      maxWidth="sm"
      aria-label="Find"
      slotProps={{ container: { className: "at-top" } }}
    >
      <input
        className="field palette-field"
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={found[chosen] ? `found-${chosen}` : undefined}
        aria-label="Find an id, name or URL"
        placeholder="An id, a name, a URL, a page"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, found.length - 1))
          else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0))
          else if (event.key === "Enter") run(found[chosen])
          else return
          event.preventDefault()
        }}
      />
      <div role="listbox" id="found" aria-label="Found" className="palette-list" tabIndex={-1}>
        {found.map((one, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the field's
          <div
            key={one.key}
            id={`found-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            className="palette-item"
            onMouseMove={() => setAt(index)}
            onClick={() => run(one)}
          >
            <Icon id={one.icon} />
            <span className="cut">{one.title}</span>
            {one.detail && <span className="cut mono muted">{one.detail}</span>}
          </div>
        ))}
      </div>
    </Dialog>
  )
}
