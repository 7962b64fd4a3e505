import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore } from "react"
import { Link, Outlet, useLocation } from "react-router"
import { useDispatch } from "../api/queries"
import { reach } from "../api/reach"
import { session } from "../api/session"
import { Boundary } from "../components/boundary"
import { useNow } from "../components/hooks"
import { Icon } from "../components/icon"
import { Sayings } from "../components/say"
import { span } from "../format/time"
import { Rail } from "./rail"
import { useShortcuts } from "./shortcuts"
import { SignIn } from "./sign-in"
import { TopBar } from "./topbar"

const Palette = lazy(() => import("./palette"))
const Help = lazy(() => import("./help"))

export function Frame({ trouble }: { trouble?: unknown }) {
  const [open, setOpen] = useState<"find" | "help" | null>(null)
  const main = useRef<HTMLElement>(null)
  const { pathname } = useLocation()
  const { locked } = useSyncExternalStore(session.subscribe, session.get)
  const page = pathname.split("/")[1]
  // A new page begins at its top; an inspector that opens beside a list does not.
  // biome-ignore lint/correctness/useExhaustiveDependencies: acts when the page changes
  useEffect(() => {
    window.scrollTo(0, 0)
  }, [page])
  useShortcuts({ find: () => setOpen("find"), help: () => setOpen("help"), off: open !== null })
  return (
    <div className="frame">
      {/* biome-ignore lint/a11y/useValidAnchor: it goes to a place on this page */}
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to the page
      </a>
      <Rail />
      <div className="stage">
        <TopBar onFind={() => setOpen("find")} onHelp={() => setOpen("help")} />
        <Reconnecting />
        {!locked && <Held />}
        <main id="main" ref={main} tabIndex={-1}>
          <Boundary key={page}>
            <Suspense fallback={null}>{locked ? <SignIn trouble={trouble} /> : <Outlet />}</Suspense>
          </Boundary>
        </main>
      </div>
      <Suspense fallback={null}>
        {open === "find" && <Palette onClose={() => setOpen(null)} />}
        {open === "help" && <Help onClose={() => setOpen(null)} />}
      </Suspense>
      <Sayings />
    </div>
  )
}

/** Nothing goes out: said on every page, so that nobody looks for another reason. */
function Held() {
  const { data: dispatch } = useDispatch()
  if (dispatch?.state !== "paused") return null
  return (
    <div className="banner held" role="status">
      <Icon id="pause" /> Dispatch is paused: nothing is sent, and what waits is kept.{" "}
      <Link to="/system">Open system</Link>
    </div>
  )
}

/** How old what is shown is, while the server does not answer. */
function Reconnecting() {
  const { ok, lastAt } = useSyncExternalStore(reach.subscribe, reach.get)
  const now = useNow()
  if (ok) return null
  return (
    <div className="banner bad" role="alert">
      <Icon id="retry" /> Reconnecting
      {lastAt > 0 && <span>, data from {span(Math.max(0, Math.floor((now - lastAt) / 1000)) * 1000)} ago</span>}
    </div>
  )
}
