// An incident, as it is seen: a receiver that begins to fail, is retried, trips its circuit, is mended and recovers.
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { launch, open, startReceiver, startServer, until, violations } from "./support.mjs"

describe("a receiver that fails", () => {
  let server
  let receiver
  let browser
  let subscription
  const event = (number, type = "payment.processor.failure") => ({
    event_type: type,
    source: "payment-service",
    level: "ERROR",
    message: `card timeout ${number}`,
    metadata: { amount: 100 * number },
  })
  before(async () => {
    receiver = await startReceiver({})
    server = await startServer("--set", "breaker.open_for=4s", "--set", "breaker.open_for_max=4s")
    subscription = await server.post("/api/v1/subscriptions", {
      name: "Payment gateway alerts",
      url: `${receiver.url}/hook`,
      events: ["payment.**"],
    })
    await server.post("/api/v1/subscriptions", { name: "Data lake", url: `${receiver.url}/lake`, events: ["stock.**"] })
    await server.post("/api/v1/events", [event(1)])
    await until("the first is delivered", async () => (await stats()).delivered === 1)
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await receiver?.stop()
  })
  const stats = async () => (await server.get("/api/v1/stats")).delivery_stats
  const circuit = async () => (await server.get(`/api/v1/subscriptions/${subscription.id}`)).circuit

  it("is seen failing, retrying with a countdown, tripping and recovering, without a reload", async () => {
    const { page, faults, go, close } = await open(browser, server)
    await go("/?overview")
    await page.getByText("Nothing. Everything delivers.").waitFor()
    await page.getByText("Nothing needs attention.").waitFor()
    await page.evaluate(() => {
      window.stays = true
    })
    receiver.answers["/hook"] = { status: 503, body: "upstream connect error" }
    await server.post("/api/v1/events", [event(2)])
    const live = page.getByRole("region", { name: "Live deliveries" })
    await live
      .getByRole("listitem")
      .filter({ hasText: /retrying/ })
      .filter({ hasText: "503" })
      .waitFor()
    await page.getByRole("link", { name: /Retrying now.*next attempt in 0:0\d/ }).waitFor()
    await page.getByRole("region", { name: "Why deliveries fail" }).getByText("503 Service Unavailable").waitFor()

    // The row counts down, and so does the inspector.
    await page.getByRole("navigation").getByRole("link", { name: "Deliveries" }).click()
    const row = page.getByRole("listitem").filter({ hasText: /retrying/ })
    const left = row.getByText(/^in \d+ s$/)
    await left.first().waitFor()
    await row.getByRole("link").first().click()
    const inspector = page.getByRole("complementary", { name: "Delivery" })
    const attempts = inspector.getByRole("list", { name: "Attempts" }).getByRole("listitem")
    const before = await attempts.count()
    await inspector
      .getByText(/^in \d+ s$|^now$/)
      .first()
      .waitFor()
    await page.waitForFunction(
      (before) => document.querySelectorAll('ol[aria-label="Attempts"] li').length > before,
      before,
    )
    await inspector
      .getByText(/waited \d/)
      .first()
      .waitFor()

    // Three failures in a row: the circuit opens, and says when it is probed.
    await server.post("/api/v1/events", [event(3), event(4), event(5)])
    await until("it trips", async () => (await circuit()) === "open")
    await page.getByRole("navigation").getByRole("link", { name: "Overview", exact: true }).click()
    const need = page.getByRole("region", { name: "Needs attention" })
    await need.getByText("Circuit open — Payment gateway alerts").waitFor()
    await need.getByText(/probes again/).waitFor()
    await page.getByText(/^1 thing needs attention/).waitFor()
    await page.getByRole("navigation").getByRole("link", { name: "Subscriptions" }).click()
    await page
      .getByRole("row", { name: /Payment gateway alerts/ })
      .getByText(/Circuit open|Half-open/)
      .waitFor()

    // Mended: a probe, and everything that waited is delivered.
    receiver.answers["/hook"] = { status: 200 }
    await page.getByRole("navigation").getByRole("link", { name: "Overview", exact: true }).click()
    const probe = need.getByRole("button", { name: "Probe now" })
    // It may have probed by itself just now.
    if (await probe.isVisible().catch(() => false)) await probe.click({ timeout: 5000 }).catch(() => {})
    await until("all are delivered", async () => (await stats()).delivered === 5)
    await page.getByText("Nothing. Everything delivers.").waitFor()
    await page.getByRole("link", { name: /Retrying now.*nothing waits/ }).waitFor()
    assert.equal(await page.evaluate(() => window.stays), true, "nothing was loaded anew")
    assert.deepEqual(faults, [])
    await close()
  })

  it("says which condition an event failed", async () => {
    const { page, faults, go, close } = await open(browser, server)
    const dear = await server.post("/api/v1/subscriptions", {
      name: "Dear ones",
      url: `${receiver.url}/dear`,
      events: ["payment.**"],
      filters: { metadata: { amount: { gt: 1000 } }, source: "payment-.*" },
    })
    const sent = await server.post("/api/v1/events", { ...event(6), source: "payment-service" })
    await until("it is matched", async () => (await server.get(`/api/v1/events/${sent.id}/explain`)).routed)
    await go(`/events/${sent.id}`)
    const line = page
      .getByRole("region", { name: "Who wanted it" })
      .getByRole("listitem")
      .filter({ hasText: dear.name })
    await line.getByRole("img", { name: "not matched" }).waitFor()
    await line.getByRole("img", { name: "fails" }).waitFor()
    await line.getByText(/metadata\.amount is 600, not greater than 1000/).waitFor()
    assert.equal(await line.getByText(/payment-\.\*/).count(), 0, "only what failed")
    assert.deepEqual(faults, [])
    await close()
  })

  it("replays dead letters group by group, and shows how far it is", async () => {
    const { page, faults, go, close } = await open(browser, server)
    receiver.answers["/hook"] = { status: 401, body: "who are you?" }
    receiver.answers["/lake"] = { status: 404 }
    const many = Array.from({ length: 30 }, (_, number) => event(number))
    await server.post("/api/v1/events", [...many, event(1, "stock.low"), event(2, "stock.low")])
    await until("they are dead", async () => (await stats()).failed === 32)
    await go("/dead-letters")
    const group = page.getByRole("listitem").filter({ hasText: "Payment gateway alerts" })
    await group.getByText("401 Unauthorized").waitFor()
    const other = page.getByRole("listitem").filter({ hasText: "Data lake" })
    await other.getByText("404 Not Found").waitFor()
    receiver.answers["/hook"] = { status: 200, delay: 50 }
    await group.getByRole("button", { name: "Replay 30 of Payment gateway alerts" }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByRole("heading", { name: "Replay 30 dead letters" }).waitFor()
    // Ten a second: long enough to be seen on the way.
    await dialog.getByRole("slider").press("ArrowLeft")
    await dialog.getByText("10 a second").waitFor()
    await dialog.getByRole("button", { name: /^Replay/ }).click()
    await dialog.getByRole("progressbar").waitFor()
    await dialog.getByText(/^\d+ of 30 · running/).waitFor()
    await dialog.getByText(/^30 of 30 · done/).waitFor()
    await until("they are delivered", async () => {
      const { queued, attempting, retrying, failed } = await stats()
      return failed === 2 && queued + attempting + retrying === 0
    })
    await dialog.getByRole("button", { name: "Close" }).click()
    await group.waitFor({ state: "detached" })
    await other.waitFor()
    assert.deepEqual(faults, [])
    await close()
  })

  it("stops for all on the system's page, says so everywhere, and goes on", async (test) => {
    if ((await server.call("GET", "/api/v1/dispatch")).status === 404) return test.skip("this server cannot do that")
    const { page, faults, go, close } = await open(browser, server)
    await go("/system")
    const panel = page.getByRole("region", { name: "Dispatch" })
    await panel.getByRole("button", { name: "Pause dispatch…" }).click()
    await page.getByRole("dialog").getByRole("button", { name: "Pause dispatch" }).click()
    await panel.getByText("paused").waitFor()
    await server.post("/api/v1/events", event(9, "stock.held"))
    await until("it waits", async () => (await server.get("/api/v1/dispatch")).waiting === 1)
    await go("/deliveries")
    await page.getByText(/Dispatch is paused/).waitFor()
    await page.getByRole("listitem").filter({ hasText: "stock.held" }).getByText("queued").waitFor()
    await go("/system")
    await panel.getByText(/1 delivery waits/).waitFor()
    assert.deepEqual(await violations(page), [])
    await panel.getByRole("button", { name: "Resume dispatch" }).click()
    await until("it is sent", async () => {
      const { queued, attempting, retrying } = await stats()
      return queued + attempting + retrying === 0
    })
    await page.getByText(/Dispatch is paused/).waitFor({ state: "detached" })
    assert.deepEqual(faults, [])
    await close()
  })
})
