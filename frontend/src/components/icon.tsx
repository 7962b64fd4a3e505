/** Own paths on a grid of 24: a package of icons would weigh more than all of these. */
const PATHS = {
  horn: "M3 9.5v5l3 .7V8.8zM6 8.8l11-4.3v15L6 15.2M8.5 16.2v3.3h3v-2.2M20 9.5c1.2 1.4 1.2 3.6 0 5",
  home: "M4 11l8-7 8 7v8.5a.5.5 0 01-.5.5H15v-6H9v6H4.5a.5.5 0 01-.5-.5z",
  list: "M9 6h11M9 12h11M9 18h11M4 6h1M4 12h1M4 18h1",
  plug: "M9 3v5M15 3v5M6.5 8h11v3a5.5 5.5 0 01-11 0zM12 16.5V21",
  box: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  pulse: "M3 12h4l3-8 4 16 3-8h4",
  inbox: "M4 13l3-8h10l3 8v6H4zM4 13h5l1.5 3h3L15 13h5",
  chip: "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
  search: "M11 4a7 7 0 110 14 7 7 0 010-14zM16.2 16.2L21 21",
  moon: "M20 14.5A8.5 8.5 0 019.5 4a8.5 8.5 0 1010.5 10.5z",
  sun: "M12 8a4 4 0 110 8 4 4 0 010-8zM12 2v3M12 19v3M4.9 4.9L7 7M17 17l2.1 2.1M2 12h3M19 12h3M4.9 19.1L7 17M17 7l2.1-2.1",
  chevron: "M6 9l6 6 6-6",
  tick: "M4 12.5l5.5 5.5L20 6.5",
  cross: "M6 6l12 12M18 6L6 18",
  retry: "M20 5v5h-5M19.5 10a8 8 0 10.5 4",
  skull: "M12 3a8 8 0 00-5 14.2V20h10v-2.8A8 8 0 0012 3zM9 11v1M15 11v1M10.5 20v-2M13.5 20v-2",
  clock: "M12 3.5a8.5 8.5 0 110 17 8.5 8.5 0 010-17zM12 7.5V12l3 2",
  send: "M4 12h15M13 6l6 6-6 6",
  dot: "M12 11a1 1 0 110 2 1 1 0 010-2z",
  bolt: "M13 2.5L5 13.5h6L10 21.5l9-11.5h-6.5z",
  pause: "M9 5v14M15 5v14",
  play: "M7 4.5v15l12-7.5z",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 110 5 2.5 2.5 0 010-5z",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  shield: "M12 3l7.5 3v5.5c0 4.7-3.2 8-7.5 9.5-4.3-1.5-7.5-4.8-7.5-9.5V6zM8.5 12l2.5 2.5 4.5-5",
  more: "M5 11.4a.6.6 0 110 1.2.6.6 0 010-1.2zM12 11.4a.6.6 0 110 1.2.6.6 0 010-1.2zM19 11.4a.6.6 0 110 1.2.6.6 0 010-1.2z",
  warn: "M12 4l9 16H3zM12 10v4.5M12 17.5v.01",
  info: "M12 3.5a8.5 8.5 0 110 17 8.5 8.5 0 010-17zM12 11v5M12 8v.01",
  link: "M10 14a4 4 0 005.7 0l3-3a4 4 0 00-5.7-5.7l-1 1M14 10a4 4 0 00-5.7 0l-3 3a4 4 0 005.7 5.7l1-1",
  plus: "M12 5v14M5 12h14",
  table: "M4 5h16v14H4zM4 10h16M4 14.5h16M10 5v14",
} as const

export type IconId = keyof typeof PATHS

/** Beside a word, so not told to who cannot see it; `label` where it stands alone. */
export function Icon({ id, label, className = "" }: { id: IconId; label?: string; className?: string }) {
  return (
    <svg
      className={`icon ${className}`}
      viewBox="0 0 24 24"
      role={label ? "img" : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : true}
      focusable="false"
    >
      <path d={PATHS[id]} />
    </svg>
  )
}
