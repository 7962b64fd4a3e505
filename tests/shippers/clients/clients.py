"""Stock clients of Python, each sending the same awkward records: clients.py CLIENT http://HOST:PORT"""

import datetime
import logging
import sys
import urllib.parse

CLIENT, URL = sys.argv[1:3]
HOST = urllib.parse.urlsplit(URL)
AT = datetime.datetime(2026, 11, 23, 18, 5, 21, 216012, datetime.timezone.utc)
TEXT = "Credit card timeout é ☃"
KEY = "any-key"
MANY = [f"ERROR {n} card timeout é" for n in range(50)]


def log(logger, extra=None):
    """An error with an exception, and a warning."""
    try:
        raise ValueError("no card ü")
    except ValueError:
        logger.error(TEXT, exc_info=True, extra=extra)
    logger.warning("slow %s", "ü")


def logger(handler):
    made = logging.getLogger("payment-service")
    made.setLevel(logging.DEBUG)
    made.propagate = False
    made.addHandler(handler)
    return made


def otlp():
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    provider = LoggerProvider(resource=Resource.create({"service.name": "payment-service", "host.name": "web1"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=URL + "/v1/logs")))
    log(logger(LoggingHandler(logger_provider=provider)), {"order": {"id": 7, "tags": ["a", "ü"]}, "amount": 12.5})
    provider.shutdown()


def bulk(client, helpers):
    document = {
        "@timestamp": AT.isoformat(), "message": TEXT, "log.level": "error", "service.name": "payment-service",
        "order": {"id": 7, "tags": ["a", "ü"]}, "error": {"type": "ValueError"},
    }
    actions = [
        {"_op_type": "create", "_index": "logs-app-default", **document},
        {"_index": "logs", "_id": "own-id", "message": "slow ü", "severity": "warn"},
    ]
    done, errors = helpers.bulk(client, actions)
    assert (done, errors) == (2, []), errors


def elasticsearch():
    from elasticsearch import Elasticsearch, helpers

    for compressed in (False, True):
        bulk(Elasticsearch(URL + "/es", api_key=KEY, http_compress=compressed), helpers)


def opensearch():
    from opensearchpy import OpenSearch, helpers

    client = OpenSearch(hosts=[{"host": HOST.hostname, "port": HOST.port}], http_auth=("any", KEY), http_compress=True)
    assert client.info()["version"]["number"]
    bulk(client, helpers)


def otlp_many():
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=URL + "/v1/logs")))
    sending = logger(LoggingHandler(logger_provider=provider))
    for text in MANY:
        sending.error(text)
    assert provider.force_flush()
    provider.shutdown()


def otlp_by_environment():
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logger(LoggingHandler(logger_provider=provider)).error("card timeout")
    provider.shutdown()


def elasticsearch_many():
    from elasticsearch import Elasticsearch, helpers

    actions = [{"_op_type": "create", "_index": "logs", "_id": text, "message": text, "level": "error"} for text in MANY]
    # As its documentation has it for a cluster that may be busy.
    again = {"max_retries": 20, "initial_backoff": 0.2, "max_backoff": 1, "raise_on_exception": False, "raise_on_error": False}
    done = helpers.bulk(Elasticsearch(URL + "/es", api_key=KEY), actions, retry_on_status=(429, 503), **again)
    assert done == (len(MANY), []), done


def elasticsearch_partial():
    from elasticsearch import Elasticsearch, helpers

    # A source that is text goes out as it is.
    actions = [{"message": "first é"}, '["no document"]', {"message": "third"}]
    stored, refused = helpers.bulk(Elasticsearch(URL + "/es", api_key=KEY), actions, index="logs", raise_on_error=False)
    assert (stored, len(refused)) == (2, 1), (stored, refused)
    assert refused[0]["index"]["status"] == 400 and refused[0]["index"]["error"]["reason"], refused


def loki():
    import logging_loki

    handler = logging_loki.LokiHandler(
        url=URL + "/loki/api/v1/push", tags={"application": "payment-service"}, auth=("any", KEY), version="1"
    )
    handler.handleError = lambda record: sys.exit("it was refused")
    log(logger(handler), {"tags": {"order": "7"}})


def splunk():
    from splunk_handler import SplunkHandler

    handler = SplunkHandler(
        host=HOST.hostname, port=HOST.port, token=KEY, index="main", protocol="http", verify=False, hostname="web1",
        source="payment-service", flush_interval=0,
    )
    log(logger(handler))


def pygelf():
    from pygelf import GelfHttpHandler

    handler = GelfHttpHandler(
        host=HOST.hostname, port=HOST.port, path="/gelf", compress=True, include_extra_fields=True, _app="payment-service"
    )
    log(logger(handler), {"order": {"id": 7}})


def graypy():
    import graypy as library

    handler = library.GELFHTTPHandler(HOST.hostname, port=HOST.port, path="/gelf", facility="payment-service")
    log(logger(handler), {"order": {"id": 7}})


def cloudevents():
    import urllib.request

    from cloudevents.core.bindings.http import to_binary_event, to_structured_event
    from cloudevents.core.v1.event import CloudEvent

    for number, encode in enumerate([to_structured_event, to_binary_event]):
        attributes = {
            "id": f"id-{number}", "source": "payment-service", "type": "log.error", "specversion": "1.0", "time": AT,
            "subject": "tx 1 é", "datacontenttype": "application/json",
        }
        message = encode(CloudEvent(attributes, {"message": TEXT, "order": {"id": 7, "tags": ["a", "ü"]}}))
        request = urllib.request.Request(URL + "/api/v1/cloudevents", message.body, dict(message.headers))
        assert urllib.request.urlopen(request).status == 202


def datadog():
    from datadog_api_client import ApiClient, Configuration
    from datadog_api_client.v2.api.logs_api import LogsApi
    from datadog_api_client.v2.model.content_encoding import ContentEncoding
    from datadog_api_client.v2.model.http_log import HTTPLog
    from datadog_api_client.v2.model.http_log_item import HTTPLogItem

    configuration = Configuration(host=URL, api_key={"apiKeyAuth": KEY})
    item = HTTPLogItem(
        message=TEXT, status="error", service="payment-service", hostname="web1", ddsource="nginx",
        ddtags="env:staging,version:5.1",
    )
    with ApiClient(configuration) as client:
        for encoding in (ContentEncoding.IDENTITY, ContentEncoding.GZIP, ContentEncoding.DEFLATE):
            LogsApi(client).submit_log(HTTPLog([item]), content_encoding=encoding)


def http_handler():
    import logging.handlers

    handler = logging.handlers.HTTPHandler(f"{HOST.hostname}:{HOST.port}", "/api/v1/ingest", "POST", credentials=("any", KEY))
    log(logger(handler))


{
    "otlp": otlp, "otlp_many": otlp_many, "otlp_by_environment": otlp_by_environment, "elasticsearch": elasticsearch, "elasticsearch_many": elasticsearch_many,
    "elasticsearch_partial": elasticsearch_partial, "opensearch": opensearch, "loki": loki, "splunk": splunk, "pygelf": pygelf,
    "graypy": graypy, "cloudevents": cloudevents, "datadog": datadog, "http_handler": http_handler,
}[CLIENT]()
