//! The command line: one file a noun.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ServeArgs;

#[derive(Debug, Parser)]
#[command(name = "loghorn", version, about = "Log events in, signed webhooks out")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(ServeArgs),
    /// Print the API's description (OpenAPI 3.1)
    #[command(hide = true)]
    Openapi,
}

/// Runs the command line; the exit code.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => crate::app::run(&args),
        Command::Openapi => match loghorn_web::openapi().to_pretty_json() {
            Ok(json) => {
                println!("{json}");
                ExitCode::SUCCESS
            }
            Err(_) => ExitCode::FAILURE,
        },
    }
}
