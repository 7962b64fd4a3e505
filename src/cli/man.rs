//! `loghorn man`: the manual's pages, made of what `--help` shows.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::{
    Cli, Context,
    fail::{Exit, Fail},
};

/// What `man` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn man | man -l -
  loghorn man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl ManArgs {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Fail> {
        let Some(dir) = &self.dir else {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page)?;
            context.out.line(String::from_utf8_lossy(&page).trim_end())?;
            return Ok(Exit::Ok);
        };
        std::fs::create_dir_all(dir).map_err(|error| Fail::file(dir, &error))?;
        clap_mangen::generate_to(Cli::command(), dir).map_err(|error| Fail::file(dir, &error))?;
        Ok(Exit::Ok)
    }
}
