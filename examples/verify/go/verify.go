// Verifies a webhook of Loghorn (Standard Webhooks 1.0) with the standard library alone.
//
//	WEBHOOK_SECRET=whsec_... go run verify.go headers.txt < body
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// How far the sender's clock may be off.
const tolerance = 5 * time.Minute

// Verify tells whether body, byte for byte as it arrived, was sent by the holder of secret not long before now.
func Verify(secret string, headers http.Header, body []byte, now time.Time) bool {
	key := []byte(secret)
	if strings.HasPrefix(secret, "whsec_") {
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return false
		}
		key = decoded
	}
	// Anybody can sign with an empty key.
	if len(key) == 0 {
		return false
	}
	timestamp := headers.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", headers.Get("webhook-id"), timestamp)
	mac.Write(body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	// While a secret is being replaced there is one signature of each.
	for _, one := range strings.Split(headers.Get("webhook-signature"), " ") {
		if hmac.Equal([]byte(one), []byte(expected)) {
			return true
		}
	}
	return false
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	headers := http.Header{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		name, value, _ := strings.Cut(line, ": ")
		headers.Set(name, value)
	}
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	if !Verify(os.Getenv("WEBHOOK_SECRET"), headers, body, time.Now()) {
		fmt.Println("refused")
		os.Exit(1)
	}
	fmt.Println("valid")
}
