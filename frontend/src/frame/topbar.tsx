import Button from "@mui/material/Button"
import Menu from "@mui/material/Menu"
import MenuItem from "@mui/material/MenuItem"
import { useColorScheme } from "@mui/material/styles"
import { useState, useSyncExternalStore } from "react"
import { NavLink, useLocation } from "react-router"
import { reach } from "../api/reach"
import { Icon } from "../components/icon"
import { Segments } from "../components/parts"
import { SPANS, setPrefs, usePrefs } from "../components/prefs"
import { copy } from "../components/say"
import { count, rate } from "../format/number"
import { eventAsCli, eventAsCurl, testEvent } from "../format/snippets"
import { clock } from "../format/time"
import { rates } from "../live/samples"
import { useFeedState, useHeld, useSamples } from "../live/use-feed"
import { PLACES } from "./places"
import { sendAndSay } from "./test-event"

export function TopBar({ onFind, onHelp }: { onFind: () => void; onHelp: () => void }) {
  return (
    <header className="topbar">
      <Live />
      <RangeChoice />
      <span className="spring" />
      <button type="button" className="finder" onClick={onFind}>
        <Icon id="search" />
        <span className="grow words">Find an id, name or URL</span>
        <kbd>{/Mac|iPhone|iPad/.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd>
      </button>
      <ThemeChoice />
      <button
        type="button"
        className="icon-button wide"
        aria-label="Keys and first steps"
        title="Keys and first steps (?)"
        onClick={onHelp}
      >
        <span aria-hidden="true" style={{ fontWeight: 600 }}>
          ?
        </span>
      </button>
      <SendTest />
      <MorePlaces />
    </header>
  )
}

/** Whether what is shown moves, and how fast events come. */
function Live() {
  const { link } = useFeedState()
  const held = useHeld()
  const events = rates(useSamples()).events
  const { ok } = useSyncExternalStore(reach.subscribe, reach.get)
  const speed = <span className="rate">{events === null ? "–" : rate(events)} events/s</span>
  if (!ok)
    return (
      <span className="live lost" role="status">
        <span className="lamp" /> Offline
      </span>
    )
  if (held)
    return (
      <button type="button" className="live waits" onClick={held.resume} title="Let the list move again">
        <span className="lamp" /> Paused{held.fresh > 0 && ` · ${count(held.fresh)} new`} {speed}
      </button>
    )
  if (link === "live")
    return (
      <span className="live">
        <span className="lamp" /> Live {speed}
      </span>
    )
  return (
    <span className="live polls" title="No live feed answers: the pages ask every 5 seconds">
      <span className="lamp" /> {link === "polling" ? "Every 5 s" : "Connecting"} {speed}
    </span>
  )
}

function RangeChoice() {
  const { range, utc } = usePrefs()
  const { pathname } = useLocation()
  // Only where it narrows something.
  if (pathname !== "/" && !/^\/subscriptions\/sub_[^/]+$/.test(pathname)) return null
  const own = "from" in range
  return (
    <>
      <Segments
        className="range-segments"
        label="Range"
        value={own ? undefined : (range.span as (typeof SPANS)[number])}
        options={SPANS.map((text) => [text, text] as const)}
        onChange={(span) => setPrefs({ range: { span } })}
      />
      <select
        className="field range-select"
        aria-label="Range"
        value={own ? "" : range.span}
        onChange={(event) => setPrefs({ range: { span: event.target.value } })}
      >
        {own && <option value="">own</option>}
        {SPANS.map((text) => (
          <option key={text}>{text}</option>
        ))}
      </select>
      {own && (
        <button type="button" className="chip" onClick={() => setPrefs({ range: { span: "1h" } })}>
          {clock(range.from, utc, false).slice(0, 5)}–{clock(range.to, utc, false).slice(0, 5)}{" "}
          <Icon id="cross" label="Clear the range" />
        </button>
      )}
    </>
  )
}

function ThemeChoice() {
  const { mode, systemMode, setMode } = useColorScheme()
  const shown = mode === "system" ? systemMode : mode
  const other = shown === "dark" ? "light" : "dark"
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Switch to ${other}`}
      title={`Switch to ${other}`}
      // Back to what the system says wherever that is the same: it is followed from then on.
      onClick={() => setMode(other === systemPrefers() ? "system" : other)}
    >
      <Icon id={shown === "dark" ? "sun" : "moon"} />
    </button>
  )
}

function systemPrefers(): "light" | "dark" {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"
}

const TYPES = ["log.error", "log.critical", "payment.processor.failure", "payment.authorization.declined"]

function SendTest() {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  const close = () => setAnchor(null)
  return (
    <span className="split">
      <Button variant="contained" onClick={() => void sendAndSay()}>
        Send test<span className="wide">&nbsp;event</span>
      </Button>
      <Button
        variant="contained"
        aria-label="Other test events"
        aria-haspopup="menu"
        onClick={(event) => setAnchor(event.currentTarget)}
      >
        <Icon id="chevron" />
      </Button>
      <Menu anchorEl={anchor} open={!!anchor} onClose={close}>
        {TYPES.map((type) => (
          <MenuItem
            key={type}
            onClick={() => {
              close()
              void sendAndSay(type)
            }}
          >
            Send&nbsp;<code>{type}</code>
          </MenuItem>
        ))}
        <MenuItem
          onClick={() => {
            close()
            void copy(eventAsCurl(location.origin, testEvent()), "the curl command")
          }}
        >
          Copy as curl
        </MenuItem>
        <MenuItem
          onClick={() => {
            close()
            void copy(eventAsCli(testEvent()), "the command")
          }}
        >
          Copy for the CLI
        </MenuItem>
      </Menu>
    </span>
  )
}

/** Where the bar at the foot has no room: the places that are left. */
function MorePlaces() {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  return (
    <span className="only-narrow">
      <button
        type="button"
        className="icon-button"
        aria-label="More pages"
        aria-haspopup="menu"
        onClick={(event) => setAnchor(event.currentTarget)}
      >
        <Icon id="more" />
      </button>
      <Menu anchorEl={anchor} open={!!anchor} onClose={() => setAnchor(null)}>
        {PLACES.filter((place) => place.minor).map((place) => (
          <MenuItem key={place.path} component={NavLink} to={place.path} onClick={() => setAnchor(null)}>
            {place.name}
          </MenuItem>
        ))}
        <MenuItem component="a" href="/docs/">
          API description
        </MenuItem>
      </Menu>
    </span>
  )
}
