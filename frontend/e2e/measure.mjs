// What work a page does, in the processor's time: other load on the machine does not count. How fast this machine is
// comes from a loop of known work in the same browser, so that limits hold on slower ones, too.

/** Milliseconds that the loop takes where the limits were set. */
const LOOP_MS = 60

/** How many times slower than there this machine is, at least 1; and how long other load makes the same work take. */
export async function slowness(page) {
  const session = await page.context().newCDPSession(page)
  await session.send("Performance.enable", { timeDomain: "threadTicks" })
  const spent = async () => metric(await session.send("Performance.getMetrics"), "ScriptDuration")
  const [times, walls] = [[], []]
  for (let turn = 0; turn < 5; turn += 1) {
    const [before, began] = [await spent(), Date.now()]
    await page.evaluate(() => {
      // Objects, texts and sorting, as in the pages; not what a compiler turns into nothing.
      let rows = []
      for (let number = 0; number < 60_000; number += 1)
        rows.push({ id: `row_${(number * 7919) % 60_000}`, at: (number * 104_729) % 60_000 })
      rows = rows.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
      window.loopEnd = JSON.stringify(rows.slice(0, 20_000)).length
    })
    walls.push(Date.now() - began)
    times.push(1000 * ((await spent()) - before))
  }
  await session.detach()
  const middle = (all) => all.sort((a, b) => a - b)[2]
  const [time, wall, worst] = [middle(times), middle(walls), Math.max(...walls)]
  return {
    factor: Math.max(1, time / LOOP_MS),
    contention: Math.max(1, wall / LOOP_MS),
    worst: Math.max(1, worst / LOOP_MS),
  }
}

export function metric({ metrics }, name) {
  return metrics.find((one) => one.name === name).value
}

/** Follows what the main threads of all pages do; the end tells the tasks, the longest first, in milliseconds. */
export async function followTasks(browser) {
  const session = await browser.newBrowserCDPSession()
  const threads = new Map()
  const tasks = []
  session.on("Tracing.dataCollected", ({ value }) => {
    for (const event of value) {
      const thread = `${event.pid} ${event.tid}`
      if (event.name === "thread_name") threads.set(thread, event.args.name)
      else if (event.name === "ThreadControllerImpl::RunTask" && event.tdur > 5000)
        tasks.push({ thread, ms: event.tdur / 1000 })
    }
  })
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: {
      recordMode: "recordUntilFull",
      traceBufferSizeInKb: 400_000,
      includedCategories: ["toplevel", "__metadata"],
      excludedCategories: ["*"],
    },
  })
  return async () => {
    const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve))
    await session.send("Tracing.end")
    const { dataLossOccurred } = await complete
    await session.detach()
    if (dataLossOccurred) throw new Error("the trace did not hold all tasks")
    return tasks
      .filter(({ thread }) => threads.get(thread) === "CrRendererMain")
      .map(({ ms }) => ms)
      .sort((a, b) => b - a)
  }
}
