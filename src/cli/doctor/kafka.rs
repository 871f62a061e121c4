//! Kafka: the brokers and the topic.

use super::finding::Finding;
use crate::config::Settings;
use crate::engines;
use curtail_clicks::kafka::{self, Examined};
use curtail_model::Timestamp;
use curtail_store::rollups::Positions;
use tokio::sync::oneshot;

const CHECK: &str = "Kafka";
/// A topic that forgets sooner loses clicks in an outage of the workers that nobody would call long.
const RETENTION_MIN: i64 = Timestamp::DAY;

/// Looks, and compares it with what the store remembers, once that has answered.
pub(super) async fn look(settings: &Settings, answer: oneshot::Receiver<Positions>) -> Vec<Finding> {
    let Some(config) = engines::kafka_config(settings) else { return Vec::new() };
    let (found, positions) = tokio::join!(kafka::examine(&config), answer);
    // Where the store is away, nothing contradicts.
    match Examined::beside(found, &config, &positions.unwrap_or_default()) {
        Ok(found) => topic(&found),
        Err(error) => vec![Finding::refused(CHECK, &error)],
    }
}

fn topic(found: &Examined) -> Vec<Finding> {
    let Examined { topic, brokers, partitions, replicas, in_sync, .. } = found;
    let mut findings = vec![Finding::ok(
        CHECK,
        format!(
            "{brokers} brokers, topic {topic} with {partitions} partitions, {in_sync} of {replicas} copies in sync"
        ),
    )];
    if found.unused > 0 {
        let said = format!("{} partitions of {topic} were added later: they stay empty", found.unused);
        let remedy = "Run no more workers than the others can keep busy; those that were added do no harm";
        findings.push(Finding::warning(CHECK, said, remedy));
    }
    if found.leaderless > 0 {
        findings.push(Finding::wrong(
            CHECK,
            format!(
                "nobody leads {} partitions of {topic}: their clicks wait in the journals",
                found.leaderless
            ),
            "Bring the brokers back that have them",
        ));
    }
    let in_sync_min = found.in_sync_min.unwrap_or(1);
    if *in_sync < in_sync_min {
        let said = format!(
            "{topic} has {in_sync} copies in sync and needs {in_sync_min}: clicks wait in the journals"
        );
        findings.push(Finding::wrong(CHECK, said, "Bring the brokers back that have the others"));
    } else if in_sync < replicas {
        let said = format!("{topic} has {in_sync} of {replicas} copies in sync");
        findings.push(Finding::warning(CHECK, said, "Look why the brokers that have the others are behind"));
    }
    const COPIES: &str = "Give the topic a replication factor of 3 and min.insync.replicas of 2";
    if *replicas == 1 {
        let said = format!("there is one copy of {topic}: clicks in it are lost with a broker's disk");
        findings.push(Finding::warning(CHECK, said, COPIES));
    } else if in_sync_min == 1 && found.in_sync_min.is_some() {
        let said =
            format!("one copy of {topic} is enough to acknowledge clicks, and may be the one that is lost");
        findings.push(Finding::warning(CHECK, said, COPIES));
    }
    if found.retention_millis.is_some_and(|kept| (0..RETENTION_MIN).contains(&kept)) {
        let said = format!("{topic} forgets clicks within a day, counted or not");
        findings.push(Finding::warning(
            CHECK,
            said,
            "Set its retention.ms to more than the longest outage of the workers",
        ));
    }
    findings
}
