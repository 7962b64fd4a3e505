// A real server on an empty data directory, receivers that fail as real ones do, and a browser that notes what it must
// not do: ask anybody but that server, or break the page's policy.
import { spawn } from "node:child_process"
import { createHmac } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { chromium } from "playwright-core"

const require = createRequire(import.meta.url)
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8")

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/loghorn/target")
  const found = [process.env.E2E_SERVER, join(target, "debug/loghorn"), join(target, "release/loghorn")].find(
    (path) => path && existsSync(path),
  )
  if (!found) throw new Error("no loghorn to test: build it first (cargo build), or name it in E2E_SERVER")
  return found
}

/**
 * Starts a server of its own; `stop` ends it and takes its data away, `kill` ends it at once, `restart` starts it again.
 * `env` is for its first life alone.
 */
export async function startServer(...given) {
  const { env = {} } = typeof given[0] === "object" ? given[0] : {}
  const args = given.filter((one) => typeof one === "string")
  const data = mkdtempSync(join(tmpdir(), "loghorn-e2e-"))
  let { child, url } = await spawnServer(data, "127.0.0.1:0", args, env)
  const call = async (method, path, body, headers = {}) => {
    const ask = () =>
      fetch(url + path, {
        method,
        headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      })
    // A connection that was idle may be closed just as it is used; to ask twice changes nothing.
    const response = await (method === "GET" ? ask().catch(ask) : ask())
    const text = await response.text()
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text }
  }
  const end = async (signal) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill(signal)
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000)
    await ended
    clearTimeout(timer)
  }
  return {
    url,
    data,
    call,
    post: async (path, body) => {
      const answer = await call("POST", path, body)
      if (answer.status >= 300) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body
    },
    get: async (path) => (await call("GET", path)).body,
    adminKey: () => readFileSync(join(data, "admin.key"), "utf8").trim(),
    end: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    restart: async () => {
      const again = await spawnServer(data, new URL(url).host, args)
      child = again.child
    },
    stop: async () => {
      await end("SIGTERM")
      rmSync(data, { recursive: true, force: true })
    },
  }
}

async function spawnServer(data, bind, args, env = {}) {
  // What this machine sets for its own server is not for this one.
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("LOGHORN_")))
  const always = ["--allow-private", "127.0.0.0/8", "--log", "json", "--set", "breaker.failures=3"]
  const child = spawn(binary(), ["serve", "--bind", bind, "--data", data, ...always, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...own, ...env },
  })
  // A test that breaks leaves no server behind.
  process.once("exit", () => child.kill("SIGKILL"))
  let said = ""
  const url = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)))
    child.stderr.on("data", (chunk) => {
      said = (said + chunk).slice(-20_000)
      const found = /(https?:\/\/127\.0\.0\.1:\d+)\/api\/v1/.exec(said)
      if (found && said.includes("Ready in")) resolve(found[1])
    })
  })
  child.removeAllListeners("exit")
  return { child, url }
}

/** A receiver whose answers are chosen by path, and can be changed while it runs; it keeps the last request of each. */
export async function startReceiver(answers) {
  const last = {}
  const server = createServer((request, response) => {
    const parts = []
    request.on("data", (part) => parts.push(part))
    request.on("end", () => {
      last[request.url] = { headers: request.headers, body: Buffer.concat(parts).toString() }
      const answer = answers[request.url] ?? { status: 200 }
      setTimeout(() => {
        response.writeHead(answer.status, { "content-type": "text/plain" })
        response.end(answer.body ?? "ok")
      }, answer.delay ?? 0)
    })
  })
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    answers,
    last,
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What the pages are tested on: subscriptions in every state, and deliveries that end in every way. */
export async function seed(server, receiver) {
  const subscribe = (name, path, events, more = {}) =>
    server.post("/api/v1/subscriptions", { name, url: receiver.url + path, events, ...more })
  const made = {
    gateway: await subscribe("Payment gateway alerts", "/ok", ["payment.**", "log.error"]),
    supply: await subscribe("Supply chain sync", "/down", ["inventory.**"], { priority: "low" }),
    fraud: await subscribe("Fraud desk", "/refused", ["payment.processor.failure"], {
      filters: { metadata: { amount: { gt: 1000 } }, source: "payment-.*" },
    }),
    lake: await subscribe("Data lake sink", "/ok", ["log.**"]),
    gone: await subscribe("Slack #ops-errors", "/gone", ["auth.**"]),
    slow: await subscribe("Latency monitor", "/slow", ["api.latency.high"], { retry: { max_attempts: 2 } }),
  }
  await server.post(`/api/v1/subscriptions/${made.lake.id}/pause`)
  const events = []
  const types = [
    ["payment.processor.failure", "payment-service", "ERROR"],
    ["inventory.stock.critical", "warehouse", "CRITICAL"],
    ["log.error", "payment-service", "ERROR"],
    ["api.latency.high", "gateway", "WARNING"],
    ["payment.authorization.declined", "payment-service", "INFO"],
  ]
  for (let number = 0; number < 60; number += 1) {
    const [event_type, source, level] = types[number % types.length]
    events.push({
      event_type,
      source,
      level,
      message: `<b>card</b> processing timeout ${number}`,
      metadata: {
        amount: 400 + number * 37,
        transaction_id: `tx_${number}`,
        "<img src=x onerror=alert(1)>": "<script>alert(1)</script>",
      },
    })
  }
  events.push({
    event_type: "auth.account.takeover",
    source: "auth",
    level: "CRITICAL",
    message: "one for the one that is gone",
  })
  await server.post("/api/v1/events", events)
  await until("deliveries end", async () => {
    const { delivery_stats: stats } = await server.get("/api/v1/stats")
    return stats.delivered >= 36 && stats.failed >= 5 && stats.retrying >= 1
  })
  return made
}

/** Whether a webhook is signed with a secret, by the Standard Webhooks' scheme. */
export function isSigned({ headers, body }, secret) {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64")
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`
  const expected = `v1,${createHmac("sha256", key).update(signed).digest("base64")}`
  return headers["webhook-signature"].split(" ").includes(expected)
}

export async function until(what, holds, ms = 120_000) {
  const end = Date.now() + ms
  for (;;) {
    if (await holds()) return
    if (Date.now() > end) throw new Error(`not in ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  })
}

/** A page that notes what went wrong on it. */
export async function open(browser, server, { width = 1440, height = 900, colorScheme = "light", ...options } = {}) {
  // Colours amid a transition are none that anybody is to read by.
  const reducedMotion = "reduce"
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion, ...options })
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.url })
  const page = await context.newPage()
  const faults = []
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    )
  })
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url())
    const own = server.url.replace(/^http/, "ws")
    if (origin !== server.url && !(protocol.startsWith("ws") && request.url().startsWith(own)))
      faults.push(`asked ${request.url()}`)
  })
  page.on("pageerror", (error) => faults.push(`failed: ${error.stack ?? error}`))
  page.on("dialog", (dialog) => {
    faults.push(`a dialog of the browser: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on("console", (message) => {
    // What the browser itself says of a 404 or a socket that does not answer is told by the page, too.
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection to/.test(message.text()))
      faults.push(message.text())
  })
  // Long: what is tested is what happens, not how soon on a busy machine.
  page.setDefaultTimeout(120_000)
  // What is asked for is there, or said to be missing.
  const loaded = () => page.waitForFunction(() => !document.querySelector('main [role="status"][aria-label="Loading"]'))
  return {
    page,
    faults,
    go: async (path) => {
      await page.goto(server.url + path)
      await page.locator("main h1").waitFor()
      await loaded()
    },
    /** As a link does, without loading everything anew: to the page of that heading. */
    turn: async (path, title) => {
      await page.evaluate((path) => {
        history.pushState(null, "", path)
        dispatchEvent(new PopStateEvent("popstate"))
      }, path)
      // Also where a drawer covers it.
      await page.waitForFunction((title) => document.querySelector("main h1")?.textContent === title, title)
      await loaded()
    },
    close: () => context.close(),
  }
}

/** What axe finds, one line for each place. */
export async function violations(page) {
  await page.evaluate(axeSource)
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }))
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`),
  )
}

export function pagesOf(seeded, delivery, event) {
  return {
    overview: "/",
    deliveries: "/deliveries",
    inspector: `/deliveries/${delivery}`,
    subscriptions: "/subscriptions",
    subscription: `/subscriptions/${seeded.supply.id}`,
    new: "/subscriptions/new",
    edit: `/subscriptions/${seeded.fraud.id}/edit`,
    "dead-letters": "/dead-letters",
    events: "/events",
    event: `/events/${event}`,
    receiver: "/receiver",
    system: "/system",
    welcome: "/welcome",
  }
}
