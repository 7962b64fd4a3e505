import { describe, expect, it } from "vitest"
import { bytes, count, percent, plural, rate, short } from "./number"
import { curl, eventAsCli, quote, subscriptionAsCli, testEvent, yaml } from "./snippets"
import { ago, clock, countdown, duration, iso, span } from "./time"
import { bare, cause, deliveryState, host, verdict } from "./words"

describe("a subscription as a command", () => {
  it("is data, whatever stands in it", () => {
    const command = subscriptionAsCli({ name: "it's $(rm -rf /)\nEOF\n`id`" })
    expect(command.split("\n").filter((line) => line === "EOF")).toHaveLength(1)
    expect(command).toMatch(/^loghorn sub create -f - <<'EOF'\n\{/)
  })
})

describe("numbers", () => {
  it("are never made up", () => {
    expect([
      count(undefined),
      count(null),
      percent(null),
      rate(null),
      bytes(undefined),
      span(undefined),
      span(Number.NaN),
    ]).toEqual(Array(7).fill("–"))
    expect(count(0)).toBe("0")
  })
  it("do not round a failure away", () => {
    expect([percent(100), percent(99.999), percent(98.74), percent(0), percent(0.001)]).toEqual([
      "100",
      "99.9",
      "98.7",
      "0.0",
      "0.1",
    ])
  })
  it("are short where there is little room", () => {
    expect([
      count(1_284_891),
      short(2000),
      short(1_340_000),
      rate(413.2),
      rate(4.25),
      rate(0.034),
      bytes(412),
      bytes(1_234_567),
    ]).toEqual(["1,284,891", "2 k", "1.3 M", "413", "4.3", "0.03", "412 bytes", "1.2 MB"])
    expect([plural(1, "thing"), plural(3, "thing"), plural(2, "delivery", "deliveries")]).toEqual([
      "1 thing",
      "3 things",
      "2 deliveries",
    ])
  })
})

describe("times", () => {
  const at = Date.UTC(2026, 10, 26, 18, 23, 38, 600)
  it("are exact where it matters", () => {
    expect(clock(at, true)).toBe("18:23:38.600")
    expect(clock(at, true, false)).toBe("18:23:38")
    expect(iso(at)).toBe("2026-11-26T18:23:38.600Z")
    expect(iso(Number.NaN)).toBe("–")
  })
  it("are said as a person would", () => {
    expect([0.4, 0, 69, 1200, 9990, 45_000, 38 * 60_000, 3 * 3_600_000, 76 * 3_600_000].map(span)).toEqual([
      "0.4 ms",
      "0 ms",
      "69 ms",
      "1.2 s",
      "10 s",
      "45 s",
      "38 min",
      "3 h",
      "3 d 4 h",
    ])
    expect([ago(at, at + 500), ago(at, at + 61_000), ago(at + 12_000, at)]).toEqual(["now", "1 min ago", "in 12 s"])
    expect([countdown(at + 42_000, at), countdown(at - 5, at), countdown(at + 3_661_000, at)]).toEqual([
      "0:42",
      "0:00",
      "1:01:01",
    ])
  })
  it("are read as the API writes them", () => {
    expect([
      duration("10s"),
      duration("1h 30m"),
      duration("500ms"),
      duration("7d"),
      duration("soon"),
      duration(""),
    ]).toEqual([10_000, 5_400_000, 500, 604_800_000, undefined, undefined])
  })
})

describe("words", () => {
  it("say what happened and what follows", () => {
    expect([
      cause("http_5xx", 503),
      cause("timeout_response", null),
      cause("http_4xx", 418),
      cause("refused", 200),
      cause(null, null),
    ]).toEqual([
      "503 Service Unavailable",
      "Timed out waiting for an answer",
      "418",
      "Not taken, whatever the code says",
      "Unknown cause",
    ])
    expect(
      [
        verdict("refused", 200),
        verdict("http_5xx", 503),
        verdict("http_4xx", 401),
        verdict("http_4xx", 410),
        verdict("http_4xx", 408),
        verdict("rate_limited", 429),
        verdict("dns", null),
        verdict("blocked", null),
        verdict("http_3xx", 301),
      ].map(({ dies }) => dies),
    ).toEqual([true, false, true, true, false, false, false, true, true])
  })
  it("name the states in the words that are looked for", () => {
    expect(["delivered", "retrying", "dead_letter"].map((status) => deliveryState(status).word)).toEqual([
      "delivered",
      "retrying",
      "dead",
    ])
  })
  it("show addresses without what says nothing", () => {
    expect([bare("https://a.example/hook/"), host("http://a.example:8080/x?y")]).toEqual([
      "a.example/hook",
      "a.example:8080",
    ])
  })
})

describe("commands to copy", () => {
  it("quote whatever somebody else wrote", () => {
    expect(quote("plain-1.2")).toBe("plain-1.2")
    expect(quote("a'b; rm -rf /")).toBe(`'a'\\''b; rm -rf /'`)
    expect(curl("https://a.example/$(x)", { "X-A": "`id`", "Content-Length": "3" }, "{}")).toBe(
      `curl -X POST 'https://a.example/$(x)' \\\n  -H 'X-A: \`id\`' \\\n  --data-raw '{}'`,
    )
  })
  it("send the same event as the button", () => {
    const event = testEvent()
    expect(event).toMatchObject({ level: "ERROR", source: "payment-service", event_type: "log.error" })
    expect(eventAsCli(event)).toContain("--meta amount=1240")
  })
  it("write YAML that is read back as it was", () => {
    const value = {
      name: "yes",
      on: [1, null, "a: b"],
      nested: { deep: [{ a: "#", b: [] }], empty: {} },
      text: 'say "hi"\nthere',
      n: "12",
    }
    expect(yaml(value)).toBe(
      `name: "yes"\n"on":\n  - 1\n  - null\n  - "a: b"\nnested:\n  deep:\n    - a: "#"\n      b: []\n  empty: {}\ntext: "say \\"hi\\"\\nthere"\n"n": "12"`,
    )
  })
})
