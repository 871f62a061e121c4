//! Another server takes over: by addresses with several hosts, or
//! behind a pooler. Who takes writes is found, though another one hangs.

use super::until;
use crate::engine::{create, make, new_link, postgres_settings};
use curtail_model::{Link, NewLink};
use curtail_servers::PgBouncer;
use curtail_servers::postgres::{Cluster, Server};
use curtail_store::postgres::{self, OpenError, Postgres, Settings};
use curtail_store::{Notice, Seen, StoreError};
use std::sync::{Arc, Mutex};

/// The address of several servers together.
fn address(servers: &[&Server]) -> String {
    let hosts: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
    format!("postgres://curtail@{}/postgres", hosts.join(","))
}

#[tokio::test]
async fn writes_reads_and_messages_go_on_at_the_next_host_when_the_first_one_hangs() {
    let cluster = Cluster::start(1, &[]);
    let (first, next) = (&cluster.primary, &cluster.replicas[0]);
    let url = address(&[first, next]);
    let store = postgres::open(postgres_settings(&url)).await.unwrap();
    let mut heard = store.notifications.listen();
    assert_eq!(heard.recv().await, Some(Notice::Connected));
    // Each has a session of its own afterwards, which waits for who comes next.
    let link = |number: u32| create(new_link(&format!("https://example.com/{number}")));
    let many: Vec<_> = (0..30)
        .map(|number| {
            let links = Arc::clone(&store.links);
            tokio::spawn(async move { links.create(vec![link(number)]).await })
        })
        .collect();
    for made in many {
        made.await.unwrap().unwrap();
    }
    let table = "SELECT count(*) FROM pg_class WHERE relname = 'links'";
    until("the replica has the table", async || next.ask(table) == "1").await;
    until("the replica has all", async || next.ask("SELECT count(*) FROM links") == "30").await;

    first.hang();
    next.ask("SELECT pg_promote()");
    until("a link is made", async || store.links.create(vec![link(30)]).await.is_ok()).await;
    // No session with the host that hangs is lent any more.
    for number in 31..60 {
        let made = make(&*store.links, link(number)).await.unwrap().link;
        assert!(store.links.resolve(made.code.as_str()).await.unwrap().record.is_some());
    }
    assert_eq!(heard.recv().await, Some(Notice::Lost));
    while heard.recv().await != Some(Notice::Connected) {}
    store.notifications.notify(b"told".to_vec()).await.unwrap();
    assert_eq!(heard.recv().await, Some(Notice::Payload(b"told".to_vec())));

    // A process that starts now comes to the same.
    let started = postgres::open(postgres_settings(&url)).await.unwrap();
    make(&*started.links, link(60)).await.unwrap();
    assert!(next.ask("SELECT count(*) FROM links").parse::<u32>().unwrap() >= 61);
    started.close().await;
    store.close().await;
}

#[tokio::test]
async fn once_a_primary_is_known_to_hang_nobody_waits_behind_those_who_found_it_out() {
    let cluster = Cluster::start(0, &[]);
    let store = postgres::open(postgres_settings(&cluster.primary.url())).await.unwrap();
    let limited = NewLink { max_clicks: Some(10), ..new_link("https://example.com/") };
    let id = make(&*store.links, create(limited)).await.unwrap().link.id;
    cluster.primary.hang();
    let links = Arc::clone(&store.links);
    let waits = tokio::spawn(async move { links.spend(id).await });
    until("it is known", async || {
        let refused = store.links.create(vec![create(new_link("https://example.com/"))]).await;
        refused.is_err_and(|error| error.to_string().contains("it does not answer"))
    })
    .await;
    tokio::select! {
        biased;
        spent = store.links.spend(id) => assert!(spent.is_err()),
        _ = waits => panic!("it waited for who came before"),
    }
    cluster.primary.go_on();
    store.close().await;
}

#[tokio::test]
async fn the_way_past_a_pooler_leads_to_the_host_that_takes_writes_and_is_named_when_none_does() {
    let cluster = Cluster::start(1, &[]);
    let (primary, replica) = (&cluster.primary, &cluster.replicas[0]);
    let directly =
        |direct: String| Settings { direct_url: Some(direct), ..postgres_settings(&primary.url()) };
    let store = postgres::open(directly(address(&[replica, primary]))).await.unwrap();
    assert_eq!(store.notifications.listen().recv().await, Some(Notice::Connected));
    store.close().await;
    let error = postgres::open(directly(replica.url())).await.err().expect("opened");
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().starts_with("database.direct_url:"), "{error}");
}

#[tokio::test]
async fn after_a_failover_no_version_and_no_id_is_given_that_the_lost_primary_may_have_given() {
    let cluster = Cluster::start(1, &[]);
    let (primary, replica) = (&cluster.primary, &cluster.replicas[0]);
    let settings = Settings { id_block: 1, ..postgres_settings(&address(&[primary, replica])) };
    let store = postgres::open(settings.clone()).await.unwrap();
    let before = create_one(&store).await.unwrap();
    stop_following(&cluster).await;
    let lost = [create_one(&store).await.unwrap(), create_one(&store).await.unwrap()];
    primary.crash();
    replica.promote();
    let made = Mutex::new(None);
    until("links are made again", async || {
        let one = create_one(&store).await.ok();
        let is_made = one.is_some();
        *made.lock().unwrap() = one;
        is_made
    })
    .await;
    let made = made.into_inner().unwrap().unwrap();
    let newest = lost.iter().map(|link| link.version).max().unwrap();
    assert!(made.version > newest + 1_000_000, "{} {newest}", made.version);
    assert!(made.id != before.id && lost.iter().all(|link| link.id != made.id && link.code != made.code));
    // Once, and not at each start.
    let other = postgres::open(settings).await.unwrap();
    let next = make(&*other.links, create(new_link("https://example.com/"))).await.unwrap().link;
    assert!(next.version > made.version && next.version < made.version + 1_000_000);
    other.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_failover_is_seen_by_sessions_with_a_pooler_that_outlive_it() {
    let cluster = Cluster::start(1, &[]);
    let pooler = PgBouncer::start(&cluster.primary);
    let settings = Settings { id_block: 1, prepared: false, ..postgres_settings(&pooler.url()) };
    let store = postgres::open(settings).await.unwrap();
    create_one(&store).await.unwrap();
    stop_following(&cluster).await;
    let lost = create_one(&store).await.unwrap();
    cluster.replicas[0].promote();
    pooler.lead_to(&cluster.replicas[0]);
    until("versions go on later", async || {
        create_one(&store).await.is_ok_and(|made| made.version > lost.version + 1_000_000)
    })
    .await;
    let made = create_one(&store).await.unwrap();
    assert!(made.id.get() > lost.id.get() + 1_000_000, "{} {}", made.id.get(), lost.id.get());
    store.close().await;
}

#[tokio::test]
async fn what_was_given_since_a_dump_is_given_to_nobody_else_when_it_is_put_back() {
    let cluster = Cluster::start(0, &[]);
    let primary = &cluster.primary;
    primary.ask("CREATE DATABASE site");
    let settings =
        Settings { id_block: 1, ..postgres_settings(&primary.url().replace("/postgres", "/site")) };
    let store = postgres::open(settings.clone()).await.unwrap();
    let before = create_one(&store).await.unwrap();
    store.close().await;
    // Row for row what a dump would have.
    primary.ask("CREATE DATABASE dump TEMPLATE site");
    let store = postgres::open(settings.clone()).await.unwrap();
    let since = [create_one(&store).await.unwrap(), create_one(&store).await.unwrap()];
    store.close().await;
    primary.ask("DROP DATABASE site");
    primary.ask("CREATE DATABASE site TEMPLATE dump");

    let store = postgres::open(settings).await.unwrap();
    assert!(store.links.get(before.id, Seen::NEWEST).await.unwrap().is_some());
    let newest = since.iter().map(|link| link.version).max().unwrap();
    for _ in 0..3 {
        let made = create_one(&store).await.unwrap();
        assert!(made.version > newest, "{} {newest}", made.version);
        assert!(since.iter().all(|link| link.id != made.id && link.code != made.code), "{}", made.code);
    }
    store.close().await;
}

#[tokio::test]
async fn a_primary_that_is_told_not_to_wait_for_its_disk_waits_for_what_is_acknowledged_here() {
    let cluster = Cluster::start(0, &[]);
    let primary = &cluster.primary;
    let sessions = postgres::open(postgres_settings(&primary.url())).await.unwrap();
    let pooled = Settings { prepared: false, ..postgres_settings(&primary.url()) };
    let pooled = postgres::open(pooled).await.unwrap();
    primary.ask(
        "CREATE TABLE waited (way text, id bigserial);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO waited VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
         CREATE TRIGGER note BEFORE INSERT ON links FOR EACH ROW EXECUTE FUNCTION note()",
    );
    let said = || primary.ask("SELECT way FROM waited ORDER BY id DESC LIMIT 1");
    create_one(&sessions).await.unwrap();
    assert_eq!(said(), "on");
    primary.ask("ALTER SYSTEM SET synchronous_commit = off");
    primary.ask("SELECT pg_reload_conf()");
    until("what is set is seen, and not heeded", async || {
        let is_set = primary.ask("SHOW synchronous_commit") == "off";
        is_set && create_one(&sessions).await.is_ok() && said() == "on"
    })
    .await;
    // What cannot be set on a session is not gone on with.
    until("nothing is acknowledged", async || create_one(&pooled).await.is_err()).await;
    let made = create_one(&sessions).await.unwrap();
    until("it is read on", async || {
        pooled.links.get(made.id, Seen::NEWEST).await.is_ok_and(|found| found.is_some())
    })
    .await;
    primary.ask("ALTER SYSTEM RESET synchronous_commit");
    primary.ask("SELECT pg_reload_conf()");
    until("links are made again", async || create_one(&pooled).await.is_ok()).await;
    pooled.close().await;
    sessions.close().await;
}

async fn create_one(store: &Postgres) -> Result<Link, StoreError> {
    let made = store.links.create(vec![create(new_link("https://example.com/"))]).await;
    made.map(|mut made| made.remove(0).unwrap().link)
}

/// From here on the replica, which has all, gets nothing any more: what is acknowledged now will be lost.
async fn stop_following(cluster: &Cluster) {
    let (primary, replica) = (&cluster.primary, &cluster.replicas[0]);
    let counted = "SELECT count(*) FROM links";
    until("the replica has all", async || {
        replica.ask("SELECT count(*) FROM pg_class WHERE relname = 'links'") == "1"
            && replica.ask(counted) == primary.ask(counted)
    })
    .await;
    replica.ask("ALTER SYSTEM SET primary_conninfo = ''");
    replica.ask("SELECT pg_reload_conf()");
    until("it does not follow any more", async || {
        primary.ask("SELECT count(*) FROM pg_stat_replication") == "0"
    })
    .await;
}
