//! What of a call goes into the audit log: whatever may change something, and whatever is done with a key that may.
//! Events that come in are not noted, nor is who was not let in, so that nobody can flood the log from outside.

use actix_web::{HttpResponse, body::MessageBody, http::Method, http::header, web};
use loghorn_actors::Noted;
use loghorn_domain::{access::Scope, audit::Act};

use crate::{
    State,
    auth::{self, Call},
};

/// Longest name of a thing that is noted; longer ones are cut.
const TARGET_CHARS_MAX: usize = 128;
/// Instead of a status code: the caller went away before the answer; what was asked for may be done nevertheless.
const WENT_AWAY: u16 = 499;

/// A call under way that is to be noted. Dropped before its answer it is noted as one whose caller went away.
pub(crate) struct Note {
    state: web::Data<State>,
    act: Option<Act>,
    is_reading: bool,
}

impl Note {
    /// The note for this call; `None` where it is not worth one.
    /// Refused calls, and what saves nothing, are noted like reading: nobody can wash the log out with them.
    pub(crate) fn new(state: &web::Data<State>, call: &Call, method: &Method, is_refused: bool) -> Option<Self> {
        let route = call.route.filter(|route| !matches!(route.needs(method), None | Some(Scope::Ingest)))?;
        let holder = call.holder.as_ref();
        let is_reading = is_refused || auth::is_safe(method) || route.needs(method) == Some(Scope::Read);
        if is_reading && !is_refused && !holder.is_some_and(|holder| holder.scope.includes(Scope::Manage)) {
            return None;
        }
        let act = Act {
            who: holder.map_or_else(|| "loopback".into(), |holder| holder.id.to_string()),
            name: holder.map(|holder| holder.name.to_string()),
            scope: holder.map(|holder| holder.scope),
            method: method.to_string(),
            route: route.path.into(),
            target: call.target.as_deref().map(cut),
            from: call.from,
            status: WENT_AWAY,
        };
        Some(Self { state: state.clone(), act: Some(act), is_reading })
    }

    /// Notes the answer; returns once that is on disk.
    pub(crate) async fn answered(mut self, answer: &HttpResponse<impl MessageBody>) {
        // What was made is named by its address.
        let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let made = location.and_then(|location| location.rsplit('/').next());
        if let Some(act) = &mut self.act {
            act.status = answer.status().as_u16();
            act.target = act.target.take().or_else(|| made.map(cut));
        }
        if let Some(noted) = self.note() {
            self.state.system.audit().written(noted).await;
        }
    }

    fn note(&mut self) -> Option<Noted> {
        let (act, audit) = (self.act.take()?, self.state.system.audit());
        Some(if self.is_reading { audit.note_reading(act) } else { audit.note(act) })
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // It is handed over to be written; nobody is left to wait for it.
        drop(self.note());
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TARGET_CHARS_MAX).collect()
}
