//! Which engines stand behind the seams of the crates: the one place that chooses. What is not set is embedded.
//!
//! | seam | embedded | with |
//! |---|---|---|
//! | store | SQLite in the data folder | `database.url`: PostgreSQL |
//! | before the store | nothing | `cache.strategy = "write-behind"`: a journal of new links |
//! | second layer, rates, leaders | none, in the process, rollups | `redis.url`: Redis |
//! | messages between processes | none: it is alone | either of the two |
//! | log | the journal of the node | `kafka.brokers`: Kafka |

mod behind;
mod log;
mod second;
mod store;

pub(crate) use behind::{Behind, left_behind};
pub(crate) use log::{Pipelines, Recording, kafka_config, retention};
pub(crate) use second::{Second, redis_config};
pub(crate) use store::{Store, open_keys, postgres_settings, sessions_on_primary};
