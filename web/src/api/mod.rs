//! The API, one file a noun: wire types, handlers and their description together.

pub mod attempts;
pub mod audit;
pub mod backup;
pub mod check;
pub mod circuit;
pub mod config;
pub mod dead_letter_groups;
pub mod dead_letters;
pub mod deliveries;
pub mod dispatch;
pub mod events;
pub mod explain;
pub mod filters;
pub mod formats;
pub mod health;
pub mod jobs;
mod kept;
pub mod keyring;
pub mod keys;
pub mod ledger;
pub mod live;
mod metrics;
pub mod receiver;
pub mod secrets;
pub mod series;
pub mod sessions;
pub mod stats;
pub mod subscription_body;
pub mod subscriptions;

use actix_web::{HttpRequest, HttpResponse, guard, http::Method, web};
use serde::{Deserialize, Serialize};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::error::Error;

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Continue with `?cursor=`; null on the last page.
    pub next_cursor: Option<String>,
}

/// The description of the whole API.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Loghorn",
        description = "Log events in by HTTP push, signed webhooks out.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Security),
    security((), ("key" = [])),
    paths(
        events::create,
        events::list,
        events::get,
        events::deliveries,
        explain::get,
        subscriptions::create,
        subscriptions::list,
        subscriptions::get,
        subscriptions::replace,
        subscriptions::patch,
        subscriptions::delete,
        subscriptions::test,
        check::check,
        subscriptions::pause,
        subscriptions::resume,
        subscriptions::promote,
        subscriptions::shadow,
        secrets::list,
        secrets::rotate,
        secrets::reveal,
        circuit::get,
        circuit::act,
        config::get,
        jobs::backfill,
        jobs::list,
        jobs::get,
        jobs::cancel,
        filters::test,
        formats::preview,
        deliveries::list,
        deliveries::get,
        deliveries::resend,
        dead_letters::list,
        dead_letter_groups::groups,
        dead_letters::replay,
        dead_letters::replay_one,
        dead_letters::discard,
        dead_letters::discard_one,
        dispatch::get,
        dispatch::pause,
        dispatch::resume,
        audit::list,
        backup::take,
        sessions::open,
        sessions::get,
        sessions::close,
        sessions::link,
        live::ticket,
        keys::create,
        keys::list,
        keys::revoke,
        receiver::get,
        receiver::set,
        receiver::clear,
        stats::get,
        series::series,
        series::failures,
        series::subscriptions,
        health::get,
        health::live,
        health::ready,
        keyring::rotate,
        ledger::get,
        metrics::get,
        crate::shippers::routes::ingest,
        crate::shippers::routes::ingest_from,
        crate::shippers::routes::otlp::logs,
        crate::shippers::routes::loki::push,
        crate::shippers::routes::splunk::event,
        crate::shippers::routes::splunk::raw,
        crate::shippers::routes::others::gelf,
        crate::shippers::routes::others::journal,
        crate::shippers::routes::others::datadog,
        crate::shippers::routes::others::cloud_events,
        crate::shippers::routes::elastic::handshake,
        crate::shippers::routes::elastic::bulk,
    )
)]
pub(crate) struct Document;

/// Says how a key is shown, and gives each operation a name of its own.
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "Needed where the server is not open. `X-API-Key` carries it too; the routes of log shippers take it in \
             their own forms.",
        ));
        // A route that takes both methods is one function here, and two for whoever generates a client.
        for item in document.paths.paths.values_mut() {
            if let (Some(post), Some(put)) = (&item.post, &mut item.put)
                && post.operation_id == put.operation_id
            {
                put.operation_id = put.operation_id.take().map(|name| name + "_by_put");
            }
        }
        document.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(key.build()));
    }
}

/// Adds the API's routes.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let api = web::scope("/api/v1")
        .service(
            resource("/events", "GET, HEAD, POST").route(get().to(events::list)).route(web::post().to(events::create)),
        )
        .service(resource("/events/{id}/deliveries", "GET, HEAD").route(get().to(events::deliveries)))
        .service(resource("/events/{id}/explain", "GET, HEAD").route(get().to(explain::get)))
        .service(resource("/events/{id}", "GET, HEAD").route(get().to(events::get)))
        .service(
            resource("/subscriptions", "GET, HEAD, POST")
                .route(get().to(subscriptions::list))
                .route(web::post().to(subscriptions::create)),
        )
        // Before what would take it for an id.
        .service(resource("/subscriptions/check", "POST").route(web::post().to(check::check)))
        .service(
            resource("/subscriptions/{id}", "GET, HEAD, PUT, PATCH, DELETE")
                .route(get().to(subscriptions::get))
                .route(web::put().to(subscriptions::replace))
                .route(web::patch().to(subscriptions::patch))
                .route(web::delete().to(subscriptions::delete)),
        )
        .service(resource("/subscriptions/{id}/test", "POST").route(web::post().to(subscriptions::test)))
        .service(resource("/subscriptions/{id}/pause", "POST").route(web::post().to(subscriptions::pause)))
        .service(resource("/subscriptions/{id}/resume", "POST").route(web::post().to(subscriptions::resume)))
        .service(
            resource("/subscriptions/{id}/circuit", "GET, HEAD, POST")
                .route(get().to(circuit::get))
                .route(web::post().to(circuit::act)),
        )
        .service(resource("/subscriptions/{id}/secrets", "GET, HEAD").route(get().to(secrets::list)))
        .service(resource("/subscriptions/{id}/secrets/rotate", "POST").route(web::post().to(secrets::rotate)))
        .service(resource("/subscriptions/{id}/secrets/{number}/reveal", "POST").route(web::post().to(secrets::reveal)))
        .service(resource("/subscriptions/{id}/promote", "POST").route(web::post().to(subscriptions::promote)))
        .service(resource("/subscriptions/{id}/shadow", "GET, HEAD").route(get().to(subscriptions::shadow)))
        .service(resource("/subscriptions/{id}/backfill", "POST").route(web::post().to(jobs::backfill)))
        .service(resource("/filters/test", "POST").route(web::post().to(filters::test)))
        .service(resource("/formats/preview", "POST").route(web::post().to(formats::preview)))
        .service(resource("/jobs", "GET, HEAD").route(get().to(jobs::list)))
        .service(
            resource("/jobs/{id}", "GET, HEAD, DELETE")
                .route(get().to(jobs::get))
                .route(web::delete().to(jobs::cancel)),
        )
        .service(resource("/deliveries", "GET, HEAD").route(get().to(deliveries::list)))
        .service(resource("/deliveries/{id}", "GET, HEAD").route(get().to(deliveries::get)))
        .service(resource("/deliveries/{id}/resend", "POST").route(web::post().to(deliveries::resend)))
        .service(resource("/dead-letters", "GET, HEAD").route(get().to(dead_letters::list)))
        .service(resource("/dead-letters/groups", "GET, HEAD").route(get().to(dead_letter_groups::groups)))
        .service(resource("/dead-letters/replay", "POST").route(web::post().to(dead_letters::replay)))
        .service(resource("/dead-letters/discard", "POST").route(web::post().to(dead_letters::discard)))
        .service(resource("/dead-letters/{id}/discard", "POST").route(web::post().to(dead_letters::discard_one)))
        .service(resource("/dead-letters/{id}/replay", "POST").route(web::post().to(dead_letters::replay_one)))
        .service(resource("/backup", "POST").route(web::post().to(backup::take)))
        .service(resource("/config", "GET, HEAD").route(get().to(config::get)))
        .service(resource("/dispatch", "GET, HEAD").route(get().to(dispatch::get)))
        .service(resource("/dispatch/pause", "POST").route(web::post().to(dispatch::pause)))
        .service(resource("/dispatch/resume", "POST").route(web::post().to(dispatch::resume)))
        .service(resource("/keys", "GET, HEAD, POST").route(get().to(keys::list)).route(web::post().to(keys::create)))
        .service(resource("/keys/{id}", "DELETE").route(web::delete().to(keys::revoke)))
        .service(
            resource("/session", "GET, HEAD, POST, DELETE")
                .route(get().to(sessions::get))
                .route(web::post().to(sessions::open))
                .route(web::delete().to(sessions::close)),
        )
        .service(resource("/session/link", "POST").route(web::post().to(sessions::link)))
        .service(resource("/ws-ticket", "POST").route(web::post().to(live::ticket)))
        .service(resource("/ws", "GET").route(web::get().to(crate::live::open)))
        .service(resource("/audit", "GET, HEAD").route(get().to(audit::list)))
        .service(
            resource("/receiver", "GET, HEAD, PUT, DELETE")
                .route(get().to(receiver::get))
                .route(web::put().to(receiver::set))
                .route(web::delete().to(receiver::clear)),
        )
        .service(resource("/stats/series", "GET, HEAD").route(get().to(series::series)))
        .service(resource("/stats/failures", "GET, HEAD").route(get().to(series::failures)))
        .service(resource("/stats/subscriptions", "GET, HEAD").route(get().to(series::subscriptions)))
        .service(resource("/stats", "GET, HEAD").route(get().to(stats::get)))
        .service(resource("/health", "GET, HEAD").route(get().to(health::get)))
        .service(resource("/health/live", "GET, HEAD").route(get().to(health::live)))
        .service(resource("/health/ready", "GET, HEAD").route(get().to(health::ready)))
        .service(resource("/keyring/rotate", "POST").route(web::post().to(keyring::rotate)))
        .service(resource("/ledger", "GET, HEAD").route(get().to(ledger::get)))
        .service(resource("/openapi.json", "GET, HEAD").route(get().to(document)))
        .default_service(web::to(no_route));
    config.service(resource("/metrics", "GET, HEAD").route(get().to(metrics::get)));
    config.service(resource(crate::RECEIVER_PATH, "POST").route(web::post().to(receiver::hook)));
    config.service(api);
    #[cfg(feature = "docs")]
    config.service(utoipa_swagger_ui::SwaggerUi::new("/docs/{_:.*}").url("/api/v1/openapi.json", crate::openapi()));
    #[cfg(feature = "docs")]
    config.service(web::redirect("/docs", "/docs/"));
}

/// GET, and HEAD with it: the server leaves the body out.
pub(crate) fn get() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// A resource that answers other methods with 405 and what it takes.
pub(crate) fn resource(path: &str, allow: &'static str) -> actix_web::Resource {
    let refuse = move |method: Method| async move { Err::<HttpResponse, Error>(Error::method(method.as_str(), allow)) };
    web::resource(path.to_owned()).default_service(web::to(refuse))
}

/// What is served nowhere.
pub(crate) async fn no_route(request: HttpRequest) -> Result<HttpResponse, Error> {
    Err(Error::no_route(request.path()))
}

async fn document() -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(crate::openapi()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile for a type that can be printed by `{:?}`: there are two `probe`s then.
    macro_rules! assert_not_debug {
        ($($secret:ty),+) => {$({
            trait Probe<Which> {
                fn probe() {}
            }
            impl<T> Probe<()> for T {}
            struct Printable;
            impl<T: std::fmt::Debug> Probe<Printable> for T {}
            <$secret as Probe<_>>::probe();
        })+};
    }

    #[test]
    fn what_holds_a_secret_cannot_be_printed() {
        assert_not_debug!(
            sessions::SessionBody,
            sessions::Link,
            live::Ticket,
            keys::NewKey,
            secrets::SecretRotation,
            secrets::RevealedSecret,
            subscriptions::Shown,
            subscription_body::SubscriptionBody,
            subscription_body::SubscriptionPatch,
            subscription_body::Optional
        );
    }
}
