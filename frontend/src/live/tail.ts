/**
 * The newest deliveries, outside React: at most `capacity` of them, each once, the newest first. Changes are gathered
 * and told at most every `flushMs`, however many come.
 */

export interface TailRow {
  id: string
  seq: number
  eventId: string
  /** Not known where only the delivery was asked for. */
  type: string | undefined
  subscriptionId: string | null
  url: string | null
  status: string
  code: number | null
  cls: string | null
  attempts: number
  /** Milliseconds since 1970. */
  at: number
  endedAt: number | null
  nextAt: number | null
  origin: string
  /** How long the last attempt took, in milliseconds, where it was told. */
  ms: number | null
}

export interface TailState {
  rows: readonly TailRow[]
  /** Whether the list stands still. */
  held: boolean
  /** Rows that came since it stands still. */
  fresh: number
}

const newestFirst = (a: TailRow, b: TailRow) => b.seq - a.seq || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

export class Tail {
  #byId = new Map<string, TailRow>()
  #state: TailState = { rows: [], held: false, fresh: 0 }
  #freshIds = new Set<string>()
  #listeners = new Set<() => void>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #told = 0

  constructor(
    readonly capacity = 2000,
    readonly flushMs = 250,
  ) {}

  /** Puts rows in; those known already are replaced. */
  put(rows: Iterable<TailRow>): void {
    let changed = false
    for (const row of rows) {
      const known = this.#byId.get(row.id)
      if (known && same(known, row)) continue
      // What only one side knows is kept.
      this.#byId.set(row.id, known ? { ...row, type: row.type ?? known.type, ms: row.ms ?? known.ms } : row)
      if (!known && this.#state.held) this.#freshIds.add(row.id)
      changed = true
    }
    if (changed) this.#schedule()
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** Forgets everything: another filter, or a gap. */
  clear(): void {
    this.#byId.clear()
    this.#freshIds.clear()
    this.#state = { rows: [], held: false, fresh: 0 }
    this.#tell()
  }

  /** Lets the list stand still; what comes is counted. */
  hold(): void {
    if (this.#state.held) return
    this.#flush()
    this.#freshIds.clear()
    this.#state = { ...this.#state, held: true, fresh: 0 }
    this.#tell()
  }

  resume(): void {
    if (!this.#state.held) return
    this.#state = { ...this.#state, held: false, fresh: 0 }
    this.#freshIds.clear()
    this.#flush()
  }

  get = (): TailState => this.#state

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #schedule(): void {
    if (this.#timer !== undefined) return
    // The first change after a quiet time is told at once.
    const wait = Math.max(0, this.#told + this.flushMs - Date.now())
    this.#timer = setTimeout(() => this.#flush(), wait)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#byId.size > this.capacity) {
      const sorted = [...this.#byId.values()].sort(newestFirst)
      for (const row of sorted.slice(this.capacity)) this.#byId.delete(row.id)
    }
    if (this.#state.held) {
      // Where they stand is held, not what became of them.
      const rows = this.#state.rows.map((row) => this.#byId.get(row.id) ?? row)
      this.#state = { rows, held: true, fresh: this.#freshIds.size }
    } else {
      this.#state = { rows: [...this.#byId.values()].sort(newestFirst), held: false, fresh: 0 }
    }
    this.#tell()
  }

  #tell(): void {
    this.#told = Date.now()
    for (const listener of this.#listeners) listener()
  }
}

function same(a: TailRow, b: TailRow): boolean {
  return (
    a.status === b.status &&
    a.attempts === b.attempts &&
    a.nextAt === b.nextAt &&
    a.code === b.code &&
    a.endedAt === b.endedAt &&
    (b.type === undefined || a.type === b.type) &&
    (b.ms === null || a.ms === b.ms)
  )
}
