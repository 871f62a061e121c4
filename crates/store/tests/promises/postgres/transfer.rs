//! A store moves from SQLite to PostgreSQL with all that is in it, in pieces that may come again.

use super::database::Database;
use crate::engine::{
    SETTINGS, at, create, destination, id, make, new_link, open, postgres_settings, with_code,
};
use crate::rollups::{batch, row};
use curtail_model::{Change, Field, Link, NewLink, Scopes, Timestamp};
use curtail_store::postgres::{self, Importer, OpenError};
use curtail_store::rollups::{Batch, Grain, Merge, Row, Subject, Totals};
use curtail_store::sqlite::{Exporter, Sqlite};
use curtail_store::transfer::{MoveError, Moved, Pieces, pass};
use curtail_store::{Create, Idempotency, ListQuery, NewApiKey, Refused, Seen, Sort, Spent, WhenMade};
use std::path::Path;
use std::sync::Arc;

pub(super) const LIMITED: &str = "limited";
const KEY: Idempotency = Idempotency { key: [1; 32], request: [2; 32] };
/// Of a request that found what the other made.
const FOUND: Idempotency = Idempotency { key: [3; 32], request: [4; 32] };
/// Small, so that there are many.
const PIECES: Pieces = Pieces { links: 7, keys: 1, rows: 7 };

pub(super) fn exporter(directory: &Path) -> Exporter {
    Exporter::open(directory, SETTINGS.scheme, SETTINGS.alphabet).unwrap()
}

fn once(key: Idempotency) -> Create {
    let link = NewLink { reuse: true, ..new_link("https://example.com/once") };
    Create { idempotency: Some(key), ..create(link) }
}

/// Some of everything. Answers the links, and the code of one that was removed.
pub(super) async fn fill(store: &Sqlite) -> (Vec<Link>, String) {
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
    let found = make(&*store.links, once(FOUND)).await.unwrap();
    assert_eq!(found.when, WhenMade::Reused);
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

pub(super) async fn importer(database: &Database, from: &Exporter) -> Importer {
    Importer::open(postgres_settings(database.url()), from.secret()).await.unwrap()
}

pub(super) async fn transfer(from: &Exporter, to: &Importer) -> Moved {
    pass(from, to, PIECES, &mut |_| {}).await.unwrap()
}

async fn refusal(database: &Database, from: &Exporter) -> OpenError {
    Importer::open(postgres_settings(database.url()), from.secret()).await.err().expect("opened")
}

#[tokio::test]
async fn a_store_that_moves_is_the_same_store_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    let (links, removed) = fill(&source).await;
    let database = Database::make().await;
    let from = exporter(directory.path());
    let to = importer(&database, &from).await;
    let first = transfer(&from, &to).await;
    assert_eq!((first.links, first.links_sent, first.mended), (52, 52, 0));
    assert_eq!((first.retired, first.keys, first.rows_sent), (1, 1, first.rows));
    to.close();
    let to = importer(&database, &from).await;
    let again = transfer(&from, &to).await;
    assert_eq!((again.links, again.links_sent, again.rows_sent), (52, 1, 0), "one has a limit");
    to.finish(from.given().unwrap()).await.unwrap();
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
    for (key, reused) in [(KEY, false), (FOUND, true)] {
        let replayed = make(&*store.links, once(key)).await.unwrap();
        assert_eq!(replayed.when, WhenMade::Replayed { reused });
    }
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
    let to = importer(&database, &from).await;
    transfer(&from, &to).await;
    let chosen = links.iter().find(|link| link.code.as_str() == "größe/🚀").unwrap();
    source.links.delete(chosen.id, None).await.unwrap().unwrap();
    let moved = Change {
        destination: Field::Set(destination("https://elsewhere.example/")),
        tags: Field::Set(vec!["new".into()]),
        ..Change::default()
    };
    let changed = source.links.update(links[7].id, moved, None, at(9)).await.unwrap().unwrap();
    let tagged = source.links.delete(links[8].id, None).await.unwrap().unwrap();
    assert!(!tagged.tags.is_empty() && tagged.code.as_str() != chosen.code.as_str());
    let limited = links.iter().find(|link| link.code.as_str() == LIMITED).unwrap().id;
    source.links.spend(limited).await.unwrap();
    drop(from);
    let from = exporter(directory.path());
    let second = transfer(&from, &to).await;
    // The one that was changed and the one whose limit was
    // used; the one that was removed, of which nothing is left.
    assert_eq!((second.links_sent, second.retired, second.mended), (2, 2, 1));
    to.finish(from.given().unwrap()).await.unwrap();
    to.close();
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    assert_eq!(store.links.get(changed.id, Seen::ANYTHING).await.unwrap(), Some(changed));
    assert_eq!(store.links.find("größe/🚀", Seen::ANYTHING).await.unwrap(), None);
    assert_eq!(store.links.spend(limited).await.unwrap(), Spent::Granted { left: 5 });
    let (there, here) =
        (source.links.tags(None, 9, Seen::ANYTHING).await, store.links.tags(None, 9, Seen::ANYTHING).await);
    assert_eq!(there.unwrap(), here.unwrap());
    store.close().await;
}

#[tokio::test]
async fn a_code_that_was_given_anew_during_the_move_leads_where_the_new_link_leads() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    let tagged = NewLink { tags: vec!["old".into()], ..with_code("https://example.com/old", "again") };
    let old = make(&*source.links, create(tagged)).await.unwrap().link;
    let database = Database::make().await;
    let from = exporter(directory.path());
    let to = importer(&database, &from).await;
    transfer(&from, &to).await;
    drop(from);
    source.links.delete(old.id, None).await.unwrap().unwrap();
    let new = make(&*source.links, create(with_code("https://example.com/new", "again"))).await.unwrap().link;
    assert_ne!(old.id, new.id);
    let from = exporter(directory.path());
    transfer(&from, &to).await;
    to.finish(from.given().unwrap()).await.unwrap();
    to.close();
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    assert_eq!(store.links.find("again", Seen::ANYTHING).await.unwrap(), Some(new));
    assert_eq!(store.links.tags(None, 9, Seen::ANYTHING).await.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn clicks_that_moved_to_another_row_during_the_move_are_there_once() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    let (link, neighbour) = (Subject::Link(id(0)), Subject::Link(id(1)));
    let small =
        [row(link, Grain::Day, 1, 1), row(neighbour, Grain::Day, 1, 1), row(link, Grain::Minute, 1, 1)];
    source.rollups.commit(batch(small.into(), 1)).await.unwrap();
    let database = Database::make().await;
    let from = exporter(directory.path());
    let to = importer(&database, &from).await;
    transfer(&from, &to).await;
    drop(from);
    // Too large for the row that it shares, and a minute whose time is over.
    let large = Row { delta: vec![7; 2_000], ..row(link, Grain::Day, 1, 1) };
    let newest: Merge = Arc::new(|_, new| Ok(new.to_vec()));
    source.rollups.commit(Batch { merge: newest, ..batch(vec![large], 2) }).await.unwrap();
    source.rollups.forget_before(Grain::Minute, at(0)).await.unwrap();
    let from = exporter(directory.path());
    assert!(transfer(&from, &to).await.rows_sent > 0);
    to.finish(from.given().unwrap()).await.unwrap();
    to.close();
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    for subject in [link, neighbour] {
        for grain in Grain::ALL {
            let there = source.rollups.series(subject, grain, Timestamp::default(), at(0)).await.unwrap();
            let here = store.rollups.series(subject, grain, Timestamp::default(), at(0)).await.unwrap();
            assert_eq!(there, here, "{subject:?} by {grain:?}");
        }
    }
    assert_eq!(store.rollups.positions().await.unwrap(), source.rollups.positions().await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn nobody_uses_a_store_that_is_still_moving_and_none_moves_into_one_that_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    fill(&source).await;
    let database = Database::make().await;
    let from = exporter(directory.path());
    let to = importer(&database, &from).await;
    transfer(&from, &to).await;
    let refused = postgres::open(postgres_settings(database.url())).await.err().expect("opened");
    assert!(refused == OpenError::Moving && refused.to_string().contains("migrate-store"), "{refused}");
    to.finish(from.given().unwrap()).await.unwrap();
    to.close();
    // It may move again until somebody uses it.
    let to = importer(&database, &from).await;
    transfer(&from, &to).await;
    to.finish(from.given().unwrap()).await.unwrap();
    to.close();
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
    assert_eq!(refusal(&database, &from).await, OpenError::InUse);
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
}

#[tokio::test]
async fn a_store_does_not_move_into_another_one() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let database = Database::make().await;
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
    let refused = refusal(&database, &exporter(directory.path())).await;
    assert_eq!(refused, OpenError::OtherStore);
    assert!(refused.to_string().contains("move to an empty database"));
}

#[tokio::test]
async fn a_difference_that_moving_does_not_mend_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    fill(&source).await;
    let database = Database::make().await;
    let from = exporter(directory.path());
    let to = importer(&database, &from).await;
    transfer(&from, &to).await;
    let client = database.connect().await;
    // Damage is found and mended,
    client.batch_execute("UPDATE links SET url = 'https://wrong.example/' WHERE NOT retired").await.unwrap();
    client.batch_execute("UPDATE shelves SET shelf = '\\x00'").await.unwrap();
    let mended = transfer(&from, &to).await;
    assert!(mended.mended > 0 && mended.rows_sent > 0, "{mended:?}");
    // and said when it comes back each time.
    let spoil = "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.title = 'spoilt'; RETURN NEW; END $$;
        CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON links FOR EACH ROW EXECUTE FUNCTION spoil()";
    client.batch_execute(spoil).await.unwrap();
    client.batch_execute("UPDATE links SET title = NULL WHERE NOT retired").await.unwrap();
    let told = pass(&from, &to, PIECES, &mut |_| {}).await.unwrap_err();
    assert!(matches!(told, MoveError::Differs("links")), "{told}");
    to.close();
}
