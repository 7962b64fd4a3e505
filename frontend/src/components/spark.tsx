/** A line as small as a word. `null` is a gap, not a 0. */
export function Spark({
  values,
  tone = "text2",
  width = 50,
  height = 18,
}: {
  values: readonly (number | null | undefined)[]
  tone?: "text2" | "delivered" | "retrying" | "failed" | "dead"
  width?: number
  height?: number
}) {
  const known = values.filter((value): value is number => value != null && Number.isFinite(value))
  if (known.length < 2) return <span aria-hidden="true" style={{ width, height, flex: "none" }} />
  const [low, high] = [Math.min(...known), Math.max(...known)]
  const scale = high - low || 1
  let path = ""
  let pen = false
  values.forEach((value, index) => {
    if (value == null || !Number.isFinite(value)) {
      pen = false
      return
    }
    const x = (index / (values.length - 1)) * (width - 2) + 1
    const y = high === low ? height / 2 : height - 2 - ((value - low) / scale) * (height - 4)
    path += `${pen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`
    pen = true
  })
  return (
    <svg
      aria-hidden="true"
      focusable="false"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      className="spark"
    >
      <path
        d={path}
        fill="none"
        stroke={`var(--${tone})`}
        strokeWidth="1.4"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  )
}
