//! Secrets of a subscription that a change keeps without showing them: they go only to whom they were given for.

use std::collections::BTreeSet;

use loghorn_domain::{
    Problem, Subscription,
    credentials::{Auth, MASK},
    subscription::Spec,
};
use serde_json::{Map, Value};
use url::Url;

use super::attempts::masked;
use crate::error::Error;

/// What a change keeps.
pub(super) struct Kept {
    auth: bool,
    headers: bool,
    /// Formats whose key is kept.
    formats: Vec<&'static str>,
}

impl Kept {
    /// What `written` keeps of `found`'s; `is_patch`: also what it does not name.
    pub(super) fn of(written: &Map<String, Value>, found: &Subscription, is_patch: bool) -> Self {
        let auth = match (&found.spec.auth, written.get("auth")) {
            (None, _) => false,
            (Some(_), None) => is_patch,
            (Some(kept), Some(written)) => !kept.is_replaced_by(written),
        };
        let secrets = || found.spec.headers.iter().filter(|(name, value)| masked(name, value) == MASK);
        let headers = match written.get("headers") {
            None => is_patch && secrets().next().is_some(),
            Some(Value::Null) => false,
            Some(headers) => secrets().any(|(name, _)| match headers.get(name) {
                None => is_patch,
                Some(value) => value == MASK,
            }),
        };
        let is_kept = |format: &str, key: &str| match written.get(format).and_then(|settings| settings.get(key)) {
            None => is_patch,
            Some(value) => value == MASK,
        };
        let keys = found.spec.format_keys().into_iter().flatten();
        let formats = keys.filter(|(format, key, _)| is_kept(format, key)).map(|(format, ..)| format);
        Self { auth, headers, formats: formats.collect() }
    }

    /// Refuses `new` where what is kept of `old` would go somewhere else.
    pub(super) fn check(&self, old: &Spec, new: &Spec) -> Result<(), Error> {
        let is_elsewhere = !receivers(new).is_subset(&receivers(old));
        let asked = |spec: &Spec| match &spec.auth {
            Some(Auth::Oauth2(oauth2)) => Some(origin(&oauth2.token_url)),
            _ => None,
        };
        let detail = |what| format!("{what} was given for another address than it would go to now; write it again");
        let mut problems = Vec::new();
        if self.auth && new.auth.is_some() && (is_elsewhere || asked(old) != asked(new)) {
            problems.push(Problem::new("/auth", detail("the secret in it")));
        }
        if self.headers && is_elsewhere {
            problems.push(Problem::new("/headers", detail("a credential among them")));
        }
        let has = |format: &str| new.format_keys().into_iter().flatten().any(|(known, ..)| known == format);
        for format in self.formats.iter().filter(|format| is_elsewhere && has(format)) {
            problems.push(Problem::new(format!("/{format}"), detail("the key in it")));
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems)) }
    }
}

fn receivers(spec: &Spec) -> BTreeSet<String> {
    let regions = spec.regions.iter().flat_map(|regions| regions.urls.values());
    regions.chain([&spec.url]).map(|url| origin(url)).collect()
}

/// Scheme, host and port; the text itself where it is no URL, which is refused elsewhere.
fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}
