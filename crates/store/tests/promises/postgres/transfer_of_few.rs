//! What of a store moves otherwise than whole links do: damaged ones, and ids of removed ones.

use super::database::Database;
use super::transfer::{LIMITED, exporter, fill, importer, transfer};
use crate::engine::{create, make, open, postgres_settings, with_code};
use curtail_model::{Link, LinkId};
use curtail_store::{Seen, postgres};

#[tokio::test]
async fn damaged_links_are_set_aside_by_their_ids_and_all_others_move() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    let (links, _) = fill(&source).await;
    let database = Database::make().await;
    let limited = links.iter().find(|link| link.code.as_str() == LIMITED).unwrap();
    let (late, early) = (&links[7], &links[20]);
    let damage = |sql: &str, link: &Link| {
        let links = rusqlite::Connection::open(directory.path().join("links.db")).unwrap();
        assert_eq!(links.execute(sql, [link.id.get().cast_signed()]).unwrap(), 1);
    };
    damage("UPDATE links SET url = 'https://evil.example/' WHERE id = ?", early);
    damage("UPDATE allowances SET used = used + 1 WHERE link_id = ?", limited);
    let from = exporter(directory.path());
    let to = importer(&database, &from).await;
    let first = transfer(&from, &to).await;
    assert_eq!(first.damaged.iter().copied().collect::<Vec<_>>(), sorted([early.id, limited.id]));
    assert_eq!((first.links, first.mended), (50, 0));
    to.close();
    // What was sent when it was whole stays there; one that is removed meanwhile goes all the same.
    damage("UPDATE links SET title = 'wrong' WHERE id = ?", late);
    source.links.delete(links[30].id, None).await.unwrap().unwrap();
    let from = exporter(directory.path());
    let to = importer(&database, &from).await;
    let last = transfer(&from, &to).await;
    assert_eq!(last.damaged.iter().copied().collect::<Vec<_>>(), sorted([early.id, limited.id, late.id]));
    to.finish(from.given().unwrap()).await.unwrap();
    to.close();
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    for link in &links {
        let found = store.links.get(link.id, Seen::ANYTHING).await.unwrap();
        let is_missing = [early.id, limited.id, links[30].id].contains(&link.id);
        assert_eq!(found.as_ref(), (!is_missing).then_some(link));
    }
}

fn sorted<const N: usize>(mut ids: [LinkId; N]) -> Vec<LinkId> {
    ids.sort_unstable();
    ids.into()
}

#[tokio::test]
async fn an_id_that_a_removed_link_had_is_not_given_again_after_the_move_either() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    let chosen = |code: &str| create(with_code("https://example.com/", code));
    let removed = make(&*source.links, chosen("chosen")).await.unwrap().link;
    source.links.delete(removed.id, None).await.unwrap().unwrap();
    let again = make(&*source.links, chosen("chosen")).await.unwrap().link;
    let free = make(&*source.links, chosen("abcdef")).await.unwrap().link;
    source.links.delete(free.id, None).await.unwrap().unwrap();
    let database = Database::make().await;
    let from = exporter(directory.path());
    let to = importer(&database, &from).await;
    let moved = transfer(&from, &to).await;
    assert_eq!((moved.links, moved.retired, moved.mended), (1, 2, 0));
    to.finish(from.given().unwrap()).await.unwrap();
    to.close();
    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    assert_eq!(store.links.find("chosen", Seen::ANYTHING).await.unwrap().as_ref(), Some(&again));
    store.links.delete(again.id, None).await.unwrap().unwrap();
    for (code, had) in [("chosen", [removed.id, again.id]), ("abcdef", [free.id, free.id])] {
        let made = make(&*store.links, chosen(code)).await.unwrap().link;
        assert!(!had.contains(&made.id), "{code} has the id {} again", made.id);
        assert_eq!(store.links.find(code, Seen::NEWEST).await.unwrap(), Some(made));
    }
}
