/** Text to be read as it is, whoever wrote it. It scrolls, so it can be reached by keys. */
export function Code({
  label,
  wraps,
  children,
  maxHeight,
}: {
  label: string
  wraps?: boolean
  children: React.ReactNode
  maxHeight?: number
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section className={`well ${wraps ? "wraps" : ""}`} aria-label={label} tabIndex={0} style={{ maxHeight }}>
      <pre>{children}</pre>
    </section>
  )
}
