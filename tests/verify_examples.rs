//! The receivers of `examples/verify` against a real delivery: what was sent is taken; a body that was changed, a signature
//! of another secret and a timestamp of long ago are refused.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;
#[path = "../examples/verify/rust/verify.rs"]
#[allow(unreachable_pub)]
mod verify;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use loghorn_domain::{Timestamp, secret::Secret, signing::Signer};
use serde_json::json;
use sha2::Sha256;
use support::{Loghorn, Mood, Receiver, event, receiver::Webhook, say, until};

/// What each language needs, and its receiver. Those that are compiled are built once, not for each case.
const LANGUAGES: [(&str, &str); 6] = [
    ("python3", "python/verify.py"),
    ("node", "node/verify.mjs"),
    ("go", "go/verify.go"),
    ("javac", "java/Verify.java"),
    ("ruby", "ruby/verify.rb"),
    ("php", "php/verify.php"),
];

/// The command that runs the receiver at `script`, built into `folder` where it must be.
fn built(tool: &str, script: &Path, folder: &Path) -> Vec<OsString> {
    let build = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    };
    match tool {
        "go" => {
            let binary = folder.join("verify-go");
            build(Command::new(tool).args(["build", "-o"]).args([&binary, script]).env("GOCACHE", folder.join("go")));
            vec![binary.into()]
        }
        "javac" => {
            build(Command::new(tool).arg("-d").args([folder, script]));
            vec!["java".into(), "-cp".into(), folder.into(), "Verify".into()]
        }
        _ => vec![tool.into(), script.into()],
    }
}

/// What a receiver has before it.
#[derive(Clone)]
struct Case {
    what: &'static str,
    secret: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    is_good: bool,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn cases(webhook: &Webhook, secret: &str) -> Vec<Case> {
    let headers: BTreeMap<String, String> =
        webhook.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let good = Case { what: "as sent", secret: secret.into(), headers, body: webhook.body.clone(), is_good: true };
    let bad = |what, change: &dyn Fn(&mut Case)| {
        let mut case = Case { what, is_good: false, ..good.clone() };
        change(&mut case);
        case
    };
    // Signed as it should be, but at another time.
    let signed_at = |case: &mut Case, seconds: u64| {
        let at = Timestamp::from_millis(i64::try_from(seconds * 1000).unwrap());
        let signer = Signer::new(&Secret::own(case.secret.clone()).unwrap(), &[]);
        case.headers.insert("webhook-timestamp".into(), seconds.to_string());
        case.headers.insert("webhook-signature".into(), signer.standard(webhook.id(), at, &case.body));
    };
    let mut recent = Case { what: "signed two minutes ago", ..good.clone() };
    signed_at(&mut recent, now() - 120);
    let mut two = Case { what: "signed with two secrets", ..good.clone() };
    let signature = format!("v1,{} {}", "A".repeat(43) + "=", two.headers["webhook-signature"]);
    two.headers.insert("webhook-signature".into(), signature);
    let mut own =
        Case { what: "signed with a secret of one's own", secret: "a secret of my own".into(), ..good.clone() };
    signed_at(&mut own, now());
    let other = Secret::generated([9; 32]).reveal().to_owned();
    let wrong = vec![
        bad("a changed body", &|case| case.body[10] ^= 1),
        bad("a shorter body", &|case| {
            case.body.pop();
        }),
        bad("another secret", &|case| case.secret = other.clone()),
        bad("another id", &|case| drop(case.headers.insert("webhook-id".into(), "dlv_0".into()))),
        bad("another timestamp", &|case| {
            drop(case.headers.insert("webhook-timestamp".into(), (now() - 30).to_string()))
        }),
        bad("signed ten minutes ago", &|case| signed_at(case, now() - 600)),
        bad("signed in ten minutes", &|case| signed_at(case, now() + 600)),
        bad("no signature of this kind", &|case| {
            drop(case.headers.insert("webhook-signature".into(), "v2,AAAA".into()))
        }),
        bad("no signature", &|case| drop(case.headers.remove("webhook-signature"))),
        bad("no timestamp", &|case| drop(case.headers.remove("webhook-timestamp"))),
        bad("no id", &|case| drop(case.headers.remove("webhook-id"))),
        bad("an empty secret, and signed with it", &|case| signed_with_nothing(case, "")),
        bad("a secret that is only its prefix, and signed with it", &|case| signed_with_nothing(case, "whsec_")),
    ];
    [vec![good, recent, two, own], wrong].concat()
}

/// A receiver that has no secret, before what anybody can make.
fn signed_with_nothing(case: &mut Case, secret: &str) {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"").unwrap();
    mac.update(format!("{}.{}.", case.headers["webhook-id"], case.headers["webhook-timestamp"]).as_bytes());
    mac.update(&case.body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    case.headers.insert("webhook-signature".into(), signature);
    case.secret = secret.into();
}

fn run(command: &[OsString], folder: &Path, case: &Case) -> (Option<i32>, String) {
    let headers: String = case.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let path = folder.join("headers.txt");
    std::fs::write(&path, headers).unwrap();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .arg(&path)
        .env("WEBHOOK_SECRET", &case.secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&case.body).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.code(), format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}

fn is_installed(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| folder.join(command).is_file())
}

#[actix_rt::test]
async fn receivers_in_every_language_that_is_here_take_what_is_right_and_nothing_else() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let (_, secret) = server.subscribe(&receiver.url(), json!({})).await;
    let mut sent = event("ERROR", 1);
    sent["message"] = json!("naïve \"quotes\" 😀\n");
    assert_eq!(server.post("/api/v1/events", &sent).await.0, 202);
    until("it arrives", 20, || async { receiver.count() == 1 }).await;
    let webhook = receiver.arrived().remove(0);
    for case in &cases(&webhook, &secret) {
        let header = |name: &str| case.headers.get(name).map_or("", String::as_str);
        let [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(header);
        let taken = verify::verify(&case.secret, id, timestamp, signature, &case.body, now());
        assert_eq!(taken, case.is_good, "rust: {}", case.what);
    }
    let folder = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/verify");
    for (tool, script) in LANGUAGES {
        if !is_installed(tool) {
            say(&format!("skipped: {tool} is not installed"));
            continue;
        }
        let command = built(tool, &examples.join(script), folder.path());
        // Anew for each, for they are about now.
        for case in &cases(&webhook, &secret) {
            let (code, said) = run(&command, folder.path(), case);
            let expected = if case.is_good { (Some(0), "valid") } else { (Some(1), "refused") };
            assert!(code == expected.0 && said == expected.1, "{tool}: {}: {code:?} {said}", case.what);
        }
    }
}
