//! Redis: each server of it, and whether what is there is ours.

use super::Secret;
use super::finding::Finding;
use crate::config::Settings;
use crate::engines;
use curtail_cache::redis::{self, Node, OpenError, VERSION_MIN};
use tokio::sync::oneshot;

const CHECK: &str = "Redis";

/// Looks, under the keys of the store once it is told which those are.
pub(super) async fn look(settings: &Settings, secret: oneshot::Receiver<Secret>) -> Vec<Finding> {
    if settings.redis.urls.is_empty() {
        return Vec::new();
    }
    // Where no store is yet, or none can be read, no keys are ours: then all that is asked is whether keys
    // can be read at all.
    let secret = secret.await.unwrap_or_default();
    let Some(config) = engines::redis_config(settings, &secret) else { return Vec::new() };
    let found = redis::examine(&config).await;
    let is_cluster = config.nodes.len() > 1;
    let all_answer = found.nodes.iter().all(Result::is_ok);
    let mut findings: Vec<Finding> =
        found.nodes.into_iter().flat_map(|found| node(found, is_cluster)).collect();
    match found.layout {
        // Of each of them it has been told, as of whoever does not answer.
        Err(OpenError::NoCluster) => {}
        Err(error) if all_answer || matches!(error, OpenError::Layout { .. }) => {
            findings.push(Finding::refused(CHECK, &error));
        }
        _ => {}
    }
    findings
}

fn node(found: Result<Node, OpenError>, is_cluster: bool) -> Vec<Finding> {
    let node = match found {
        Ok(node) => node,
        Err(error) => return vec![Finding::refused(CHECK, &error)],
    };
    let server = &node.server;
    let wrong = |said: &str, remedy: &str| vec![Finding::wrong(CHECK, format!("{server} {said}"), remedy)];
    if !node.is_new_enough {
        return wrong(
            &format!("is Redis {}, which is too old", node.version),
            &format!("Use Redis {VERSION_MIN} or a newer one"),
        );
    }
    if node.is_replica {
        return wrong("is a replica, which takes no writes", "Name its primary in redis.url");
    }
    match node.cluster_is_well {
        None if is_cluster => {
            return wrong(
                "is in no cluster, and several urls are nodes of one",
                "Name one server, or nodes of a cluster",
            );
        }
        Some(false) => {
            return wrong(
                "says that its cluster is not whole",
                "Look at CLUSTER NODES there, and bring all slots back",
            );
        }
        _ => {}
    }
    let role = if node.cluster_is_well.is_some() { ", a node of a cluster" } else { "" };
    let used = node.memory_used >> 20;
    let memory = match node.memory_max >> 20 {
        0 => format!("{used} MiB in use"),
        max => format!("{used} of {max} MiB in use, {}", node.policy),
    };
    let mut findings =
        vec![Finding::ok(CHECK, format!("{server} is version {}{role}, {memory}", node.version))];
    const KEEP_BOUNDED: &str = "Set maxmemory, and maxmemory-policy to allkeys-lru";
    if node.memory_max == 0 {
        let said = format!("{server} may take all memory there is (maxmemory is 0)");
        findings.push(Finding::warning(CHECK, said, KEEP_BOUNDED));
    } else if node.policy == "noeviction" {
        let said = format!(
            "{server} takes nothing more once its memory is full (noeviction), no news of changes either"
        );
        findings.push(Finding::warning(CHECK, said, KEEP_BOUNDED));
    }
    findings
}
