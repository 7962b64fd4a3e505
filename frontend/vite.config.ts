import react from "@vitejs/plugin-react"
import { defineConfig } from "vitest/config"
import { pack } from "./build/pack.ts"

/** The server that `npm run dev` sends the API's calls to. */
const server = process.env.LOGHORN_URL ?? "http://127.0.0.1:8000"

export default defineConfig({
  plugins: [react(), pack({ initialGzipMax: 300_000 })],
  server: { proxy: { "/api": { target: server, ws: true }, "/docs": server, "/metrics": server } },
  build: {
    target: "es2022",
    // A data: URL would need a hole in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true },
})
