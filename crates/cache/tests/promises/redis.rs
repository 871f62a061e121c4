//! What one process has learnt, the next one knows: L2, on a single Redis and on a cluster.

use crate::support::node::{Node, Site};
use crate::support::services::nodes;
use crate::support::until::until;
use curtail_cache::Strategy;
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn what_one_process_asked_for_the_next_one_finds(redis: Vec<String>) {
    let site = Site::new(redis, Strategy::CacheAside);
    let one = site.lonely_node().await;
    let link = site.lonely_node().await.make("shared").await;
    assert_eq!(one.visit("shared").await.as_deref(), Some("https://example.com/"));
    site.has_in_redis("shared").await;
    let (asked, next) = (site.asked(), site.lonely_node().await);
    assert_eq!(next.visit("shared").await.as_deref(), Some("https://example.com/"));
    assert_eq!((site.asked(), next.redis.statistics().hits), (asked, 1), "the store was not asked again");
    one.change(link.id, "https://example.com/new").await;
    let fresh = site.lonely_node().await;
    assert_eq!(fresh.visit("shared").await.as_deref(), Some("https://example.com/new"));
}

#[tokio::test]
async fn what_one_process_asked_for_the_next_one_finds_in_redis() {
    what_one_process_asked_for_the_next_one_finds(nodes("CURTAIL_TEST_REDIS")).await;
}

#[tokio::test]
async fn what_one_process_asked_for_the_next_one_finds_in_a_cluster() {
    what_one_process_asked_for_the_next_one_finds(nodes("CURTAIL_TEST_REDIS_CLUSTER")).await;
}

#[tokio::test]
async fn one_node_of_a_cluster_is_enough_to_find_the_others() {
    let mut all = nodes("CURTAIL_TEST_REDIS_CLUSTER");
    all.truncate(1);
    let site = Site::new(all, Strategy::WriteThrough);
    let (writer, reader) = (site.lonely_node().await, site.lonely_node().await);
    for number in 0..30 {
        writer.make(&format!("spread{number}")).await;
    }
    for number in 0..30 {
        assert!(reader.visit(&format!("spread{number}")).await.is_some());
    }
    assert_eq!((site.asked(), reader.redis.statistics().hits), (0, 30), "codes of all shards were found");
}

#[tokio::test]
async fn of_all_processes_that_miss_at_once_one_asks_the_store() {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let mut processes: Vec<Arc<Node>> = Vec::new();
    for _ in 0..8 {
        processes.push(Arc::new(site.lonely_node().await));
    }
    // The one with the lease answers at once here, so the others find its answer when they look again: for
    // ten milliseconds, in which a busy machine may do nothing at all.
    let mut asked = Vec::new();
    for number in 0..10 {
        let (code, before) = (format!("popular{number}"), site.asked());
        site.lonely_node().await.make(&code).await;
        let visits: Vec<_> = processes
            .iter()
            .map(|process| {
                let (process, code) = (process.clone(), code.clone());
                tokio::spawn(async move { process.visit(&code).await })
            })
            .collect();
        for visit in visits {
            assert!(visit.await.unwrap().is_some());
        }
        let asked_now = site.asked() - before;
        if asked_now <= 2 {
            return;
        }
        asked.push(asked_now);
    }
    panic!("of 8 so many asked the store: {asked:?}");
}

#[tokio::test]
async fn who_waits_for_one_that_died_asks_the_store_itself() {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let (dying, waiting) = (Arc::new(site.lonely_node().await), site.lonely_node().await);
    site.lonely_node().await.make("orphaned").await;
    site.store.gate.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let asks = {
        let dying = dying.clone();
        tokio::spawn(async move { dying.visit("orphaned").await })
    };
    until("the store is asked", async || site.asked() == 1).await;
    asks.abort();
    // The question of the first hangs on; the second does not wait for it longer than for the store.
    let visit = tokio::spawn(async move { waiting.visit("orphaned").await });
    until("the store is asked again", async || site.store.asked.load(Ordering::SeqCst) == 2).await;
    site.store.gate.add_permits(2);
    assert!(visit.await.unwrap().is_some());
}

#[tokio::test]
async fn that_there_is_no_link_is_known_to_all_and_forgotten_when_there_is_one() {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let (one, other) = (site.lonely_node().await, site.lonely_node().await);
    assert_eq!(one.visit("later").await, None);
    until("Redis has answered", async || one.redis.statistics().misses > 0).await;
    assert_eq!(other.visit("later").await, None);
    one.make("later").await;
    assert!(one.visit("later").await.is_some(), "who made it sees it at once");
    // Redis believes it for a second.
    until("the others find it", async || site.lonely_node().await.visit("later").await.is_some()).await;
}
