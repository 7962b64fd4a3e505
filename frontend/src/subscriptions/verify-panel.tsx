import { VerifierCode } from "../components/verifier-code"

/** Code for the receiver's side. */
export function VerifyPanel() {
  return (
    <section className="panel" aria-label="Verify the signature">
      <div className="panel-head">
        <h2>Verify the signature</h2>
      </div>
      <div className="panel-body stack">
        <VerifierCode />
      </div>
    </section>
  )
}
