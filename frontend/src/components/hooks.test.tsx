import { act, cleanup, render } from "@testing-library/react"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { useKeys, useNow } from "./hooks"
import { setPrefs } from "./prefs"

afterEach(() => {
  cleanup()
  document.body.replaceChildren()
})

describe("the time", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }))
  afterEach(() => vi.useRealTimers())

  it("renders again with each tick, and not in between", () => {
    let rendered = 0
    // A clock that never stands still: each look at it is later than the one before.
    let now = 1_000_000
    vi.spyOn(Date, "now").mockImplementation(() => now++)
    const Clock = () => {
      rendered += 1
      return <>{useNow()}</>
    }
    render(<Clock />)
    const before = rendered
    expect(before).toBeLessThan(4)
    // What comes within one act may be rendered together.
    for (let tick = 1; tick <= 3; tick += 1) {
      act(() => vi.advanceTimersByTime(1000))
      expect(rendered).toBe(before + tick)
    }
  })
})

describe("single keys", () => {
  const press = (key: string, target: EventTarget = document.body) =>
    target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }))
  const Keys = ({ told }: { told: () => void }) => {
    useKeys({ j: told })
    return <input />
  }

  it("act, but not while somebody types, a dialog is open, or they are turned off", () => {
    const told = vi.fn()
    const { container } = render(<Keys told={told} />)
    press("j")
    expect(told).toHaveBeenCalledTimes(1)
    press("j", container.querySelector("input") as HTMLInputElement)
    const dialog = document.createElement("div")
    dialog.setAttribute("role", "dialog")
    document.body.append(dialog)
    press("j")
    dialog.remove()
    setPrefs({ keys: false })
    press("j")
    setPrefs({ keys: true })
    expect(told).toHaveBeenCalledTimes(1)
    press("j")
    expect(told).toHaveBeenCalledTimes(2)
  })
})
