import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"
import type { Plugin } from "vite"

/**
 * Packs text once, here, so that the server never compresses; and fails the build where what a page needs before it
 * shows anything has grown past `initialGzipMax` bytes of JavaScript.
 */
export function pack({ initialGzipMax }: { initialGzipMax: number }): Plugin {
  return {
    name: "loghorn-pack",
    apply: "build",
    writeBundle(options, bundle) {
      const dir = options.dir ?? "dist"
      const sizes = new Map<string, number>()
      for (const name of Object.keys(bundle)) {
        // index.html is written anew for each answer: it carries a nonce.
        if (!/\.(js|css|svg)$/.test(name)) continue
        const bytes = readFileSync(join(dir, name))
        const gz = gzipSync(bytes, { level: 9 })
        sizes.set(name, gz.length)
        const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })
        writeFileSync(join(dir, `${name}.gz`), gz)
        writeFileSync(join(dir, `${name}.br`), br)
      }

      const closure = (name: string, seen = new Set<string>()): Set<string> => {
        const chunk = bundle[name]
        if (seen.has(name) || chunk?.type !== "chunk") return seen
        seen.add(name)
        for (const next of chunk.imports) closure(next, seen)
        return seen
      }
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk")
      const entry = chunks.find((chunk) => chunk.isEntry)
      if (!entry) throw new Error("there is no entry")
      const first = closure(entry.fileName)
      const pages = chunks.filter((chunk) => chunk.isDynamicEntry && /\/pages\//.test(chunk.facadeModuleId ?? ""))
      const weigh = (names: Set<string>) => [...names].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0)
      const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`
      let heaviest = weigh(first)
      console.log(`initial JavaScript, gzip: ${kb(heaviest)} for the frame`)
      for (const page of pages) {
        const weight = weigh(closure(page.fileName, new Set(first)))
        const own = weight - weigh(first)
        console.log(`  with ${page.name}: ${kb(weight)} (+${kb(own)})`)
        // `closure` stops at what the frame has already, so its own chunks are counted once.
        heaviest = Math.max(heaviest, weight)
      }
      if (heaviest > initialGzipMax) throw new Error(`${kb(heaviest)} is more than ${kb(initialGzipMax)}`)
    },
  }
}
