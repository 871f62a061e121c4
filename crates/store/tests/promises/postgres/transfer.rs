//! A store moves from SQLite to PostgreSQL with all that is in it, in pieces that may come again.

use super::database::Database;
use crate::engine::{
    SETTINGS, at, create, destination, id, make, new_link, open, postgres_settings, with_code,
};
use crate::rollups::{batch, row};
use curtail_model::{Change, Field, Link, NewLink, Scopes, Timestamp};
use curtail_store::postgres::{self, Importer, OpenError};
use curtail_store::rollups::{Batch, Grain, Subject, Totals};
use curtail_store::sqlite::{Exporter, Sqlite};
use curtail_store::transfer::{Checksums, Clicks};
use curtail_store::{Create, Idempotency, ListQuery, NewApiKey, Refused, Seen, Sort, Spent, WhenMade};
use std::path::Path;

const LIMITED: &str = "limited";
const KEY: Idempotency = Idempotency { key: [1; 32], request: [2; 32] };
/// Small, so that there are many pieces.
const PIECE: usize = 7;

fn exporter(directory: &Path) -> Exporter {
    Exporter::open(directory, SETTINGS.scheme, SETTINGS.alphabet).unwrap()
}

/// Some of everything. Answers the links, and the code of one that was removed.
async fn fill(store: &Sqlite) -> (Vec<Link>, String) {
    let tagged = |n: u64| NewLink {
        tags: vec![format!("tag {}", n % 3)],
        title: Some(format!("title {n}")),
        ..new_link(&format!("https://example.com/{n}"))
    };
    let mut wanted: Vec<Create> = (0..50).map(|n| create(tagged(n))).collect();
    wanted.push(create(with_code("https://example.com/ä", "größe/🚀")));
    wanted.push(create(NewLink { max_clicks: Some(10), ..with_code("https://example.com/", LIMITED) }));
    wanted.push(Create { idempotency: Some(KEY), ..create(new_link("https://example.com/once")) });
    let made = store.links.create(wanted).await.unwrap();
    let mut links: Vec<Link> = made.into_iter().map(|made| made.unwrap().link).collect();
    let removed = links.remove(3);
    store.links.delete(removed.id, None).await.unwrap().unwrap();
    let archived = Change { archived: Field::Set(true), ..Change::default() };
    links[0] = store.links.update(links[0].id, archived, None, at(5)).await.unwrap().unwrap();
    let limited = links.iter().find(|link| link.code.as_str() == LIMITED).unwrap().id;
    for _ in 0..3 {
        store.links.spend(limited).await.unwrap();
    }
    let key = NewApiKey {
        name: "one".into(),
        hash: [7; 32],
        scopes: Scopes::default(),
        created_at: at(0),
        expires_at: None,
    };
    store.keys.add(key).await.unwrap();
    for link in 0..40 {
        let rows = vec![
            row(Subject::Link(id(link * 10)), Grain::Day, 1, link as u8 + 1),
            row(Subject::Link(id(link * 10)), Grain::Hour, link as i64, 1),
            row(Subject::Everything, Grain::Hour, link as i64, 1),
        ];
        let totals = vec![(id(link * 10), Totals { human: link, bot: 1, other: 0 })];
        store.rollups.commit(Batch { totals, ..batch(rows, link + 1) }).await.unwrap();
    }
    (links, removed.code.to_string())
}

/// Moves everything. Answers what the links come to there.
async fn transfer(from: &Exporter, to: &Importer) -> Checksums {
    let mut sums = Checksums::default();
    let mut after = None;
    loop {
        let piece = from.links(after, PIECE).unwrap();
        piece.iter().for_each(|record| sums.add(record));
        let Some(last) = piece.last() else { break };
        after = Some(last.link.id);
        to.links(piece).await.unwrap();
    }
    let retired = from.retired(None, 1_000).unwrap();
    retired.iter().for_each(|id| sums.add_retired(*id));
    to.retired(retired).await.unwrap();
    to.keys(from.keys().unwrap()).await.unwrap();
    to.remembered(from.remembered(None, 100).unwrap()).await.unwrap();
    for which in [Clicks::Shelves, Clicks::Alone] {
        let mut after = None;
        loop {
            let piece = from.clicks(which, after, PIECE).unwrap();
            let Some(last) = piece.last() else { break };
            after = Some(last.key);
            to.clicks(which, piece).await.unwrap();
        }
    }
    to.positions(from.positions().unwrap()).await.unwrap();
    to.finish(from.given().unwrap()).await.unwrap();
    sums
}

#[tokio::test]
async fn a_store_that_moves_is_the_same_store_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    let (links, removed) = fill(&source).await;
    let database = Database::make().await;
    let from = exporter(directory.path());
    let to = Importer::open(postgres_settings(database.url()), from.secret()).await.unwrap();
    let sums = transfer(&from, &to).await;
    assert!(sums.differing(&to.checksums().await.unwrap()).is_empty());
    to.note("links", b"done".to_vec()).await.unwrap();
    to.close();
    // Whoever was broken off begins anew.
    let to = Importer::open(postgres_settings(database.url()), from.secret()).await.unwrap();
    assert_eq!(to.noted("links").await.unwrap().as_deref(), Some(b"done".as_slice()));
    let sums = transfer(&from, &to).await;
    assert!(sums.differing(&to.checksums().await.unwrap()).is_empty());
    to.close();

    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    assert_eq!(store.secret, from.secret());
    for link in &links {
        let found = store.links.find(link.code.as_str(), Seen::ANYTHING).await.unwrap();
        assert_eq!(found.as_ref(), Some(link));
    }
    let everything = ListQuery {
        words: Some("title".into()),
        tag: None,
        archived: None,
        sort: Sort::Newest,
        after: None,
        limit: 99,
    };
    for query in [everything.clone(), ListQuery { words: None, ..everything }] {
        let (there, here) = (
            source.links.list(query.clone(), Seen::ANYTHING).await,
            store.links.list(query, Seen::ANYTHING).await,
        );
        assert_eq!(there.unwrap(), here.unwrap());
    }
    let (there, here) =
        (source.links.tags(None, 9, Seen::ANYTHING).await, store.links.tags(None, 9, Seen::ANYTHING).await);
    assert_eq!(there.unwrap(), here.unwrap());
    let taken = make(&*store.links, create(with_code("https://example.com/", &removed))).await;
    assert_eq!(taken, Err(Refused::CodeTaken));
    let limited = links.iter().find(|link| link.code.as_str() == LIMITED).unwrap().id;
    assert_eq!(store.links.spend(limited).await.unwrap(), Spent::Granted { left: 6 });
    let again = Create { idempotency: Some(KEY), ..create(new_link("https://example.com/once")) };
    assert_eq!(make(&*store.links, again).await.unwrap().when, WhenMade::Replayed);
    let new = make(&*store.links, create(new_link("https://example.com/new"))).await.unwrap().link;
    // Ids go on where they were; those of chosen codes are anywhere.
    assert!(links[..49].iter().all(|link| link.id < new.id));
    assert!(links.iter().all(|link| link.version < new.version));
    assert_eq!(store.keys.list().await.unwrap(), source.keys.list().await.unwrap());
    let (from, until) = (Timestamp::default(), at(0));
    for subject in [Subject::Everything, Subject::Link(id(0)), Subject::Link(id(390))] {
        for grain in Grain::ALL {
            let there = source.rollups.series(subject, grain, from, until).await.unwrap();
            assert_eq!(there, store.rollups.series(subject, grain, from, until).await.unwrap());
        }
    }
    let counted = vec![id(10), id(390), id(11)];
    let there = source.rollups.totals(counted.clone()).await.unwrap();
    assert_eq!(there, store.rollups.totals(counted).await.unwrap());
    assert_eq!(store.rollups.positions().await.unwrap(), source.rollups.positions().await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn what_changed_during_the_move_is_named_by_its_bucket_and_moved_again() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    let (links, _) = fill(&source).await;
    let database = Database::make().await;
    let from = exporter(directory.path());
    let to = Importer::open(postgres_settings(database.url()), from.secret()).await.unwrap();
    transfer(&from, &to).await;
    let chosen = links.iter().find(|link| link.code.as_str() == "größe/🚀").unwrap();
    source.links.delete(chosen.id, None).await.unwrap().unwrap();
    let moved = Change {
        destination: Field::Set(destination("https://elsewhere.example/")),
        tags: Field::Set(vec!["new".into()]),
        ..Change::default()
    };
    source.links.update(links[7].id, moved, None, at(9)).await.unwrap().unwrap();
    drop(from);
    let from = exporter(directory.path());
    let sums = transfer(&from, &to).await;
    // What was changed has come; what was removed there is still here.
    let differing = sums.differing(&to.checksums().await.unwrap());
    assert_eq!(differing, [chosen.id.bucket()]);
    let there: Vec<_> = from.links(None, 10_000).unwrap().into_iter().map(|record| record.link.id).collect();
    for bucket in differing {
        let ids = there.iter().copied().filter(|id| id.bucket() == bucket).collect();
        assert_eq!(to.keep_only(bucket, ids).await.unwrap(), 1);
    }
    to.finish(from.given().unwrap()).await.unwrap();
    assert!(sums.differing(&to.checksums().await.unwrap()).is_empty());
    to.close();
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    let (there, here) =
        (source.links.tags(None, 9, Seen::ANYTHING).await, store.links.tags(None, 9, Seen::ANYTHING).await);
    assert_eq!(there.unwrap(), here.unwrap());
    store.close().await;
}

#[tokio::test]
async fn a_store_does_not_move_into_another_one() {
    let database = Database::make().await;
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
    let refused = Importer::open(postgres_settings(database.url()), [9; 16]).await.err().expect("opened");
    assert_eq!(refused, OpenError::OtherStore);
    assert!(refused.to_string().contains("move to an empty database"));
}
