//! What was acknowledged stays, once, whatever is killed meanwhile.

use super::database::{Database, connect};
use super::tampering::losing_answers_to_commits;
use super::until;
use crate::engine::{at, create, id, make, new_link, postgres_settings};
use crate::rollups::{batch, row};
use curtail_model::{Change, Code, Field, NewLink};
use curtail_runtime::breaker::State;
use curtail_servers::postgres::{Cluster, Server};
use curtail_store::postgres::{self, Postgres};
use curtail_store::rollups::{Batch, Committed, Grain, Subject};
use curtail_store::{Create, Idempotency, Links, Seen, Spent, StoreError, UpdateRefused};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What is done to a server while it works.
const HARMS: &[&str] = &[
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'curtail'",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'curtail'",
];

/// Does each kind of harm in turn: sessions are ended and cancelled, a session
/// is killed, which takes all others with it, and the server crashes. `work`
/// is how much was done so far, and something is done between two harms.
async fn harm(server: &Server, rounds: usize, work: &AtomicUsize) {
    for round in 0..rounds {
        let before = work.load(Ordering::Relaxed);
        until("there is some work", async || work.load(Ordering::Relaxed) >= before + 50).await;
        match round % 4 {
            kind @ (0 | 1) => _ = server.ask(HARMS[kind]),
            2 => {
                let pid = "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'curtail' LIMIT 1";
                // Between two sessions there may be none for a moment,
                // and the one that was found may have just ended.
                until("a session is killed", async || {
                    let pid = server.ask(pid).parse().ok().and_then(rustix::process::Pid::from_raw);
                    let kill =
                        |pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok();
                    pid.is_some_and(kill)
                })
                .await;
                until("the server has recovered", async || {
                    let url = server.url();
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.is_ok()
                })
                .await;
            }
            _ => {
                server.crash();
                server.start();
            }
        }
    }
}

/// Waits until a store knows that its primary is back.
async fn knows_the_primary(store: &Postgres) {
    let watch = store.watch();
    until("the primary is known to be there", async || watch.primary().breaker == State::Closed).await;
}

/// Makes links until the end, each with a key of its own, and
/// repeats what was not acknowledged. Answers code and url.
async fn make_links(
    links: Arc<dyn Links>,
    maker: u8,
    work: Arc<AtomicUsize>,
    end: Arc<AtomicUsize>,
) -> HashMap<String, String> {
    let mut made = HashMap::new();
    for number in 0_u64.. {
        if end.load(Ordering::Relaxed) > 0 {
            break;
        }
        let url = format!("https://example.com/{maker}/{number}");
        let mut key = [maker; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let idempotency = Some(Idempotency { key, request: [1; 32] });
        let wanted = Create { idempotency, ..create(new_link(&url)) };
        let link = loop {
            match links.create(vec![wanted.clone()]).await {
                Ok(mut answer) => break answer.pop().unwrap().unwrap().link,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        made.insert(link.code.to_string(), url);
        work.fetch_add(1, Ordering::Relaxed);
    }
    made
}

#[tokio::test]
async fn acknowledged_links_are_there_once_whatever_is_killed() {
    let cluster = Cluster::start(0, &[]);
    let store = postgres::open(postgres_settings(&cluster.primary.url())).await.unwrap();
    let (work, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let makers: Vec<_> = (0..8)
        .map(|maker| tokio::spawn(make_links(store.links.clone(), maker, work.clone(), end.clone())))
        .collect();
    harm(&cluster.primary, 12, &work).await;
    end.store(1, Ordering::Relaxed);
    let mut made = HashMap::new();
    for maker in makers {
        let some = maker.await.unwrap();
        let count = made.len() + some.len();
        made.extend(some);
        assert_eq!(made.len(), count, "one code was given twice");
    }
    knows_the_primary(&store).await;
    for (code, url) in &made {
        let found = store.links.find(code, Seen::NEWEST).await.unwrap();
        assert_eq!(found.map(|link| link.url).as_ref(), Some(url));
    }
    // Nothing was made that nobody was told of, and nothing twice.
    let count = cluster.primary.ask("SELECT count(*)::text FROM links");
    assert_eq!(count, made.len().to_string());
    store.close().await;
}

#[tokio::test]
async fn no_click_is_given_twice_whatever_is_killed() {
    let cluster = Cluster::start(0, &[]);
    let open = async || postgres::open(postgres_settings(&cluster.primary.url())).await.unwrap();
    // Two processes that share the link.
    let stores: [Postgres; 2] = [open().await, open().await];
    let limited = NewLink { max_clicks: Some(1_000_000), ..new_link("https://example.com/") };
    let link = make(&*stores[0].links, create(limited)).await.unwrap().link.id;
    let (work, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let spenders: Vec<_> = (0..16)
        .map(|spender| {
            let links = stores[spender % 2].links.clone();
            let (work, end) = (work.clone(), end.clone());
            tokio::spawn(async move {
                let mut granted = Vec::new();
                while end.load(Ordering::Relaxed) == 0 {
                    match links.spend(link).await {
                        Ok(Spent::Granted { left }) => granted.push(left),
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => tokio::task::yield_now().await,
                    }
                    work.fetch_add(1, Ordering::Relaxed);
                }
                granted
            })
        })
        .collect();
    harm(&cluster.primary, 8, &work).await;
    end.store(1, Ordering::Relaxed);
    let mut granted = Vec::new();
    for spender in spenders {
        granted.extend(spender.await.unwrap());
    }
    let count = granted.len();
    granted.sort_unstable();
    granted.dedup();
    assert_eq!(granted.len(), count, "one click was given twice");
    knows_the_primary(&stores[0]).await;
    let Spent::Granted { left } = stores[0].links.spend(link).await.unwrap() else { panic!() };
    assert!(left < granted[0]);
}

#[tokio::test]
async fn rollups_and_positions_are_never_apart_whatever_is_killed() {
    let cluster = Cluster::start(0, &[]);
    let store = postgres::open(postgres_settings(&cluster.primary.url())).await.unwrap();
    let (work, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counting = {
        let (rollups, work, end) = (store.rollups.clone(), work.clone(), end.clone());
        tokio::spawn(async move {
            let mut position = 0;
            while end.load(Ordering::Relaxed) == 0 {
                let rows = (0..100).map(|link| row(Subject::Link(id(link)), Grain::Day, 1, 1));
                let batch = batch(rows.collect(), position + 1);
                match rollups.commit(batch).await {
                    Ok(Committed::Done) => position += 1,
                    Ok(Committed::Fenced) => panic!("nobody else counts"),
                    // Whether it happened is told by the position, as whoever counts asks.
                    Err(_) => loop {
                        match rollups.positions().await {
                            Ok(stored) => break position = stored.first().map_or(0, |stored| stored.1),
                            Err(_) => tokio::task::yield_now().await,
                        }
                    },
                }
                work.fetch_add(10, Ordering::Relaxed);
            }
            position
        })
    };
    harm(&cluster.primary, 8, &work).await;
    end.store(1, Ordering::Relaxed);
    let position = counting.await.unwrap();
    knows_the_primary(&store).await;
    let ever = (curtail_model::Timestamp::default(), at(0));
    for link in 0..100 {
        let series = store.rollups.series(Subject::Link(id(link)), Grain::Day, ever.0, ever.1).await.unwrap();
        assert_eq!(series[0].1, [position as u8], "link {link}");
    }
    store.close().await;
}

/// Has commits wait for a standby that there is not: until then nobody sees what they commit.
async fn have_commits_wait(server: &Server) {
    server.ask("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.ask("SELECT pg_reload_conf()");
    for number in 0.. {
        let client = connect(&server.url()).await;
        let commit = format!("CREATE TABLE commit{number} ()");
        let commit = tokio::spawn(async move { client.batch_execute(&commit).await });
        let waits = "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        until("a commit waits or is done", async || commit.is_finished() || server.ask(waits) != "0").await;
        if !commit.is_finished() {
            return;
        }
    }
}

#[tokio::test]
async fn a_batch_whose_commit_goes_on_while_it_is_repeated_is_counted_once() {
    let cluster = Cluster::start(0, &[]);
    let loses = Arc::new(AtomicBool::new(false));
    let server = format!("127.0.0.1:{}", cluster.primary.port());
    let proxy = losing_answers_to_commits(server.clone(), loses.clone()).await;
    let url = cluster.primary.url().replace(&server, &proxy.to_string());
    let store = postgres::open(postgres_settings(&url)).await.unwrap();
    let (link, claims) = (Subject::Link(id(1)), store.rollups.claim(vec![1]).await.unwrap());
    let counted = |may_be_stored| Batch {
        positions: vec![(1, 10)],
        claims: claims.clone(),
        may_be_stored,
        ..batch(vec![row(link, Grain::Day, 1, 1)], 0)
    };
    have_commits_wait(&cluster.primary).await;
    loses.store(true, Ordering::SeqCst);
    assert!(store.rollups.commit(counted(false)).await.is_err());
    loses.store(false, Ordering::SeqCst);
    knows_the_primary(&store).await;
    assert_eq!(store.rollups.positions_of(vec![1]).await.unwrap(), [], "nobody sees it yet");
    let (rollups, repeated) = (store.rollups.clone(), counted(true));
    let repeated = tokio::spawn(async move { rollups.commit(repeated).await });
    let waits = "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    until("it waits for the one before", async || cluster.primary.ask(waits) != "0").await;
    cluster.primary.ask("ALTER SYSTEM RESET synchronous_standby_names");
    cluster.primary.ask("SELECT pg_reload_conf()");
    // Whether it has waited for too long by then does not matter.
    let _ = repeated.await.unwrap();
    until("it is stored", async || store.rollups.commit(counted(true)).await == Ok(Committed::Done)).await;
    let ever = (curtail_model::Timestamp::default(), at(0));
    let series = store.rollups.series(link, Grain::Day, ever.0, ever.1).await.unwrap();
    assert_eq!(series.iter().map(|(_, count)| count[0]).sum::<u8>(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_request_that_is_dropped_does_not_cancel_its_write() {
    let database = Database::make().await;
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    // The row is held while the requests come and go, so that none of them can end before.
    let mut holder = connect(database.url()).await;
    let holding = holder.transaction().await.unwrap();
    holding.execute("SELECT 1 FROM links FOR UPDATE", &[]).await.unwrap();
    let change = Change { title: Field::Set(Some("changed".into())), ..Change::default() };
    drop(store.links.update(link.id, change, None, at(1)));
    drop(store.links.create(vec![create(crate::engine::with_code("https://example.com/", "dropped"))]));
    holding.commit().await.unwrap();
    until("both are done", async || {
        let changed = store.links.get(link.id, Seen::NEWEST).await.unwrap().unwrap().title.is_some();
        changed && store.links.find("dropped", Seen::NEWEST).await.unwrap().is_some()
    })
    .await;
    store.close().await;
}

#[tokio::test]
async fn a_session_that_broke_off_is_never_used_again() {
    let database = Database::make().await;
    let settings = postgres::Settings { write_connections: 2, ..postgres_settings(database.url()) };
    let store = postgres::open(settings).await.unwrap();
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    let client = database.connect().await;
    // Every change now fails in the middle of its transaction.
    client
        .batch_execute("ALTER TABLE links ADD CONSTRAINT refused CHECK (title IS DISTINCT FROM 'refused')")
        .await
        .unwrap();
    let change = |title: &str| Change { title: Field::Set(Some(title.into())), ..Change::default() };
    for number in 0..10 {
        assert!(store.links.update(link.id, change("refused"), None, at(1)).await.is_err());
        let title = format!("title {number}");
        let changed = store.links.update(link.id, change(&title), None, at(2)).await.unwrap().unwrap();
        assert_eq!(changed.title, Some(title));
    }
    let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE '%transaction%'";
    // The server may have to be told first that a connection has gone.
    until("no transaction is left", async || {
        client.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
    store.close().await;
}

#[tokio::test]
async fn a_change_whose_commit_is_not_answered_is_in_doubt_and_one_that_was_not_committed_is_not() {
    let database = Database::make().await;
    let loses = Arc::new(AtomicBool::new(false));
    let server = database.url().split(['@', '/']).nth(3).unwrap().to_owned();
    let proxy = losing_answers_to_commits(server.clone(), loses.clone()).await;
    let url = format!("{}?sslmode=disable", database.url().replace(&server, &proxy.to_string()));
    let store = postgres::open(postgres_settings(&url)).await.unwrap();
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    let change = |title: &str| Change { title: Field::Set(Some(title.into())), ..Change::default() };
    loses.store(true, Ordering::SeqCst);
    let outcome = store.links.update(link.id, change("changed"), None, at(1)).await;
    let Err(StoreError::InDoubt(update)) = outcome else { panic!("{outcome:?}") };
    // The connection broke before the commit was answered, and perhaps before it was done.
    until("it is done", async || {
        store.links.get(link.id, Seen::NEWEST).await.unwrap().unwrap().version != link.version
    })
    .await;
    let changed = store.links.get(link.id, Seen::NEWEST).await.unwrap().unwrap();
    assert_eq!((&update.code, update.before, update.after), (&link.code, link.version, changed.version));
    let outcome = store.links.delete(link.id, None).await;
    let Err(StoreError::InDoubt(removal)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((removal.before, removal.after > changed.version), (changed.version, true));
    // To change nothing, and to find nothing to change, commits nothing that anybody could be in doubt of.
    loses.store(false, Ordering::SeqCst);
    let gone = store.links.update(link.id, Change::default(), None, at(2)).await.unwrap();
    assert_eq!(gone, Err(UpdateRefused::Missing));
    let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    loses.store(true, Ordering::SeqCst);
    let same = store.links.update(link.id, Change::default(), None, at(3)).await;
    assert!(matches!(same, Err(StoreError::Unavailable(_))), "{same:?}");
    loses.store(false, Ordering::SeqCst);
    store.close().await;
}

/// A store whose database refuses links with the title `refused`.
async fn refusing_a_title() -> (Database, Postgres) {
    let database = Database::make().await;
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    let client = database.connect().await;
    client
        .batch_execute("ALTER TABLE links ADD CONSTRAINT refused CHECK (title IS DISTINCT FROM 'refused')")
        .await
        .unwrap();
    (database, store)
}

#[tokio::test]
async fn a_link_that_cannot_be_kept_fails_alone() {
    let (_database, store) = refusing_a_title().await;
    let titled =
        |title: &str| create(NewLink { title: Some(title.into()), ..new_link("https://example.com/") });
    // They wait for each other, so they are one group.
    let answers: Vec<_> = ["one", "refused", "two", "nul\0"]
        .into_iter()
        .map(|title| store.links.create(vec![titled(title)]))
        .collect();
    let mut kept = Vec::new();
    for answer in answers {
        kept.push(answer.await.is_ok());
    }
    assert_eq!(kept, [true, false, true, true]);
    store.close().await;
}

#[tokio::test]
async fn ids_that_were_leased_for_a_link_that_was_not_made_are_leased_to_nobody_else() {
    let (database, store) = refusing_a_title().await;
    // The first links of the process, of each kind, in transactions that are undone.
    for (number, code) in [None, Some("of-its-own")].into_iter().enumerate() {
        let code = code.map(|code| Code::custom(code).unwrap());
        let link = NewLink { title: Some("refused".into()), code, ..new_link("https://example.com/") };
        let idempotency = Some(Idempotency { key: [number as u8; 32], request: [1; 32] });
        assert!(store.links.create(vec![Create { idempotency, ..create(link) }]).await.is_err());
    }
    let block = i64::from(postgres_settings(database.url()).id_block);
    let given_again = "SELECT name FROM counters WHERE name IN ('generated', 'custom') AND next < $1";
    assert!(database.connect().await.query(given_again, &[&block]).await.unwrap().is_empty());
    store.close().await;
}
