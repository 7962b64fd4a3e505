import type { Condition } from "../api/types"
import { Icon } from "./icon"

/** What was asked of an event, and what was seen. */
export function ConditionList({
  conditions,
  failedOnly = false,
}: {
  conditions: readonly Condition[]
  failedOnly?: boolean
}) {
  const shown = failedOnly ? conditions.filter((one) => !one.passed) : conditions
  if (!shown.length) return null
  return (
    <ul className="conditions">
      {shown.map((one) => (
        <li key={one.pointer}>
          <Icon id={one.passed ? "tick" : "cross"} label={one.passed ? "holds" : "fails"} />
          <span className="wrap">
            {one.message}
            {one.conditions && one.conditions.length > 0 && <ConditionList conditions={one.conditions} />}
          </span>
        </li>
      ))}
    </ul>
  )
}
