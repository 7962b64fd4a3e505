#!/bin/sh
# Installs stock clients of log shippers at the versions that were tried, into a folder outside the checkout: libraries of
# Python and JavaScript, and daemons from Debian's packages, which are unpacked there, so that the machine's own logging
# stays as it is. Does nothing where these are there. Fails where one cannot be installed.
set -eu

say() { echo "shippers: $*" >&2; }

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

# The names are those of Debian 12. Of each the newest is taken that apt offers: older ones are not kept there.
debs="rsyslog rsyslog-elasticsearch libestr0 libfastjson4 liblognorm5
systemd-journal-remote libmicrohttpd12 libsystemd-shared libsystemd0
prometheus-alertmanager
syslog-ng-core syslog-ng-mod-http syslog-ng-scl libivykis0 libnet1 libpcre3 libwrap0"
mkdir -p "$folder/deb"
cd "$folder/deb"
[ "$(cat packages 2>/dev/null)" != "$debs" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg >/dev/null 2>&1; then
    say "there is no apt-get here: rsyslog, systemd-journal-upload, Alertmanager and syslog-ng cannot be installed"
    exit 1
fi
rm -rf root new && mkdir new && cd new
# shellcheck disable=SC2086
download() { apt-get download -qq -o APT::Sandbox::User= $debs; }
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
download 2>/dev/null || { $as_root apt-get update -qq && download; }
for deb in *.deb; do dpkg -x "$deb" ../root; done
cd .. && rm -r new
printf '%s' "$debs" >packages
