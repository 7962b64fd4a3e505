import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"
import type { Plugin, Rolldown } from "vite"

/**
 * Packs text once, here, so that the server never compresses; and fails the build where what a page needs before it
 * shows anything has grown past `initialGzipMax` bytes of JavaScript.
 */
export function pack({ initialGzipMax }: { initialGzipMax: number }): Plugin {
  return {
    name: "loghorn-pack",
    apply: "build",
    // Begins to fetch the first page with the frame instead of after it, and the fonts before a style asks for them:
    // text that is set anew in another font is laid out twice.
    transformIndexHtml: {
      order: "post",
      handler(_, { bundle = {} }) {
        const chunks = Object.values(bundle).filter((file) => file.type === "chunk")
        const first = chunks.find((chunk) => chunk.isEntry)
        const page = chunks.find((chunk) => chunk.facadeModuleId?.endsWith("/pages/home.tsx"))
        if (!first || !page) return []
        const known = closure(bundle, first.fileName)
        const link = (attrs: Record<string, string | boolean>, name: string, injectTo: "head" | "head-prepend") => ({
          tag: "link",
          attrs: { ...attrs, crossorigin: true, href: `/${name}` },
          injectTo,
        })
        const fonts = Object.keys(bundle).filter((name) => name.endsWith(".woff2"))
        return [
          ...fonts.map((name) => link({ rel: "preload", as: "font", type: "font/woff2" }, name, "head-prepend")),
          ...[...closure(bundle, page.fileName)]
            .filter((name) => !known.has(name))
            .map((name) => link({ rel: "modulepreload" }, name, "head")),
        ]
      },
    },
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

      const chunks = Object.values(bundle).filter((file) => file.type === "chunk")
      const entry = chunks.find((chunk) => chunk.isEntry)
      if (!entry) throw new Error("there is no entry")
      const first = closure(bundle, entry.fileName)
      const pages = chunks.filter((chunk) => chunk.isDynamicEntry && /\/pages\//.test(chunk.facadeModuleId ?? ""))
      const weigh = (names: Set<string>) => [...names].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0)
      const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`
      let heaviest = weigh(first)
      console.log(`initial JavaScript, gzip: ${kb(heaviest)} for the frame`)
      for (const page of pages) {
        const weight = weigh(closure(bundle, page.fileName, new Set(first)))
        const own = weight - weigh(first)
        console.log(`  with ${page.name}: ${kb(weight)} (+${kb(own)})`)
        // `closure` stops at what the frame has already, so its own chunks are counted once.
        heaviest = Math.max(heaviest, weight)
      }
      if (heaviest > initialGzipMax) throw new Error(`${kb(heaviest)} is more than ${kb(initialGzipMax)}`)
    },
  }
}

/** A chunk and all that it needs before it runs. */
function closure(bundle: Rolldown.OutputBundle, name: string, seen = new Set<string>()): Set<string> {
  const chunk = bundle[name]
  if (seen.has(name) || chunk?.type !== "chunk") return seen
  seen.add(name)
  for (const next of chunk.imports) closure(bundle, next, seen)
  return seen
}
