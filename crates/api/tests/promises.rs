//! The promises of the API, asked of the whole router on the embedded store.

#[macro_use]
#[path = "../../store/tests/support/pass_on.rs"]
mod pass_on;
#[path = "promises/admission.rs"]
mod admission;
#[path = "promises/bulk.rs"]
mod bulk;
#[path = "promises/changes.rs"]
mod changes;
#[path = "promises/description.rs"]
mod description;
#[path = "promises/errors.rs"]
mod errors;
#[path = "promises/keys.rs"]
mod keys;
#[path = "promises/links.rs"]
mod links;
#[path = "promises/pagination.rs"]
mod pagination;
#[path = "promises/removal.rs"]
mod removal;
#[path = "promises/requests.rs"]
mod requests;
#[path = "promises/server.rs"]
mod server;
#[path = "promises/stats.rs"]
mod stats;
