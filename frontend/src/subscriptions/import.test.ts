import { describe, expect, it } from "vitest"
import type { Subscription } from "../api/types"
import { yaml } from "../format/snippets"
import { specOf } from "./acts"
import { alike, planOf } from "./import"

const gateway: Subscription = {
  id: "sub_1",
  name: "gateway",
  url: "https://gw.example/hook",
  events: ["payment.**"],
  filters: { metadata: { amount: { gt: 1000 } }, source: "payment-.*" } as unknown as Subscription["filters"],
  state: "active",
  circuit: "closed",
  version: 3,
  created_at: "2026-11-01T00:00:00Z",
  updated_at: "2026-11-01T00:00:00Z",
}

describe("a plan", () => {
  it("creates what is new, changes what differs, and leaves the rest", () => {
    const text = `
- name: gateway
  url: https://gw.example/other
  events: [payment.**]
- name: lake
  url: https://lake.example/hook
  events: ["**"]
  secret: whsec_abc
`
    const [change, create] = planOf(text, [gateway])
    expect(change).toMatchObject({
      kind: "change",
      members: ["url"],
      body: { url: "https://gw.example/other" },
      current: { id: "sub_1", version: 3 },
    })
    expect(create).toMatchObject({ kind: "create", name: "lake", body: { secret: "whsec_abc" } })
  })

  it("says of what was copied here that nothing changes", () => {
    expect(planOf(yaml([specOf(gateway)]), [gateway])).toMatchObject([{ kind: "same", name: "gateway" }])
    expect(planOf(JSON.stringify(gateway), [gateway])).toMatchObject([{ kind: "same" }])
    expect(planOf(JSON.stringify({ items: [gateway] }), [gateway])).toMatchObject([{ kind: "same" }])
  })

  it("keeps that there is to be no plain signature", () => {
    const lake =
      "- {name: lake, url: 'https://lake.example/hook', events: ['**'], signature_header: null, timeout: null}"
    const body = { name: "lake", url: "https://lake.example/hook", events: ["**"], signature_header: null }
    expect(planOf(lake, [gateway])).toEqual([{ kind: "create", name: "lake", members: [], body }])
  })

  it("takes out of a filter what the file does not have", () => {
    const text = yaml([{ ...specOf(gateway), filters: { source: "payment-.*" } }])
    expect(planOf(text, [gateway])).toMatchObject([
      { kind: "change", members: ["filters"], body: { filters: { metadata: null, source: "payment-.*" } } },
    ])
  })

  it("finds by id where a name stands twice, and otherwise says so", () => {
    const twin = { ...gateway, id: "sub_2", url: "https://other.example/" }
    const text = "- {name: gateway, url: 'https://gw.example/hook', events: [payment.**]}"
    expect(planOf(text, [gateway, twin])).toMatchObject([
      { kind: "wrong", wrong: expect.stringContaining("add an id") },
    ])
    expect(planOf(text.replace("{", "{id: sub_1, "), [gateway, twin])).toMatchObject([{ kind: "same" }])
  })

  it("says what is wrong with each entry, and with the whole", () => {
    const text = "- {url: x}\n- just a text\n- {name: a}\n- {name: b, url: u}\n- {name: b, url: u, events: [a]}"
    expect(planOf(text, []).map((step) => step.wrong)).toEqual([
      "its name is missing",
      "a subscription is an object with name, url and events",
      "its url is missing",
      "its events are missing: a list of types, such as payment.**",
      "the name stands twice in this text",
    ])
    expect(() => planOf("a: [", [])).toThrow()
    expect(() => planOf("", [])).toThrow(/no subscription/)
    expect(() => planOf("*nothing", [])).toThrow()
  })
})

describe("likeness", () => {
  it("is that of JSON, with null as nothing", () => {
    expect(alike({ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1, d: null })).toBe(true)
    expect(alike({ a: 1 }, { a: 2 })).toBe(false)
    expect(alike([1], { 0: 1 })).toBe(false)
    expect(alike("1", 1)).toBe(false)
  })
})
