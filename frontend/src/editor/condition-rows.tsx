import { Icon } from "../components/icon"
import { OPERATORS, operatorsOf, type Row } from "../filter/conditions"
import { count } from "../format/number"

interface Props {
  rows: readonly Row[]
  errors: ReadonlyMap<number, string>
  /** Of how many events each row held, and of how many it was asked, by its number. */
  hits: readonly ({ passed: number; tested: number } | undefined)[]
  onChange: (rows: Row[]) => void
}

const PLACEHOLDER: Record<string, string> = {
  in: "eu, us",
  "not in": "test, demo",
  exists: "true",
  "=~": "^payment-",
  "≥": "1000",
  ">": "1000",
}

export function ConditionRows({ rows, errors, hits, onChange }: Props) {
  const set = (index: number, change: Partial<Row>) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...change } : row)))
  return (
    <div className="stack">
      {rows.map((row, index) => {
        const operators = operatorsOf(row.path.trim())
        const error = errors.get(index)
        const number = index + 1
        const hit = hits[index]
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
          <div key={index}>
            <div className="condition-row">
              <input
                className="field mono"
                aria-label={`Condition ${number}: what`}
                list="condition-paths"
                placeholder="metadata.amount"
                spellCheck={false}
                value={row.path}
                onChange={(event) => {
                  const path = event.target.value
                  const allowed = operatorsOf(path.trim())
                  set(index, { path, operator: allowed.includes(row.operator) ? row.operator : (allowed[0] ?? "=") })
                }}
              />
              <select
                className="field mono"
                aria-label={`Condition ${number}: operator`}
                value={row.operator}
                onChange={(event) => set(index, { operator: event.target.value as Row["operator"] })}
              >
                {(operators.includes(row.operator) ? operators : OPERATORS).map((operator) => (
                  <option key={operator}>{operator}</option>
                ))}
              </select>
              <input
                className="field mono"
                aria-label={`Condition ${number}: value`}
                aria-invalid={!!error}
                placeholder={PLACEHOLDER[row.operator] ?? "eu"}
                spellCheck={false}
                value={row.value}
                onChange={(event) => set(index, { value: event.target.value })}
              />
              <span className="muted small hits">{hit ? `${count(hit.passed)} of ${count(hit.tested)}` : "–"}</span>
              <button
                type="button"
                className="icon-button"
                aria-label={`Remove condition ${number}`}
                onClick={() => onChange(rows.filter((_, at) => at !== index))}
              >
                <Icon id="cross" />
              </button>
            </div>
            {error && <p className="field-error">{error}</p>}
          </div>
        )
      })}
      <datalist id="condition-paths">
        <option value="source" />
        <option value="level" />
        <option value="message" />
        <option value="metadata." />
      </datalist>
      <div>
        <button
          type="button"
          className="btn quiet"
          onClick={() => onChange([...rows, { path: rows.length ? "" : "metadata.", operator: "=", value: "" }])}
        >
          Add condition
        </button>
      </div>
    </div>
  )
}
