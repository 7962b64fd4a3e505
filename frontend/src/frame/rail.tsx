import { NavLink } from "react-router"
import { useHealth, useStats } from "../api/queries"
import { Icon } from "../components/icon"
import { count, short } from "../format/number"
import { span } from "../format/time"
import { PLACES } from "./places"

export function Rail() {
  const dead = useStats().data?.delivery_stats.failed
  const health = useHealth().data
  return (
    <nav className="rail" aria-label="Pages">
      <NavLink className="brand" to="/" aria-label="Loghorn, overview">
        <Icon id="horn" />
        <span>Loghorn</span>
      </NavLink>
      <ul>
        {PLACES.map((place) => (
          <li key={place.path} className={place.minor ? "minor" : undefined}>
            <NavLink className="place" to={place.path} end={place.path === "/"} title={place.name}>
              <Icon id={place.icon} />
              <span className="label">{place.name}</span>
              {place.path === "/dead-letters" && !!dead && (
                <span className="badge">
                  {dead < 10_000 ? count(dead) : short(dead)}
                  <span className="sr-only"> dead letters</span>
                </span>
              )}
            </NavLink>
          </li>
        ))}
      </ul>
      <div className="rail-foot">
        {health ? (
          <>
            v{health.version}
            <br />
            up {span(health.uptime_seconds * 1000)}
          </>
        ) : (
          "–"
        )}
      </div>
    </nav>
  )
}
