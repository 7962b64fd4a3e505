// Every page, light and dark, wide and narrow: nobody is shut out, nothing is asked of anyone else, nothing runs that
// others wrote.
import assert from "node:assert/strict"
import { mkdirSync } from "node:fs"
import { after, before, describe, it } from "node:test"
import { launch, open, pagesOf, seed, startReceiver, startServer, violations } from "./support.mjs"

/** Where pictures go, if they are wanted. */
const shots = process.env.SHOTS
if (shots) mkdirSync(shots, { recursive: true })

describe("every page", () => {
  let server
  let receiver
  let browser
  let pages
  before(async () => {
    receiver = await startReceiver({
      "/down": { status: 503, body: "upstream connect error" },
      "/refused": { status: 401, body: "<script>alert('receiver')</script>" },
      "/gone": { status: 410 },
      "/slow": { status: 200, delay: 300 },
    })
    server = await startServer()
    const made = await seed(server, receiver)
    const { items } = await server.get("/api/v1/deliveries?status=retrying,dead_letter&limit=50")
    const picked = items.find((one) => one.last_status_code === 401) ?? items[0]
    pages = pagesOf(made, picked.id, picked.event_id)
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await receiver?.stop()
  })

  // Each page is loaded by its address once; after that they are gone through as by links.
  const titles = {}
  const show = async ({ page, go, turn }, name) => {
    const isLoaded = page.url().startsWith(server.url)
    if (isLoaded && titles[name]) await turn(pages[name], titles[name])
    else await go(pages[name])
    titles[name] = await page.locator("main h1").textContent()
    if (name === "inspector") await page.getByRole("tab", { name: "Request" }).waitFor()
  }

  for (const colorScheme of ["light", "dark"]) {
    it(`is without a barrier, ${colorScheme}`, async () => {
      const opened = await open(browser, server, { colorScheme })
      const { page, faults, close } = opened
      const found = []
      for (const name of Object.keys(pages)) {
        await show(opened, name)
        await page.waitForTimeout(600)
        assert.equal(await page.locator("h1").count(), 1, `${name} has one h1`)
        assert.equal(await page.locator("main").count(), 1, `${name} has a main`)
        if (shots) await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png` })
        found.push(...(await violations(page)).map((line) => `${name}: ${line}`))
      }
      assert.deepEqual(found, [])
      assert.deepEqual(faults, [])
      await close()
    })
  }

  it("fits 360 pixels, and has no barrier there", async () => {
    const opened = await open(browser, server, { width: 360, height: 780, hasTouch: true, isMobile: true })
    const { page, faults, close } = opened
    const found = []
    for (const name of Object.keys(pages)) {
      await show(opened, name)
      await page.waitForTimeout(400)
      if (shots) await page.screenshot({ path: `${shots}/${name}-m.png` })
      const wide = await page.evaluate(() => {
        const { scrollWidth } = document.documentElement
        const out = [...document.querySelectorAll("body *")].filter((one) => {
          const box = one.getBoundingClientRect()
          return box.right > innerWidth + 1 && box.width > 0 && !one.closest(".scroll, .well, .chart-table, .sr-only")
        })
        return { scrollWidth, out: out.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)) }
      })
      if (wide.scrollWidth > 360) found.push(`${name}: ${wide.scrollWidth} wide, ${wide.out.join(" | ")}`)
      found.push(...(await violations(page)).map((line) => `${name}: ${line}`))
    }
    assert.deepEqual(found, [])
    assert.deepEqual(faults, [])
    await close()
  })

  it("fits what lies between", async () => {
    const opened = await open(browser, server)
    const { page, close } = opened
    for (const name of Object.keys(pages)) {
      await page.setViewportSize({ width: 1280, height: 800 })
      await show(opened, name)
      for (const width of [1280, 1024, 768]) {
        await page.setViewportSize({ width, height: 800 })
        if (shots && name !== "edit") await page.screenshot({ path: `${shots}/${name}-${width}.png` })
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${name} at ${width}`)
      }
    }
    await close()
  })

  it("follows the system's colours without a reload", async () => {
    const { page, go, close } = await open(browser, server)
    await go("/")
    await page.evaluate(() => {
      window.stays = true
    })
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    assert.equal(await ground(), "rgb(244, 245, 247)")
    await page.emulateMedia({ colorScheme: "dark" })
    await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === "rgb(14, 20, 27)")
    await page.emulateMedia({ colorScheme: "light" })
    await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === "rgb(244, 245, 247)")
    assert.equal(await page.evaluate(() => window.stays), true)
    await close()
  })

  it("keeps the other colours where they were chosen", async () => {
    const { page, go, close } = await open(browser, server)
    await go("/")
    await page.getByRole("button", { name: "Switch to dark" }).click()
    await page.reload()
    await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === "rgb(14, 20, 27)")
    await close()
  })

  it("goes to other pages by keys, and not while somebody types", async () => {
    const { page, go, close } = await open(browser, server)
    await go("/")
    for (const [key, title] of [
      ["d", "Deliveries"],
      ["s", "Subscriptions"],
      ["x", "Dead letters"],
      ["e", "Events"],
      ["o", "Overview"],
    ]) {
      await page.keyboard.press("g")
      await page.keyboard.press(key)
      await page.getByRole("heading", { level: 1, name: title }).waitFor()
    }
    await page.keyboard.press("g")
    await page.keyboard.press("d")
    await page.getByLabel("Filter deliveries").waitFor()
    await page.keyboard.press("/")
    await page.keyboard.type("gs")
    assert.equal(new URL(page.url()).pathname, "/deliveries")
    await page.keyboard.press("Control+k")
    await page.getByRole("combobox").fill("fraud")
    await page.getByRole("option", { name: /Fraud desk/ }).click()
    await page.getByRole("heading", { level: 1, name: "Fraud desk" }).waitFor()
    await page.keyboard.press("?")
    await page.getByRole("dialog").getByText("Single keys act").waitFor()
    assert.deepEqual(await violations(page), [])
    await close()
  })
})
