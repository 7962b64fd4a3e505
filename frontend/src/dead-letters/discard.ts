/** Discarding for good, with ten seconds to think again: until then nothing was asked of the server. */

import { useQueryClient } from "@tanstack/react-query"
import { useEffect, useRef, useState } from "react"
import { api, data } from "../api/client"
import type { DeadLetterFilter } from "../api/types"
import { say, sayProblem } from "../components/say"
import { plural } from "../format/number"

const UNDO_MS = 10_000

export function useDiscards() {
  const client = useQueryClient()
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  const waiting = useRef(new Map<string, { timer: ReturnType<typeof setTimeout>; run: () => void }>())
  const show = (key: string) =>
    setHidden((all) => {
      const rest = new Set(all)
      rest.delete(key)
      return rest
    })

  const discard = (key: string, count: number, filter: () => Promise<DeadLetterFilter>) => {
    setHidden((all) => new Set(all).add(key))
    const run = () => {
      waiting.current.delete(key)
      filter()
        .then((filter) => data(api.POST("/api/v1/dead-letters/discard", { body: { filter } })))
        .then(() => client.invalidateQueries({ queryKey: ["jobs"] }))
        .catch(sayProblem)
        // Shown again only if it is still there.
        .finally(() => setTimeout(() => void client.invalidateQueries().finally(() => show(key)), 500))
    }
    const timer = setTimeout(run, UNDO_MS)
    waiting.current.set(key, { timer, run })
    const undo = () => {
      clearTimeout(timer)
      waiting.current.delete(key)
      show(key)
    }
    say(`${plural(count, "dead letter")} will be discarded`, { label: "Undo", run: undo }, UNDO_MS)
  }

  // Who leaves the page has thought again long enough.
  useEffect(() => {
    const all = waiting.current
    return () => {
      for (const { timer, run } of all.values()) {
        clearTimeout(timer)
        run()
      }
    }
  }, [])
  return { hidden, discard }
}
