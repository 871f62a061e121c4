//! What is read, and from where, while replicas lag, die and hang, and while the primary is away.

use super::{tampering, until};
use crate::engine::{create, make, new_link, postgres_settings};
use curtail_runtime::breaker::State;
use curtail_servers::postgres::{Cluster, Server};
use curtail_servers::{log, service};
use curtail_store::postgres::{self, Condition, Postgres, Settings};
use curtail_store::{ListQuery, Seen, Sort, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

async fn open(cluster: &Cluster) -> Postgres {
    let replica_urls = cluster.replicas.iter().map(Server::url).collect();
    let settings = Settings { replica_urls, ..postgres_settings(&cluster.primary.url()) };
    let store = postgres::open(settings).await.unwrap();
    until("all replicas are read from", async || are_well(&store, cluster.replicas.len())).await;
    store
}

fn are_well(store: &Postgres, count: usize) -> bool {
    store.watch().replicas().iter().filter(|replica| replica.condition == Condition::Well).count() == count
}

/// Replicas have all that was acknowledged so far.
async fn caught_up(store: &Postgres, cluster: &Cluster) {
    let position = store.links.seen().wal_position();
    for replica in &cluster.replicas {
        let has = format!("SELECT (pg_last_wal_replay_lsn() - '0/0' >= {position})::text");
        until("a replica has caught up", async || replica.ask(&has) == "true").await;
    }
}

async fn pause(replica: &Server) {
    replica.ask("SELECT pg_wal_replay_pause()");
    until("replay is paused", async || replica.ask("SELECT pg_get_wal_replay_pause_state()") == "paused")
        .await;
}

fn everything() -> ListQuery {
    ListQuery { words: None, tag: None, archived: None, sort: Sort::Newest, after: None, limit: 100 }
}

#[tokio::test]
async fn who_has_written_finds_it_whatever_replicas_have() {
    let cluster = Cluster::start(2, &[]);
    let store = open(&cluster).await;
    for replica in &cluster.replicas {
        pause(replica).await;
    }
    // Replicas are a moment behind for good now; at first they still count as well.
    for number in 0..50 {
        let url = format!("https://example.com/{number}");
        let link = make(&*store.links, create(new_link(&url))).await.unwrap().link;
        let seen = store.links.seen();
        assert_eq!(store.links.get(link.id, seen).await.unwrap().as_ref(), Some(&link));
        assert_eq!(store.links.find(link.code.as_str(), seen).await.unwrap().as_ref(), Some(&link));
        assert_eq!(store.links.list(everything(), seen).await.unwrap().links[0], link);
        assert!(store.links.resolve_newest(link.code.as_str()).await.unwrap().is_some());
    }
    // Nobody who has seen nothing is promised it: the replicas really are behind.
    let behind = "SELECT (count(*) = 0)::text FROM links";
    for replica in &cluster.replicas {
        assert_eq!(replica.ask(behind), "true");
    }
    store.close().await;
}

#[tokio::test]
async fn a_replica_that_is_behind_is_not_read_from_until_it_has_caught_up() {
    let cluster = Cluster::start(1, &[]);
    let store = open(&cluster).await;
    pause(&cluster.replicas[0]).await;
    // One that has not answered for a moment is not well either.
    let state = || store.watch().replicas().remove(0);
    until("the lag is seen, and said", async || {
        let state = state();
        let is_said = state.problem.is_some_and(|problem| problem.contains("behind"));
        state.condition == Condition::Behind && state.lag_millis > 1_000 && is_said
    })
    .await;
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    // Nothing was promised, and still it is found: only the primary is left to ask.
    assert_eq!(store.links.get(link.id, Seen::ANYTHING).await.unwrap(), Some(link));
    cluster.replicas[0].ask("SELECT pg_wal_replay_resume()");
    until("the replica is read from again", async || are_well(&store, 1)).await;
    store.close().await;
}

#[tokio::test]
async fn reads_go_on_while_the_primary_is_away_and_writes_go_on_after() {
    let cluster = Cluster::start(1, &[]);
    let store = open(&cluster).await;
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    let seen = store.links.seen();
    caught_up(&store, &cluster).await;
    cluster.primary.crash();
    for _ in 0..20 {
        assert!(store.links.resolve(link.code.as_str()).await.unwrap().record.is_some());
        assert_eq!(store.links.list(everything(), Seen::ANYTHING).await.unwrap().links.len(), 1);
    }
    until("the replica is known to have what was seen", async || {
        store.links.get(link.id, seen).await.is_ok_and(|found| found.as_ref() == Some(&link))
    })
    .await;
    let refused = store.links.create(vec![create(new_link("https://example.com/"))]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.links.get(link.id, Seen::NEWEST).await, Err(StoreError::Unavailable(_))));
    cluster.primary.start();
    until("links are made again", async || {
        store.links.create(vec![create(new_link("https://example.com/"))]).await.is_ok()
    })
    .await;
    store.close().await;
}

#[tokio::test]
async fn who_writes_to_a_primary_that_hangs_is_told_so_at_once_as_soon_as_that_is_known() {
    let cluster = Cluster::start(0, &[]);
    let store = open(&cluster).await;
    let watch = store.watch();
    let write = async || store.links.create(vec![create(new_link("https://example.com/"))]).await;
    assert!(write().await.is_ok());
    cluster.primary.hang();
    until("its silence is noticed", async || watch.primary().breaker == State::Open).await;
    // Each would wait for six seconds, and together for longer than anybody.
    for _ in 0..100 {
        assert!(matches!(write().await, Err(StoreError::Unavailable(_))));
    }
    cluster.primary.go_on();
    until("links are made again", async || write().await.is_ok()).await;
    assert_eq!(watch.primary().breaker, State::Closed);
    store.close().await;
}

#[tokio::test]
async fn reads_go_on_while_replicas_hang_or_are_away() {
    let cluster = Cluster::start(2, &[]);
    let store = open(&cluster).await;
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    caught_up(&store, &cluster).await;
    let read = async || {
        for _ in 0..20 {
            assert!(store.links.resolve(link.code.as_str()).await.unwrap().record.is_some());
        }
    };
    cluster.replicas.iter().for_each(Server::hang);
    read().await;
    until("they are not read from", async || are_well(&store, 0)).await;
    read().await;
    cluster.replicas.iter().for_each(Server::go_on);
    until("they are read from again", async || are_well(&store, 2)).await;
    cluster.replicas.iter().for_each(Server::crash);
    read().await;
    assert_eq!(store.links.list(everything(), Seen::ANYTHING).await.unwrap().links.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn of_a_replica_that_has_never_worked_the_log_says_so_once_and_once_that_it_is_read_from() {
    let cluster = Cluster::start(1, &[]);
    let replica = &cluster.replicas[0];
    // So that it has a store as soon as it is back.
    open(&cluster).await.close().await;
    replica.crash();
    log::keep();
    let replicas = service("CURTAIL_TEST_REPLICAS");
    let wrong = replicas.split(',').next().unwrap().replace(":curtail@", ":wrong@");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs_up = listener.local_addr().unwrap();
    let missing = format!("postgres://curtail@127.0.0.1:{}/missing", cluster.primary.port());
    let looks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let replica_urls =
        vec![replica.url(), wrong.clone(), missing, format!("postgres://curtail@{hangs_up}/curtail")];
    let settings = Settings { replica_urls, ..postgres_settings(&cluster.primary.url()) };
    let store = postgres::open(settings).await.unwrap();
    let said = |name: &str| log::lines(&format!("replica={name:?}"));
    let names = || store.watch().replicas().into_iter().map(|replica| replica.name);
    until("the log says so of all", async || names().all(|name| !said(&name).is_empty())).await;
    let before = looks.load(Ordering::Relaxed);
    until("all have been looked at again and again", async || looks.load(Ordering::Relaxed) > before + 10)
        .await;
    let reasons = [
        "Connection refused",
        "password authentication failed",
        "does not exist",
        "error communicating with the server",
    ];
    for (name, reason) in names().zip(reasons) {
        let lines = said(&name);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        for word in ["WARN", reason, "database.replica_urls is not read from until that is mended"] {
            assert!(lines[0].contains(word), "{lines:#?}");
        }
        assert!(!lines[0].contains("wrong"), "a password is shown: {lines:#?}");
    }
    replica.start();
    until("the replica is read from", async || are_well(&store, 1)).await;
    let lines = said(&names().next().unwrap());
    assert!(lines.len() == 2 && lines[1].contains("INFO a replica is read from"), "{lines:#?}");
    store.close().await;
}

#[tokio::test]
async fn what_is_no_replica_of_this_database_is_not_read_from() {
    let (cluster, other) = (Cluster::start(0, &[]), Cluster::start(0, &[]));
    let replica_urls = vec![cluster.primary.url(), other.primary.url()];
    let settings = Settings { replica_urls, ..postgres_settings(&cluster.primary.url()) };
    let store = postgres::open(settings).await.unwrap();
    let says = |place: usize, word: &str| {
        store.watch().replicas()[place].problem.as_ref().is_some_and(|problem| problem.contains(word))
    };
    until("the primary is known for one", async || says(0, "not in recovery")).await;
    until("a stranger is known for one", async || says(1, "heartbeat")).await;
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    assert_eq!(store.links.get(link.id, Seen::ANYTHING).await.unwrap(), Some(link));
    store.close().await;
}

#[tokio::test]
async fn what_a_replica_has_while_the_primary_is_away_is_no_news_and_what_a_late_one_lacks_is_not_missing() {
    let cluster = Cluster::start(1, &[]);
    let store = open(&cluster).await;
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    caught_up(&store, &cluster).await;
    let code = link.code.as_str();
    until("the replica has news", async || store.links.resolve(code).await.unwrap().is_current).await;
    pause(&cluster.replicas[0]).await;
    let later = make(&*store.links, create(new_link("https://example.com/later"))).await.unwrap().link;
    until("the lag is seen", async || store.watch().replicas()[0].condition == Condition::Behind).await;
    cluster.primary.crash();
    for _ in 0..20 {
        let found = store.links.resolve(code).await.unwrap();
        assert!(found.record.is_some() && !found.is_current, "{found:?}");
        let missing = store.links.resolve(later.code.as_str()).await;
        assert!(matches!(missing, Err(StoreError::Unavailable(_))), "{missing:?}");
        let missing = store.links.get(later.id, Seen::ANYTHING).await;
        assert!(matches!(missing, Err(StoreError::Unavailable(_))), "{missing:?}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_replica_of_another_store_is_not_read_from_though_all_others_are_away() {
    let (cluster, other) = (Cluster::start(0, &[]), Cluster::start(1, &[]));
    let stranger = postgres::open(postgres_settings(&other.primary.url())).await.unwrap();
    make(&*stranger.links, create(new_link("https://other.example/"))).await.unwrap();
    caught_up(&stranger, &other).await;
    let replica_urls = vec![other.replicas[0].url()];
    let store = postgres::open(Settings { replica_urls, ..postgres_settings(&cluster.primary.url()) }).await;
    let store = store.unwrap();
    let state = || store.watch().replicas().remove(0);
    until("it is known for a stranger", async || state().condition == Condition::Foreign).await;
    assert!(state().problem.unwrap().contains("another store"));
    assert_eq!(store.links.list(everything(), Seen::ANYTHING).await.unwrap().links, []);
    cluster.primary.crash();
    for _ in 0..20 {
        let listed = store.links.list(everything(), Seen::ANYTHING).await;
        assert!(matches!(listed, Err(StoreError::Unavailable(_))), "{listed:?}");
        let found = store.links.resolve("nothing").await;
        assert!(matches!(found, Err(StoreError::Unavailable(_))), "{found:?}");
    }
    store.close().await;
}

#[tokio::test]
async fn far_from_the_primary_too_a_replica_that_is_behind_is_not_read_from() {
    let cluster = Cluster::start(1, &[]);
    let near = format!("127.0.0.1:{}", cluster.primary.port());
    // A connection takes several trips, which together take longer than an answer may.
    let far = tampering::far_away(near.clone(), Duration::from_millis(80)).await;
    let replica_urls = vec![cluster.replicas[0].url()];
    let url = cluster.primary.url().replace(&near, &far.to_string());
    let store = postgres::open(Settings { replica_urls, ..postgres_settings(&url) }).await.unwrap();
    until("the replica is read from", async || are_well(&store, 1)).await;
    pause(&cluster.replicas[0]).await;
    until("the lag is seen", async || store.watch().replicas()[0].condition == Condition::Behind).await;
    store.close().await;
}

#[tokio::test]
async fn replicas_of_a_primary_whose_heartbeat_nobody_can_move_are_not_read_from() {
    let cluster = Cluster::start(1, &[]);
    let store = open(&cluster).await;
    cluster.primary.ask(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON heartbeat FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    until("nobody knows how far it is", async || store.watch().replicas()[0].condition == Condition::Unknown)
        .await;
    // Whoever refuses is there.
    until("it is asked", async || store.watch().primary().breaker == State::Closed).await;
    assert!(store.links.create(vec![create(new_link("https://example.com/"))]).await.is_ok());
    cluster.primary.ask("DROP TRIGGER refuse ON heartbeat");
    until("it is read from again", async || are_well(&store, 1)).await;
    store.close().await;
}

#[tokio::test]
async fn lags_are_seen_though_the_clock_of_the_primary_has_gone_back() {
    let cluster = Cluster::start(1, &[]);
    let store = open(&cluster).await;
    // As it is after a failover to a server that is an hour late.
    cluster.primary.ask("UPDATE heartbeat SET beat_at = beat_at + 3600000");
    let beat = || cluster.primary.ask("SELECT beat_at FROM heartbeat").parse::<i64>().unwrap();
    let before = beat();
    until("the heartbeat goes on", async || beat() > before + 3).await;
    until("the replica is read from", async || are_well(&store, 1)).await;
    pause(&cluster.replicas[0]).await;
    until("the lag is seen", async || store.watch().replicas()[0].condition == Condition::Behind).await;
    cluster.replicas[0].ask("SELECT pg_wal_replay_resume()");
    until("the replica is read from again", async || are_well(&store, 1)).await;
    store.close().await;
}
