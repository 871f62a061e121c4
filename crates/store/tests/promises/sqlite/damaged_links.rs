//! What the embedded engine does about changed bytes where it finds links: rows and codes.

use crate::engine::{at, create, make, new_link, open, with_code};
use crate::sqlite::damage::{change, is_damage};
use curtail_model::{Change, Field, Link, LinkId, NewLink};
use curtail_store::{Refused, Seen};
use rusqlite::Connection;

fn of_row(sql: &str, link: LinkId) -> String {
    sql.replace('?', &link.get().to_string())
}

#[tokio::test]
async fn a_damaged_link_can_be_removed_and_its_code_chosen_anew() {
    for (code, damage) in [
        ("a-custom-code", "UPDATE links SET url = 'https://evil.example/' WHERE id = ?"),
        ("a-custom-code", "UPDATE links SET code = 'another-code' WHERE id = ?"),
        ("a-custom-code", "UPDATE links SET created_at = created_at + 1, tags = 'nonsense' WHERE id = ?"),
        ("chosen", "UPDATE links SET redirect_status = 7 WHERE id = ?"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let wanted =
            || create(NewLink { tags: vec!["tag".into()], ..with_code("https://one.example/", code) });
        let hit = make(&*store.links, wanted()).await.unwrap().link;
        let other = make(&*store.links, create(new_link("https://two.example/"))).await.unwrap().link;
        change(directory.path(), "links.db", &of_row(damage, hit.id));
        let unread = store.links.get(hit.id, Seen::ANYTHING).await;
        assert!(is_damage(&unread), "{damage}");
        let said = unread.unwrap_err().to_string();
        assert!(said.contains(&hit.id.to_string()) && said.contains("backup"), "{said}");
        assert!(is_damage(&store.links.update(hit.id, Change::default(), None, at(1)).await), "{damage}");
        assert!(
            is_damage(&store.links.delete(hit.id, Some(hit.version)).await),
            "who expects a version cannot see it"
        );
        let gone = store.links.delete(hit.id, None).await.unwrap().unwrap();
        assert!(gone.id == hit.id && gone.version > other.version, "{damage}");
        assert_eq!(store.links.get(hit.id, Seen::ANYTHING).await.unwrap(), None, "{damage}");
        assert_eq!(store.links.find(code, Seen::ANYTHING).await.unwrap(), None, "{damage}");
        let anew = make(&*store.links, wanted()).await.unwrap().link;
        assert_eq!(store.links.find(code, Seen::ANYTHING).await.unwrap(), Some(anew), "{damage}");
        assert_eq!(store.links.get(other.id, Seen::ANYTHING).await.unwrap(), Some(other), "{damage}");
    }
}

#[tokio::test]
async fn a_changed_byte_where_codes_stand_leads_nobody_to_another_link_and_gives_no_code_twice() {
    for damage in [
        "UPDATE codes SET code = 'a-custom-cod3' WHERE link_id = ?",
        "UPDATE codes SET link_id = link_id + 4096 WHERE link_id = ?",
        "UPDATE codes SET link_id = link_id + 1 WHERE link_id = ?",
        "DELETE FROM codes WHERE link_id = ?",
        "UPDATE links SET code = 'a-custom-cod3' WHERE id = ?",
        "UPDATE links SET code = NULL WHERE id = ?",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let hit = make(&*store.links, create(with_code("https://one.example/", "a-custom-code")))
            .await
            .unwrap()
            .link;
        let other = make(&*store.links, create(with_code("https://two.example/", "another-code")))
            .await
            .unwrap()
            .link;
        change(directory.path(), "links.db", &of_row(damage, hit.id));
        // What the row alone still tells for sure is as good as ever; else the damage is said.
        let found = store.links.find("a-custom-code", Seen::ANYTHING).await;
        assert!(is_damage(&found) || found == Ok(Some(hit.clone())), "{damage}: {found:?}");
        let astray = store.links.find("a-custom-cod3", Seen::ANYTHING).await;
        assert!(is_damage(&astray) || astray == Ok(None), "{damage}: {astray:?}");
        assert_eq!(store.links.find("another-code", Seen::ANYTHING).await, Ok(Some(other)), "{damage}");
        let again = make(&*store.links, create(with_code("https://evil.example/", "a-custom-code"))).await;
        assert_eq!(again, Err(Refused::CodeTaken), "{damage}");
    }
}

#[tokio::test]
async fn rows_that_were_written_before_codes_had_a_checksum_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    // One whose code is in its row, and one whose code is
    // its id: that has no more in its checksum than before.
    let with =
        make(&*store.links, create(with_code("https://same.example/", "a-custom-code"))).await.unwrap().link;
    store.close();
    let connection = Connection::open(directory.path().join("links.db")).unwrap();
    let sum: i64 = connection
        .query_row("SELECT checksum FROM links WHERE id = ?", [with.id.get().cast_signed()], |row| row.get(0))
        .unwrap();
    connection
        .execute(
            "UPDATE links SET checksum = ?1 WHERE id = ?2",
            (as_before(&with), with.id.get().cast_signed()),
        )
        .unwrap();
    drop(connection);
    assert_ne!(sum, as_before(&with));
    let store = open(directory.path());
    assert_eq!(store.links.find("a-custom-code", Seen::ANYTHING).await.unwrap().as_ref(), Some(&with));
    let put_away = Change { archived: Field::Set(true), ..Change::default() };
    store.links.update(with.id, put_away, None, at(0)).await.unwrap().unwrap();
    change(
        directory.path(),
        "links.db",
        &of_row("UPDATE links SET code = 'a-custom-cod3' WHERE id = ?", with.id),
    );
    assert!(
        is_damage(&store.links.get(with.id, Seen::ANYTHING).await),
        "from the first change on it covers the code"
    );
}

/// The checksum of a row of a plain link as the first schema had it.
fn as_before(link: &Link) -> i64 {
    let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
    let flags = [link.archived.into(), link.redirect_status.code().into(), link.forward_query.into()];
    let numbers = [
        link.id.get().cast_signed(),
        link.created_at.millis(),
        link.updated_at.millis(),
        link.version.cast_signed(),
    ];
    for number in numbers.into_iter().chain(flags) {
        hash.update(&[1]);
        hash.update(&number.to_le_bytes());
    }
    // Neither times nor a limit.
    (0..3).for_each(|_| hash.update(&[0; 9]));
    hash.update(&(link.url.len() as u64).to_le_bytes());
    hash.update(link.url.as_bytes());
    (0..5).for_each(|_| hash.update(&u64::MAX.to_le_bytes()));
    hash.digest().cast_signed()
}
