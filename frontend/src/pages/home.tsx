import { lazy } from "react"
import { useSearchParams } from "react-router"
import { useSubscriptions } from "../api/queries"
import { Bones, Head, Trouble } from "../components/parts"
import Overview from "../overview/overview"
import { isReceiver } from "../welcome/receiver"

const Welcome = lazy(() => import("./welcome"))

/** The overview; the first steps while nothing but the built-in receiver is subscribed. */
export default function Home() {
  const [search] = useSearchParams()
  const { data, error, isPending, refetch } = useSubscriptions()
  if (isPending)
    return (
      <>
        <Head title="Overview" />
        <Bones rows={6} height={90} />
      </>
    )
  if (error && !data)
    return (
      <>
        <Head title="Overview" />
        <Trouble error={error} what="The dashboard" retry={() => void refetch()} />
      </>
    )
  return !search.has("overview") && data?.every((one) => isReceiver(one.url)) ? <Welcome /> : <Overview />
}
