//! `loghorn delivery get --curl`: a delivery's last attempt as a command that sends it again from here, by hand.

use loghorn_domain::credentials::MASK;
use loghorn_web::api::{
    deliveries::DeliveryWithAttempts,
    formats::{Preview, Previewed},
};
use serde_json::json;

use super::{
    Context,
    client::Client,
    fail::{Exit, Fail},
    output::{Format, is_unsafe, plain},
};

/// Prints the command. What is secret is not in it, but for the signatures of the webhook itself.
pub(super) async fn print(context: &Context, client: &Client, found: &DeliveryWithAttempts) -> Result<Exit, Fail> {
    let delivery = &found.delivery;
    let attempt = found.attempt_log.last().ok_or_else(|| {
        Fail::new(Exit::Refused, format!("{} has had no attempt yet", delivery.id))
            .why("What would be sent is signed when it is sent.")
            .remedy("See what it would look like:  loghorn sub preview NAME")
    })?;
    if let Some(batch) = &attempt.batch {
        return Err(Fail::new(Exit::Refused, format!("{} went out in a batch of {}", delivery.id, batch.events))
            .why("The body of a batch is not kept.")
            .remedy("Send it again, alone:  loghorn delivery resend ID"));
    }
    let gone = |what: &str| {
        Fail::new(Exit::NotFound, format!("the {what} of {} is no longer known", delivery.id))
            .why("The body of a webhook is made of both, and not kept itself.")
    };
    let (Some(subscription), Some(url)) = (&delivery.subscription_id, &delivery.url) else {
        return Err(gone("subscription"));
    };
    let preview = Preview {
        subscription: Some(subscription.clone()),
        event_id: Some(delivery.event_id.clone()),
        ..Preview::default()
    };
    let answer = client.post(&["formats", "preview"], json!(preview).to_string()).await;
    let Previewed { body, .. } = match answer {
        Ok(answer) => answer.read()?,
        Err(fail) if fail.exit == Exit::NotFound => return Err(gone("event")),
        Err(fail) => return Err(fail),
    };
    let (masked, headers): (Vec<_>, Vec<_>) =
        attempt.request.headers.iter().partition(|(_, value)| value.contains(MASK));
    let command = command(url, &headers, &body);
    let out = &context.out;
    match out.format {
        // Lines, as a shell takes them.
        Format::Table | Format::Tabs => out.line(&command)?,
        _ => out.done(&json!({"id": delivery.id, "command": command}).to_string(), &delivery.id, &[], "")?,
    }
    if !masked.is_empty() {
        let names: Vec<String> = masked.iter().map(|(name, _)| plain(name)).collect();
        out.say(&format!("Left out, for it is secret: {}", names.join(", ")));
    }
    if body.contains(MASK) {
        out.say(&format!("Keys in the body are masked ({MASK}), so the signatures do not fit."));
    }
    out.say("It is signed for the time it was sent: a receiver that looks at the time refuses it after 5 min.");
    Ok(Exit::Ok)
}

fn command(url: &str, headers: &[(&String, &String)], body: &str) -> String {
    let mut lines = vec![format!("curl -i -X POST {}", quoted(url))];
    lines.extend(headers.iter().map(|(name, value)| format!("  -H {}", quoted(&format!("{name}: {value}")))));
    // Not --data-binary, to which a leading @ is the name of a file.
    lines.push(format!("  --data-raw {}", quoted(body)));
    lines.join(" \\\n")
}

/// The text as one word of a shell; what could make a terminal act is escaped, as bash, zsh and ksh read it.
fn quoted(text: &str) -> String {
    if !text.chars().any(|c| is_unsafe(c) && c != '\n') {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            // Bytes, for a shell whose locale is not UTF-8.
            c if is_unsafe(c) => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_the_text_as_it_is() {
        for text in
            ["a 'b' \"c\" $HOME `x` \\n", "@file", "é ✓ {\"a\":\"\\u001b\"}", "a\nb", "\x1b[2J it's \\ \u{202e}x\t"]
        {
            let quoted = quoted(text);
            assert!(!quoted.contains('\x1b') && !quoted.contains('\u{202e}'));
            let output = Command::new("bash").args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }

    #[test]
    fn one_option_stands_on_each_line() {
        let (name, value) = ("webhook-id".to_owned(), "dlv_1".to_owned());
        let command = command("https://a.example/?x='", &[(&name, &value)], "{}");
        let expected =
            "curl -i -X POST 'https://a.example/?x='\\''' \\\n  -H 'webhook-id: dlv_1' \\\n  --data-raw '{}'";
        assert_eq!(command, expected);
    }
}
