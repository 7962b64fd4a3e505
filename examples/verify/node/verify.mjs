// Verifies a webhook of Loghorn (Standard Webhooks 1.0) with Node's own modules alone.
//
//   WEBHOOK_SECRET=whsec_... node verify.mjs headers.txt < body

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const TOLERANCE = 5 * 60; // seconds that the sender's clock may be off

// Whether `body` (a Buffer, byte for byte as it arrived) was sent by the holder of `secret` not long ago. `headers` have
// lower-case names, as Node gives them.
export function verify(secret, headers, body, now = Date.now() / 1000) {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
  // Anybody can sign with an empty key.
  if (key.length === 0) return false;
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE) return false;
  const mac = createHmac("sha256", key).update(`${headers["webhook-id"]}.${timestamp}.`).update(body);
  const expected = Buffer.from(`v1,${mac.digest("base64")}`);
  // While a secret is being replaced there is one signature of each.
  return (headers["webhook-signature"] ?? "").split(" ").some((text) => {
    const one = Buffer.from(text);
    return one.length === expected.length && timingSafeEqual(one, expected);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const lines = readFileSync(process.argv[2], "utf8").trim().split("\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(": ")).toLowerCase(), line.slice(line.indexOf(": ") + 2)]),
  );
  const ok = verify(process.env.WEBHOOK_SECRET ?? "", headers, readFileSync(0));
  console.log(ok ? "valid" : "refused");
  process.exit(ok ? 0 : 1);
}
