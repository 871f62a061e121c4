//! Redis is killed, hung and emptied, and redirects go on.

use crate::support::node::{Node, Site, now};
use crate::support::store::{create, destination};
use crate::support::until::until;
use curtail_cache::{Resolution, Strategy};
use curtail_runtime::breaker::{Policy, State};
use curtail_servers::{RedisServer, let_pass};
use curtail_store::Links;
use futures_util::future::join_all;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn site(server: &RedisServer) -> Site {
    let mut site = Site::new(vec![server.url()], Strategy::CacheAside);
    site.config.budget = Duration::from_millis(5);
    site
}

#[tokio::test]
async fn redirects_go_on_while_redis_is_dead_and_it_is_used_again_when_it_is_back() {
    let mut server = RedisServer::start();
    let site = site(&server);
    let node = site.lonely_node().await;
    for number in 0..100 {
        node.make(&format!("link{number}")).await;
    }
    server.kill();
    for number in 0..100 {
        let reader = &node;
        assert!(reader.visit(&format!("link{number}")).await.is_some());
        assert_eq!(reader.visit(&format!("unknown{number}")).await, None);
    }
    until("the connection is gone", async || !node.redis.statistics().connected).await;
    server.start_again();
    until("there is a connection", async || node.redis.statistics().connected).await;
    let before = node.redis.statistics();
    let mut number = 0;
    until("Redis is asked again", async || {
        assert_eq!(node.visit(&format!("still-unknown{number}")).await, None);
        number += 1;
        node.redis.statistics().misses > before.misses
    })
    .await;
}

#[tokio::test]
async fn what_only_redis_could_tell_is_served_again_when_redis_is_away_too() {
    let mut server = RedisServer::start();
    let site = Site::new(vec![server.url()], Strategy::WriteThrough);
    let (writer, reader) = (site.node().await, site.node().await);
    writer.hears(2).await;
    reader.hears(2).await;
    writer.make("told").await;
    // Of what has just changed the reader asks the store, and Redis only when that is away.
    until("the reader has heard", async || reader.bus.as_ref().unwrap().statistics().heard == 1).await;
    site.store.gate.close();
    // However many come at once, before anything is known of it here.
    let visits = (0..20).map(|_| reader.visit("told"));
    assert!(join_all(visits).await.iter().all(Option::is_some));
    server.kill();
    assert!(reader.visit("told").await.is_some());
}

#[tokio::test]
async fn what_redis_still_has_of_a_removed_link_leads_nobody_there() {
    let server = RedisServer::start();
    let mut site = site(&server);
    site.config.strategy = Strategy::WriteThrough;
    let link = site.lonely_node().await.make("gone").await;
    // These have heard of the removal, of which word has not come to Redis.
    site.store.delete(link.id, None).await.unwrap().unwrap();
    let [one, other] = [site.lonely_node().await, site.lonely_node().await];
    for node in [&one, &other] {
        node.cache.put_nothing("gone", link.version + 1, now().plus_millis(-60_000));
        assert!(!node.remembers("gone"));
    }
    assert_eq!(one.visit("gone").await, None);
    site.store.gate.close();
    assert_eq!(other.resolver.resolve("gone", now()).await, Resolution::Unavailable);
}

/// How long it takes to look up a thousand codes that nobody
/// knows. `looked_up` is told after each how long it was so far.
async fn time_of_a_thousand(node: &Node, name: &str, mut looked_up: impl FnMut(Duration)) -> Duration {
    let begun = Instant::now();
    for number in 0..1_000 {
        assert_eq!(node.visit(&format!("{name}{number}")).await, None);
        looked_up(begun.elapsed());
    }
    begun.elapsed()
}

/// Looks codes up that nobody knows, until the breaker has closed on the answers.
async fn is_trusted(node: &Node, name: &str) {
    let mut number = 0;
    until("Redis is trusted", async || {
        assert_eq!(node.visit(&format!("{name}{number}")).await, None);
        number += 1;
        let now = node.redis.statistics();
        now.breaker == State::Closed && now.connected
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_hangs_costs_a_few_questions_their_budget_and_the_others_nothing() {
    let server = RedisServer::start();
    let site = site(&server);
    let node = site.lonely_node().await;
    let usual = time_of_a_thousand(&node, "usual", |_| ()).await;
    // On a slow machine it may have been late for some of these.
    is_trusted(&node, "trusted").await;
    server.hang();
    let before = node.redis.statistics();
    let mut first = None;
    let hanging = time_of_a_thousand(&node, "unknown", |elapsed| {
        let now = node.redis.statistics();
        if now.breaker_opened > before.breaker_opened {
            first.get_or_insert((now.unanswered - before.unanswered, elapsed));
        }
    });
    let hanging = hanging.await;
    let after = node.redis.statistics();
    let (unanswered, opened_after) = first.expect("the breaker opened");
    // Five failures in a row open it. Answers that were under way may begin the row anew, and what the store
    // said is put there beside the look-ups.
    let few = u64::from(Policy::NEAR.consecutive_max);
    assert!((1..=4 * few).contains(&unanswered), "{unanswered} went without an answer first");
    // Three look-ups one after the other are among these: with a budget of 500 ms they would take twice this.
    assert!(opened_after < Duration::from_millis(750), "{opened_after:?}");
    // If each of the thousand waited for its budget, they would
    // take 5 s longer; what else they take is up to the machine.
    assert!(hanging < 2 * usual + Duration::from_secs(3), "{hanging:?}, and {usual:?} with Redis");
    // It is open, or one question is asked to see whether it may close.
    assert_ne!(after.breaker, State::Closed);
    assert_eq!(after.hits, before.hits);
    server.go_on();
    is_trusted(&node, "back").await;
}

#[tokio::test]
async fn what_changed_while_redis_was_away_arrives_when_it_is_back() {
    let server = RedisServer::start();
    let site = site(&server);
    let writer = site.lonely_node().await;
    let link = writer.make("changing").await;
    site.has_in_redis("changing").await;
    server.hang();
    writer.change(link.id, "https://example.com/new").await;
    assert_eq!(writer.redis.statistics().debts, 1, "it is owed");
    server.go_on();
    until("nothing is owed", async || writer.redis.statistics().debts == 0).await;
    let fresh = site.lonely_node().await;
    assert_eq!(fresh.visit("changing").await.as_deref(), Some("https://example.com/new"));
}

#[tokio::test]
async fn in_a_redis_that_is_emptied_stands_again_whose_it_is() {
    let server = RedisServer::start();
    let site = site(&server);
    let node = site.lonely_node().await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys = ["layout", "server"].map(|name| format!("{}!{name}", site.config.prefix));
    let found = redis::cmd("EXISTS").arg(&keys).to_owned();
    assert_eq!(found.query_async::<u64>(&mut connection).await, Ok(2));
    let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
    until("both are there again", async || found.query_async(&mut connection).await == Ok(2_u64)).await;
    assert!(node.redis.statistics().connected, "the connection was not given up");
}

#[tokio::test]
async fn a_redis_that_becomes_a_replica_is_left_and_used_again_when_it_takes_writes() {
    let server = RedisServer::start();
    let site = site(&server);
    let node = site.lonely_node().await;
    let link = node.make("demoted").await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let replicate = |of: [&str; 2]| redis::cmd("REPLICAOF").arg(&of).to_owned();
    let _: () = replicate(["127.0.0.1", "1"]).query_async(&mut connection).await.unwrap();
    node.change(link.id, "https://example.com/new").await;
    until("it is left", async || !node.redis.statistics().connected).await;
    let _: () = replicate(["NO", "ONE"]).query_async(&mut connection).await.unwrap();
    until("it has what it was owed", async || node.redis.statistics().debts == 0).await;
}

#[tokio::test]
async fn what_was_there_when_a_process_ended_badly_is_not_believed_though_redis_hangs_when_it_starts_again() {
    let server = RedisServer::start();
    let site = site(&server);
    let before = site.lonely_node().await;
    let link = before.make("undone").await;
    site.has_in_redis("undone").await;
    server.hang();
    // What is sent before that shows waits in the sockets of the server, and arrives.
    until("there is no connection", async || !before.redis.statistics().connected).await;
    before.change(link.id, "https://example.com/new").await;
    assert_eq!(before.redis.statistics().debts, 1);
    drop(before);
    let after = site.lonely_node().await;
    assert!(!after.redis.statistics().connected);
    after.redis.distrust().await;
    server.go_on();
    until("there is a connection", async || after.redis.statistics().connected).await;
    assert_eq!(after.visit("undone").await.as_deref(), Some("https://example.com/new"));
}

#[tokio::test]
async fn a_redis_that_comes_back_as_another_one_is_not_believed() {
    let mut server = RedisServer::start();
    let site = site(&server);
    let node = site.lonely_node().await;
    node.make("old").await;
    server.kill();
    server.start_again();
    until("there is a connection", async || node.redis.statistics().connected).await;
    // What an old copy would bring with it: the identity of the server that it was copied from.
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key = |name: &str| format!("{}!{name}", site.config.prefix);
    let set = redis::cmd("SET").arg(key("server")).arg("somebody else").to_owned();
    let _: () = set.query_async(&mut connection).await.unwrap();
    let floor = redis::cmd("GET").arg(key("floor")).to_owned();
    let before: Option<i64> = floor.query_async(&mut connection).await.unwrap();
    assert_eq!(before, None);
    let another = site.lonely_node().await;
    let after: Option<i64> = floor.query_async(&mut connection).await.unwrap();
    assert!(after.is_some(), "the floor is raised");
    assert!(another.visit("old").await.is_some());
}

#[tokio::test]
async fn what_may_be_behind_is_left_in_no_redis() {
    let server = RedisServer::start();
    let site = site(&server);
    let node = site.lonely_node().await;
    site.store.create(vec![create("behind"), create("well")]).await.unwrap();
    site.store.is_behind.store(true, Ordering::SeqCst);
    assert!(node.visit("behind").await.is_some());
    assert_eq!(node.visit("unknown").await, None);
    site.store.is_behind.store(false, Ordering::SeqCst);
    // What is put there later has arrived, and what was not to be put there is still not there.
    assert!(node.visit("well").await.is_some());
    site.has_in_redis("well").await;
    for code in ["behind", "unknown"] {
        let fresh = site.lonely_node().await;
        let asked = site.asked();
        fresh.visit(code).await;
        assert_eq!(site.asked(), asked + 1, "{code}");
    }
}

#[tokio::test]
async fn what_the_store_said_before_a_hang_does_not_come_to_redis_after_it() {
    let server = RedisServer::start();
    let site = site(&server);
    let (writer, reader) = (site.lonely_node().await, site.lonely_node().await);
    let link = writer.make("overtaken").await;
    // Redis knows the scripts from here on.
    writer.make("known").await;
    site.has_in_redis("known").await;
    server.hang();
    // What the store says now waits in the server's socket.
    assert!(reader.visit("overtaken").await.is_some());
    // The marker of a change would have gone by the time that the server goes on.
    let change = destination("https://example.com/new");
    site.store.update(link.id, change, None, now()).await.unwrap().unwrap();
    // Redis may still do what it was sent ten seconds ago.
    tokio::task::spawn_blocking(|| let_pass(Duration::from_secs(11))).await.unwrap();
    server.go_on();
    let fresh = site.lonely_node().await;
    is_trusted(&fresh, "unknown").await;
    assert_eq!(fresh.visit("overtaken").await.as_deref(), Some("https://example.com/new"));
}
