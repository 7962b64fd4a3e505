// Stock clients of JavaScript, each sending the same awkward records: clients.mjs CLIENT http://HOST:PORT
// The packages lie beside where it is started.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const [client, url] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const key = "any-key";
const text = "Credit card timeout é ☃";
const order = { id: 7, tags: ["a", "ü"] };
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function otlp(library) {
  const { LoggerProvider, BatchLogRecordProcessor } = require("@opentelemetry/sdk-logs");
  const { resourceFromAttributes } = require("@opentelemetry/resources");
  const { OTLPLogExporter } = require(library);
  const exporter = new OTLPLogExporter({ url: `${url}/v1/logs`, headers: { Authorization: `Bearer ${key}` } });
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ "service.name": "payment-service", "host.name": "web1" }),
    processors: [new BatchLogRecordProcessor({ exporter })],
  });
  const logger = provider.getLogger("payments.gateway", "1.2.3");
  logger.emit({
    timestamp: new Date("2026-11-23T18:05:21.216Z"), severityNumber: 17, severityText: "ERROR", body: text,
    attributes: { order, "exception.type": "TypeError", amount: 12.5, ok: true },
  });
  logger.emit({ severityNumber: 13, body: { slow: "ü" }, eventName: "payment.slow" });
  await provider.shutdown();
}

async function bulk() {
  const { Client } = require("@elastic/elasticsearch");
  for (const compression of [false, true]) {
    const elastic = new Client({ node: `${url}/es`, auth: { apiKey: key }, compression });
    const { errors } = await elastic.bulk({
      operations: [
        { create: { _index: "logs-app-default" } },
        { "@timestamp": "2026-11-23T18:05:21.216Z", message: text, "log.level": "error", "service.name": "payment-service", order },
      ],
    });
    if (errors) throw new Error("it was refused");
  }
}

async function pinoElasticsearch() {
  const stream = require("pino-elasticsearch")({ node: `${url}/es`, index: "logs", flushInterval: 100, esVersion: 8 });
  stream.on("error", (error) => { throw error; });
  stream.on("insertError", (error) => { throw error; });
  const logger = require("pino")({ name: "payment-service", base: { host: "web1" } }, stream);
  logger.error({ order, err: new TypeError("no card ü") }, text);
  await wait(1500);
  process.exit(0);
}

async function winston(transport) {
  const { createLogger, format } = require("winston");
  const logger = createLogger({ format: format.combine(format.timestamp(), format.json()), transports: [transport] });
  logger.on("error", (error) => { throw error; });
  transport.on("warn", (warning) => { throw warning; });
  logger.error(text, { order, service: "payment-service" });
  logger.warn("slow ü", { service: "payment-service" });
  await wait(1500);
  process.exit(0);
}

async function winstonLoki(json) {
  const Loki = require("winston-loki");
  const onConnectionError = (error) => { throw error; };
  const options = { host: url, labels: { app: "payment-service" }, json, basicAuth: `any:${key}`, interval: 1, batching: false, onConnectionError };
  await winston(new Loki(options));
}

async function pinoLoki() {
  const { pinoLoki } = await import(require.resolve("pino-loki"));
  const stream = pinoLoki({ host: url, batching: false, labels: { app: "payment-service" }, basicAuth: { username: "any", password: key }, silenceErrors: false });
  const logger = require("pino")({}, stream);
  logger.error({ order, err: new TypeError("no card ü") }, text);
  await wait(1500);
  process.exit(0);
}

async function splunk() {
  const { Logger } = require("splunk-logging");
  const logger = new Logger({ token: key, url: `${url}/services/collector` });
  logger.error = (error) => { throw error; };
  const answer = await new Promise((resolve, reject) => {
    const metadata = { source: "payment-service", sourcetype: "_json", host: "web1", index: "main" };
    logger.send({ message: { text, order }, severity: "error", metadata }, (error, _, body) => (error ? reject(error) : resolve(body)));
  });
  if (answer.code !== 0) throw new Error(JSON.stringify(answer));
}

async function cloudEvents() {
  const { CloudEvent, emitterFor, httpTransport, Mode } = require("cloudevents");
  for (const [id, mode] of [["id-0", Mode.STRUCTURED], ["id-1", Mode.BINARY]]) {
    const emit = emitterFor(httpTransport(`${url}/api/v1/cloudevents`), { mode });
    const time = "2026-11-23T18:05:21.216Z";
    await emit(new CloudEvent({ id, time, type: "log.error", source: "payment-service", subject: "tx 1 é", data: { message: text, order } }));
  }
}

const http = (batch) => new (require("winston").transports.Http)({
  host: hostname, port, path: "/api/v1/ingest", batch, auth: { bearer: key }, batchInterval: 100,
});
const clients = {
  "otlp-json": () => otlp("@opentelemetry/exporter-logs-otlp-http"),
  "otlp-protobuf": () => otlp("@opentelemetry/exporter-logs-otlp-proto"),
  elasticsearch: bulk,
  "pino-elasticsearch": pinoElasticsearch,
  "winston-http": () => winston(http(false)),
  "winston-http-batch": () => winston(http(true)),
  "winston-loki-json": () => winstonLoki(true),
  "winston-loki-protobuf": () => winstonLoki(false),
  "pino-loki": pinoLoki,
  splunk,
  cloudevents: cloudEvents,
};
await clients[client]();
