//! `loghorn config`: what `loghorn serve` would run with, from here.

use clap::{Args, Subcommand};
use loghorn_web::Setting;
use serde_json::value::to_raw_value;

use super::{
    Context,
    fail::{Exit, Fail},
    output::{Column, List},
};
use crate::config::{Config, ServeArgs};

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// List what `loghorn serve` would run with, started here: files, environment and defaults together
    #[command(visible_alias = "ls")]
    List(ListArgs),
}

/// What `config list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn config list
  loghorn config list --origins
  loghorn config list --changed --origins
  loghorn api GET /config                     what a running server was started with")]
pub(crate) struct ListArgs {
    /// Where each came from too: a flag, an environment variable, a file, or `default`
    #[arg(long)]
    origins: bool,
    /// Only those that are no defaults
    #[arg(long)]
    changed: bool,
    /// The file of settings, instead of ./loghorn.toml
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

const KEY: Column<Setting> = Column { head: "KEY", cell: |setting, _| setting.key.clone() };
const VALUE: Column<Setting> = Column { head: "VALUE", cell: |setting, _| setting.value.clone() };
const ORIGIN: Column<Setting> = Column { head: "ORIGIN", cell: |setting, _| setting.origin.clone() };

impl ConfigCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Fail> {
        let Self::List(ListArgs { origins, changed, config }) = self;
        let args = ServeArgs { config, ..ServeArgs::default() };
        let config = Config::load(&args).map_err(|error| Fail::usage(error.to_string()))?;
        let items: Vec<Setting> =
            config.shown().into_iter().filter(|setting| !changed || setting.origin != "default").collect();
        let raw = items.iter().filter_map(|setting| to_raw_value(setting).ok()).collect();
        let list = List { items, raw, next_cursor: None };
        let columns: &[Column<Setting>] = if origins { &[KEY, VALUE, ORIGIN] } else { &[KEY, VALUE] };
        context.out.list(&list, columns, |setting| &setting.key)?;
        Ok(Exit::Ok)
    }
}
