/** Two panes under one cursor: what was delivered, and what was not, each on a scale of its own. */

import { useColorScheme } from "@mui/material/styles"
import { useEffect, useMemo, useRef, useState } from "react"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import { Icon } from "../components/icon"
import { Bones, Clock, Missing, Trouble } from "../components/parts"
import { setPrefs, stepOf, usePrefs } from "../components/prefs"
import { count, short } from "../format/number"
import { clock } from "../format/time"
import type { Activity } from "./activity"

export function ActivityChart({
  activity,
  title = "Delivery activity",
  retry,
}: {
  activity: Activity
  title?: string
  retry?: () => void
}) {
  const [asTable, setAsTable] = useState(false)
  const [at, setAt] = useState<number | null>(null)
  const { utc, range } = usePrefs()
  const { points, source } = activity
  const hovered = at === null ? null : points[at]
  const session = source === "session"
  const unit = session ? "per 10 s, since this page was opened" : stepOf(range).words
  return (
    <section className="panel chart-panel" aria-label={title}>
      <div className="panel-head">
        <h2>{title}</h2>
        <div className="legend">
          {hovered ? (
            <>
              <span className="mono">{clock(hovered.at, utc, false)}</span>
              <Mark tone="bar" /> {count(hovered.delivered)}
              <Mark tone="retrying" /> {count(hovered.retrying)}
              <Mark tone="dead" /> {count(hovered.dead)}
            </>
          ) : (
            <>
              <Mark tone="bar" /> Delivered
              <Mark tone="retrying" /> {session ? "Waiting to retry" : "Retrying"}
              <Mark tone="dead" /> Dead
            </>
          )}
          <span className="muted unit">
            {unit}, {utc ? "UTC" : "local time"}
          </span>
          <button
            type="button"
            className="icon-button tiny"
            aria-pressed={asTable}
            aria-label="Show as table"
            title="Show as table"
            onClick={() => setAsTable(!asTable)}
          >
            <Icon id="table" />
          </button>
        </div>
      </div>
      {activity.error ? (
        <div className="panel-body">
          <Trouble error={activity.error} what="The history" retry={retry} />
        </div>
      ) : activity.isLoading ? (
        <div style={{ height: 244 }}>
          <Bones rows={1} height={230} />
        </div>
      ) : asTable ? (
        <Table points={points} session={session} />
      ) : (
        <Panes activity={activity} utc={utc} onHover={setAt} canZoom={!session} />
      )}
      {session && !activity.isLoading && points.length < 2 && (
        <div className="chart-note">
          <Missing what="This server keeps no history; the chart grows from now on." />
        </div>
      )}
    </section>
  )
}

function Mark({ tone }: { tone: "bar" | "retrying" | "dead" }) {
  return <i className={`mark mark-${tone}`} />
}

function Table({ points, session }: { points: Activity["points"]; session: boolean }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must be reached by keys
    <section className="chart-table" tabIndex={0} aria-label="Activity as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Delivered</th>
            <th scope="col">{session ? "Waiting to retry" : "Retrying"}</th>
            <th scope="col">Dead</th>
          </tr>
        </thead>
        <tbody>
          {[...points].reverse().map((point) => (
            <tr key={point.at}>
              <td>
                <Clock at={point.at} ms={false} />
              </td>
              <td>{count(point.delivered)}</td>
              <td>{count(point.retrying)}</td>
              <td>{count(point.dead)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const UPPER = 150
const LOWER = 84

function Panes({
  activity,
  utc,
  onHover,
  canZoom,
}: {
  activity: Activity
  utc: boolean
  onHover: (at: number | null) => void
  canZoom: boolean
}) {
  const upper = useRef<HTMLDivElement>(null)
  const lower = useRef<HTMLDivElement>(null)
  const plots = useRef<uPlot[]>([])
  const hover = useRef(onHover)
  hover.current = onHover
  const { mode, systemMode } = useColorScheme()
  const shown = mode === "system" ? systemMode : mode
  const { points, from, to, stepMs } = activity
  const bounds = useRef<[number, number]>([from, to])
  bounds.current = [from / 1000, to / 1000]

  const data = useMemo(() => {
    const xs = points.map((point) => (point.at + stepMs / 2) / 1000)
    return {
      upper: [xs, points.map((point) => point.delivered)] as uPlot.AlignedData,
      lower: [
        xs,
        points.map((point) => point.retrying + point.dead),
        points.map((point) => point.dead),
      ] as uPlot.AlignedData,
    }
  }, [points, stepMs])
  const latest = useRef(data)
  latest.current = data

  // Anew when colours, the clock or the width of a bar change; otherwise it is only given new data.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme is read from the page's style
  useEffect(() => {
    const [top, bottom] = [upper.current, lower.current]
    if (!top || !bottom) return
    const style = getComputedStyle(document.documentElement)
    const colour = (name: string) => style.getPropertyValue(`--lh-palette-${name}`).trim()
    const bars = uPlot.paths.bars?.({ size: [0.72, 32], align: 0 })
    const axis = (size: number): uPlot.Axis => ({
      size,
      stroke: colour("text-secondary"),
      font: '11px "Inter Variable", sans-serif',
      grid: { stroke: colour("divider"), width: 1 },
      ticks: { show: false },
      border: { show: false },
    })
    const base = (height: number, isLast: boolean, series: uPlot.Series[]): uPlot.Options => ({
      width: top.clientWidth,
      height,
      padding: [8, 16, 0, 0],
      tzDate: (seconds) => (utc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
      legend: { show: false },
      cursor: {
        sync: { key: "activity" },
        y: false,
        points: { show: false },
        drag: { x: canZoom, y: false, setScale: false },
      },
      scales: {
        x: { time: true, range: () => bounds.current },
        y: { range: (_, __, max) => [0, Math.max(max ?? 0, 1) * 1.08] },
      },
      axes: [
        isLast
          ? { ...axis(24), grid: { show: false }, space: 90, values: "{HH}:{mm}" }
          : { ...axis(4), values: () => [], grid: { show: false } },
        {
          ...axis(52),
          space: isLast ? 26 : 44,
          incrs: [
            1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7,
          ],
          values: (_, splits) => splits.map(short),
        },
      ],
      series: [{}, ...series],
      hooks: {
        // Only what a pointer does: new data moves the cursor, too.
        setCursor: [(plot) => plot.cursor.event && hover.current(plot.cursor.idx ?? null)],
        setSelect: [
          (plot) => {
            if (plot.select.width < 6) return
            const at = (px: number) => plot.posToVal(px, "x") * 1000
            setPrefs({ range: { from: at(plot.select.left), to: at(plot.select.left + plot.select.width) } })
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          },
        ],
      },
    })
    const fill = (name: string): uPlot.Series => ({
      paths: bars,
      fill: colour(name),
      stroke: colour(name),
      width: 0,
      points: { show: false },
    })
    plots.current = [
      new uPlot(base(UPPER, false, [fill("tone-deliveredBar")]), latest.current.upper, top),
      new uPlot(base(LOWER, true, [fill("tone-retrying"), fill("tone-dead")]), latest.current.lower, bottom),
    ]
    const resize = new ResizeObserver(() => {
      for (const [plot, height] of [
        [plots.current[0], UPPER],
        [plots.current[1], LOWER],
      ] as const)
        plot?.setSize({ width: top.clientWidth, height })
    })
    resize.observe(top)
    return () => {
      resize.disconnect()
      for (const plot of plots.current) plot.destroy()
      plots.current = []
    }
  }, [utc, shown, canZoom])

  useEffect(() => {
    plots.current[0]?.setData(data.upper)
    plots.current[1]?.setData(data.lower)
  }, [data])

  const sum = points.reduce((all, point) => all + point.delivered, 0)
  return (
    <div
      className="panes"
      role="img"
      aria-label={`Bars over time: ${count(sum)} delivered in all. Choose “Show as table” for every figure.`}
    >
      <div ref={upper} style={{ height: UPPER }} />
      <div ref={lower} style={{ height: LOWER }} />
    </div>
  )
}
