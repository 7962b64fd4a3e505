//! Lists, page by page, and what is named by the beginning of its id.

use loghorn_web::api::Page;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{
    super::{
        fail::{Exit, Fail},
        output::List,
    },
    Answer, Client, Method, Query, strange,
};

/// Longest page that the server gives.
const PAGE_MAX: usize = 500;
/// How many of the newest things are searched for an id's beginning.
const PREFIX_DEPTH: usize = 5000;

impl Client {
    /// The newest `limit` things of a list, page by page.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &Query<'_>,
        limit: usize,
    ) -> Result<List<T>, Fail> {
        let mut list = List { items: Vec::new(), raw: Vec::new(), next_cursor: None };
        loop {
            let mut query = query.clone();
            query.push(("limit", (limit - list.items.len()).min(PAGE_MAX).to_string().into()));
            query.extend(list.next_cursor.take().map(|cursor| ("cursor", cursor.into())));
            let page: Page<Box<RawValue>> = self.call(Method::GET, path, &query, None).await?.read()?;
            let is_empty = page.items.is_empty();
            for raw in page.items {
                list.items.push(serde_json::from_str(raw.get()).map_err(|error| strange(&error.to_string()))?);
                list.raw.push(raw);
            }
            list.next_cursor = page.next_cursor;
            if list.items.len() >= limit || list.next_cursor.is_none() || is_empty {
                return Ok(list);
            }
        }
    }

    /// The thing of the list at `path` whose id is `text` or, among the newest, the only one that begins with it.
    /// `what` names it in words, `prefix` is what its ids begin with.
    pub(crate) async fn one<T: DeserializeOwned>(
        &self,
        path: &[&str],
        text: &str,
        (what, prefix): (&str, &str),
        id: fn(&T) -> &str,
    ) -> Result<Answer, Fail> {
        let found = match text {
            "" => Err(Fail::usage(format!("an empty text is no {what}'s id"))),
            text => self.get(&[path, &[text]].concat()).await,
        };
        if !matches!(&found, Err(fail) if fail.exit == Exit::NotFound) {
            return found;
        }
        let newest: List<T> = self.list(path, &Query::new(), PREFIX_DEPTH).await?;
        let ids: Vec<&str> = newest.items.iter().map(id).filter(|id| begins(id, text, prefix)).collect();
        match ids[..] {
            [] if newest.next_cursor.is_some() => {
                Err(Fail::new(Exit::NotFound, format!("there is no {what} {text:?}"))
                    .why(format!("Beginnings of ids are looked for among the newest {PREFIX_DEPTH}."))
                    .remedy("Give the whole id."))
            }
            [] => Err(Fail::new(Exit::NotFound, format!("there is no {what} {text:?}"))
                .remedy(format!("See which there are:  loghorn {what} list"))),
            [id] => self.get(&[path, &[id]].concat()).await,
            _ => Err(ambiguous(what, text, &ids)),
        }
    }
}

/// The error for a beginning that several ids have.
pub(crate) fn ambiguous(what: &str, text: &str, ids: &[&str]) -> Fail {
    let shown: Vec<&str> = ids.iter().copied().take(5).collect();
    let more = if ids.len() > shown.len() { ", …" } else { "" };
    Fail::new(Exit::Refused, format!("{text:?} could be any of {} {what} ids", ids.len()))
        .why(format!("{}{more}", shown.join(", ")))
        .remedy("Give more of it.")
}

/// Whether `id` begins with `text`, written with the kind's prefix or without.
pub(crate) fn begins(id: &str, text: &str, prefix: &str) -> bool {
    !text.is_empty() && (id.starts_with(text) || id.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_may_be_begun() {
        assert!(begins("sub_019aa", "019", "sub_") && begins("sub_019aa", "sub_0", "sub_"));
        assert!(!begins("sub_019aa", "", "sub_") && !begins("sub_019aa", "19", "sub_"));
    }
}
