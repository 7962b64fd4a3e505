/** How events get in, for what people have at hand. */

export const SOURCES = ["curl", "CLI", "syslog-ng", "Vector", "Fluent Bit", "Python", "JavaScript", "Rust"] as const
export type Source = (typeof SOURCES)[number]

const EVENT = `{"level":"ERROR","source":"payment-service","message":"card timeout"}`

export function sourceSnippet(source: Source, origin: string): string {
  const { hostname: host, port, protocol } = new URL(origin)
  const ingest = `${origin}/api/v1/ingest`
  const snippets: Record<Source, string> = {
    curl: `curl -X POST ${origin}/api/v1/events \\
  -H 'Content-Type: application/json' \\
  -d '${EVENT}'`,
    CLI: `loghorn event send --level ERROR --source payment-service -m "card timeout"
tail -f app.jsonl | loghorn event send -`,
    "syslog-ng": `destination d_loghorn {
  http(
    url("${ingest}/payment-service") method("POST")
    headers("Content-Type: application/x-ndjson")
    body("$(format-json --pair level=\${LEVEL} --pair host=\${HOST} --pair message=\${MESSAGE})")
    delimiter("\\n") batch-lines(200) batch-timeout(500)
  );
};`,
    Vector: `[sinks.loghorn]
type = "http"
inputs = ["my_logs"]
uri = "${ingest}/payment-service"
encoding.codec = "json"
framing.method = "newline_delimited"`,
    "Fluent Bit": `[OUTPUT]
    Name    http
    Match   *
    Host    ${host}
    Port    ${port || (protocol === "https:" ? 443 : 80)}
    URI     /api/v1/ingest/payment-service
    Format  json_lines${protocol === "https:" ? "\n    Tls     On" : ""}`,
    Python: `import json, urllib.request

request = urllib.request.Request(
    "${origin}/api/v1/events",
    data=json.dumps(${EVENT}).encode(),
    headers={"Content-Type": "application/json"},
)
print(json.load(urllib.request.urlopen(request)))`,
    JavaScript: `const answer = await fetch("${origin}/api/v1/events", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(${EVENT}),
})
console.log(await answer.json())`,
    Rust: `// ureq = { version = "3", features = ["json"] }, serde_json = "1"
let answer: serde_json::Value = ureq::post("${origin}/api/v1/events")
    .send_json(serde_json::json!(${EVENT}))?
    .body_mut().read_json()?;`,
  }
  return snippets[source]
}
