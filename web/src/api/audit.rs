//! The audit log: who did what, when, from where, and what came of it.

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::audit::{Act, Entry as Record};
use serde::{Deserialize, Serialize};

use super::Page;
use crate::{
    State,
    error::Error,
    lists::{self, Query},
};

/// One call that changed something, or whose key may.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    /// Its place; ascending.
    pub number: u64,
    /// When it was answered.
    pub at: String,
    /// The id of the key that was shown; `admin.key` or `LOGHORN_ADMIN_KEY`; or `loopback`: none was needed.
    pub who: String,
    /// The key's name.
    pub name: Option<String>,
    /// The key's scope.
    pub scope: Option<String>,
    /// The method.
    pub method: String,
    /// The route, as it stands in this description.
    pub route: String,
    /// The thing that it was about: named in the path, or made.
    pub target: Option<String>,
    /// The address that it came from.
    pub from: String,
    /// The answer's status code.
    pub status: u16,
}

impl From<Record> for Entry {
    fn from(Record { number, at, act }: Record) -> Self {
        let Act { who, name, scope, method, route, target, from, status } = act;
        let (at, from, scope) = (at.to_string(), from.to_string(), scope.map(|scope| scope.name().into()));
        Self { number, at, who, name, scope, method, route, target, from, status }
    }
}

/// The audit log, newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "access", operation_id = "audit",
    params(("since" = Option<String>, Query), ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<Entry>))
)]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["since", "limit", "cursor"])?;
    let since = query.time("since", state.system.clock().now())?;
    let before = query.cursor("u")?.map(|[number]| number);
    let (items, is_more) = state.system.audit().page(since, before, query.limit()?);
    let next = items.last().filter(|_| is_more).map(|entry| lists::cursor("u", &[entry.number]));
    let items: Vec<Entry> = items.into_iter().map(Entry::from).collect();
    Ok(HttpResponse::Ok().json(Page { items, next_cursor: next }))
}
