// What others do shows without a reload; a server that goes away is noticed, and found again.
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { launch, open, seed, startReceiver, startServer, until } from "./support.mjs"

describe("two browsers and a server that dies", () => {
  let server
  let receiver
  let browser
  let made
  before(async () => {
    receiver = await startReceiver({ "/down": { status: 503 }, "/refused": { status: 401 }, "/gone": { status: 410 } })
    server = await startServer()
    made = await seed(server, receiver)
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await receiver?.stop()
  })
  const staying = async (page) => {
    await page.evaluate(() => {
      window.stays = true
    })
    return async () => assert.equal(await page.evaluate(() => window.stays), true, "it was loaded anew")
  }

  it("shows in one browser what is done in the other", async () => {
    const [one, other] = [await open(browser, server), await open(browser, server)]
    await other.go("/subscriptions")
    const stays = await staying(other.page)
    const row = other.page.getByRole("row", { name: /Payment gateway alerts/ })
    await row.waitFor()
    // Polling alone would take half a minute: a change comes by the socket.
    await other.page.locator(".live", { hasText: "Live" }).waitFor()
    await one.go(`/subscriptions/${made.gateway.id}`)
    await one.page.getByRole("button", { name: "Pause" }).click()
    await row.getByText("Paused").waitFor({ timeout: 20_000 })
    await one.page.getByRole("button", { name: "Resume" }).click()
    await row.getByText("Paused").waitFor({ state: "detached", timeout: 20_000 })
    await one.go("/subscriptions/new")
    await one.page.getByLabel("Name").fill("Made meanwhile")
    await one.page.getByLabel("Send to").fill(`${receiver.url}/ok`)
    await one.page.getByLabel("Event types").fill("meanwhile.**")
    await one.page.getByRole("button", { name: "Create subscription" }).click()
    await other.page.getByRole("row", { name: /Made meanwhile/ }).waitFor({ timeout: 20_000 })
    await other.page.getByRole("navigation").getByRole("link", { name: "Deliveries" }).click()
    await server.post("/api/v1/events", { event_type: "meanwhile.done", source: "elsewhere" })
    await other.page
      .getByRole("listitem")
      .filter({ hasText: "meanwhile.done" })
      .filter({ hasText: "delivered" })
      .waitFor({ timeout: 20_000 })
    await stays()
    assert.deepEqual([...one.faults, ...other.faults], [])
    await one.close()
    await other.close()
  })

  it("holds the list while a delivery is open, and counts what came", async () => {
    const { page, faults, go, close } = await open(browser, server)
    await go("/deliveries")
    await page.getByRole("listitem").filter({ hasText: "delivered" }).first().getByRole("link").click()
    await page.getByRole("complementary", { name: "Delivery" }).waitFor()
    await server.post("/api/v1/events", [{ event_type: "meanwhile.a" }, { event_type: "meanwhile.b" }])
    await page.getByRole("button", { name: "Resume (2 new)" }).waitFor()
    await page.getByRole("banner").getByText("2 new").waitFor()
    assert.equal(await page.getByRole("listitem").filter({ hasText: "meanwhile.b" }).count(), 0)
    // By its link alone the list stands beside it, too.
    await page.reload()
    await page.getByRole("complementary", { name: "Delivery" }).waitFor()
    await page.getByRole("listitem").filter({ hasText: "meanwhile.b" }).waitFor()
    await page.getByRole("button", { name: "Resume" }).waitFor()
    await server.post("/api/v1/events", [{ event_type: "meanwhile.c" }])
    await page.getByRole("button", { name: "Resume (1 new)" }).click()
    await page.getByRole("listitem").filter({ hasText: "meanwhile.c" }).waitFor()
    assert.deepEqual(faults, [])
    await close()
  })

  it("polls, and says so, where the socket alone is down", async () => {
    const { page, go, close } = await open(browser, server)
    await page.routeWebSocket("**/api/v1/ws", (socket) => socket.close())
    await go("/deliveries")
    await page.locator(".live", { hasText: "Every 5 s" }).waitFor()
    await server.post("/api/v1/events", { event_type: "meanwhile.polled" })
    await page.getByRole("listitem").filter({ hasText: "meanwhile.polled" }).waitFor()
    await go("/system")
    await page.getByText("The pages ask every 5 seconds instead.").waitFor()
    await close()
  })

  it("notices a server that is killed, shows what it had and how old that is, and goes on when it is back", async () => {
    const { page, go, close } = await open(browser, server)
    await go("/subscriptions")
    const stays = await staying(page)
    const row = page.getByRole("row", { name: /Supply chain sync/ })
    await row.waitFor()
    await page.locator(".live", { hasText: "Live" }).waitFor()
    await server.kill()
    await page.getByText(/Reconnecting/).waitFor()
    await page.getByText(/data from \d+ m?s ago/).waitFor()
    await page.locator(".live", { hasText: "Offline" }).waitFor()
    assert.ok(await row.isVisible(), "what was known stays")
    await server.restart()
    await page.getByText(/Reconnecting/).waitFor({ state: "detached" })
    await page.locator(".live", { hasText: "Live" }).waitFor()
    // It is live again: what happens now shows.
    await server.post(`/api/v1/subscriptions/${made.slow.id}/pause`)
    await page
      .getByRole("row", { name: /Latency monitor/ })
      .getByText("Paused")
      .waitFor({ timeout: 20_000 })
    await until("deliveries are there", async () => (await server.get("/api/v1/stats")).delivery_stats.delivered > 30)
    await stays()
    await close()
  })
})
