//! The words of the domain: links, codes, buckets, destinations, decisions, scopes.
//!
//! Nothing here does IO, is async or reads a clock: what depends on the time is given it. Everything else in
//! the workspace may name these types; they name nothing of it.

pub mod alphabet;
pub mod bucket;
pub mod click;
pub mod code;
pub mod codes;
pub mod decision;
pub mod destination;
pub mod host;
pub mod id;
pub mod link;
pub mod offensive;
pub mod permutation;
pub mod scope;
pub mod target;
pub mod timestamp;

pub use alphabet::Alphabet;
pub use bucket::Bucket;
pub use click::{ClickClass, Dimension};
pub use code::{Code, CodeError};
pub use codes::{CodeScheme, Codes, DEFAULT_DOMAIN};
pub use decision::{Decision, Inactive, decide};
pub use destination::{Destination, DestinationError};
pub use id::LinkId;
pub use link::{Change, Field, Limits, Link, NewLink, RedirectStatus};
pub use scope::{Scope, ScopeError, Scopes};
pub use target::Target;
pub use timestamp::Timestamp;
