/** A list of any length: only the rows in sight are there. */

import { useVirtualizer } from "@tanstack/react-virtual"
import { type ReactNode, useEffect, useRef } from "react"

interface Props {
  count: number
  /** Pixels. All rows are as high. */
  rowHeight: number
  label: string
  /** A row; its outer element takes the style given. */
  row: (index: number, style: React.CSSProperties) => ReactNode
  /** Rows of a table, or items of a list. */
  as?: "list" | "rows"
  /** A row that is to be in sight. */
  reveal?: number
  /** Called when the end comes into sight. */
  onEnd?: () => void
  className?: string
}

export function VirtualList({ count, rowHeight, label, row, as = "list", reveal, onEnd, className = "" }: Props) {
  const scroll = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    initialRect: { width: 800, height: 600 },
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: measured anew when a row's height changes
  useEffect(() => virtual.measure(), [rowHeight])
  useEffect(() => {
    if (reveal !== undefined && reveal >= 0) virtual.scrollToIndex(reveal, { align: "auto" })
  }, [reveal, virtual])
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index
  useEffect(() => {
    if (last !== undefined && last >= count - 5) onEnd?.()
  }, [last, count, onEnd])
  const inner = {
    className: "list virtual",
    style: { height: virtual.getTotalSize() },
    children: items.map((item) => row(item.index, { transform: `translateY(${item.start}px)`, height: rowHeight })),
  }
  return (
    <div ref={scroll} className={`scroll ${className}`}>
      {as === "list" ? <ul {...inner} aria-label={label} /> : <div {...inner} role="rowgroup" aria-label={label} />}
    </div>
  )
}
