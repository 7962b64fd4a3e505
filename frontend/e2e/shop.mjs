// A shop's evening: services that log, receivers that take it, one that breaks down. Made for pictures, and for trying
// the dashboard by hand: node e2e/shop.mjs
import { createSocket } from "node:dgram"
import { createServer } from "node:http"

/** Answers every name with this machine, so that receivers can have names of their own. */
export async function startNames() {
  const socket = createSocket("udp4")
  socket.on("message", (query, from) => {
    let end = 12
    while (query[end]) end += query[end] + 1
    const question = query.subarray(12, end + 5)
    const wantsV4 = question.readUInt16BE(question.length - 4) === 1
    const head = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, wantsV4 ? 1 : 0, 0, 0, 0, 0])
    const answer = wantsV4 ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]) : Buffer.alloc(0)
    socket.send(Buffer.concat([head, question, answer]), from.port, from.address)
  })
  await new Promise((resolve) => socket.bind(0, "127.0.0.1", resolve))
  return { address: `127.0.0.1:${socket.address().port}`, stop: () => new Promise((resolve) => socket.close(resolve)) }
}

/** All receivers behind one port, told apart by their names. `mood` says how each is. */
export async function startReceivers(port = 0) {
  const mood = { perf: "slow" }
  // How many times faster the server's clock goes than this one.
  let pace = 1
  const server = createServer((request, response) => {
    request.resume()
    request.on("end", () => {
      const name = (request.headers.host ?? "").split(".")[0]
      const is = mood[name] ?? "well"
      const say = (status, body, type = "application/json") => {
        response.writeHead(status, { "content-type": type, server: "nginx" })
        response.end(body)
      }
      const usual = (8 + Math.random() * 60) / pace
      if (is === "down") setTimeout(() => say(503, "upstream connect error or disconnect/reset before headers"), usual)
      else if (is === "gone") setTimeout(() => say(410, '{"error":"channel_is_archived"}'), usual)
      else if (is === "denied") setTimeout(() => say(401, '{"error":"invalid_token"}'), usual)
      else if (is === "slow") setTimeout(() => say(200, '{"ok":true}'), (300 + Math.random() * 900) / pace)
      else if (is === "busy" && Math.random() < 0.3) setTimeout(() => say(429, '{"error":"slow down"}'), usual)
      else setTimeout(() => say(name === "lake" ? 202 : 200, '{"ok":true}'), usual)
    })
  })
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve))
  return {
    port: server.address().port,
    mood,
    set pace(times) {
      pace = times
    },
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

export async function subscribeAll(server, port) {
  const made = {}
  for (const [key, name, path, events, more] of [
    ["gw", "Payment gateway alerts", "gw.acme-pay.example", ["payment.processor.failure", "payment.authorization.*"]],
    ["fraud", "Fraud desk", "fraud.acme.example", ["payment.fraud.alert", "payment.authorization.declined"], high()],
    [
      "score",
      "Login anomaly scorer",
      "score.acme.example",
      ["auth.login.*", "auth.account.takeover"],
      { priority: "high" },
    ],
    ["wms", "Warehouse restock", "wms.acme.example", ["inventory.stock.**"], { filters: { min_level: "WARNING" } }],
    ["scm", "Supply chain sync", "scm.acme.example", ["inventory.**"], { retry: { max_attempts: 8 } }],
    ["perf", "Latency monitor", "perf.acme.example", ["api.latency.high"], { rate_limit: { per_second: 50 } }],
    ["lake", "Data lake sink", "lake.acme.example", ["**"], { priority: "low" }],
    ["hooks", "Slack #ops-errors", "hooks.slack.example", ["log.critical"]],
    ["siem", "SIEM forwarder", "siem.acme.example", ["auth.**"], { filters: { source: "auth-.*" } }],
    ["pager", "PagerDuty on-call", "events.pagerduty.example", ["log.critical", "api.down"], { priority: "high" }],
    ["crm", "Refunds to CRM", "crm.acme.example", ["payment.refund.*"], { mode: "shadow" }],
  ])
    made[key] = await server.post("/api/v1/subscriptions", {
      name,
      url: `http://${path}:${port}/hooks/loghorn`,
      events,
      ...more,
    })
  return made
}

function high() {
  return { filters: { metadata: { amount: { gte: 500 } }, source: "payment-.*" } }
}

const pick = (list) => list[Math.floor(Math.random() * list.length)]
const number = (from, to) => Math.floor(from + Math.random() * (to - from))

const KINDS = [
  [
    5,
    "payment.authorization.declined",
    "payment-service",
    "WARNING",
    "Card declined by issuer",
    () => ({
      amount: number(5, 2400),
      currency: pick(["EUR", "USD"]),
      reason: pick(["insufficient_funds", "expired_card", "do_not_honor"]),
    }),
  ],
  [
    3,
    "payment.processor.failure",
    "payment-service",
    "ERROR",
    "Credit card processing timeout",
    () => ({
      amount: number(20, 4400),
      transaction_id: `tx_${number(1e4, 1e5)}`,
      processor: pick(["adyen", "stripe"]),
    }),
  ],
  [
    1,
    "payment.fraud.alert",
    "payment-risk",
    "ERROR",
    "Velocity rule tripped",
    () => ({ amount: number(600, 9000), score: number(70, 99) }),
  ],
  [2, "payment.refund.issued", "payment-service", "INFO", "Refund issued", () => ({ amount: number(5, 300) })],
  [
    4,
    "inventory.stock.low",
    "warehouse-api",
    "WARNING",
    "Stock below threshold",
    () => ({ sku: `SKU-${number(1000, 9999)}`, left: number(1, 12) }),
  ],
  [
    2,
    "inventory.supplier.delay",
    "warehouse-api",
    "WARNING",
    "Supplier shipment delayed",
    () => ({ supplier: pick(["Norden", "Helix", "Kappa"]), days: number(1, 9) }),
  ],
  [
    4,
    "auth.login.suspicious",
    "auth-gateway",
    "WARNING",
    "Login from a new country",
    () => ({ user: `u_${number(1000, 9999)}`, country: pick(["BR", "VN", "US", "FR"]) }),
  ],
  [
    1,
    "auth.account.takeover",
    "auth-gateway",
    "CRITICAL",
    "Password and e-mail changed within a minute",
    () => ({ user: `u_${number(1000, 9999)}` }),
  ],
  [
    4,
    "api.latency.high",
    "edge-proxy",
    "WARNING",
    "p95 above 800 ms",
    () => ({ route: pick(["/checkout", "/cart", "/search"]), p95_ms: number(810, 4000) }),
  ],
  [6, "log.error", pick, "ERROR", "Unhandled exception", () => ({ trace_id: Math.random().toString(16).slice(2, 18) })],
]
const WEIGHTED = KINDS.flatMap((kind) => Array(kind[0]).fill(kind))

export function shopEvents(count) {
  return Array.from({ length: count }, () => {
    const [, event_type, source, level, message, metadata] = pick(WEIGHTED)
    return {
      event_type,
      source: source === pick ? pick(["cart-service", "search-service", "mail-worker"]) : source,
      level,
      message,
      metadata: metadata(),
    }
  })
}

export const criticalEvent = () => ({
  event_type: "log.critical",
  source: "cart-service",
  level: "CRITICAL",
  message: "Database connection pool exhausted",
  metadata: { pool: "orders", waiting: number(20, 90) },
})
