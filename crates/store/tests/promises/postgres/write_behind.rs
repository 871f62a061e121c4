//! What a journal before the store may rely on: ids that are its own,
//! and links that are there once however often they are brought.

use super::database::Database;
use crate::engine::{at, create, make, new_link, postgres_settings, with_code};
use curtail_model::{Change, Code, Field, Link};
use curtail_store::postgres::{self, Postgres};
use curtail_store::{Flushed, IdBlock, Idempotency, Refused, Seen, StoreError};
use std::collections::HashSet;

async fn open() -> (Postgres, Database) {
    let database = Database::make().await;
    (postgres::open(postgres_settings(database.url())).await.unwrap(), database)
}

/// A link that was acknowledged with the n-th id of a lease.
fn acknowledged(store: &Postgres, lease: &IdBlock, n: usize) -> Link {
    let id = lease.ids[n];
    let code = Code::known(store.codes.encode(id).unwrap());
    create(new_link(&format!("https://example.com/{n}"))).made(id, code, lease.version)
}

#[tokio::test]
async fn a_link_that_is_brought_again_and_again_is_there_once_and_stays_what_it_became() {
    let (store, _database) = open().await;
    let lease = store.write_behind.lease(100).await.unwrap();
    let mut links: Vec<Link> = (0..3).map(|n| acknowledged(&store, &lease, n)).collect();
    links[0].tags = vec!["some".into(), "tags".into()];
    links[1].url = "HTTP://Example.com:80/\u{e4}".into();
    links[1].password_hash = Some("$argon2id$".into());
    let bring = async || store.write_behind.flush(links.clone()).await.unwrap();
    assert_eq!(bring().await, vec![Flushed::Now; 3]);
    for link in &links {
        assert_eq!(store.links.get(link.id, Seen::NEWEST).await.unwrap().as_ref(), Some(link));
    }
    assert_eq!(bring().await, vec![Flushed::Before; 3]);

    let change = Change { title: Field::Set(Some("changed".into())), ..Change::default() };
    let changed = store.links.update(links[1].id, change, None, at(5)).await.unwrap().unwrap();
    assert!(changed.version > lease.version, "{} after {}", changed.version, lease.version);
    store.links.delete(links[2].id, None).await.unwrap().unwrap();
    assert_eq!(bring().await, vec![Flushed::Before; 3]);
    assert_eq!(store.links.get(links[1].id, Seen::NEWEST).await.unwrap(), Some(changed));
    assert_eq!(store.links.get(links[2].id, Seen::NEWEST).await.unwrap(), None);
    let tags = store.links.tags(None, 10, Seen::NEWEST).await.unwrap();
    assert_eq!(tags.iter().map(|tag| tag.links).collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn an_id_that_is_set_aside_is_nobody_elses_and_its_code_cannot_be_chosen() {
    let (store, _database) = open().await;
    let before = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link.id.get();
    let chosen = store.codes.encode(curtail_model::LinkId::new(before + 20_000).unwrap()).unwrap();
    make(&*store.links, create(with_code("https://example.com/", &chosen))).await.unwrap();
    let lease = store.write_behind.lease(20_000).await.unwrap();
    assert!((lease.first..lease.end).contains(&(before + 20_000)), "{} to {}", lease.first, lease.end);
    assert!(!lease.ids.iter().any(|id| id.get() == before + 20_000), "its code was chosen before");

    let code = store.codes.encode(lease.ids[7]).unwrap();
    let choose = || create(with_code("https://example.com/", &code));
    assert_eq!(make(&*store.links, choose()).await, Err(Refused::CodeTaken));
    let mut asked_once = choose();
    asked_once.idempotency = Some(Idempotency { key: [1; 32], request: [2; 32] });
    assert_eq!(make(&*store.links, asked_once).await, Err(Refused::CodeTaken));

    let others: Vec<_> = (0..500).map(|_| create(new_link("https://example.com/"))).collect();
    let others = store.links.create(others).await.unwrap();
    assert!(others.iter().flatten().all(|made| !(lease.first..lease.end).contains(&made.link.id.get())));
    let second = store.write_behind.lease(20_000).await.unwrap();
    assert!(second.first >= lease.end);

    store.write_behind.release(vec![lease.first]).await.unwrap();
    make(&*store.links, choose()).await.unwrap();
}

#[tokio::test]
async fn of_a_lease_and_a_choice_at_the_same_time_one_sees_the_other() {
    let (store, _database) = open().await;
    let start = store.write_behind.lease(1).await.unwrap().end;
    let code = |id: u64| store.codes.encode(curtail_model::LinkId::new(id).unwrap()).unwrap();
    let leasing = async {
        let mut ids = HashSet::new();
        for _ in 0..40 {
            ids.extend(store.write_behind.lease(10).await.unwrap().ids);
        }
        ids
    };
    // They come towards each other.
    let choose = async |first: u64| {
        let mut ids = HashSet::new();
        for id in (start..start + 400).rev().filter(|id| id % 4 == first) {
            let made = make(&*store.links, create(with_code("https://example.com/", &code(id)))).await;
            ids.extend(made.ok().map(|made| made.link.id));
        }
        ids
    };
    let choosing = async {
        let (one, two, three, four) = tokio::join!(choose(0), choose(1), choose(2), choose(3));
        [one, two, three, four].into_iter().flatten().collect::<HashSet<_>>()
    };
    let (leased, chosen) = tokio::join!(leasing, choosing);
    assert!(leased.is_disjoint(&chosen), "{:?}", leased.intersection(&chosen).next());
    assert!(!chosen.is_empty() && leased.len() < 400, "{} leased, {} chosen", leased.len(), chosen.len());
}

#[tokio::test]
async fn a_link_that_cannot_be_kept_is_refused_alone() {
    let (store, _database) = open().await;
    let lease = store.write_behind.lease(100).await.unwrap();
    let links: Vec<Link> = (0..3).map(|n| acknowledged(&store, &lease, n)).collect();
    let mut stranger = links[1].clone();
    stranger.created_at = at(1);
    store.write_behind.flush(vec![stranger]).await.unwrap();
    let outcomes = store.write_behind.flush(links.clone()).await.unwrap();
    assert!(
        matches!(&outcomes[..], [Flushed::Now, Flushed::Refused(_), Flushed::Now]),
        "another link has the id: {outcomes:?}"
    );

    let mut large = acknowledged(&store, &lease, 5);
    // More than a row of an index takes.
    large.tags =
        vec![(0..5_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()];
    let outcomes = store.write_behind.flush(vec![acknowledged(&store, &lease, 4), large]).await.unwrap();
    assert!(matches!(&outcomes[..], [Flushed::Now, Flushed::Refused(_)]), "{outcomes:?}");
}

#[tokio::test]
async fn a_store_that_is_away_takes_nothing_and_says_so() {
    let (store, database) = open().await;
    let lease = store.write_behind.lease(10).await.unwrap();
    let link = acknowledged(&store, &lease, 0);
    drop(database);
    let refused = store.write_behind.flush(vec![link]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
