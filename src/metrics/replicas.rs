//! Replicas of the database: which are read from, how far behind they are, and why one is left out.

use super::encoding::{gauges, labelled_seconds};
use super::opaque;
use curtail_store::postgres::{self, Condition};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;

/// Nothing where there are none, for the store is embedded.
pub(super) struct Replicas(pub(super) Option<postgres::Watch>);

opaque!(Replicas);

impl Collector for Replicas {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(database) = &self.0 else { return Ok(()) };
        let replicas = database.replicas();
        if replicas.is_empty() {
            return Ok(());
        }
        let conditions = replicas.iter().flat_map(|replica| {
            Condition::ALL.map(|each| {
                let labels = [("replica", replica.name.as_str()), ("condition", each.as_str())];
                (labels, u64::from(each == replica.condition))
            })
        });
        let help = "How a replica is: read from (well), or why it is not.";
        gauges(&mut encoder, "replica", help, conditions)?;
        let lags = replicas
            .iter()
            .map(|replica| ([("replica", replica.name.as_str())], replica.lag_millis.unsigned_abs()));
        let help = "How far a replica was behind the primary when it could last be asked.";
        labelled_seconds(&mut encoder, "replica_lag", help, lags)
    }
}
