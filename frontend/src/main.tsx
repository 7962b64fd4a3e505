import createCache from "@emotion/cache"
import { CacheProvider } from "@emotion/react"
import { ThemeProvider } from "@mui/material/styles"
import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import { createRoot } from "react-dom/client"
import { BrowserRouter } from "react-router"
import { openLink } from "./api/login"
import { allSubscriptions } from "./api/queries"
import { tokenOfFragment } from "./api/session"
import { App } from "./app"
import { Feed } from "./live/feed"
import { PATH } from "./live/frames"
import { FeedContext } from "./live/use-feed"
import "./theme/styles"
import { theme } from "./theme/theme"

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content
// Without the nonce the page's policy would let none of MUI's styles in.
const cache = createCache({ key: "lh", nonce, prepend: true })
const client = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < 1 && (error as { status?: number }).status === 0,
      retryDelay: 1000,
      refetchOnWindowFocus: true,
      staleTime: 1000,
    },
  },
})

/** The socket's address; the session's cookie comes along. */
function socketUrl(): string {
  const url = new URL(PATH, location.href)
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:"
  return url.href
}

async function start(): Promise<void> {
  // Before anything is asked for: the link may be what lets this page in.
  const token = tokenOfFragment()
  let trouble: unknown
  if (token) await openLink(token).catch((error) => (trouble = error))
  const feed = new Feed(client, { url: socketUrl })
  feed.start()
  // What the first page shows is on its way while its code is.
  void client.prefetchQuery({ queryKey: ["subscriptions"], queryFn: allSubscriptions })
  createRoot(document.getElementById("root") as HTMLElement).render(
    <CacheProvider value={cache}>
      <ThemeProvider theme={theme} defaultMode="system" disableTransitionOnChange={false}>
        <QueryClientProvider client={client}>
          <FeedContext.Provider value={feed}>
            <BrowserRouter>
              <App trouble={trouble} />
            </BrowserRouter>
          </FeedContext.Provider>
        </QueryClientProvider>
      </ThemeProvider>
    </CacheProvider>,
  )
}

void start()
