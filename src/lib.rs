//! Loghorn: log events in by HTTP push, signed webhooks out: durable, retried, explained.
