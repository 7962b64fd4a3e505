//! The command line: one file a noun. Data goes to stdout, talk to stderr, and the exit code says how it ended.

mod api;
mod audit;
mod backfill;
mod backup;
mod checks;
mod circuit;
pub(crate) mod client;
mod completion;
mod conditions;
mod config;
mod connect;
mod context;
mod delivery;
mod delivery_curl;
mod demo;
mod dispatch;
mod dlq;
mod dlq_export;
mod doctor;
mod event;
mod event_send;
mod explain;
pub(crate) mod fail;
mod filter;
mod filter_args;
mod job;
mod json;
mod key;
mod listen;
mod live;
mod man;
mod master_key;
mod meta;
mod open;
mod output;
mod progress;
mod secret;
mod secret_file;
mod shadow;
mod sign;
pub(crate) mod signature;
mod status;
mod sub;
mod sub_apply;
mod sub_check;
mod sub_create;
mod sub_edit;
mod sub_past;
mod sub_plan;
mod sub_preview;
mod tail;
mod top;
mod trigger;
mod trust;
mod validate;
mod verify;
mod version;
mod watch;
mod yaml;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand};
use loghorn_domain::{Span, Timestamp};

use self::{
    context::Context,
    fail::{Exit, Fail},
    output::{Form, Out},
};
use crate::config::{ClientFlags, ServeArgs};

const EXAMPLES: &str = "\
Examples:
  loghorn serve --allow-private 127.0.0.0/8 --allow-http
  loghorn listen --bind 127.0.0.1:9100
  loghorn sub create demo --url http://127.0.0.1:9100/ --type '**'
  loghorn event send --level ERROR -m 'card timeout'
  loghorn filter test --meta 'amount > 1000'
  loghorn delivery list --status retrying

Exit codes: 0 done, 1 error, 2 wrong usage, 3 not found, 4 not let in, 5 refused or invalid,
  6 server unreachable, 7 done but some of it failed, 8 timed out, 130 interrupted";

#[derive(Debug, Parser)]
#[command(name = "loghorn", version, about = "Log events in, signed webhooks out")]
#[command(after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command that talks to a server takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
struct Global {
    /// Address of the server [env: LOGHORN_SERVER] [default: http://127.0.0.1:8000]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// Profile to go by: a server with its key, as `config set` saves it [env: LOGHORN_PROFILE] [default: that of `config use`]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "server")]
    profile: Option<String>,
    /// File of the authorities that may vouch for an https server, in PEM [env: LOGHORN_CACERT] [default: the platform's]
    #[arg(long, global = true, value_name = "FILE")]
    cacert: Option<String>,
    /// File with the key to show the server [default: the key in LOGHORN_KEY, else the profile's, else the data
    /// directory's admin.key, to a server on this machine]
    #[arg(long, alias = "token-file", global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Data directory whose admin.key is used [env: LOGHORN_DATA] [default: ./loghorn-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
    /// Form of the output: table, wide, json, jsonl, yaml or name [default: table on a terminal, tab-separated lines elsewhere]
    #[arg(short, long, global = true, value_enum, value_name = "FORM", hide_possible_values = true)]
    output: Option<Form>,
    /// Look again every 2 seconds, until interrupted: what lists and shows
    #[arg(short, long, global = true)]
    watch: bool,
    /// Only data and errors, no talk
    #[arg(short, long, global = true)]
    quiet: bool,
    /// How long to wait for an answer, or for what is waited for
    #[arg(long, global = true, value_name = "SPAN", default_value = "10s")]
    timeout: Span,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Run a shop with receivers on a server of its own, to look at or as a test of the whole
    Demo(demo::DemoArgs),
    /// Show how the server is
    Status(status::StatusArgs),
    /// Watch the server on the whole terminal
    Top(top::TopArgs),
    /// Watch deliveries as they happen
    Tail(tail::TailArgs),
    /// Send an event by hand, and wait for what becomes of it
    Trigger(trigger::TriggerArgs),
    /// Send, list and show events
    #[command(visible_alias = "events", subcommand)]
    Event(event::EventCommand),
    /// Create, list, show, test, pause, backfill and delete subscriptions
    #[command(visible_aliases = ["subs", "subscription", "subscriptions"], subcommand)]
    Sub(sub::SubCommand),
    /// Try filters before they are saved
    #[command(visible_alias = "filters", subcommand)]
    Filter(filter::FilterCommand),
    /// List and show deliveries and their attempts
    #[command(visible_alias = "deliveries", subcommand)]
    Delivery(delivery::DeliveryCommand),
    /// List dead letters and send them again
    #[command(visible_aliases = ["dead-letter", "dead-letters"], subcommand)]
    Dlq(dlq::DlqCommand),
    /// List the circuits that are open; open, close and probe them by hand
    #[command(visible_alias = "circuits", subcommand)]
    Circuit(circuit::CircuitCommand),
    /// Copy a running server's whole store, and make a data directory of such a copy
    #[command(visible_alias = "backups", subcommand)]
    Backup(backup::BackupCommand),
    /// List settings and where each came from; save servers as profiles, and choose among them
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Hold all webhooks, or let them go on
    #[command(subcommand)]
    Dispatch(dispatch::DispatchCommand),
    /// List, show and cancel long work: backfills
    #[command(visible_alias = "jobs", subcommand)]
    Job(job::JobCommand),
    /// Make, list and revoke keys; change the master key
    #[command(visible_alias = "keys", subcommand)]
    Key(key::KeyCommand),
    /// Print the configuration of a log shipper for this server
    Connect(connect::ConnectArgs),
    /// Show who did what
    Audit(audit::AuditArgs),
    /// Open the dashboard, or print a link to it that lets a browser in once
    Open(open::OpenArgs),
    /// Look at whatever keeps a server from working well, each with its remedy
    Doctor(doctor::DoctorArgs),
    /// Check whether the server would start with its settings, without starting it
    Validate(validate::ValidateArgs),
    /// Receive webhooks on this machine and check their signatures; pass them on
    Listen(listen::ListenArgs),
    /// Check the server's ledger, or the signature of a webhook
    Verify(verify::VerifyArgs),
    /// Sign a body as a webhook is signed: the headers to send with it
    Sign(sign::SignArgs),
    /// Call the API
    Api(api::ApiArgs),
    /// Print the API's description (OpenAPI 3.1)
    #[command(hide = true)]
    Openapi,
    /// Print the completions for a shell
    Completion(completion::CompletionArgs),
    /// Print the manual, or write its pages
    Man(man::ManArgs),
    /// Print the version
    Version(version::VersionArgs),
}

const SERVE_EXAMPLES: &str = "\
Examples:
  loghorn serve
  loghorn serve --bind 127.0.0.1:9000 --data /var/lib/loghorn
  loghorn serve --bind 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key --host loghorn.example.com
  loghorn serve --allow-private 127.0.0.0/8 --allow-http --set delivery.timeout=5s";

/// The whole command line as it is declared: every command with its options and its help.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line; the exit code.
pub fn run() -> ExitCode {
    completion::answer();
    let Cli { global, command } = Cli::parse();
    if let Command::Serve(args) = &command {
        return crate::app::run(args);
    }
    let out = Out::new(global.output, global.quiet);
    let Global { server, profile, cacert, key_file, data, timeout, watch, .. } = global;
    let flags = ClientFlags { server, cacert, key_file, data, profile };
    let context = Context { out, flags, timeout: timeout.0 };
    let running = async {
        if !watch {
            return command.run(&context).await;
        }
        if !command.is_watchable() {
            return Err(Fail::usage("--watch is for what lists or shows").remedy("Such as:  loghorn delivery list -w"));
        }
        watched(command, &context).await
    };
    match actix_rt::System::new().block_on(running) {
        Ok(exit) => exit.into(),
        Err(fail) => {
            fail.report();
            fail.exit.into()
        }
    }
}

/// Runs it again and again. A server that is away for a while is waited for.
async fn watched(first: Command, context: &Context) -> Result<Exit, Fail> {
    let mut command = first;
    let mut is_first = true;
    loop {
        watch::begin();
        let ended = command.run(context).await;
        watch::end(ended.is_ok());
        match ended {
            Err(fail) if !is_first && matches!(fail.exit, Exit::Unreachable | Exit::TimedOut) => fail.report(),
            Err(fail) => return Err(fail),
            Ok(_) => {}
        }
        is_first = false;
        tokio::time::sleep(watch::EVERY).await;
        // It was read before, so it is read again.
        command = Cli::parse().command;
    }
}

impl Command {
    /// Whether it changes nothing and ends by itself.
    fn is_watchable(&self) -> bool {
        match self {
            Self::Status(_)
            | Self::Audit(_)
            | Self::Config(config::ConfigCommand::List(_) | config::ConfigCommand::Profiles(_)) => true,
            Self::Dispatch(command) => matches!(command, dispatch::DispatchCommand::Status),
            Self::Event(command) => command.is_watchable(),
            Self::Sub(command) => command.is_watchable(),
            Self::Delivery(command) => command.is_watchable(),
            Self::Dlq(command) => command.is_watchable(),
            Self::Circuit(command) => command.is_watchable(),
            Self::Job(command) => command.is_watchable(),
            Self::Key(command) => command.is_watchable(),
            _ => false,
        }
    }

    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::Serve(_) => Ok(Exit::Ok),
            Self::Demo(args) => args.run(context).await,
            Self::Status(args) => args.run(context).await,
            Self::Top(args) => args.run(context).await,
            Self::Tail(args) => args.run(context).await,
            Self::Trigger(args) => args.run(context).await,
            Self::Event(command) => command.run(context).await,
            Self::Sub(command) => command.run(context).await,
            Self::Filter(command) => command.run(context).await,
            Self::Delivery(command) => command.run(context).await,
            Self::Dlq(command) => command.run(context).await,
            Self::Circuit(command) => command.run(context).await,
            Self::Backup(command) => command.run(context).await,
            Self::Config(command) => command.run(context),
            Self::Dispatch(command) => command.run(context).await,
            Self::Job(command) => command.run(context).await,
            Self::Key(command) => command.run(context).await,
            Self::Connect(args) => args.run(context).await,
            Self::Audit(args) => args.run(context).await,
            Self::Open(args) => args.run(context).await,
            Self::Doctor(args) => args.run(context).await,
            Self::Validate(args) => args.run(context),
            Self::Listen(args) => args.run(context).await,
            Self::Verify(args) => args.run(context).await,
            Self::Sign(args) => args.run(context),
            Self::Api(args) => args.run(context).await,
            Self::Openapi => version::openapi(context),
            Self::Completion(args) => args.run(context),
            Self::Man(args) => args.run(context),
            Self::Version(args) => args.run(context),
        }
    }
}

/// The time, for what people read and for checking signatures.
#[expect(clippy::disallowed_methods, reason = "a command runs once, for a person, now")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            if command.is_hide_set() {
                return;
            }
            let is_leaf = command.get_subcommands().next().is_none();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!is_leaf || help.starts_with("Examples:\n"), "{path}");
            command.get_subcommands().for_each(|inner| check(inner, &path));
        }
        check(&Cli::command(), "");
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in ["loghorn --server h:1 -o json status", "loghorn status --server h:1 -o json"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!((cli.global.server.as_deref(), cli.global.output), (Some("h:1"), Some(Form::Json)));
        }
    }

    #[test]
    fn what_lists_or_shows_is_watched() {
        let is_watchable = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap().command.is_watchable();
        for line in [
            "loghorn status",
            "loghorn dispatch status",
            "loghorn config list",
            "loghorn sub secret list gw",
            "loghorn job get job_1",
        ] {
            assert!(is_watchable(line), "{line}");
        }
        for line in ["loghorn dispatch pause", "loghorn sub secret rotate gw", "loghorn job get job_1 --wait"] {
            assert!(!is_watchable(line), "{line}");
        }
    }

    #[test]
    fn plurals_are_taken() {
        for line in [
            "loghorn events list",
            "loghorn subscriptions list",
            "loghorn deliveries list",
            "loghorn dead-letters list",
            "loghorn filters test",
            "loghorn jobs list",
            "loghorn keys list",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }
}
