// How fast it is, by the work done: the processor's time, and what a known loop takes in the same run.
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { followTasks, metric, slowness } from "./measure.mjs"
import { launch, open, seed, startReceiver, startServer } from "./support.mjs"

const SUBSCRIPTIONS = Number(process.env.SUBSCRIPTIONS ?? 10_000)
const TAIL_SECONDS = Number(process.env.TAIL_SECONDS ?? 60)
/** Script in a frame while a list scrolls, in milliseconds. */
const FRAME_MS_MAX = 6
/** Until the largest part of a page is there, in milliseconds, on a machine that has time for it. */
const PAINT_MS_MAX = 1000
/** What the page's thread does until then and half a second longer, in milliseconds of the processor. */
const WORK_MS_MAX = 900
/** What the browser itself calls a long task. */
const TASK_MS_MAX = 50
/** Of one processor, while a thousand events a second come. */
const SHARE_MAX = 0.3
const HEAP_MB_MAX = 5

const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

describe("speed", () => {
  let server
  let receiver
  let browser
  before(async () => {
    receiver = await startReceiver({ "/down": { status: 503 }, "/refused": { status: 401 }, "/gone": { status: 410 } })
    server = await startServer()
    await seed(server, receiver)
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await receiver?.stop()
  })

  it("paints the overview within a second, the median of five loads", async () => {
    const [times, works, loads, factors] = [[], [], [], []]
    for (let load = 0; load < 5; load += 1) {
      const { page, close } = await open(browser, server)
      const session = await page.context().newCDPSession(page)
      await session.send("Performance.enable", { timeDomain: "threadTicks" })
      await page.addInitScript(() => {
        new PerformanceObserver((list) => {
          window.painted = list.getEntries().at(-1).startTime
        }).observe({ type: "largest-contentful-paint", buffered: true })
      })
      await page.goto(server.url)
      await page.getByText("Needs attention").waitFor()
      await page.waitForTimeout(500)
      await page.waitForFunction(() => window.painted !== undefined)
      times.push(await page.evaluate(() => window.painted))
      works.push(1000 * metric(await session.send("Performance.getMetrics"), "TaskDuration"))
      const { worst, factor } = await slowness(page)
      loads.push(worst)
      factors.push(factor)
      await close()
    }
    // Loading has many hands, and each may have to wait: the worst turn of the loop says for how long.
    const [ours, work, load] = [middle(times), middle(works), Math.max(...loads)]
    console.log(
      `largest contentful paint: ${Math.round(ours)} ms (${times.map(Math.round).join(", ")}), ` +
        `${Math.round(work)} ms of work; a known loop takes up to ${load.toFixed(1)} times as long as on an idle machine`,
    )
    assert.ok(ours < PAINT_MS_MAX * load, `${times.join()} ms; ${loads.join()}`)
    assert.ok(work < WORK_MS_MAX * middle(factors), `${works.join()} ms of work`)
  })

  it(`shows the live tail at 1,000 events a second for ${TAIL_SECONDS} s, and grows no memory`, async () => {
    const { page, go, close } = await open(browser, server)
    await go("/deliveries")
    const { factor } = await slowness(page)
    await page.locator(".live", { hasText: "Live" }).waitFor()
    const session = await page.context().newCDPSession(page)
    await session.send("Performance.enable", { timeDomain: "threadTicks" })
    const busy = async () => metric(await session.send("Performance.getMetrics"), "TaskDuration")
    const heap = async () => {
      await session.send("HeapProfiler.collectGarbage")
      return (await session.send("Runtime.getHeapUsage")).usedSize / 1e6
    }
    const batch = Array.from({ length: 100 }, (_, number) => ({
      event_type: number % 10 ? "log.error" : "payment.processor.failure",
      source: "payment-service",
      metadata: { amount: number * 20 },
    }))
    const pump = async (seconds) => {
      const end = Date.now() + seconds * 1000
      let sent = 0
      for (let due = Date.now(); due < end; due += 100) {
        await new Promise((resolve) => setTimeout(resolve, due - Date.now()))
        await server.post("/api/v1/events", batch)
        sent += batch.length
      }
      return sent
    }
    // The list fills first; from then on nothing may grow.
    await pump(10)
    const [heapBefore, busyBefore, began] = [await heap(), await busy(), Date.now()]
    const tasksOf = await followTasks(browser)
    const sent = await pump(TAIL_SECONDS)
    const tasks = await tasksOf()
    const seconds = (Date.now() - began) / 1000
    const share = ((await busy()) - busyBefore) / seconds
    const grown = (await heap()) - heapBefore
    const rows = await page.locator("main li.tail-row").count()
    console.log(
      `${Math.round(sent / seconds)} events/s; ${(100 * share).toFixed(0)} % of a processor, longest tasks ` +
        `${tasks
          .slice(0, 3)
          .map((ms) => ms.toFixed(0))
          .join(", ")} ms, heap ${heapBefore.toFixed(1)} MB ${grown >= 0 ? "+" : ""}${grown.toFixed(1)} MB; ` +
        `machine ${factor.toFixed(2)} times slower`,
    )
    assert.ok(rows > 10)
    assert.ok(share < SHARE_MAX * factor, `${share} of a processor`)
    assert.ok((tasks[0] ?? 0) < TASK_MS_MAX * factor, `a task of ${tasks[0]} ms`)
    assert.ok(grown < HEAP_MB_MAX, `${grown} MB`)
    await close()
  })

  it(`scrolls ${SUBSCRIPTIONS} subscriptions with little work in each frame`, async () => {
    let next = 0
    const subscribe = async (body) => {
      const key = { "idempotency-key": body.name.replace(" ", "-") }
      // A connection that was idle may be closed just as it is used; the same key makes no second one.
      const answer = await server
        .call("POST", "/api/v1/subscriptions", body, key)
        .catch(() => server.call("POST", "/api/v1/subscriptions", body, key))
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
    }
    const make = async () => {
      while (next < SUBSCRIPTIONS) {
        const number = next++
        await subscribe({
          name: `Subscription ${number}`,
          url: `${receiver.url}/ok?${number}`,
          events: [`load.type${number % 500}.*`],
          filters: number % 3 ? undefined : { metadata: { amount: { gt: number } } },
        })
      }
    }
    await Promise.all(Array.from({ length: 16 }, make))
    const { page, go, close } = await open(browser, server)
    await go("/subscriptions")
    await page.getByText(`of ${(SUBSCRIPTIONS + 6).toLocaleString("en-US")}`).waitFor({ timeout: 60_000 })
    await page.waitForTimeout(1500)
    const { factor } = await slowness(page)
    const session = await page.context().newCDPSession(page)
    await session.send("Performance.enable", { timeDomain: "threadTicks" })
    const script = async () => metric(await session.send("Performance.getMetrics"), "ScriptDuration")
    const before = await script()
    const frames = await page.evaluate(async () => {
      const list = document.querySelector("main .scroll")
      const FRAMES = 150
      for (let frame = 0; frame < FRAMES; frame += 1) {
        list.scrollTop += 180
        await new Promise((resolve) => requestAnimationFrame(resolve))
      }
      return FRAMES
    })
    const perFrame = (1000 * ((await script()) - before)) / frames
    console.log(
      `${frames} frames, ${perFrame.toFixed(2)} ms of script in each; machine ${factor.toFixed(2)} times slower`,
    )
    assert.ok(perFrame <= FRAME_MS_MAX * factor, `${perFrame} ms`)
    await close()
  })
})
