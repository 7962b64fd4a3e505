// What work a page does, in the processor's time, as a trace of the browser tells it: other load on the machine does not
// count. How fast this machine is comes from turns of known work in the same trace, so limits hold on slower ones, too.

/** Milliseconds of the processor that a turn takes where the limits were set. */
const TURN_MS = 10
const TURN_EVERY_MS = 250
/** Milliseconds within which an idle machine shows a page of text. */
const TEXT_MS = 100
const TASK = "ThreadControllerImpl::RunTask"

/** Records what the browser's threads do. The end tells the events, by the pid and tid of their thread's name. */
async function record(browser, categories, isKept = () => true) {
  const session = await browser.newBrowserCDPSession()
  const events = []
  const threads = new Map()
  session.on("Tracing.dataCollected", ({ value }) => {
    for (const event of value) {
      if (event.name === "thread_name") threads.set(`${event.pid} ${event.tid}`, event.args.name)
      else if (isKept(event)) events.push(event)
    }
  })
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: {
      recordMode: "recordUntilFull",
      traceBufferSizeInKb: 400_000,
      includedCategories: ["__metadata", "toplevel", "blink.user_timing", ...categories],
      excludedCategories: ["*"],
    },
  })
  return async () => {
    const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve))
    await session.send("Tracing.end")
    const { dataLossOccurred } = await complete
    await session.detach()
    if (dataLossOccurred) throw new Error("the trace did not hold everything")
    return events.filter((event) => threads.get(`${event.pid} ${event.tid}`) === "CrRendererMain")
  }
}

/**
 * Opens a page of its own process that does the same work again and again; all that is measured is held against its
 * turns. The end closes it.
 */
export async function metronome(browser) {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.evaluate((everyMs) => {
    setInterval(() => {
      performance.mark("turn")
      // Objects, texts and sorting, as in the pages; not what a compiler turns into nothing.
      let rows = []
      for (let number = 0; number < 12_000; number += 1)
        rows.push({ id: `row_${(number * 7919) % 12_000}`, at: (number * 104_729) % 12_000 })
      rows = rows.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
      window.turnEnd = JSON.stringify(rows.slice(0, 4000)).length
    }, everyMs)
  }, TURN_EVERY_MS)
  // A compiler has seen it by then.
  await page.waitForTimeout(8 * TURN_EVERY_MS)
  return () => context.close()
}

/** Tasks of main threads: the metronome's turns, and all others, in milliseconds of the processor, the longest first. */
function sorted(events) {
  const beats = events.filter(({ name }) => name === "turn")
  const is = ({ pid, ts, dur }, beat) => pid === beat.pid && ts <= beat.ts && beat.ts <= ts + dur
  const tasks = events.filter(({ name }) => name === TASK)
  const times = (some) => some.map(({ tdur }) => tdur / 1000).sort((a, b) => b - a)
  return {
    turns: times(tasks.filter((task) => beats.some((beat) => is(task, beat)))),
    others: times(tasks.filter(({ pid }) => beats.every((beat) => beat.pid !== pid))),
  }
}

/**
 * How much slower than where the limits were set this machine is: as a rule (`factor`), and at its `worst`, where a
 * neighbour took the caches or the host the processor. On one that is idle both are 1.
 */
export function slowness(turns) {
  if (turns.length < 4) throw new Error(`${turns.length} turns of known work are too few to know this machine by`)
  return { factor: Math.max(1, middle(turns) / TURN_MS), worst: Math.max(1, Math.max(...turns) / TURN_MS) }
}

/** Follows the main threads of all pages; the end tells how long their tasks took, the longest first. */
export async function follow(browser) {
  // Short ones are too many to keep for a minute.
  const end = await record(browser, [], ({ name, tdur }) => name === "turn" || (name === TASK && tdur > 3000))
  return async () => {
    const { turns, others } = sorted(await end())
    return { tasks: others, ...slowness(turns) }
  }
}

/**
 * Opens a page, and tells when its largest part was painted (`at`), what its main thread worked until then (`work`) and
 * for how long others held it up amid its work (`held`), in milliseconds; and the metronome's turns meanwhile.
 */
export async function paint(browser, url, ready = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  const end = await record(browser, ["loading"])
  await page.goto(url)
  await ready(page)
  // Something larger may follow.
  await page.waitForTimeout(500)
  const events = await end()
  await context.close()
  const of = ({ args }) => args?.data?.navigationId
  const painted = events.filter(({ name }) => name === "largestContentfulPaint::Candidate").at(-1)
  const began = painted && events.find((event) => event.name === "navigationStart" && of(event) === of(painted))
  if (!began) throw new Error(`the trace knows no paint of ${url}`)
  const isBefore = ({ name, pid, ts }) => name === TASK && pid === painted.pid && ts >= began.ts && ts < painted.ts
  const tasks = events.filter(isBefore)
  const sum = (pick) => tasks.reduce((all, task) => all + pick(task), 0) / 1000
  return {
    at: (painted.ts - began.ts) / 1000,
    work: sum(({ tdur }) => tdur),
    held: sum(({ dur, tdur }) => dur - tdur),
    turns: sorted(events).turns,
  }
}

/**
 * How many times longer than on an idle machine it takes to show a page that is nothing but text, by way of the server,
 * the browser and its page; 1 on an idle one.
 */
export async function delay(browser, server, times = 3) {
  const taken = []
  for (let turn = 0; turn < times; turn += 1) taken.push((await paint(browser, `${server.url}/metrics`)).at)
  return Math.max(1, middle(taken) / TEXT_MS)
}

export const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

export function metric({ metrics }, name) {
  return metrics.find((one) => one.name === name).value
}
