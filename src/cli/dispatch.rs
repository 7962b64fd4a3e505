//! `loghorn dispatch`: whether webhooks go out at all.

use clap::Subcommand;
use loghorn_web::api::dispatch::Dispatch;

use super::{
    Context,
    fail::{Exit, Fail},
    output::{GOOD, coloured, thousands},
};

/// What can be done with all webhooks together.
#[derive(Debug, Subcommand)]
pub(crate) enum DispatchCommand {
    /// Tell whether webhooks go out
    #[command(after_help = "Examples:\n  loghorn dispatch status")]
    Status,
    /// Hold all webhooks, also over a restart; nothing is lost
    #[command(after_help = "Examples:\n  loghorn dispatch pause     # before maintenance at all receivers' side")]
    Pause,
    /// Let webhooks go out again
    #[command(after_help = "Examples:\n  loghorn dispatch resume")]
    Resume,
}

impl DispatchCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let (answer, mark) = match self {
            Self::Status => (client.get(&["dispatch"]).await?, ""),
            Self::Pause => (client.post(&["dispatch", "pause"], String::new()).await?, GOOD),
            Self::Resume => (client.post(&["dispatch", "resume"], String::new()).await?, GOOD),
        };
        let Dispatch { state, since, waiting, attempting } = answer.read()?;
        let mut sentence = format!("{mark} dispatch is {}", coloured(&state)).trim_start().to_owned();
        if let Some(since) = &since {
            sentence += &format!(" since {}", context.out.moment(since));
        }
        sentence += &format!("; {} wait, {} under way", thousands(waiting), thousands(attempting));
        context.out.done(&answer.body, &state, &[&state], &sentence)?;
        Ok(Exit::Ok)
    }
}
