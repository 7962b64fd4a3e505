//! Every protocol of log shippers against the real server: what is sent is stored, field by field, and answered in the
//! protocol's own words, when all is well and when it is not.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, unreachable_pub)]

mod support;

#[path = "shippers/busy.rs"]
mod busy;
#[path = "shippers/cloudevents.rs"]
mod cloudevents;
#[path = "shippers/cors.rs"]
mod cors;
#[path = "shippers/daemons.rs"]
mod daemons;
#[path = "shippers/elastic.rs"]
mod elastic;
#[path = "shippers/generic.rs"]
mod generic;
#[path = "shippers/loki.rs"]
mod loki;
#[path = "shippers/others.rs"]
mod others;
#[path = "shippers/otlp.rs"]
mod otlp;
#[path = "shippers/pages.rs"]
mod pages;
#[path = "shippers/real.rs"]
mod real;
#[path = "shippers/refusals.rs"]
mod refusals;
#[path = "shippers/replay.rs"]
mod replay;
#[path = "shippers/splunk.rs"]
mod splunk;
#[path = "shippers/wire.rs"]
mod wire;
