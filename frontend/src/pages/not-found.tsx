import { Link, useLocation } from "react-router"
import { Empty, Head } from "../components/parts"

export default function NotFound() {
  const { pathname } = useLocation()
  return (
    <>
      <Head title="No such page" />
      <div className="panel">
        <Empty title={pathname}>
          <p>Nothing is shown at this address.</p>
          <Link to="/">Overview</Link>
        </Empty>
      </div>
    </>
  )
}
