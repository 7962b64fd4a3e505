//! `loghorn sub create --check`: a look at the receiver before anything is saved.

use loghorn_web::api::check::Checked;

use super::{
    client::Client,
    fail::{Exit, Fail},
    output::shortened,
};

/// Characters of an answer that are shown.
const SHOWN_CHARS_MAX: usize = 200;

/// Sends a signed test webhook to the receiver of the subscription that `json` says; what came of it, in words. A receiver
/// that refuses the signature is none to fail for where it cannot know the secret yet.
pub(super) async fn probe(client: &Client, json: &str, knows_secret: bool) -> Result<String, Fail> {
    let checked: Checked = client.post(&["subscriptions", "check"], json.to_owned()).await?.read()?;
    let took = format!("in {:.0} ms", checked.duration_ms);
    let code = checked.status_code;
    match (checked.class.as_str(), code) {
        ("ok", code) => Ok(format!("{} {took}", code.unwrap_or(200))),
        (_, Some(code @ (401 | 403))) if !knows_secret => Ok(format!(
            "{code} {took}, which is as it should be if it checks signatures: it has not got the secret yet"
        )),
        (class, code) => Err(refused(&checked, class, code).why("Nothing was saved.")),
    }
}

fn refused(checked: &Checked, class: &str, code: Option<u16>) -> Fail {
    let came_to = code.map_or_else(|| class.to_owned(), |code| format!("{code} ({class})"));
    let mut fail = Fail::new(Exit::Refused, format!("the receiver did not take the test webhook: {came_to}"));
    if let Some(error) = &checked.error {
        fail = fail.why(error.clone());
    }
    let body = checked.response.body.trim();
    if !body.is_empty() {
        fail = fail.why(format!("It answered: {}", shortened(body, SHOWN_CHARS_MAX)));
    }
    fail.remedy("Mend the receiver, or save it nevertheless: without --check")
}
