/** Commands to copy. Every value is quoted: what loggers and receivers sent must not become a command. */

/** One word for a POSIX shell. */
export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** The same request again, by hand. */
export function curl(url: string, headers: Record<string, string>, body: string | undefined): string {
  const lines = [`curl -X POST ${quote(url)}`]
  for (const [name, value] of Object.entries(headers)) {
    if (/^(content-length|host|connection)$/i.test(name)) continue
    lines.push(`  -H ${quote(`${name}: ${value}`)}`)
  }
  if (body !== undefined) lines.push(`  --data-raw ${quote(body)}`)
  return lines.join(" \\\n")
}

export interface TestEvent {
  level: string
  source: string
  message: string
  event_type: string
  metadata: Record<string, unknown>
}

/** The event that "Send test event" sends. */
export function testEvent(type = "log.error"): TestEvent {
  return {
    level: type === "log.critical" ? "CRITICAL" : "ERROR",
    source: "payment-service",
    message: "Credit card processing timeout",
    event_type: type,
    metadata: { transaction_id: `tx_${Math.floor(Math.random() * 90_000 + 10_000)}`, amount: 1240 },
  }
}

export function eventAsCurl(origin: string, event: TestEvent): string {
  return [
    `curl -X POST ${quote(`${origin}/api/v1/events`)}`,
    `  -H 'Content-Type: application/json'`,
    `  -d ${quote(JSON.stringify(event))}`,
  ].join(" \\\n")
}

export function eventAsCli(event: TestEvent): string {
  const set = Object.entries(event.metadata).map(([key, value]) => ` --meta ${quote(`${key}=${value}`)}`)
  return [
    `loghorn event send --type ${quote(event.event_type)} --level ${event.level}`,
    `  --source ${quote(event.source)} -m ${quote(event.message)}${set.join("")}`,
  ].join(" \\\n")
}

/** The command that creates a subscription; what it is stands between the two marks, and is no command. */
export function subscriptionAsCli(body: unknown): string {
  return `loghorn sub create -f - <<'EOF'\n${JSON.stringify(body, null, 2)}\nEOF`
}

type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml }

/** YAML of JSON. Strings are quoted as JSON wherever a plain one could be read as something else. */
export function yaml(value: unknown, indent = 0): string {
  const pad = "  ".repeat(indent)
  const scalar = (leaf: Yaml): string => {
    if (typeof leaf !== "string") return JSON.stringify(leaf)
    const plain = /^[A-Za-z_/][\w ./@+-]*$/.test(leaf) && !/\s$/.test(leaf)
    return plain && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(leaf) ? leaf : JSON.stringify(leaf)
  }
  const isLeaf = (leaf: Yaml) =>
    leaf === null || typeof leaf !== "object" || (Array.isArray(leaf) ? leaf.length === 0 : !Object.keys(leaf).length)
  const data = value as Yaml
  if (isLeaf(data)) return pad + (typeof data === "object" && data !== null ? JSON.stringify(data) : scalar(data))
  if (Array.isArray(data)) {
    return data
      .map((item) => (isLeaf(item) ? `${pad}- ${yaml(item)}` : `${pad}- ${yaml(item, indent + 1).trimStart()}`))
      .join("\n")
  }
  return Object.entries(data as Record<string, Yaml>)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) =>
      isLeaf(item) ? `${pad}${scalar(key)}: ${yaml(item)}` : `${pad}${scalar(key)}:\n${yaml(item, indent + 1)}`,
    )
    .join("\n")
}
