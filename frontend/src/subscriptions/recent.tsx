import { Link } from "react-router"
import { useDeliveries } from "../api/queries"
import { toRow } from "../api/rows"
import { Bones, Empty, Trouble } from "../components/parts"
import { DeliveryRow, useNames } from "../deliveries/row"

/** Its newest deliveries. */
export function Recent({ id }: { id: string }) {
  const deliveries = useDeliveries({ subscription: id, limit: 20 })
  const names = useNames()
  const rows = (deliveries.data?.items ?? []).map(toRow)
  return (
    <section className="panel" aria-label="Recent deliveries">
      <div className="panel-head ruled">
        <h2>Recent deliveries</h2>
        <Link to={`/deliveries?q=${encodeURIComponent(`sub:${id}`)}`}>Open them all</Link>
      </div>
      {deliveries.error && !deliveries.data ? (
        <div className="panel-body" style={{ paddingTop: 16 }}>
          <Trouble error={deliveries.error} retry={() => void deliveries.refetch()} />
        </div>
      ) : !deliveries.data ? (
        <Bones rows={8} height={30} />
      ) : rows.length ? (
        <ul className="plain-rows" aria-label="Its newest deliveries">
          {rows.map((row) => (
            <DeliveryRow key={row.id} row={row} names={names} shape="own" />
          ))}
        </ul>
      ) : (
        <Empty title="Nothing was delivered yet">
          <p>The next event that matches goes out at once. “Send test event” sends one to this subscription alone.</p>
        </Empty>
      )}
    </section>
  )
}
