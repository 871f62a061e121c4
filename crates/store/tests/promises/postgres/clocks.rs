//! Clocks that differ: what is forgotten by age is forgotten by the slower one.

use super::database::Database;
use crate::engine::{create, id, make, new_link, postgres_settings};
use crate::rollups::{batch, row};
use curtail_model::Timestamp;
use curtail_runtime::clock;
use curtail_store::postgres::{self, Postgres};
use curtail_store::rollups::{Grain, Subject};
use curtail_store::{Create, Idempotency, WhenMade};

/// A store whose server is a year behind our clock.
async fn late() -> (Database, Postgres) {
    let database = Database::make().await;
    let client = database.connect().await;
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    for function in ["clock_timestamp", "now"] {
        let late = format!(
            "CREATE FUNCTION public.{function}() RETURNS timestamptz STABLE LANGUAGE sql \
             AS 'SELECT pg_catalog.{function}() - interval ''365 days'''"
        );
        client.batch_execute(&late).await.unwrap();
    }
    client
        .batch_execute(&format!("ALTER DATABASE {name} SET search_path = public, pg_catalog"))
        .await
        .unwrap();
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    (database, store)
}

#[tokio::test]
async fn rollups_are_forgotten_by_the_slower_clock() {
    let (_database, store) = late().await;
    let now = Timestamp::from_millis(clock::coarse_millis());
    let an_hour_ago = now.millis() / Grain::Minute.millis() - 60;
    let rows = vec![row(Subject::Link(id(1)), Grain::Minute, an_hour_ago, 1)];
    store.rollups.commit(batch(rows, 1)).await.unwrap();
    let half_an_hour_ago = now.plus_millis(-30 * Timestamp::MINUTE);
    assert_eq!(store.rollups.forget_before(Grain::Minute, half_an_hour_ago).await.unwrap(), 0);
    let in_a_year = half_an_hour_ago.plus_millis(365 * Timestamp::DAY + Timestamp::MINUTE);
    assert_eq!(store.rollups.forget_before(Grain::Minute, in_a_year).await.unwrap(), 1);
    store.close().await;
}

#[tokio::test]
async fn idempotency_keys_are_forgotten_by_the_slower_clock() {
    let (_database, store) = late().await;
    let now = Timestamp::from_millis(clock::coarse_millis());
    let ask = |key: u8, now| Create {
        now,
        idempotency: Some(Idempotency { key: [key; 32], request: [0; 32] }),
        ..create(new_link("https://example.com/"))
    };
    let first = make(&*store.links, ask(1, now)).await.unwrap();
    // Another process, whose clock is two days ahead, would take it for one that is over.
    make(&*store.links, ask(2, now.plus_millis(2 * Timestamp::DAY))).await.unwrap();
    let again = make(&*store.links, ask(1, now)).await.unwrap();
    assert_eq!((again.when, again.link.id), (WhenMade::Replayed { reused: false }, first.link.id));
    store.close().await;
}
