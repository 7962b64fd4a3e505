/** Code that checks a webhook's signature: constant-time, and no older than five minutes. */

export const LANGUAGES = ["Rust", "Python", "Node", "Go"] as const
export type Language = (typeof LANGUAGES)[number]

const CODE: Record<Language, string> = {
  Rust: `// standardwebhooks = "1"
let webhook = standardwebhooks::Webhook::new(&secret)?; // whsec_…
webhook.verify(body, &headers)?; // the raw bytes, before any parsing`,
  Python: `import base64, hashlib, hmac, time

def verify(secret: str, headers: dict, body: bytes) -> bool:
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
    want = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(want, token) for token in headers["webhook-signature"].split())`,
  Node: `import { createHmac, timingSafeEqual } from "node:crypto"

export function verify(secret, headers, body) { // body: Buffer
  const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": given } = headers
  if (!(Math.abs(Date.now() / 1000 - Number(time)) <= 300)) return false
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64")
  const hmac = createHmac("sha256", key).update(\`\${id}.\${time}.\`).update(body)
  const want = Buffer.from("v1," + hmac.digest("base64"))
  return given.split(" ").some((token) => {
    const got = Buffer.from(token)
    return got.length === want.length && timingSafeEqual(got, want)
  })
}`,
  Go: `func Verify(secret string, h http.Header, body []byte) bool {
	id, ts := h.Get("webhook-id"), h.Get("webhook-timestamp")
	sec, err := strconv.ParseInt(ts, 10, 64)
	if err != nil || math.Abs(float64(time.Now().Unix()-sec)) > 300 {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + ts + "."))
	mac.Write(body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, token := range strings.Fields(h.Get("webhook-signature")) {
		if hmac.Equal([]byte(token), want) {
			return true
		}
	}
	return false
}`,
}

export function verifier(language: Language): string {
  return CODE[language]
}
