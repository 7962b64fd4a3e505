import { useState } from "react"
import { LANGUAGES, type Language, verifier } from "../format/verifiers"
import { Code } from "./code"
import { CopyButton, Segments } from "./parts"

/** Code for the receiver's side, in a language of one's choice. */
export function VerifierCode() {
  const [language, setLanguage] = useState<Language>("Python")
  return (
    <>
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
    </>
  )
}
