//! `loghorn open`: the dashboard, by a link that lets a browser in once.

use std::{
    io::IsTerminal,
    process::{Command, Stdio},
};

use clap::Args;
use loghorn_web::api::sessions::{Link, Session};
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
send to nobody. Such a link is only printed: other users of this machine could read what a browser is started with.")]
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
        let Session { key_required, .. } = client.get(&["session"]).await?.read()?;
        // Whoever has a key at hand gets no token where none is needed.
        let token = match key_required {
            true => client.post(&["session", "link"], "{}".into()).await?.read::<Link>()?.token,
            false => None,
        };
        let fragment = token.as_ref().map(|token| format!("#login={token}")).unwrap_or_default();
        let link = format!("{}/{page}{fragment}", client.server());
        // Whatever is handed to the browser every user of this machine can read meanwhile: never a token.
        if token.is_none() && !self.print && std::io::stdout().is_terminal() {
            open(&link);
        }
        let raw = json!({"url": link}).to_string();
        context.out.done(&raw, &link, &[&link], &plain(&link))?;
        if token.is_some() {
            context.out.say("Open it in a browser: it lets one in, within 60 s.");
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

/// Hands the link to this machine's browser, if there is one.
fn open(link: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // The link is printed in any case.
    let _ = Command::new(opener).arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
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
