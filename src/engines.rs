//! Which engines stand behind the seams of the crates: the
//! one place that chooses. What is not set is embedded.
//!
//! | seam | embedded | with |
//! |---|---|---|
//! | store | SQLite in the data folder | `database.url`: PostgreSQL |
//! | before the store | nothing | `cache.strategy = "write-behind"`: a journal of new links |
//! | second layer, rates, leaders | none, in the process, rollups | `redis.url`: Redis |
//! | messages between processes | none: it is alone | either of the two |
//! | log | the journal of the node | `kafka.brokers`: Kafka, in builds with the feature `kafka` |

mod fleet;
mod log;
mod store;
mod write_behind;

pub(crate) use fleet::{Fleet, redis_config};
#[cfg(feature = "kafka")]
pub(crate) use log::kafka_config;
pub(crate) use log::{Pipelines, Recording, retention};
pub(crate) use store::{Store, list_keys, open_keys, postgres_settings, sessions_on_primary};
pub(crate) use write_behind::{WriteBehindLinks, left_behind};
