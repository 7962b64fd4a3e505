import { useState } from "react"
import { Code } from "../components/code"
import { CopyButton, Segments } from "../components/parts"
import { LANGUAGES, type Language, verifier } from "../format/verifiers"

/** Code for the receiver's side. */
export function VerifyPanel() {
  const [language, setLanguage] = useState<Language>("Python")
  return (
    <section className="panel" aria-label="Verify the signature">
      <div className="panel-head">
        <h2>Verify the signature</h2>
      </div>
      <div className="panel-body stack">
        <Segments
          label="Language"
          value={language}
          options={LANGUAGES.map((name) => [name, name] as const)}
          onChange={setLanguage}
        />
        <div className="text-box">
          <Code label={`Verification in ${language}`}>{verifier(language)}</Code>
          <CopyButton text={verifier(language)} what="the code" />
        </div>
      </div>
    </section>
  )
}
