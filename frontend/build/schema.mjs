// Writes src/api/schema.d.ts from the API's description.
import { readFileSync, writeFileSync } from "node:fs"
import openapiTS, { astToString } from "openapi-typescript"

const read = new URL("../../web/openapi.json", import.meta.url)
const write = new URL("../src/api/schema.d.ts", import.meta.url)

const document = JSON.parse(readFileSync(read, "utf8"))
for (const [path, methods] of Object.entries(document.paths)) {
  // Operations are told apart by their ids, and those of handlers repeat.
  for (const [method, operation] of Object.entries(methods)) operation.operationId = `${method} ${path}`
}
writeFileSync(write, `// Made by \`npm run schema\` from web/openapi.json.\n${astToString(await openapiTS(document))}`)
