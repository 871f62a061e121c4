//! What one node changes, all see: by the bus, and without it.

use crate::support::connection::connect;
use crate::support::node::{Site, now};
use crate::support::services::nodes;
use crate::support::until::until;
use curtail_cache::Strategy;
use curtail_servers::RedisServer;
use curtail_store::{Notice, Notifications, StoreFuture};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// A way between nodes of this process that can be cut: then messages are lost, and nobody is told.
#[derive(Clone, Default)]
struct Wire {
    ends: Arc<Mutex<Vec<mpsc::Sender<Notice>>>>,
    cut: Arc<AtomicBool>,
    drops_changes: Arc<AtomicBool>,
}

impl Notifications for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    fn notify(&self, payload: Vec<u8>) -> StoreFuture<'_, ()> {
        let is_change = payload[1] == 0;
        let lost =
            self.cut.load(Ordering::SeqCst) || (is_change && self.drops_changes.load(Ordering::SeqCst));
        if !lost {
            for end in &*self.ends.lock().unwrap() {
                // A node that left does not listen any more.
                let _ = end.try_send(Notice::Payload(payload.clone()));
            }
        }
        Box::pin(async { Ok(()) })
    }

    fn listen(&self) -> mpsc::Receiver<Notice> {
        let (end, heard) = mpsc::channel(1_000);
        self.ends.lock().unwrap().push(end);
        heard
    }
}

/// Rounds of which one has to be whole.
const ROUNDS: usize = 5;

async fn a_change_on_one_node_is_seen_by_all(redis: Vec<String>) {
    for _ in 0..ROUNDS {
        if changes_are_seen_by_all(redis.clone()).await {
            return;
        }
    }
    panic!("in none of {ROUNDS} rounds everything was heard");
}

/// Answers whether nothing was missed, so that all of it was told by messages alone.
async fn changes_are_seen_by_all(redis: Vec<String>) -> bool {
    let site = Site::new(redis, Strategy::CacheAside);
    let all = [site.node().await, site.node().await, site.node().await];
    for node in &all {
        node.hears(3).await;
    }
    // Where the machine stalls for longer than nodes may be silent, connections are made anew, and what was
    // sent meanwhile is lost: then it is found by those who visit.
    let missed = || {
        let all = all.iter().map(|node| node.bus.as_ref().unwrap().statistics());
        all.map(|bus| bus.deafened + bus.holes + bus.unsent).sum::<u64>()
    };
    let missed_before = missed();
    assert_eq!(all[2].visit("everywhere").await, None);
    let link = all[0].make("everywhere").await;
    for node in &all[1..] {
        until("a node has heard of the link", async || {
            node.bus.as_ref().unwrap().statistics().heard == 1 || missed() > missed_before
        })
        .await;
    }
    for node in &all {
        node.leads_to("everywhere", "https://example.com/").await;
        node.learns("everywhere").await;
    }
    let asked = site.asked();
    for round in 0..50_usize {
        let url = format!("https://example.com/{round}");
        all[round % 3].change(link.id, &url).await;
        for node in &all {
            until("a node has the change", async || {
                let mut record = Vec::new();
                node.cache.get("everywhere", now(), &mut record);
                record.ends_with(url.as_bytes())
                    || (missed() > missed_before && node.visit("everywhere").await.as_ref() == Some(&url))
            })
            .await;
        }
    }
    // The 50 changes themselves pass the gate; that they were seen needed no question.
    assert!(site.asked() == asked + 50 || missed() > missed_before, "{} questions", site.asked() - asked);
    all[1].delete(link.id).await;
    for node in &all {
        until("the removal is seen", async || node.visit("everywhere").await.is_none()).await;
    }
    missed() == missed_before
}

#[tokio::test]
async fn a_change_on_one_node_is_seen_by_all_over_redis() {
    a_change_on_one_node_is_seen_by_all(nodes("CURTAIL_TEST_REDIS")).await;
}

#[tokio::test]
async fn a_change_on_one_node_is_seen_by_all_over_a_cluster() {
    a_change_on_one_node_is_seen_by_all(nodes("CURTAIL_TEST_REDIS_CLUSTER")).await;
}

#[tokio::test]
async fn a_node_that_cannot_hear_believes_nothing_that_is_old_and_says_so() {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let wire = Wire::default();
    let ways = || vec![Arc::new(wire.clone()) as Arc<dyn Notifications>];
    let (writer, reader) = (site.node_on(ways()).await, site.node_on(ways()).await);
    let link = writer.make("cut-off").await;
    writer.hears(2).await;
    reader.hears(2).await;
    reader.learns("cut-off").await;
    wire.cut.store(true, Ordering::SeqCst);
    writer.change(link.id, "https://example.com/new").await;
    // Nothing arrives any more; what makes it look again is that it hears nothing.
    reader.leads_to("cut-off", "https://example.com/new").await;
    until("the reader is deaf", async || !reader.bus.as_ref().unwrap().statistics().hearing).await;
    assert!(reader.bus.as_ref().unwrap().statistics().deafened > 0, "it is told that it was deaf");
    wire.cut.store(false, Ordering::SeqCst);
    reader.hears(2).await;
    assert!(reader.bus.as_ref().unwrap().statistics().holes > 0, "it knows that it missed something");
    assert_eq!(reader.visit("cut-off").await.as_deref(), Some("https://example.com/new"));
}

#[tokio::test]
async fn a_lost_message_is_noticed_by_the_next_beat() {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let wire = Wire::default();
    let ways = || vec![Arc::new(wire.clone()) as Arc<dyn Notifications>];
    let (writer, reader) = (site.node_on(ways()).await, site.node_on(ways()).await);
    let link = writer.make("lossy").await;
    writer.hears(2).await;
    reader.hears(2).await;
    reader.learns("lossy").await;
    let holes = reader.bus.as_ref().unwrap().statistics().holes;
    wire.drops_changes.store(true, Ordering::SeqCst);
    writer.change(link.id, "https://example.com/new").await;
    until("the hole is noticed", async || reader.bus.as_ref().unwrap().statistics().holes > holes).await;
    reader.leads_to("lossy", "https://example.com/new").await;
    // Beats arrive, so it is not deaf.
    reader.hears(2).await;
}

#[tokio::test]
async fn what_is_lost_of_one_that_leaves_is_noticed_though_it_says_nothing_more() {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let wire = Wire::default();
    let ways = || vec![Arc::new(wire.clone()) as Arc<dyn Notifications>];
    let (writer, reader) = (site.node_on(ways()).await, site.node_on(ways()).await);
    let link = writer.make("last-words").await;
    writer.hears(2).await;
    reader.hears(2).await;
    reader.learns("last-words").await;
    wire.drops_changes.store(true, Ordering::SeqCst);
    writer.change(link.id, "https://example.com/new").await;
    until("all has arrived in Redis", async || writer.redis.statistics().debts == 0).await;
    assert!(writer.bus.as_ref().unwrap().leave().await, "it says goodbye");
    reader.hears(1).await;
    reader.leads_to("last-words", "https://example.com/new").await;
}

#[tokio::test]
async fn what_one_way_loses_another_one_carries() {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let (one, other) = (Wire::default(), Wire::default());
    let ways = || [&one, &other].map(|wire| Arc::new(wire.clone()) as Arc<dyn Notifications>).to_vec();
    let (writer, reader) = (site.node_on(ways()).await, site.node_on(ways()).await);
    let link = writer.make("twice").await;
    writer.hears(2).await;
    reader.hears(2).await;
    reader.learns("twice").await;
    one.cut.store(true, Ordering::SeqCst);
    let heard = reader.bus.as_ref().unwrap().statistics();
    writer.change(link.id, "https://example.com/new").await;
    until("the change is heard", async || reader.bus.as_ref().unwrap().statistics().heard > heard.heard)
        .await;
    let asked = site.asked();
    assert_eq!(reader.visit("twice").await.as_deref(), Some("https://example.com/new"));
    let now = reader.bus.as_ref().unwrap().statistics();
    // One that has heard nothing for a while, on a machine that stalls, asks in any case.
    if now.deafened == heard.deafened {
        assert_eq!(site.asked(), asked, "the message brought the record");
        assert_eq!(now.holes, heard.holes);
    }
}

#[tokio::test]
async fn a_change_that_redis_refuses_takes_the_lease_from_all_until_it_has_arrived() {
    let server = RedisServer::start();
    let mut site = Site::new(vec![server.url()], Strategy::CacheAside);
    site.config.budget = std::time::Duration::from_millis(5);
    let wire = Wire::default();
    let ways = || vec![Arc::new(wire.clone()) as Arc<dyn Notifications>];
    let (writer, reader) = (site.node_on(ways()).await, site.node_on(ways()).await);
    let link = writer.make("unsettled").await;
    writer.hears(2).await;
    reader.hears(2).await;
    server.hang();
    writer.change(link.id, "https://example.com/new").await;
    until("the reader is deaf", async || !reader.bus.as_ref().unwrap().statistics().hearing).await;
    until("the writer is deaf", async || !writer.bus.as_ref().unwrap().statistics().hearing).await;
    server.go_on();
    reader.hears(2).await;
    assert_eq!(writer.redis.statistics().debts, 0);
}

#[tokio::test]
async fn who_leaves_is_not_missed_and_who_dies_is_given_up_with_the_floor_raised() {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let (wire, stump) = (Wire::default(), Wire::default());
    let ways = || vec![Arc::new(wire.clone()) as Arc<dyn Notifications>];
    let (one, leaving) = (site.node_on(ways()).await, site.node_on(ways()).await);
    one.hears(2).await;
    leaving.bus.as_ref().unwrap().leave().await;
    one.hears(1).await;
    // The dying one speaks once over a wire of its own that is then cut.
    let dying = site.node_on(vec![Arc::new(Joined(wire.clone(), stump.clone()))]).await;
    one.hears(2).await;
    dying.hears(2).await;
    stump.cut.store(true, Ordering::SeqCst);
    until("the silent node is given up", async || one.bus.as_ref().unwrap().statistics().given_up >= 1).await;
    one.hears(1).await;
    let mut connection = connect(&site.config.nodes[0]).await;
    let floor = redis::cmd("GET").arg(format!("{}!floor", site.config.prefix)).to_owned();
    let floor: Option<i64> = floor.query_async(&mut connection).await.unwrap();
    assert!(floor.is_some());
}

/// Hears on one wire, and speaks on it until the other one is cut.
struct Joined(Wire, Wire);

impl Notifications for Joined {
    fn name(&self) -> &'static str {
        "joined"
    }

    fn notify(&self, payload: Vec<u8>) -> StoreFuture<'_, ()> {
        if self.1.cut.load(Ordering::SeqCst) { Box::pin(async { Ok(()) }) } else { self.0.notify(payload) }
    }

    fn listen(&self) -> mpsc::Receiver<Notice> {
        self.0.listen()
    }
}
