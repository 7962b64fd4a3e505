import { lazy } from "react"
import { Route, Routes } from "react-router"
import { Frame } from "./frame/frame"

const Home = lazy(() => import("./pages/home"))
const Welcome = lazy(() => import("./pages/welcome"))
const Deliveries = lazy(() => import("./pages/deliveries"))
const Subscriptions = lazy(() => import("./pages/subscriptions"))
const Editor = lazy(() => import("./pages/editor"))
const SubscriptionPage = lazy(() => import("./pages/subscription"))
const DeadLetters = lazy(() => import("./pages/dead-letters"))
const Events = lazy(() => import("./pages/events"))
const EventPage = lazy(() => import("./pages/event"))
const Receiver = lazy(() => import("./pages/receiver"))
const System = lazy(() => import("./pages/system"))
const NotFound = lazy(() => import("./pages/not-found"))

export function App({ trouble }: { trouble?: unknown }) {
  return (
    <Routes>
      <Route element={<Frame trouble={trouble} />}>
        <Route index element={<Home />} />
        <Route path="welcome" element={<Welcome />} />
        <Route path="deliveries/:id?" element={<Deliveries />} />
        <Route path="subscriptions" element={<Subscriptions />} />
        <Route path="subscriptions/new" element={<Editor />} />
        <Route path="subscriptions/:id" element={<SubscriptionPage />} />
        <Route path="subscriptions/:id/edit" element={<Editor />} />
        <Route path="dead-letters" element={<DeadLetters />} />
        <Route path="events" element={<Events />} />
        <Route path="events/:id" element={<EventPage />} />
        <Route path="receiver" element={<Receiver />} />
        <Route path="system" element={<System />} />
        <Route path="*" element={<NotFound />} />
      </Route>
    </Routes>
  )
}
