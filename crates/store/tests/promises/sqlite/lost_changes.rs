//! What the embedded engine does when changes that it had acknowledged are gone, or all counts.

use crate::engine::{SETTINGS, create, make, new_link, open, with_code};
use crate::rollups::batch;
use curtail_model::Link;
use curtail_servers::PATIENCE;
use curtail_store::sqlite::{OpenError, Sqlite, open as try_open, refuse_what_is_lost};
use curtail_store::{ListQuery, Seen, Sort};
use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

async fn make_some(store: &Sqlite, count: usize) -> Vec<Link> {
    let mut made = Vec::new();
    for number in 0..count {
        let link = new_link(&format!("https://example.com/{number}"));
        made.push(make(&*store.links, create(link)).await.unwrap().link);
    }
    made
}

/// The files of a store as they are now, for one that goes on without this process.
fn copy(directory: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap()) {
        fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

/// A store with links in its file and links in its log, and all of them; as after `kill -9`.
async fn killed() -> (TempDir, Vec<Link>) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let mut links = make_some(&store, 20).await;
    store.close();
    let store = open(directory.path());
    links.extend(make_some(&store, 40).await);
    indexed(&store, 60).await;
    let copy = copy(directory.path());
    store.close();
    (copy, links)
}

/// Waits until so many links are found by their words.
async fn indexed(store: &Sqlite, count: usize) {
    let query = ListQuery {
        words: Some("example.com".into()),
        tag: None,
        archived: None,
        sort: Sort::Newest,
        after: None,
        limit: 1_000,
    };
    let until = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < until, "{count} links are not found");
        if let Ok(page) = store.links.list(query.clone(), Seen::NEWEST).await
            && page.links.len() == count
        {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Opens a store that lacks some of these links, and has so many others. Answers how many are left.
async fn gives_nothing_twice(directory: &Path, links: &[Link], others: usize) -> usize {
    let store = open(directory);
    let mut left = HashSet::new();
    for link in links {
        if store.links.get(link.id, Seen::NEWEST).await.unwrap().is_some() {
            left.insert(link.id);
        }
    }
    let newest = links.iter().map(|link| link.version).max().unwrap();
    for new in make_some(&store, 80).await {
        assert!(new.version > newest, "{} {newest}", new.version);
        assert!(links.iter().all(|link| link.id != new.id && link.code != new.code), "{}", new.code);
    }
    indexed(&store, left.len() + others + 80).await;
    // A code that was lost is free; what was counted for it is not the new link's.
    if others == 0 {
        let gone = links.iter().find(|link| !left.contains(&link.id)).unwrap();
        let again = create(with_code("https://example.org/", gone.code.as_str()));
        let again = make(&*store.links, again).await.unwrap().link;
        assert!(again.code == gone.code && links.iter().all(|link| link.id != again.id));
        let found = store.links.find(gone.code.as_str(), Seen::NEWEST).await.unwrap();
        assert_eq!(found.map(|link| link.id), Some(again.id));
        store.links.delete(again.id, None).await.unwrap().unwrap();
    }
    store.close();
    left.len()
}

fn logs_kept(directory: &Path) -> usize {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains("-wal.damaged-")).count()
}

#[tokio::test]
async fn a_changed_byte_in_the_log_of_links_is_said_and_nothing_that_it_cost_is_given_again() {
    let (directory, links) = killed().await;
    let length = fs::metadata(directory.path().join("links.db-wal")).unwrap().len();
    for place in [5, length / 4, length / 2, length * 9 / 10] {
        let damaged = copy(directory.path());
        let log = File::options().read(true).write(true).open(damaged.path().join("links.db-wal")).unwrap();
        let mut byte = [0];
        log.read_exact_at(&mut byte, place).unwrap();
        log.write_all_at(&[byte[0] ^ 0x20], place).unwrap();
        let left = gives_nothing_twice(damaged.path(), &links, 0).await;
        assert!((20..60).contains(&left), "{left} at byte {place} of {length}");
        assert_eq!(logs_kept(damaged.path()), 1);
        // It was dealt with.
        gives_nothing_twice(damaged.path(), &links, 80).await;
        assert_eq!(logs_kept(damaged.path()), 1);
    }
    let whole = open(directory.path());
    assert!(whole.links.get(links[59].id, Seen::NEWEST).await.unwrap().is_some());
    whole.close();
    assert_eq!(logs_kept(directory.path()), 0, "what is whole is not called damaged");
}

#[tokio::test]
async fn what_a_damaged_log_cost_is_given_to_nobody_else_though_the_first_start_was_refused() {
    let (directory, links) = killed().await;
    let log = directory.path().join("links.db-wal");
    let place = fs::metadata(&log).unwrap().len() / 2;
    let log = File::options().read(true).write(true).open(log).unwrap();
    let mut byte = [0];
    log.read_exact_at(&mut byte, place).unwrap();
    log.write_all_at(&[byte[0] ^ 0x20], place).unwrap();
    // The search index tells nothing of it, and without its counts the store is refused.
    for file in ["search.db", "search.db-wal", "search.db-shm", "clicks.db", "clicks.db-wal", "clicks.db-shm"]
    {
        let _ = fs::remove_file(directory.path().join(file));
    }
    assert!(matches!(try_open(directory.path(), SETTINGS), Err(OpenError::Damaged { .. })));
    fs::write(directory.path().join("clicks.anew"), "").unwrap();
    let left = gives_nothing_twice(directory.path(), &links, 0).await;
    assert!((20..60).contains(&left), "{left}");
}

#[tokio::test]
async fn what_is_lost_with_a_log_that_is_gone_is_given_to_nobody_else() {
    let (directory, links) = killed().await;
    for keeps in [0, 32, 20_000] {
        let cut = copy(directory.path());
        let log = File::options().write(true).open(cut.path().join("links.db-wal")).unwrap();
        log.set_len(keeps).unwrap();
        fs::remove_file(cut.path().join("links.db-shm")).unwrap();
        let left = gives_nothing_twice(cut.path(), &links, 0).await;
        assert!((20..60).contains(&left), "{left} of {keeps} bytes");
    }
    // A store that has just been made is known without its log too.
    let young = tempfile::tempdir().unwrap();
    let store = open(young.path());
    let made = make_some(&store, 3).await;
    indexed(&store, 3).await;
    let without = copy(young.path());
    store.close();
    fs::remove_file(without.path().join("links.db-wal")).unwrap();
    assert_eq!(gives_nothing_twice(without.path(), &made, 0).await, 0);
}

#[tokio::test]
async fn links_whose_counts_are_gone_are_refused_until_somebody_says_that_it_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    make_some(&store, 1).await;
    store.rollups.commit(batch(Vec::new(), 7)).await.unwrap();
    store.close();
    fs::remove_file(directory.path().join("clicks.db")).unwrap();
    for _ in 0..2 {
        let refused = try_open(directory.path(), SETTINGS).err().expect("opened");
        assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
        assert!(refused.to_string().contains("clicks.anew"), "{refused}");
    }
    fs::write(directory.path().join("clicks.anew"), "").unwrap();
    open(directory.path()).close();
    assert!(!directory.path().join("clicks.anew").exists(), "it is for once");
    open(directory.path()).close();
}

/// A copy of the two files that the documents name, made while nobody writes.
fn backup(directory: &Path) -> TempDir {
    open(directory).close();
    let to = tempfile::tempdir().unwrap();
    for file in ["links.db", "clicks.db"] {
        fs::copy(directory.join(file), to.path().join(file)).unwrap();
    }
    to
}

#[tokio::test]
async fn what_was_given_since_a_backup_is_given_to_nobody_else_when_it_is_put_back() {
    let (directory, mut links) = killed().await;
    let backup = backup(directory.path());
    let store = open(directory.path());
    links.extend(make_some(&store, 20_000).await);
    store.close();
    // Whoever only reads it, to move it or to change its keys, would give everything again.
    let refused = refuse_what_is_lost(backup.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Backup { .. }), "{refused}");
    assert_eq!(gives_nothing_twice(backup.path(), &links, 0).await, 60);
    refuse_what_is_lost(backup.path()).unwrap();
    // Once is enough: the next start goes on where this one ended, with a search index or without.
    let store = open(backup.path());
    let newest = make_some(&store, 1).await[0].id.get();
    store.close();
    fs::remove_file(backup.path().join("search.db")).unwrap();
    let store = open(backup.path());
    let next = make_some(&store, 1).await[0].id.get();
    assert!(next - newest < 100, "{newest} {next}");
    store.close();
}

#[tokio::test]
async fn a_backup_that_cannot_be_served_yet_goes_on_later_once_and_not_with_each_attempt() {
    let (directory, links) = killed().await;
    let backup = backup(directory.path());
    let clicks = fs::read(backup.path().join("clicks.db")).unwrap();
    fs::remove_file(backup.path().join("clicks.db")).unwrap();
    for _ in 0..5 {
        assert!(matches!(try_open(backup.path(), SETTINGS), Err(OpenError::Damaged { .. })));
    }
    fs::write(backup.path().join("clicks.db"), clicks).unwrap();
    let store = open(backup.path());
    let newest = links.iter().map(|link| link.id.get()).max().unwrap();
    let next = make_some(&store, 1).await[0].id.get();
    assert!((newest + 10_000_000..newest + 20_000_000).contains(&next), "{newest} {next}");
    store.close();
}

#[tokio::test]
async fn a_first_start_that_was_cut_off_is_no_backup() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).close();
    for file in ["clicks.db", "search.db", "store-id"] {
        fs::remove_file(directory.path().join(file)).unwrap();
    }
    let store = open(directory.path());
    let first = make_some(&store, 1).await[0].id.get();
    assert!(first < 100, "{first}");
    store.close();
}

#[tokio::test]
async fn a_backup_whose_log_was_torn_goes_on_as_late_as_any() {
    let (directory, links) = killed().await;
    // As it was while a commit was being written: the last page is not the one that its checksum is of.
    let log = directory.path().join("links.db-wal");
    let end = fs::metadata(&log).unwrap().len();
    let log = File::options().write(true).open(log).unwrap();
    log.write_all_at(&[0x5a; 100], end - 100).unwrap();
    for file in ["search.db", "store-id"] {
        fs::remove_file(directory.path().join(file)).unwrap();
    }
    let store = open(directory.path());
    let newest = links.iter().map(|link| link.id.get()).max().unwrap();
    let next = make_some(&store, 1).await[0].id.get();
    assert!(next > newest + 9_000_000, "{newest} {next}");
    store.close();
}
