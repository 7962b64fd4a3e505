#!/bin/sh
# Installs stock clients of log shippers at the versions that were tried, into a folder outside the checkout. pip and npm do
# nothing where these are there. Fails where one cannot be installed.
set -eu

folder=${LOGHORN_SHIPPERS:-$HOME/.cache/loghorn/shippers}
mkdir -p "$folder/js"

python="opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2 elasticsearch==9.5.1 opensearch-py==3.2.0
python-logging-loki==0.3.1 splunk-handler==3.0.0 pygelf==0.4.3 graypy==2.1.0 cloudevents==2.2.0 datadog-api-client==2.62.0"
javascript="@opentelemetry/sdk-logs@0.223.0 @opentelemetry/exporter-logs-otlp-http@0.223.0
@opentelemetry/exporter-logs-otlp-proto@0.223.0 @opentelemetry/resources@2 @elastic/elasticsearch@9.4.3 pino@10
pino-elasticsearch@9.0.0 winston@3.19.0 winston-loki@6.1.7 pino-loki@3.0.0 splunk-logging@0.11.1 cloudevents@10.0.0"

[ -x "$folder/py/bin/python" ] || python3 -m venv "$folder/py"
# shellcheck disable=SC2086 # the names are to be split
"$folder/py/bin/pip" install -q --disable-pip-version-check $python
cd "$folder/js"
[ -f package.json ] || echo '{"private": true}' >package.json
# shellcheck disable=SC2086
npm install --no-audit --no-fund --silent $javascript
