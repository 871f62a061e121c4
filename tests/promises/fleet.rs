//! Promises of several processes on the engines that people run in production: PostgreSQL, Redis, Kafka and a
//! worker, all of them real, and all of them killed. `dev/faults` runs the same for minutes.

mod changes;
mod clicks;
mod creates;
mod max_clicks;
mod redirects;
mod staleness;
mod start;
mod visitors;

const FIRST: &str = "https://example.com/first";
