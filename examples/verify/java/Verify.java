// Verifies a webhook of Loghorn (Standard Webhooks 1.0) with the JDK alone, 11 or newer.
//
//   WEBHOOK_SECRET=whsec_... java Verify.java headers.txt < body

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Verify {
    /** Seconds that the sender's clock may be off. */
    static final long TOLERANCE = 5 * 60;

    /** Whether {@code body}, byte for byte as it arrived, was sent by the holder of {@code secret} not long ago. */
    static boolean verify(String secret, Map<String, String> headers, byte[] body, Instant now)
            throws GeneralSecurityException {
        byte[] key = secret.startsWith("whsec_")
                ? Base64.getDecoder().decode(secret.substring(6))
                : secret.getBytes(UTF_8);
        // Anybody can sign with an empty key.
        if (key.length == 0) {
            return false;
        }
        String timestamp = headers.getOrDefault("webhook-timestamp", "");
        if (!timestamp.matches("\\d{1,18}")
                || Math.abs(now.getEpochSecond() - Long.parseLong(timestamp)) > TOLERANCE) {
            return false;
        }
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update((headers.get("webhook-id") + "." + timestamp + ".").getBytes(UTF_8));
        String expected = "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
        // While a secret is being replaced there is one signature of each.
        for (String one : headers.getOrDefault("webhook-signature", "").split(" ")) {
            if (MessageDigest.isEqual(one.getBytes(UTF_8), expected.getBytes(UTF_8))) {
                return true;
            }
        }
        return false;
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            String[] parts = line.split(": ", 2);
            headers.put(parts[0], parts[1]);
        }
        byte[] body = System.in.readAllBytes();
        boolean ok = verify(System.getenv().getOrDefault("WEBHOOK_SECRET", ""), headers, body, Instant.now());
        System.out.println(ok ? "valid" : "refused");
        System.exit(ok ? 0 : 1);
    }
}
