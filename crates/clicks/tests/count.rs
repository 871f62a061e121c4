//! The promises of counting: from what recorders put into the journal to what stats answer.

#[macro_use]
#[path = "../../store/tests/support/pass_on.rs"]
mod pass_on;
#[path = "count/copies.rs"]
mod copies;
#[path = "count/fold.rs"]
mod fold;
#[path = "support/folder.rs"]
mod folder;
#[path = "count/hold.rs"]
mod hold;
#[path = "count/kill.rs"]
mod kill;
#[path = "count/log.rs"]
mod log;
#[path = "count/memory.rs"]
mod memory;
#[path = "count/pipeline.rs"]
mod pipeline;
#[path = "count/record.rs"]
mod record;
#[path = "count/rollup.rs"]
mod rollup;
#[path = "count/sample.rs"]
mod sample;
#[path = "count/stats.rs"]
mod stats;
