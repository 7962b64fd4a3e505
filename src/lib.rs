//! Loghorn: log events in by HTTP push, signed webhooks out: durable, retried, explained.
//!
//! This crate puts the parts together: [`app`] starts store, actors and web; [`config`] says with which settings;
//! [`cli`] is the command line. Tests and benches start [`App`] in their own process.

mod admin_key;
pub mod app;
mod backup;
mod certificate;
pub mod cli;
pub mod config;
mod connections;
mod demo;
mod files;
mod listener;
mod telemetry;
mod traces;

pub use admin_key::AdminKeyError;
pub use app::App;
pub use certificate::{CertificateError, CertificateFiles};
pub use config::Config;
