// Pictures of every page for docs/screenshots, light and dark, wide and narrow: a real server with a shop's evening.
// A quarter of an hour passes in a minute and a half where faketime is installed; else the charts begin now.
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { criticalEvent, shopEvents, startNames, startReceivers, subscribeAll } from "./shop.mjs"
import { launch, open, startServer, until } from "./support.mjs"

const out = fileURLToPath(new URL(process.env.SHOTS ?? "../../docs/screenshots/", import.meta.url))
/** A quarter of an hour passes in so many seconds. */
const REAL_SECONDS = Number(process.env.PAST_SECONDS ?? 90)
const SPEED = Math.ceil(900 / REAL_SECONDS)
const EVENTS_PER_SECOND = 80
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const names = await startNames()
const receivers = await startReceivers()
const args = ["--set", "egress.allow_http=true", "--nameserver", names.address, "--set", "breaker.failures=20"]
const library = readdirSync("/usr/lib")
  .map((folder) => `/usr/lib/${folder}/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path))
// Backwards by as much as is gained, so that the fast clock ends now.
const env = library && {
  LD_PRELOAD: library,
  FAKETIME: `-${Math.round((REAL_SECONDS + 6) * (SPEED - 1))}s x${SPEED}`,
}
const server = await startServer({ env }, ...args)
const made = await subscribeAll(server, receivers.port)
// On a clock that runs fast a request that takes its time is cut off; it is sent again.
const send = async (events, tries = 8) => {
  const answer = await server.call("POST", "/api/v1/events", events).catch((error) => ({ status: 0, body: error }))
  if (answer.status >= 300 || !answer.status) {
    if (!tries) throw new Error(`events: ${answer.status} ${JSON.stringify(answer.body)}`)
    await sleep(100)
    await send(events, tries - 1)
  }
}

async function evening(seconds) {
  const began = Date.now()
  for (let part = 0; part < 1; part = (Date.now() - began) / 1000 / seconds) {
    // Supply chain sync breaks down for a while, and again at the end.
    receivers.mood.scm = (part > 0.55 && part < 0.7) || part > 0.93 ? "down" : "well"
    receivers.mood.gw = part > 0.6 && part < 0.63 ? "denied" : "busy"
    const wave = 1 + 0.35 * Math.sin(part * 9) + 0.15 * Math.random()
    await send(shopEvents(Math.round((EVENTS_PER_SECOND / 2) * wave)))
    if (Math.random() < 0.03) await send([criticalEvent()])
    await sleep(500)
  }
}
receivers.pace = library ? SPEED : 1
await evening(REAL_SECONDS)
console.log("the evening is over")
if (library) {
  await server.end()
  await server.restart()
  receivers.pace = 1
  receivers.mood.scm = "down"
  for (let tick = 0; tick < 20; tick += 1) {
    await send(shopEvents(15))
    await sleep(250)
  }
}
receivers.mood.hooks = "gone"
await send([criticalEvent(), criticalEvent()])
await until(
  "a channel is gone",
  async () => (await server.get(`/api/v1/subscriptions/${made.hooks.id}`)).state === "disabled",
)
await until(
  "the circuit opens",
  async () => (await server.get(`/api/v1/subscriptions/${made.scm.id}`)).circuit !== "closed",
)
await server.post(`/api/v1/subscriptions/${made.siem.id}/secrets/rotate`, { overlap: "24h" })
await server.post(`/api/v1/subscriptions/${made.pager.id}/pause`)

const browser = await launch()
const { items } = await server.get(`/api/v1/deliveries?subscription=${made.scm.id}&status=retrying&limit=50`)
const retried = items.find((one) => one.attempts > 1) ?? items[0]
const declined = (await server.get("/api/v1/events?type=payment.authorization.declined&limit=1")).items[0]
const dead = (await server.get("/api/v1/dead-letters/groups")).items
const pages = {
  overview: "/",
  deliveries: "/deliveries",
  delivery: `/deliveries/${retried?.id}`,
  subscriptions: "/subscriptions",
  subscription: `/subscriptions/${made.scm.id}`,
  editor: `/subscriptions/${made.fraud.id}/edit`,
  "dead-letters": "/dead-letters",
  events: "/events",
  event: `/events/${declined.id}`,
  receiver: "/receiver",
  system: "/system",
  welcome: "/welcome",
}
// What the receiver page shows.
const receiver = await server.get("/api/v1/receiver")
if (receiver.url)
  await server.post("/api/v1/subscriptions", {
    name: "Try it",
    url: receiver.url,
    events: ["log.critical", "log.error"],
  })

let goesOn = true
const traffic = (async () => {
  while (goesOn) {
    await send(shopEvents(6)).catch(() => {})
    await sleep(250)
  }
})()
await sleep(4000)

// Some of them alone: PAGES=overview,delivery
const wanted = process.env.PAGES?.split(",")
if (!wanted) rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const blank = await (await browser.newContext()).newPage()

/** Kept as WebP, which the browser itself makes: a third of the bytes. */
async function keep(page, name) {
  const png = await page.screenshot({ animations: "disabled" })
  const webp = await blank.evaluate(async (bytes) => {
    const image = new Image()
    image.src = `data:image/png;base64,${bytes}`
    await image.decode()
    const canvas = new OffscreenCanvas(image.width, image.height)
    canvas.getContext("2d").drawImage(image, 0, 0)
    const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.82 })
    return Array.from(new Uint8Array(await blob.arrayBuffer()))
  }, png.toString("base64"))
  writeFileSync(join(out, `${name}.webp`), Buffer.from(webp))
  if (process.env.PNG) writeFileSync(join(out, `${name}.png`), png)
}

for (const colorScheme of ["light", "dark"])
  for (const [width, height, mark] of [
    [1440, 900, ""],
    [360, 780, "-narrow"],
  ]) {
    const narrow = width < 600
    const { page, faults, go, close } = await open(browser, server, {
      colorScheme,
      width,
      height,
      ...(narrow && { hasTouch: true, isMobile: true, deviceScaleFactor: 1 }),
    })
    await page.addInitScript(() => localStorage.setItem("loghorn", JSON.stringify({ span: "15m" })))
    for (const [name, path] of Object.entries(pages)) {
      if (wanted && !wanted.includes(name)) continue
      await go(path)
      await page.waitForTimeout(1500)
      await keep(page, `${name}${mark}-${colorScheme}`)
    }
    if (!wanted && dead.length) {
      await go("/dead-letters")
      await page.getByRole("button", { name: /^Replay all/ }).click()
      await page.waitForTimeout(800)
      await keep(page, `replay${mark}-${colorScheme}`)
    }
    if (faults.length) console.error(faults.join("\n"))
    await close()
  }
goesOn = false
await traffic
await browser.close()
await server.stop()
await receivers.stop()
await names.stop()

const pictures = readdirSync(out)
const bytes = pictures.reduce((sum, name) => sum + statSync(join(out, name)).size, 0)
console.log(`${pictures.length} pictures, ${(bytes / 1e6).toFixed(2)} MB, in ${out}`)
