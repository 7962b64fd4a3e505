//! `loghorn open`: the dashboard, by a link that lets a browser in once.

use std::{
    io::IsTerminal,
    process::{Command, Stdio},
};

use clap::Args;
use loghorn_web::api::sessions::Link;
use serde_json::json;

use super::{
    Context,
    fail::{Exit, Fail},
    output::plain,
};

/// What `open` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn open
  loghorn open dlv_019aa0c7e1b27000 --print

Where a key is needed, the link has a token in it that works once and for 60 s. It stands behind the #, which browsers
send to nobody.")]
pub(crate) struct OpenArgs {
    /// A delivery, event or subscription to open, by its id
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only print the link
    #[arg(long)]
    print: bool,
}

impl OpenArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let page = self.id.as_deref().map(page).transpose()?.unwrap_or_default();
        let client = context.client()?;
        let Link { token, .. } = client.post(&["session", "link"], "{}".into()).await?.read()?;
        let fragment = token.as_ref().map(|token| format!("#login={token}")).unwrap_or_default();
        let link = format!("{}/{page}{fragment}", client.server());
        let is_opened = !self.print && std::io::stdout().is_terminal() && open(&link);
        let raw = json!({"url": link}).to_string();
        // One that was used is worth nothing, and need not stand on the screen.
        let shown = if is_opened { format!("{}/{page}", client.server()) } else { link.clone() };
        context.out.done(&raw, &link, &[&link], &plain(&shown))?;
        if token.is_some() && !is_opened {
            context.out.say("It lets one browser in, within 60 s.");
        }
        Ok(Exit::Ok)
    }
}

/// The page of the thing with this id.
fn page(id: &str) -> Result<String, Fail> {
    let pages = [("dlv_", "deliveries"), ("evt_", "events"), ("sub_", "subscriptions")];
    let is_id = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let found = pages.iter().find(|(prefix, _)| is_id && id.starts_with(prefix));
    found.map(|(_, noun)| format!("{noun}/{id}")).ok_or_else(|| {
        Fail::usage(format!("{id:?} is no id of a delivery, an event or a subscription"))
            .remedy("Such as:  loghorn open dlv_019aa0c7e1b27000")
    })
}

/// Hands the link to this machine's browser; whether there is one.
fn open(link: &str) -> bool {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet =
        Command::new(opener).arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_pages() {
        assert_eq!(page("dlv_1").unwrap(), "deliveries/dlv_1");
        for wrong in ["", "x", "dlv_1/../..", "key_1", "dlv_#"] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
