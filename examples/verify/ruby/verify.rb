# Verifies a webhook of Loghorn (Standard Webhooks 1.0) with the standard library alone.
#
#   WEBHOOK_SECRET=whsec_... ruby verify.rb headers.txt < body

require "openssl"

TOLERANCE = 5 * 60 # seconds that the sender's clock may be off

# Whether `body`, byte for byte as it arrived, was sent by the holder of `secret` not long ago. `headers` have lower-case
# names.
def verify(secret, headers, body, now = Time.now)
  key = secret.start_with?("whsec_") ? secret[6..].unpack1("m") : secret
  # Anybody can sign with an empty key.
  return false if key.empty?

  timestamp = headers["webhook-timestamp"].to_s
  return false unless timestamp.match?(/\A\d+\z/) && (now.to_i - timestamp.to_i).abs <= TOLERANCE

  signed = "#{headers['webhook-id']}.#{timestamp}.".b + body.b
  expected = "v1," + [OpenSSL::HMAC.digest("SHA256", key, signed)].pack("m0")
  # While a secret is being replaced there is one signature of each.
  headers["webhook-signature"].to_s.split(" ").any? { |one| OpenSSL.secure_compare(one, expected) }
end

if __FILE__ == $PROGRAM_NAME
  headers = File.readlines(ARGV[0], chomp: true).to_h { |line| line.split(": ", 2) }.transform_keys(&:downcase)
  ok = verify(ENV.fetch("WEBHOOK_SECRET", ""), headers, $stdin.binmode.read)
  puts ok ? "valid" : "refused"
  exit ok ? 0 : 1
end
