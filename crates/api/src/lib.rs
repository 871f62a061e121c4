//! REST API v1: links, stats, keys; its errors, limits and OpenAPI description.
//!
//! The page below is all of it: what a request passes on its way in, and every route. A route takes its
//! arguments apart, checks who asks (`auth`) and what (`validate`), asks the store or the stats, and answers
//! what `dto` describes or a [`problem`]. The route's own attribute is its OpenAPI description, so none is
//! without.

mod admission;
mod answers;
mod auth;
mod body;
mod bulk;
mod consistency;
mod cursor;
mod dto;
mod idempotency;
mod json;
pub mod keys;
mod number;
mod openapi;
mod origin;
mod preconditions;
pub mod problem;
mod query;
mod rate_limits;
mod requests;
mod routes;
mod service;
mod settings;
pub mod time;
mod validate;

pub use admission::{Admitted, Class};
pub use auth::ClientAddress;
pub use requests::{Answered, Requests};
pub use settings::Settings;

use admission::Admission;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use curtail_clicks::pipeline::Watch;
use curtail_clicks::stats::Stats;
use curtail_runtime::password::Passwords;
use curtail_runtime::rates::Rates;
use curtail_store::{Keys, Leaders, Links, Rollups};
use service::Service;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the API stands on.
pub struct Api {
    /// Links, with the cache in front of them.
    pub links: Arc<dyn Links>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// What was counted, for the totals of links.
    pub rollups: Arc<dyn Rollups>,
    /// What was counted, for everything else.
    pub stats: Arc<Stats>,
    /// Which links are clicked most.
    pub leaders: Arc<dyn Leaders>,
    /// Rates that hold over all processes; without, each process keeps its own.
    pub rates: Option<Arc<dyn Rates>>,
    /// Hashes the passwords of links.
    pub passwords: Passwords,
    /// What only the store knows: tokens are signed with a key that is made of it.
    pub secret: [u8; 16],
    /// What becomes of clicks in this process.
    pub pipeline: Watch,
    /// What the configuration says.
    pub settings: Settings,
}

/// The API, and what counts its requests. It serves `/api/v1/`, and answers everything else with a 404.
pub fn router(api: Api) -> (Router, Arc<Requests>) {
    let service = Arc::new(Service::new(api));
    let admission = Arc::new(Admission::new());
    let secured = OpenApiRouter::with_openapi(openapi::about())
        .routes(routes!(routes::links::create, routes::list::list))
        .routes(routes!(routes::links::bulk))
        .routes(routes!(routes::links::get, routes::change::change, routes::change::delete))
        .routes(routes!(routes::links::by_code))
        .routes(routes!(routes::list::tags))
        .routes(routes!(routes::stats::of_link))
        .routes(routes!(routes::stats::of_everything))
        .routes(routes!(routes::stats::orphans))
        .routes(routes!(routes::top::top))
        .routes(routes!(routes::pipeline::pipeline))
        .routes(routes!(routes::keys::list, routes::keys::create))
        .routes(routes!(routes::keys::revoke))
        .route_layer(from_fn_with_state(service.clone(), consistency::read_your_writes))
        .route_layer(from_fn_with_state(service.clone(), auth::authenticate))
        .route_layer(from_fn_with_state(admission.clone(), admission::admit));
    let open =
        OpenApiRouter::new().routes(routes!(routes::about::problem)).routes(routes!(routes::about::openapi));
    let (router, description) = secured.merge(open).split_for_parts();
    let requests = Arc::new(Requests::of(&description, admission));
    let router = router
        .fallback(answers::nothing_here)
        .layer(from_fn_with_state(requests.clone(), requests::count))
        .layer(axum::Extension(openapi::Document::of(description)))
        .with_state(service);
    // A router of its own, because `Allow` is added outside of a router's layers.
    (Router::new().fallback_service(router).layer(from_fn(answers::finish)), requests)
}
