/** Small parts that every page is made of. */

import Button from "@mui/material/Button"
import type { ReactNode } from "react"
import { Problem } from "../api/client"
import { ago, clock, countdown, iso } from "../format/time"
import { deliveryState, HEALTH, type Health, type IconName, type Tone } from "../format/words"
import { useNow, useTitle } from "./hooks"
import { Icon, type IconId } from "./icon"
import { usePrefs } from "./prefs"
import { copy } from "./say"

/** The head of a page: its one `h1`, what is to be said of it, and what can be done. */
export function Head({
  title,
  sub,
  children,
  tab = title,
}: {
  title: ReactNode
  sub?: ReactNode
  children?: ReactNode
  tab?: ReactNode
}) {
  useTitle(typeof tab === "string" ? tab : "Loghorn")
  return (
    <div className="head">
      <h1 className="wrap">{title}</h1>
      {sub && <div className="sub">{sub}</div>}
      {children && <div className="acts">{children}</div>}
    </div>
  )
}

export function State({
  tone,
  icon,
  word,
  children,
}: {
  tone: Tone
  icon: IconName
  word: string
  children?: ReactNode
}) {
  return (
    <span className={`state tone-${tone}`}>
      <Icon id={icon as IconId} />
      <span className="word">{word}</span>
      {children}
    </span>
  )
}

export function DeliveryState({ status, nextAt }: { status: string; nextAt?: number | null }) {
  const { word, tone, icon } = deliveryState(status)
  return (
    <State word={word} tone={tone} icon={icon}>
      {status === "retrying" && nextAt ? <Countdown at={nextAt} /> : null}
    </State>
  )
}

export function HealthState({ health }: { health: Health }) {
  const { word, tone, icon } = HEALTH[health]
  return <State word={word} tone={tone} icon={icon} />
}

/** `in 13 s`, counting down. What is due is not under way yet: its endpoint may be paused, or its circuit open. */
function Countdown({ at }: { at: number }) {
  const now = useNow()
  const left = at - now
  return (
    <span className="cut" title={iso(at)} style={{ fontWeight: 400 }}>
      {left <= 0 ? "is due" : left < 60_000 ? `in ${Math.ceil(left / 1000)} s` : `in ${countdown(at, now)}`}
    </span>
  )
}

/** How long ago; the exact time when hovered. */
export function Ago({ at }: { at: number | undefined | null }) {
  const now = useNow(5000)
  if (at == null) return <span className="muted">–</span>
  return (
    <time dateTime={iso(at)} title={iso(at)}>
      {ago(at, Math.max(now, at))}
    </time>
  )
}

/** The time of day; the exact time when hovered. */
export function Clock({ at, ms = true, className }: { at: number; ms?: boolean; className?: string }) {
  const { utc } = usePrefs()
  return (
    <time className={`mono ${className ?? ""}`} dateTime={iso(at)} title={iso(at)}>
      {clock(at, utc, ms)}
    </time>
  )
}

/** An id in full, to be copied. */
export function Id({ id, what = "the id" }: { id: string; what?: string }) {
  return (
    <span className="id">
      <code className="wrap">{id}</code>
      <CopyButton text={id} what={what} />
    </span>
  )
}

export function CopyButton({ text, what }: { text: string; what: string }) {
  return (
    <button
      type="button"
      className="icon-button tiny"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy(text, what)}
    >
      <Icon id="copy" />
    </button>
  )
}

/** Why something cannot be shown, as the server put it, and a way to try again. */
export function Trouble({ error, retry, what = "This" }: { error: unknown; retry?: () => void; what?: string }) {
  const problem = error instanceof Problem ? error : new Problem(-1, "Something went wrong in this page", String(error))
  return (
    <div className="notice bad" role="alert">
      <Icon id="warn" />
      <div className="grow">
        <strong>{problem.status === 0 ? problem.title : `${what} cannot be shown: ${problem.title}`}</strong>
        <div className="wrap">{problem.detail}</div>
        {problem.remedy && <div className="muted wrap">{problem.remedy}</div>}
        {problem.errors.map((wrong) => (
          <div key={wrong.pointer + wrong.detail} className="wrap">
            <code>{wrong.pointer}</code> {wrong.detail}
          </div>
        ))}
        {problem.requestId && (
          <div className="muted small">
            request <code>{problem.requestId}</code>
          </div>
        )}
      </div>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  )
}

/** A part that this server does not have, or that is down. */
export function Missing({ what }: { what: string }) {
  return (
    <p className="muted missing">
      <Icon id="info" /> {what}
    </p>
  )
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

export function Bones({ rows, height, label = "Loading" }: { rows: number; height: number; label?: string }) {
  return (
    <div role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: all alike
        <div key={index} style={{ height, padding: "8px 16px" }}>
          <span className="bone" style={{ height: Math.max(12, height - 20), width: `${70 - ((index * 13) % 40)}%` }} />
        </div>
      ))}
    </div>
  )
}

export function Segments<T extends string>({
  label,
  value,
  options,
  onChange,
  className = "",
}: {
  label: string
  value: T | undefined
  options: readonly (readonly [T, string])[]
  onChange: (value: T) => void
  className?: string
}) {
  return (
    <div className={`segments ${className}`} role="group" aria-label={label}>
      {options.map(([id, text]) => (
        <button key={id} type="button" aria-pressed={id === value} onClick={() => onChange(id)}>
          {text}
        </button>
      ))}
    </div>
  )
}
