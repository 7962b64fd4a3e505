import type { ReactNode } from "react"

/** A line of the form: its name and hint, what is typed, and what is wrong with it. */
export function Field({
  label,
  hint,
  id,
  error,
  children,
}: {
  label: string
  hint?: string
  id?: string
  error?: string
  children: ReactNode
}) {
  return (
    <div className="form-line">
      <div>
        {id ? <label htmlFor={id}>{label}</label> : <span className="form-label">{label}</span>}
        {hint && <div className="muted small">{hint}</div>}
      </div>
      <div className="grow">
        {children}
        {error && (
          <p className="field-error" role="alert">
            {error}
          </p>
        )}
      </div>
    </div>
  )
}
