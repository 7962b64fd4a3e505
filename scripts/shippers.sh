#!/bin/sh
# Installs stock clients of log shippers at the versions that were tried, into a folder outside the checkout. What cannot
# be installed is said; its tests are skipped and say so too.
set -u

folder=${LOGHORN_SHIPPERS:-$HOME/.cache/loghorn/shippers}
mkdir -p "$folder/js"
say() { echo "shippers: $*" >&2; }

python="opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2 elasticsearch==9.5.1 opensearch-py==3.2.0
python-logging-loki==0.3.1 splunk-handler==3.0.0 pygelf==0.4.3 graypy==2.1.0 cloudevents==2.2.0 datadog-api-client==2.62.0"
javascript="@opentelemetry/sdk-logs@0.223.0 @opentelemetry/exporter-logs-otlp-http@0.223.0
@opentelemetry/exporter-logs-otlp-proto@0.223.0 @opentelemetry/resources@2 @elastic/elasticsearch@9.4.3 pino@10
pino-elasticsearch@9.0.0 winston@3.19.0 winston-loki@6.1.7 pino-loki@3.0.0 splunk-logging@0.11.1 cloudevents@10.0.0"

if [ ! -x "$folder/py/bin/python" ] && ! python3 -m venv "$folder/py"; then
    say "python3 has no venv: its clients are left out"
fi
for package in $python; do
    name=${package%%==*} version=${package##*==}
    "$folder/py/bin/pip" show -q "$name" 2>/dev/null || "$folder/py/bin/pip" install -q "$name==$version" ||
        say "$name $version could not be installed: its tests are left out"
done
cd "$folder/js" || exit 1
[ -f package.json ] || echo '{"private": true}' >package.json
if ! command -v npm >/dev/null; then
    say "npm is missing: its clients are left out"
elif [ ! -d node_modules/cloudevents ]; then
    # shellcheck disable=SC2086 # the names are to be split
    npm install --no-audit --no-fund --silent $javascript || say "npm failed: its clients are left out"
fi
