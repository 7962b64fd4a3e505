//! Why there is no good answer: what, why and what to do, with its exit code.

use awc::{
    error::{ConnectError, PayloadError, SendRequestError},
    http::StatusCode,
};
use loghorn_actors::tls;
use loghorn_web::error::Problem;

use super::{
    super::{
        fail::{Exit, Fail},
        trust,
    },
    Client,
};

impl Client {
    pub(super) fn broken_off(&self, error: &PayloadError) -> Fail {
        Fail::new(Exit::Unreachable, format!("the answer of {} broke off", self.server())).why(error.to_string())
    }

    pub(super) fn unreachable(&self, error: &SendRequestError) -> Fail {
        let waited = humantime::format_duration(self.timeout);
        let why = match error {
            SendRequestError::Timeout => {
                return Fail::new(Exit::TimedOut, format!("no answer from {} within {waited}", self.server()))
                    .why("What was asked for may be done nevertheless.")
                    .remedy("Wait longer:  --timeout 60s        Or look at the server:  loghorn status");
            }
            SendRequestError::Connect(ConnectError::Io(error))
                if error.kind() == std::io::ErrorKind::ConnectionRefused =>
            {
                "connection refused".into()
            }
            SendRequestError::Connect(ConnectError::Io(error)) => match tls::error_in(error) {
                Some(error) => {
                    let remedy = trust::remedy(error, self.server());
                    return self.unreached(&tls::words(error)).remedy(remedy);
                }
                None => error.to_string(),
            },
            SendRequestError::Connect(ConnectError::Timeout) => "no connection within 5 s".into(),
            SendRequestError::Connect(ConnectError::Resolver(_) | ConnectError::NoRecords) => {
                "there is no such host".into()
            }
            SendRequestError::Connect(ConnectError::Disconnected) | SendRequestError::Send(_) => {
                "the connection was closed without an answer".into()
            }
            SendRequestError::Response(_) => "what answers there is no HTTP server".into(),
            error => error.to_string(),
        };
        let is_cut = matches!(error, SendRequestError::Send(_) | SendRequestError::Response(_))
            || matches!(error, SendRequestError::Connect(ConnectError::Disconnected));
        self.unreached(&why).remedy(match self.base.scheme() {
            // As a server does that speaks TLS.
            "http" if is_cut => format!("If it speaks TLS:  --server {}", self.server().replacen("http", "https", 1)),
            _ => "Start one:  loghorn serve        Or name another:  --server URL".into(),
        })
    }

    fn unreached(&self, why: &str) -> Fail {
        Fail::new(Exit::Unreachable, format!("cannot reach Loghorn at {} ({why})", self.server()))
            .why(format!("The server's address came from {}.", self.origin))
    }

    pub(super) fn refused(&self, status: StatusCode, body: &str) -> Fail {
        let exit = match status.as_u16() {
            401 | 403 => Exit::Auth,
            404 => Exit::NotFound,
            400..=499 => Exit::Refused,
            _ => Exit::Error,
        };
        let Ok(problem) = serde_json::from_str::<Problem>(body) else {
            // Whatever answers there, it is not the server that was meant.
            let exit = if exit == Exit::Auth { exit } else { Exit::Unreachable };
            return Fail::new(exit, format!("{} answered {status}, not as Loghorn does", self.server()))
                .why(format!("The server's address came from {}.", self.origin))
                .remedy("Name the right one:  --server URL");
        };
        let mut fail = Fail::new(exit, problem.detail.clone());
        for item in problem.errors.iter().filter(|item| !problem.detail.ends_with(&item.detail)) {
            fail = fail.why(format!("{}: {}", item.pointer, item.detail).trim_start_matches(": "));
        }
        if status.is_server_error() {
            fail = fail.why(format!("The server answered {status}, as {}.", problem.request_id));
        }
        if status == StatusCode::UNAUTHORIZED {
            return fail.remedy("Show one:  LOGHORN_KEY in the environment        Or the admin's:  --data DIR");
        }
        // What the API says of `errors` and ETags is for programs.
        let is_for_people = problem.errors.is_empty() && !problem.remedy.is_empty();
        if is_for_people { fail.remedy(capital(&problem.remedy)) } else { fail }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '}', ')']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn problems_become_errors_with_their_exit_code() {
        let client = Client::new("h:1", "the default".into(), Duration::from_secs(1), None).unwrap();
        let body = r#"{"type":"x","title":"t","status":422,"detail":"/url: blocked","remedy":"mend it",
            "request_id":"r","errors":[{"pointer":"/url","detail":"blocked"}]}"#;
        let fail = client.refused(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(fail, Fail::new(Exit::Refused, "/url: blocked"));
        let stranger = client.refused(StatusCode::FORBIDDEN, "<html>");
        assert_eq!(stranger.exit, Exit::Auth);
        assert_eq!(client.unreachable(&SendRequestError::Timeout).exit, Exit::TimedOut);
    }
}
