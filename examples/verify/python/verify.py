"""Verifies a webhook of Loghorn (Standard Webhooks 1.0) with the standard library alone.

    WEBHOOK_SECRET=whsec_... python3 verify.py headers.txt < body
"""

import base64
import hashlib
import hmac
import os
import sys
import time

TOLERANCE = 5 * 60  # seconds that the sender's clock may be off


def verify(secret: str, headers: dict, body: bytes, now: float) -> bool:
    """Whether `body`, byte for byte as it arrived, was sent by the holder of `secret` not long ago.

    `headers` have lower-case names.
    """
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    # Anybody can sign with an empty key.
    if not key:
        return False
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # While a secret is being replaced there is one signature of each.
    signatures = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(f"v1,{expected.decode()}".encode(), one.encode()) for one in signatures)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        lines = [line.rstrip("\n").split(": ", 1) for line in file]
    headers = {name.lower(): value for name, value in lines}
    ok = verify(os.environ.get("WEBHOOK_SECRET", ""), headers, sys.stdin.buffer.read(), time.time())
    print("valid" if ok else "refused")
    sys.exit(0 if ok else 1)
