//! What the embedded engine does about changed bytes where
//! it counts: positions, totals, rollups and allowances.

use crate::engine::{create, id, make, new_link, open};
use crate::rollups::{batch, row};
use curtail_model::{LinkId, NewLink, Timestamp};
use curtail_store::rollups::{Batch, Grain, Subject, Totals};
use curtail_store::sqlite::{OpenError, Sqlite, open as try_open};
use curtail_store::{Spent, StoreError};
use rusqlite::Connection;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Changes rows behind the engine's back.
pub(crate) fn change(directory: &Path, file: &str, sql: &str) {
    let connection = Connection::open(directory.join(file)).unwrap();
    assert!(connection.execute(sql, ()).unwrap() > 0, "{sql}");
}

pub(crate) fn is_damage<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Damaged(_)))
}

#[tokio::test]
async fn positions_with_a_flipped_byte_are_found_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.rollups.commit(batch(Vec::new(), 0x0102_0304_0506_0708)).await.unwrap();
    store.close();
    let path = directory.path().join("clicks.db");
    let written = [[0xff; 8], 0x0102_0304_0506_0708_u64.to_le_bytes()].concat();
    let bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(16).position(|window| window == written).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    // Each byte of stream, position and checksum.
    for at in place..place + 20 {
        file.write_all_at(&[bytes[at] ^ 0x10], at as u64).unwrap();
        let refused = try_open(directory.path(), crate::engine::SETTINGS).err().expect("opened");
        assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
        assert!(
            refused.to_string().contains("clicks.db") && refused.to_string().contains("twice"),
            "{refused}"
        );
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    assert_eq!(
        open(directory.path()).rollups.positions().await.unwrap(),
        [(u64::MAX, 0x0102_0304_0506_0708)]
    );
    change(directory.path(), "clicks.db", "DELETE FROM positions");
    assert!(
        try_open(directory.path(), crate::engine::SETTINGS).is_err(),
        "none at all is no beginning either"
    );
}

#[tokio::test]
async fn counts_whose_links_were_lost_are_given_to_no_new_links() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).close();
    let links = directory.path().join("links.db");
    for lose in [|path: &Path| std::fs::remove_file(path), |path: &Path| std::fs::write(path, "")] {
        let kept = std::fs::read(&links).unwrap();
        lose(&links).unwrap();
        let refused = try_open(directory.path(), crate::engine::SETTINGS).err().expect("opened");
        assert!(
            refused.to_string().contains("links.db") && refused.to_string().contains("clicks.db"),
            "{refused}"
        );
        std::fs::write(&links, kept).unwrap();
    }
    open(directory.path());
}

#[tokio::test]
async fn nothing_is_counted_once_the_positions_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let day = |count| vec![row(Subject::Everything, Grain::Day, 1, count)];
    store.rollups.commit(batch(day(1), 1)).await.unwrap();
    change(directory.path(), "clicks.db", "UPDATE positions SET positions = zeroblob(length(positions))");
    let refused = store.rollups.commit(batch(day(2), 2)).await;
    assert!(is_damage(&refused) && refused.unwrap_err().to_string().contains("backup"));
    assert!(is_damage(&store.rollups.positions().await));
    assert_eq!(day_of(&store, Subject::Everything).await.unwrap()[0].1, [1]);
}

async fn day_of(store: &Sqlite, subject: Subject) -> Result<Vec<(Timestamp, Vec<u8>)>, StoreError> {
    let ever = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    store.rollups.series(subject, Grain::Day, ever.0, ever.1).await
}

#[tokio::test]
async fn damaged_totals_are_told_and_begin_anew_from_what_is_counted_next() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let add = |human| Batch {
        totals: vec![(id(5), Totals { human, bot: 2, other: 3 })],
        ..batch(Vec::new(), human)
    };
    store.rollups.commit(add(1_000)).await.unwrap();
    let flipped = "UPDATE shelves SET shelf = CAST(x'06' || substr(shelf, 2) AS BLOB) WHERE grain = 0";
    change(directory.path(), "clicks.db", flipped);
    assert!(is_damage(&store.rollups.totals(vec![id(5)]).await));
    assert!(is_damage(&store.rollups.totals(vec![id(6)]).await), "nor are they those of its neighbour");
    store.rollups.commit(add(7)).await.unwrap();
    let anew = Totals { human: 7, bot: 2, other: 3 };
    assert_eq!(store.rollups.totals(vec![id(5), id(6)]).await.unwrap(), [anew, Totals::default()]);
}

#[tokio::test]
async fn rows_whose_key_has_changed_are_not_counted_for_somebody_else() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let link = |number| Subject::Link(id(number));
    let total = (id(1), Totals { human: 1, bot: 0, other: 0 });
    let rows = vec![row(link(1), Grain::Day, 1, 1), row(Subject::Everything, Grain::Day, 1, 1)];
    store.rollups.commit(Batch { totals: vec![total], ..batch(rows, 1) }).await.unwrap();
    change(directory.path(), "clicks.db", "UPDATE shelves SET number = number + 1");
    change(directory.path(), "clicks.db", "UPDATE rollups SET subject = -2");
    assert!(is_damage(&store.rollups.totals(vec![id(33)]).await));
    assert!(is_damage(&day_of(&store, link(33)).await));
    assert!(is_damage(&day_of(&store, Subject::Orphans).await));
    change(directory.path(), "clicks.db", "UPDATE shelves SET number = number - 1");
    assert_eq!(day_of(&store, link(1)).await.unwrap()[0].1, [1], "back in its place it is itself again");
    change(directory.path(), "clicks.db", "UPDATE shelves SET start = start + 60000 WHERE grain > 0");
    assert!(is_damage(&day_of(&store, link(1)).await), "nor for another time");
}

async fn limited(store: &Sqlite) -> LinkId {
    let link = NewLink { max_clicks: Some(3), ..new_link("https://example.com/") };
    let link = make(&*store.links, create(link)).await.unwrap().link.id;
    for left in [2, 1] {
        assert_eq!(store.links.spend(link).await.unwrap(), Spent::Granted { left });
    }
    link
}

#[tokio::test]
async fn a_damaged_allowance_gives_no_click_and_holds_up_no_other_link() {
    for damage in [
        "UPDATE allowances SET used = 0 WHERE link_id = ?",
        "UPDATE allowances SET checksum = checksum + 1 WHERE link_id = ?",
        "UPDATE allowances SET link_id = link_id + 1000 WHERE link_id = ?",
        "DELETE FROM allowances WHERE link_id = ?",
        "UPDATE links SET max_clicks = 1003 WHERE id = ?",
        "UPDATE links SET max_clicks = NULL WHERE id = ?",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let (hit, other) = (limited(&store).await, limited(&store).await);
        change(directory.path(), "links.db", &damage.replace('?', &hit.get().to_string()));
        assert!(is_damage(&store.links.peek(hit).await), "{damage}");
        let (refused, granted) = (store.links.spend(hit), store.links.spend(other));
        assert!(is_damage(&refused.await), "{damage}");
        assert_eq!(granted.await.unwrap(), Spent::Granted { left: 0 }, "{damage}");
    }
}
