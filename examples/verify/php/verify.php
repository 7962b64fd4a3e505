<?php
// Verifies a webhook of Loghorn (Standard Webhooks 1.0) with PHP 8 alone.
//
//   WEBHOOK_SECRET=whsec_... php verify.php headers.txt < body

const TOLERANCE = 5 * 60; // seconds that the sender's clock may be off

// Whether $body, byte for byte as it arrived, was sent by the holder of $secret not long ago. $headers have lower-case
// names.
function verify(string $secret, array $headers, string $body, int $now): bool
{
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6)) : $secret;
    // Anybody can sign with an empty key; base64_decode gives false for what is no base64.
    if ($key === '' || $key === false) {
        return false;
    }
    $timestamp = $headers['webhook-timestamp'] ?? '';
    if (!ctype_digit($timestamp) || abs($now - (int) $timestamp) > TOLERANCE) {
        return false;
    }
    $signed = ($headers['webhook-id'] ?? '') . ".$timestamp.$body";
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $key, true));
    // While a secret is being replaced there is one signature of each.
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $one) {
        if (hash_equals($expected, $one)) {
            return true;
        }
    }
    return false;
}

if (realpath($argv[0]) === __FILE__) {
    $headers = [];
    foreach (file($argv[1], FILE_IGNORE_NEW_LINES) as $line) {
        [$name, $value] = explode(': ', $line, 2);
        $headers[strtolower($name)] = $value;
    }
    $ok = verify(getenv('WEBHOOK_SECRET') ?: '', $headers, file_get_contents('php://stdin'), time());
    echo $ok ? "valid\n" : "refused\n";
    exit($ok ? 0 : 1);
}
