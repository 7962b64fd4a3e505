// What a person does: reading a failure, replaying, writing a subscription, signing in.
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { isSigned, launch, open, seed, startReceiver, startServer, until, violations } from "./support.mjs"

const answers = {
  "/down": { status: 503, body: "upstream connect error" },
  "/refused": { status: 401, body: "who are you?" },
  "/gone": { status: 410 },
  "/slow": { status: 200, delay: 300 },
}

describe("a server with traffic", () => {
  let server
  let receiver
  let browser
  let made
  before(async () => {
    receiver = await startReceiver(structuredClone(answers))
    server = await startServer()
    made = await seed(server, receiver)
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await receiver?.stop()
  })

  it("shows deliveries by type and state, filters them, and opens one", async () => {
    const { page, faults, go, close } = await open(browser, server)
    await go("/deliveries")
    const rows = page.getByRole("listitem").filter({ hasText: "payment.processor.failure" })
    await rows.filter({ hasText: "delivered" }).first().waitFor()
    await rows.filter({ hasText: "dead" }).first().waitFor()
    await page.getByRole("button", { name: "Retrying" }).click()
    await page
      .getByRole("listitem")
      .filter({ hasText: "inventory.stock.critical" })
      .filter({ hasText: "retrying" })
      .first()
      .waitFor()
    await page.getByLabel("Filter deliveries").fill('status:dead code:4xx sub:"fraud"')
    await page.waitForFunction(
      () =>
        document.querySelectorAll("main li.tail-row").length > 0 &&
        [...document.querySelectorAll("main li.tail-row")].every(
          (row) => row.textContent.includes("dead") && row.textContent.includes("401"),
        ),
    )
    await page.getByRole("listitem").filter({ hasText: "payment.processor.failure" }).first().getByRole("link").click()
    const inspector = page.getByRole("complementary", { name: "Delivery" })
    await inspector.getByRole("tab", { name: "Response" }).click()
    await inspector.getByText("who are you?").waitFor()
    await inspector.getByRole("tab", { name: "Timing" }).click()
    await inspector.getByText("First byte").waitFor()
    await inspector.getByRole("tab", { name: "Verify" }).click()
    await inspector.getByText("HMAC").first().waitFor()
    await page.getByRole("button", { name: /^Resume/ }).waitFor()
    await inspector.getByRole("button", { name: "Copy as curl" }).click()
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^curl -X POST .*\/refused/)
    assert.deepEqual(await violations(page), [])
    await page.keyboard.press("j")
    await page.keyboard.press("Escape")
    await page.waitForURL(/\/deliveries\?q=/)
    await page.getByLabel("Filter deliveries").fill("statsu:dead")
    await page.getByText(/there is no statsu: filter/).waitFor()
    await page.getByLabel("Filter deliveries").fill("type:nothing.at.all")
    await page.getByRole("button", { name: "Clear the filter" }).click()
    await rows.first().waitFor()
    assert.deepEqual(faults, [])
    await close()
  })

  it("shows what others wrote as text", async () => {
    const { page, faults, go, close } = await open(browser, server)
    const { items } = await server.get("/api/v1/events?limit=5&q=processing")
    await go(`/events/${items[0].id}`)
    await page.getByText("<b>card</b> processing timeout").first().waitFor()
    await page.getByText("<script>alert(1)</script>").first().waitFor()
    assert.equal(await page.locator("main b, main script, main img").count(), 0)
    assert.deepEqual(faults, [])
    await close()
  })

  it("names subscriptions, the worst first, and pauses one", async () => {
    const { page, faults, go, close } = await open(browser, server)
    await go("/subscriptions")
    await page.getByText("Supply chain sync").waitFor()
    const names = await page.locator(".sub-row strong").allInnerTexts()
    assert.ok(["Supply chain sync", "Slack #ops-errors"].includes(names[0]), names.join())
    await page.getByLabel("Filter subscriptions").fill("gateway")
    await page.getByRole("button", { name: "Acts for Payment gateway alerts" }).click()
    await page.getByRole("menuitem", { name: "Pause" }).click()
    await until(
      "it is paused",
      async () => (await server.get(`/api/v1/subscriptions/${made.gateway.id}`)).state === "paused",
    )
    await page
      .getByRole("row", { name: /Payment gateway alerts/ })
      .getByText("Paused")
      .waitFor()
    await page.getByRole("button", { name: "Acts for Payment gateway alerts" }).click()
    await page.getByRole("menuitem", { name: "Resume" }).click()
    await until(
      "it goes on",
      async () => (await server.get(`/api/v1/subscriptions/${made.gateway.id}`)).state === "active",
    )
    assert.deepEqual(faults, [])
    await close()
  })

  it("replays what died, once the receiver is mended", async () => {
    const { page, faults, go, close } = await open(browser, server)
    await go("/dead-letters")
    const group = page.getByRole("listitem").filter({ hasText: "Fraud desk" })
    await group.getByText("401 Unauthorized").waitFor()
    const dead = (await server.get("/api/v1/stats")).delivery_stats.failed
    receiver.answers["/refused"] = { status: 200 }
    await group.getByRole("button", { name: /^Replay \d+ of/ }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByText("Same event ids").waitFor()
    assert.deepEqual(await violations(page), [])
    await dialog.getByRole("button", { name: /^Replay/ }).click()
    await dialog.getByText(/done/).waitFor()
    await until("they are delivered", async () => (await server.get("/api/v1/stats")).delivery_stats.failed < dead)
    await dialog.getByRole("button", { name: "Close" }).click()
    await group.waitFor({ state: "detached" })
    await page.getByText("Slack #ops-errors").waitFor()
    assert.deepEqual(faults, [])
    receiver.answers["/refused"] = answers["/refused"]
    await close()
  })

  it("discards only after a time to think again", async () => {
    const { page, go, close } = await open(browser, server)
    await go("/dead-letters")
    const group = page.getByRole("listitem").filter({ hasText: "Slack #ops-errors" })
    await group.getByRole("button", { name: /^Discard/ }).click()
    await page.getByRole("button", { name: "Undo" }).click()
    await group.waitFor()
    const { items } = await server.get("/api/v1/dead-letters")
    assert.ok(items.some((one) => one.subscription_id === made.gone.id))
    await close()
  })

  it("writes a subscription against live events, and shows its secret once", async () => {
    const { page, faults, go, close } = await open(browser, server)
    await go("/subscriptions/new")
    await page.getByRole("button", { name: "Create subscription" }).click()
    await page.getByText("A name for people is missing").waitFor()
    await page.getByLabel("Name").fill("High-value payment failures")
    await page.getByLabel("Send to").fill(`${receiver.url}/ok`)
    await page.getByLabel("Event types").fill("payment.*.failure")
    await page.getByText(/12 of 12 of these types match/).waitFor()
    await page.getByRole("button", { name: "Add condition" }).click()
    await page.getByLabel("Condition 1: what").fill("metadata.amount")
    await page.getByLabel("Condition 1: operator").selectOption(">")
    await page.getByLabel("Condition 1: value").fill("1000")
    await page.getByText(/8 of 12 of these types match/).waitFor()
    await page
      .getByText(/metadata.amount is .*not greater than 1000/)
      .first()
      .waitFor()
    await page.getByRole("button", { name: "Expression" }).click()
    assert.equal(await page.getByLabel("Expression", { exact: true }).inputValue(), "@.metadata.amount > 1000")
    await page.getByLabel("Expression", { exact: true }).fill("@.metadata.amount >")
    await page.getByRole("region", { name: "Against live events" }).getByRole("alert").waitFor()
    await page
      .getByLabel("Expression", { exact: true })
      .fill("@.metadata.amount > 2000 && match(@.source, 'payment-.*')")
    await page.getByRole("button", { name: "Conditions" }).click()
    assert.equal(await page.getByLabel("Condition 2: value").inputValue(), "payment-.*")
    assert.deepEqual(await violations(page), [])
    await page.getByRole("button", { name: "Create subscription" }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByText("is created").waitFor()
    assert.equal(await dialog.getByText(/whsec_[A-Za-z0-9+/]{20}/).count(), 0, "not before it is asked for")
    await dialog.getByRole("button", { name: "Reveal" }).click()
    await dialog.getByText(/whsec_[A-Za-z0-9+/]{20}/).waitFor()
    await dialog.getByRole("button", { name: "Done" }).click()
    await page.getByRole("heading", { level: 1, name: "High-value payment failures" }).waitFor()
    const { items } = await server.get("/api/v1/subscriptions")
    const saved = items.find((one) => one.name === "High-value payment failures")
    assert.deepEqual(saved.filters, { source: "payment-.*", metadata: { amount: { gt: 2000 } } })
    assert.deepEqual(faults, [])
    await close()
  })

  it("tries a filter on what happens meanwhile, and sends one match to the URL being written", async () => {
    const { page, faults, go, close } = await open(browser, server)
    const pay = (event_type, amount) =>
      server.post("/api/v1/events", { event_type, source: "payment-service", metadata: { amount } })
    await go("/subscriptions/new")
    const trial = page.getByRole("region", { name: "Against live events" })
    await page.getByLabel("Event types").fill("payment.**")
    await page.getByRole("button", { name: "Add condition" }).click()
    await page.getByLabel("Condition 1: what").fill("metadata.amount")
    await page.getByLabel("Condition 1: operator").selectOption(">")
    await page.getByLabel("Condition 1: value").fill("1000")
    await trial.getByText(/^\d+ of \d+ of these types match · about [\d.,]+ a minute/).waitFor()
    await page
      .locator(".condition-row .hits")
      .getByText(/^\d+ of \d+$/)
      .waitFor()
    await pay("payment.refund.issued", 7777)
    await pay("payment.refund.small", 5)
    const fresh = trial.getByRole("listitem").filter({ hasText: "payment.refund.issued" })
    await fresh.getByRole("img", { name: "matches", exact: true }).waitFor()
    const small = trial.getByRole("listitem").filter({ hasText: "payment.refund.small" })
    await small.getByText(/metadata\.amount is 5, not greater than 1000/).waitFor()
    assert.ok(await trial.getByRole("button", { name: "Send one match" }).isDisabled(), "where to?")
    await page.getByLabel("Send to").fill(`${receiver.url}/written`)
    assert.equal(await small.getByRole("button").count(), 0, "it would not be sent")
    await fresh.getByRole("button", { name: "Send this payment.refund.issued to the URL" }).click()
    await trial.getByText(/^payment\.refund\.issued: 200 OK in \d/).waitFor()
    const { headers, body } = receiver.last["/written"]
    assert.equal(headers["webhook-origin"], "test")
    assert.ok(headers["webhook-signature"].startsWith("v1,"))
    const sent = JSON.parse(body)
    assert.deepEqual([sent.type, sent.data.metadata.amount], ["payment.refund.issued", 7777], body)
    receiver.answers["/written"] = { status: 422, body: "no" }
    await trial.getByRole("button", { name: "Send one match" }).click()
    await trial.getByText(/^payment\.refund\.issued: 422 Unprocessable/).waitFor()
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(faults, [])
    await close()
  })

  it("sends one match as a saved subscription would, to the URL that it is given", async () => {
    const { page, faults, go, close } = await open(browser, server)
    const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    const spec = { name: "Latency", url: `${receiver.url}/saved`, events: ["api.latency.*"], mode: "shadow", secret }
    const saved = await server.post("/api/v1/subscriptions", spec)
    await go(`/subscriptions/${saved.id}/edit`)
    await page.getByLabel("Send to").fill(`${receiver.url}/moved`)
    await page.getByRole("button", { name: "Send one match" }).click()
    const trial = page.getByRole("region", { name: "Against live events" })
    await trial.getByText(/^api\.latency\.high: 200 OK in \d/).waitFor()
    assert.ok(isSigned(receiver.last["/moved"], secret), "by its own secret")
    const { items } = await server.get(`/api/v1/deliveries?subscription=${saved.id}`)
    assert.deepEqual(items, [], "it is no delivery")
    assert.deepEqual(faults, [])
    await server.call("DELETE", `/api/v1/subscriptions/${saved.id}`)
    await close()
  })

  it("loses nothing where two people write", async () => {
    const { page, go, close } = await open(browser, server)
    await go(`/subscriptions/${made.fraud.id}/edit`)
    await page.getByLabel("Condition 2: value").waitFor()
    await server.call("PATCH", `/api/v1/subscriptions/${made.fraud.id}`, { description: "changed by somebody else" })
    await page.getByRole("button", { name: "Remove condition 2" }).click()
    await page.getByRole("button", { name: "Save" }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByText("It was changed meanwhile").waitFor()
    await dialog.getByRole("button", { name: "Keep mine" }).click()
    await page.getByRole("button", { name: "Save" }).click()
    await page.getByRole("heading", { level: 1, name: "Fraud desk" }).waitFor()
    const saved = await server.get(`/api/v1/subscriptions/${made.fraud.id}`)
    assert.deepEqual(saved.filters, { source: "payment-.*" }, "what was taken out is gone")
    assert.equal(saved.description, "changed by somebody else")
    await close()
  })

  it("explains an event, for who wanted it and who did not", async () => {
    const { page, go, close } = await open(browser, server)
    const { items } = await server.get("/api/v1/events?type=inventory.**&limit=1")
    await go(`/events/${items[0].id}`)
    const explanation = page.getByRole("region", { name: "Who wanted it" })
    await explanation
      .getByRole("listitem")
      .filter({ hasText: "Supply chain sync" })
      .getByRole("img", { name: "matched", exact: true })
      .waitFor()
    await explanation
      .getByRole("listitem")
      .filter({ hasText: "Slack #ops-errors" })
      .getByRole("img", { name: "not matched" })
      .waitFor()
    await close()
  })

  it("shows its figures as a table, too", async () => {
    const { page, go, close } = await open(browser, server)
    await go("/")
    await page.getByRole("button", { name: "Show as table" }).click()
    await page.getByRole("columnheader", { name: "Delivered" }).waitFor()
    assert.deepEqual(await violations(page), [])
    await close()
  })

  it("says that it is cut off, keeps what it had, and comes back", async () => {
    const { page, go, close } = await open(browser, server)
    await go("/subscriptions")
    await page.getByText("Supply chain sync").waitFor()
    await page.route("**/api/**", (route) => route.abort())
    await page.getByText(/Reconnecting, data from/).waitFor()
    await page.getByText("Supply chain sync").waitFor()
    await page.unroute("**/api/**")
    await page.getByText(/Reconnecting/).waitFor({ state: "detached" })
    await close()
  })
})

describe("a server that asks for a key", () => {
  let server
  let browser
  before(async () => {
    server = await startServer("--auth", "required")
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it("asks for it in place, refuses a wrong one, and lets the right one in", async () => {
    const { page, faults, go, close } = await open(browser, server)
    await go("/deliveries")
    await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByLabel("Key", { exact: true }).fill("lh_admin_wrong")
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click()
    await page
      .getByRole("alert")
      .getByText(/not known/)
      .waitFor()
    await page.getByLabel("Key", { exact: true }).fill(server.adminKey())
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click()
    await page.getByRole("heading", { level: 1, name: "Deliveries" }).waitFor()
    await page.getByText("Nothing was delivered yet").waitFor()
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]),
    )
    assert.ok(!kept.includes(server.adminKey()), "the key is kept nowhere")
    assert.deepEqual(faults, [])
    await close()
  })
})
