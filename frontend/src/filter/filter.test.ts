import { describe, expect, it } from "vitest"
import { fromFilters, type Row, toFilters, typed } from "./conditions"
import { fromExpression, rowToExpression, toExpression } from "./expression"
import { glob, type Matchable, matches, parseQuery, serverParams, toggle } from "./query"
import { totalMs, waits } from "./retries"

const row = (change: Partial<Matchable> = {}): Matchable => ({
  id: "dlv_1",
  status: "dead_letter",
  code: 503,
  cls: "http_5xx",
  type: "payment.processor.failure",
  eventId: "evt_1",
  subscriptionId: "sub_1",
  subscription: "Supply chain sync",
  url: "https://scm.acme.example/hook",
  origin: "live",
  at: 1_000_000,
  ...change,
})

describe("the filter of deliveries", () => {
  const holds = (text: string, change?: Partial<Matchable>) => matches(parseQuery(text), row(change), 1_060_000)

  it("holds what is asked against a row", () => {
    expect(holds('status:dead code:5xx type:payment.** sub:"supply chain" host:scm since:2m')).toBe(true)
    for (const text of [
      "status:delivered",
      "code:4xx",
      "code:502",
      "type:payment.*",
      "sub:fraud",
      "host:other",
      "since:30s",
      "nowhere",
      "event:evt_2",
      "class:dns",
    ])
      expect(holds(text), text).toBe(false)
  })
  it("takes the same name twice for either", () => {
    expect(holds("status:delivered status:dead")).toBe(true)
    expect(holds("code:401 code:5xx")).toBe(true)
  })
  it("takes plain words for a part of anything", () => {
    expect(holds("SCM.acme processor")).toBe(true)
  })
  it("does not match a type that is not known yet", () => {
    expect(holds("type:payment.**", { type: undefined })).toBe(false)
  })
  it("says what it does not understand, and goes on with the rest", () => {
    const query = parseQuery("statsu:dead code:9 since:soon status:gone code:503")
    expect(query.errors).toHaveLength(4)
    expect(query.terms).toEqual({ code: ["503"] })
  })
  it("asks the server for what it can answer, and no more", () => {
    const find = (text: string) => (text === "gw" ? "sub_9" : undefined)
    expect(serverParams(parseQuery("status:dead status:retrying code:503 sub:gw since:1h type:x"), find)).toEqual({
      status: "dead_letter,retrying",
      code: "503",
      subscription: "sub_9",
      since: "1h",
    })
    expect(serverParams(parseQuery("code:5xx sub:other code:404"), find)).toEqual({})
  })
  it("is changed by the chips", () => {
    expect(toggle("code:5xx", "status", "dead")).toBe("code:5xx status:dead")
    expect(toggle("code:5xx status:dead", "status", "dead")).toBe("code:5xx")
  })
})

describe("patterns of types", () => {
  it.each([
    ["**", "a.b.c", true],
    ["payment.*", "payment.failed", true],
    ["payment.*", "payment.a.b", false],
    ["payment.*", "payment", false],
    ["payment.**", "payment", true],
    ["payment.**", "payment.a.b", true],
    ["payment.**", "payments.a", false],
    ["*.failure", "a.failure", true],
    ["*.failure", "a.b.failure", false],
    ["**.failure", "a.b.failure", true],
    ["**.failure", "failure", true],
    ["a.**.z", "a.z", true],
    ["a.**.z", "a.b.c.z", true],
    ["log.error", "logXerror", false],
  ])("%s and %s", (pattern, type, expected) => expect(glob(pattern).test(type)).toBe(expected))
})

describe("conditions", () => {
  const rows: Row[] = [
    { path: "source", operator: "=~", value: "payment-.*" },
    { path: "level", operator: "≥", value: "ERROR" },
    { path: "message", operator: "=~", value: "timeout|declined" },
    { path: "metadata.amount", operator: ">", value: "1000" },
    { path: "metadata.amount", operator: "≤", value: "5000" },
    { path: "metadata.card.brand", operator: "in", value: '["visa","amex"]' },
    { path: "metadata.order", operator: "prefix", value: "A-" },
    { path: "metadata.test", operator: "exists", value: "false" },
    { path: "metadata.region", operator: "=", value: "eu" },
    { path: "metadata.code", operator: "≠", value: '"12"' },
  ]
  it("become a filter, and come back as they were", () => {
    const { filters, errors, pointers } = toFilters(rows)
    expect(errors.size).toBe(0)
    expect(filters).toEqual({
      source: "payment-.*",
      min_level: "ERROR",
      message: "timeout|declined",
      metadata: {
        amount: { gt: 1000, lte: 5000 },
        "card.brand": { in: ["visa", "amex"] },
        order: { prefix: "A-" },
        test: { exists: false },
        region: { eq: "eu" },
        code: { ne: "12" },
      },
    })
    expect(pointers[4]).toBe("/filters/metadata/amount/lte")
    expect(fromFilters(filters)).toEqual({ rows, kept: {} })
  })
  it("never lose what they do not say", () => {
    const filters = { any: [{ min_level: "ERROR" }], schedule: { timezone: "UTC" }, metadata: { a: 1, b: [1, 2] } }
    const back = fromFilters(filters as never)
    expect(back?.kept).toEqual({ any: [{ min_level: "ERROR" }], schedule: { timezone: "UTC" } })
    expect(toFilters(back?.rows ?? [], back?.kept).filters).toEqual({
      ...filters,
      metadata: { a: { eq: 1 }, b: { in: [1, 2] } },
    })
    expect(fromFilters({ metadata: { a: { novel: 1 } } } as never)).toBeNull()
  })
  it("say what is wrong, by row, and do not guess", () => {
    const wrong = toFilters([
      { path: "metadata.amount", operator: ">", value: "much" },
      { path: "amount", operator: "=", value: "1" },
      { path: "level", operator: "≥", value: "loud" },
      { path: "", operator: "=", value: "1" },
      { path: "metadata.a", operator: "=", value: "1" },
      { path: "metadata.a", operator: "=", value: "2" },
    ])
    expect([...wrong.errors.keys()]).toEqual([0, 1, 2, 3, 5])
  })
  it("tell texts from numbers", () => {
    expect([typed("12"), typed(12), typed("abc"), typed("true"), typed(null)]).toEqual([
      '"12"',
      "12",
      "abc",
      '"true"',
      "null",
    ])
  })
})

describe("conditions and expressions", () => {
  it("mean the same", () => {
    const rows: Row[] = [
      { path: "source", operator: "=~", value: "payment-.*" },
      { path: "level", operator: "≥", value: "ERROR" },
      { path: "metadata.amount", operator: ">", value: "1000" },
      { path: "metadata.card.brand", operator: "in", value: '["visa","it\'s"]' },
      { path: "metadata.http-status", operator: "≠", value: "200" },
      { path: "metadata.test", operator: "exists", value: "false" },
    ]
    const { where, left } = toExpression(rows)
    expect(left).toEqual([])
    expect(where).toBe(
      "match(@.source, 'payment-.*') && (@.level == 'ERROR' || @.level == 'CRITICAL') && @.metadata.amount > 1000 && " +
        "(@.metadata.card.brand == 'visa' || @.metadata.card.brand == 'it\\'s') && (@.metadata['http-status'] && @.metadata['http-status'] != 200) && !@.metadata.test",
    )
    expect(fromExpression(where)).toEqual(rows)
  })
  it("stay expressions where rows would say something else", () => {
    for (const where of [
      "@.metadata.a > @.metadata.b",
      "@.metadata.a > 1 || @.metadata.b > 2",
      "@.metadata.a != 1",
      "search(@.source, 'pay')",
      "@.source == 'pay'",
      "count(@.metadata.items[?@.price > 100]) >= 3",
      "!search(@.message, 'test')",
    ])
      expect(fromExpression(where), where).toBeNull()
  })
  it("are not split inside texts", () => {
    expect(fromExpression("search(@.message, 'a && b') && @.metadata.x == 'c || d'")).toEqual([
      { path: "message", operator: "=~", value: "a && b" },
      { path: "metadata.x", operator: "=", value: "c || d" },
    ])
  })
  it("say which row has no expression", () => {
    expect(rowToExpression({ path: "metadata.tags", operator: "contains", value: "urgent" })).toBeUndefined()
    expect(rowToExpression({ path: "metadata.$.items[*].sku", operator: "=", value: "1" })).toBeUndefined()
  })
})

describe("retries", () => {
  it("double from a second to five minutes", () => {
    expect(waits(12)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1000))
    expect([totalMs(8), totalMs(1), totalMs(0)]).toEqual([127_000, 0, 0])
  })
})
