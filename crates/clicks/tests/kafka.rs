//! The promises of Kafka as the log between nodes, on a real broker and a real store.

#[macro_use]
#[path = "../../store/tests/support/pass_on.rs"]
mod pass_on;
#[path = "kafka/engine.rs"]
mod engine;
#[path = "kafka/faults.rs"]
mod faults;
#[path = "support/folder.rs"]
mod folder;
#[path = "kafka/kills.rs"]
mod kills;
#[path = "kafka/marks.rs"]
mod marks;
#[path = "kafka/start.rs"]
mod start;
#[path = "kafka/support.rs"]
mod support;
#[path = "kafka/topic.rs"]
mod topic;
#[path = "kafka/workers.rs"]
mod workers;
#[path = "kafka/zombie.rs"]
mod zombie;
