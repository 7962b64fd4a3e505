//! Lists: their parameters, cursors and pages.

use std::str::FromStr;

use actix_web::HttpRequest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use loghorn_domain::{EndpointNo, Seq, Span, Timestamp};

use crate::error::Error;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 500;

/// The query of a request, each name once.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Refuses names that are not among `known`: a typo must not widen a list.
    pub(crate) fn read(request: &HttpRequest, known: &[&str]) -> Result<Self, Error> {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let remedy =
                    if known.is_empty() { "leave it out".into() } else { format!("known are: {}", known.join(", ")) };
                return Err(Error::malformed(format!("unknown query parameter {name:?}"), remedy));
            }
            if pairs[..at].iter().any(|(before, _)| before == name) {
                return Err(Error::malformed(format!("the query parameter {name:?} stands twice"), "name it once"));
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Error> {
        let parse = |text: &str| text.parse().map_err(|_| wrong(name, text, expected));
        self.text(name).map(parse).transpose()
    }

    pub(crate) fn limit(&self) -> Result<usize, Error> {
        let limit = self.parsed("limit", "a number from 1 to 500")?.unwrap_or(LIMIT_DEFAULT);
        if (1..=LIMIT_MAX).contains(&limit) {
            Ok(limit)
        } else {
            Err(wrong("limit", &limit.to_string(), "a number from 1 to 500"))
        }
    }

    /// An instant, or a length of time before `now`.
    pub(crate) fn time(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if let Ok(span) = text.parse::<Span>() {
            return Ok(Some(now.minus(span.0)));
        }
        text.parse()
            .map(Some)
            .map_err(|_| wrong(name, text, "a time such as 2026-11-23T18:07:49Z, or a span such as 1h"))
    }

    /// The numbers inside the cursor of a list of this `kind`.
    pub(crate) fn cursor<const N: usize>(&self, kind: &str) -> Result<Option<[u64; N]>, Error> {
        let Some(text) = self.text("cursor") else { return Ok(None) };
        let bad = || {
            Error::malformed(
                format!("cursor: {text:?} is no cursor of this list"),
                "take next_cursor from the page before, unchanged; leave it out for the first page",
            )
        };
        let decoded = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
        let decoded = String::from_utf8(decoded).map_err(|_| bad())?;
        let mut parts = decoded.split('.');
        if parts.next() != Some(kind) {
            return Err(bad());
        }
        let numbers: Vec<u64> = parts.map(|part| part.parse().map_err(|_| bad())).collect::<Result<_, _>>()?;
        numbers.try_into().map(Some).map_err(|_| bad())
    }
}

fn wrong(name: &str, value: &str, expected: &str) -> Error {
    Error::malformed(format!("{name}: {value:?} is not right"), format!("give {expected}"))
}

/// A cursor for a list of this `kind`.
pub(crate) fn cursor(kind: &str, numbers: &[u64]) -> String {
    let mut text = kind.to_owned();
    for number in numbers {
        text.push_str(&format!(".{number}"));
    }
    URL_SAFE_NO_PAD.encode(text)
}

/// The cursor of a list of deliveries.
pub(crate) fn delivery_cursor((seq, endpoint): (Seq, EndpointNo)) -> String {
    cursor("d", &[seq.0, u64::from(endpoint.0)])
}

/// The place in a list of deliveries that the query's cursor names.
pub(crate) fn delivery_after(query: &Query) -> Result<Option<(Seq, EndpointNo)>, Error> {
    let Some([seq, endpoint]) = query.cursor("d")? else { return Ok(None) };
    let endpoint =
        u32::try_from(endpoint).map_err(|_| Error::malformed("cursor: out of range", "take next_cursor unchanged"))?;
    Ok(Some((Seq(seq), EndpointNo(endpoint))))
}
