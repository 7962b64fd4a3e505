//! `loghorn completion`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{
    Cli, Context,
    fail::{Exit, Fail},
};

/// What `completion` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn completion bash > ~/.local/share/bash-completion/completions/loghorn
  loghorn completion zsh > ~/.zfunc/_loghorn
  loghorn completion fish > ~/.config/fish/completions/loghorn.fish")]
pub(crate) struct CompletionArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionArgs {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Fail> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "loghorn", &mut script);
        context.out.line(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Exit::Ok)
    }
}
