import { lazy } from "react"
import { useSearchParams } from "react-router"
import { useSubscriptions } from "../api/queries"
import { Head, Trouble } from "../components/parts"
import Overview, { OverviewToCome } from "../overview/overview"
import { isReceiver } from "../welcome/receiver"

const Welcome = lazy(() => import("./welcome"))

/** The overview; the first steps while nothing but the built-in receiver is subscribed. */
export default function Home() {
  const [search] = useSearchParams()
  const { data, error, isPending, refetch } = useSubscriptions()
  if (isPending) return <OverviewToCome />
  if (error && !data)
    return (
      <>
        <Head title="Overview" />
        <Trouble error={error} what="The dashboard" retry={() => void refetch()} />
      </>
    )
  return !search.has("overview") && data?.every((one) => isReceiver(one.url)) ? <Welcome /> : <Overview />
}
