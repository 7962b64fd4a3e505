import { afterEach, describe, expect, it, vi } from "vitest"
import type { Group } from "../api/types"
import { filterOfAll, finds, plainFilter } from "./filter"

const group = (over: Partial<Group>): Group =>
  ({
    subscription_id: "sub_1",
    subscription_name: "Fraud desk",
    url: "https://fraud.example/hook",
    last_class: "http_4xx",
    last_status_code: 401,
    last_error: null,
    reason: "http_4xx",
    count: 2,
    samples: ["dlv_1", "dlv_2"],
    oldest: "2026-11-26T10:00:00Z",
    newest: "2026-11-26T10:00:00Z",
    ...over,
  }) as Group

describe("dead letters", () => {
  afterEach(() => vi.unstubAllGlobals())

  it("are found by name, host, code, cause and reason, all words at once", () => {
    const one = group({ reason: "exhausted", last_class: "http_5xx", last_status_code: 503 })
    for (const words of [
      "fraud",
      "fraud.example",
      "503",
      "Service Unavailable",
      "exhausted",
      "attempts were used",
      "desk 503",
    ])
      expect(finds(one, words), words).toBe(true)
    for (const words of ["401", "fraud 401", "gateway"]) expect(finds(one, words), words).toBe(false)
  })

  it("are replayed as exactly those that are shown", async () => {
    const [refused, other] = [group({}), group({ subscription_id: "sub_2", samples: ["dlv_3"], count: 1 })]
    const third = group({ subscription_id: "sub_3", samples: ["dlv_4"], count: 1 })
    const all = [refused, other, third]
    expect(await filterOfAll(all, all)).toEqual({})
    expect(await filterOfAll([refused], all)).toEqual({ ids: ["dlv_1", "dlv_2"] })
    expect(await filterOfAll([refused, third], all)).toEqual({ ids: ["dlv_1", "dlv_2", "dlv_4"] })
  })

  it("are named by a filter only where it says no more than the group", () => {
    const many = group({ count: 500 })
    expect(plainFilter(many, [many])).toEqual({ subscription: "sub_1", class: "http_4xx" })
    expect(plainFilter(many, [many, group({ last_status_code: 403 })])).toBeUndefined()
  })
})
