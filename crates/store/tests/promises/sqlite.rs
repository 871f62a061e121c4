//! What the embedded engine promises beside the suites: of its files, its start and its end.

mod crash;
pub(crate) mod damage;
mod damaged_links;
mod lost_changes;

use crate::engine::{SETTINGS, at, create, destination, make, new_link, open, with_code};
use crate::rollups::{batch, row};
use curtail_model::{Alphabet, Change, CodeScheme, Field, Timestamp};
use curtail_servers::PATIENCE;
use curtail_store::rollups::{Grain, Subject};
use curtail_store::sqlite::{self, OpenError, Settings, Sqlite};
use curtail_store::{ListQuery, NewApiKey, Page, Seen, Sort, StoreError};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

fn query(words: &str) -> ListQuery {
    ListQuery {
        words: Some(words.into()),
        tag: None,
        archived: None,
        sort: Sort::Newest,
        after: None,
        limit: 10,
    }
}

fn refusal(directory: &Path, settings: Settings) -> OpenError {
    sqlite::open(directory, settings).err().expect("opened")
}

async fn store_with_links(directory: &Path) {
    let store = open(directory);
    let links = (0..5_000).map(|n| create(new_link(&format!("https://example.com/page{n}")))).collect();
    store.links.create(links).await.unwrap();
    found_in_the_end(&store, "page4321").await;
    store.close();
}

/// Asks until the index has it.
async fn found_in_the_end(store: &Sqlite, words: &str) -> Page {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match store.links.list(query(words), Seen::ANYTHING).await {
            Ok(page) if !page.links.is_empty() => return page,
            Ok(_) | Err(StoreError::Unavailable(_)) if Instant::now() < deadline => {
                tokio::task::yield_now().await;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn another_scheme_or_alphabet_is_refused_with_what_the_store_was_made_with() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).close();
    for settings in [
        Settings { scheme: CodeScheme::Sequential, ..SETTINGS },
        Settings { alphabet: Alphabet::Unambiguous, ..SETTINGS },
    ] {
        let message = refusal(directory.path(), settings).to_string();
        assert!(message.contains("\"permuted\"") && message.contains("\"base62\""), "{message}");
    }
    open(directory.path()).close();
}

#[tokio::test]
async fn a_damaged_or_newer_file_is_named_and_left_alone() {
    for name in ["links.db", "clicks.db"] {
        let directory = tempfile::tempdir().unwrap();
        open(directory.path()).close();
        let path = directory.path().join(name);
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let newer = refusal(directory.path(), SETTINGS);
        assert!(
            matches!(newer, OpenError::Newer { found: 99, .. }) && newer.to_string().contains(name),
            "{newer}"
        );
        let garbage = b"this is not a database".repeat(1_000);
        fs::write(&path, &garbage).unwrap();
        let damaged = refusal(directory.path(), SETTINGS);
        assert!(
            matches!(damaged, OpenError::Damaged { .. }) && damaged.to_string().contains(name),
            "{damaged}"
        );
        assert_eq!(fs::read(&path).unwrap(), garbage);
    }
}

#[tokio::test]
async fn a_lost_or_damaged_search_index_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    store_with_links(directory.path()).await;
    let path = directory.path().join("search.db");
    let whole = fs::read(&path).unwrap();
    let holed = |from: usize| [&whole[..from], &vec![0xa5; whole.len() - from][..]].concat();
    for damaged in [
        None,
        Some(b"not a database".repeat(1_000)),
        Some(holed(4_096)),
        Some(holed(5 * 4_096)),
        Some(Vec::new()),
    ] {
        match damaged {
            None => fs::remove_file(&path).unwrap(),
            Some(bytes) => fs::write(&path, bytes).unwrap(),
        }
        let store = open(directory.path());
        let made = make(&*store.links, create(new_link("https://example.com/afterwards"))).await.unwrap();
        found_in_the_end(&store, "page4321").await;
        found_in_the_end(&store, "afterwards").await;
        store.links.delete(made.link.id, None).await.unwrap().unwrap();
        assert_eq!(store.links.list(query("afterwards"), Seen::ANYTHING).await.unwrap().links, []);
        store.close();
    }
}

#[tokio::test]
async fn closing_finishes_what_was_asked_for_and_refuses_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let (links, keys, rollups) = (store.links.clone(), store.keys.clone(), store.rollups.clone());
    let asked: Vec<_> = (0..50)
        .map(|n| links.create(vec![create(with_code("https://example.com/", &format!("code-{n}")))]))
        .collect();
    // Nobody waits for this one.
    drop(links.create(vec![create(with_code("https://example.com/", "dropped"))]));
    store.close();
    for answer in asked {
        assert!(answer.await.unwrap()[0].is_ok());
    }
    assert!(matches!(links.find("code-1", Seen::ANYTHING).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(links.list(query("code"), Seen::ANYTHING).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(keys.list().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(rollups.commit(batch(Vec::new(), 1)).await, Err(StoreError::Unavailable(_))));
    assert!(!directory.path().join("links.db-wal").exists());
    let store = open(directory.path());
    for code in ["code-0", "code-49", "dropped"] {
        assert!(store.links.find(code, Seen::ANYTHING).await.unwrap().is_some(), "{code}");
    }
}

#[tokio::test]
async fn a_restart_goes_on_with_ids_codes_and_versions() {
    let directory = tempfile::tempdir().unwrap();
    let (mut last_id, mut last_version) = (None, 0);
    for _ in 0..3 {
        let store = open(directory.path());
        for _ in 0..10 {
            let link = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
            assert!(Some(link.id) > last_id && link.version > last_version);
            assert_eq!(store.codes.decode(link.code.as_str().as_bytes()), Some(link.id));
            (last_id, last_version) = (Some(link.id), link.version);
        }
        store.close();
    }
}

#[tokio::test]
async fn sequential_codes_count_up_and_hide_no_page_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { scheme: CodeScheme::Sequential, ..SETTINGS };
    let store = sqlite::open(directory.path(), settings).unwrap();
    let taken = make(&*store.links, create(with_code("https://chosen.example/", "3"))).await.unwrap().link;
    let made =
        store.links.create((0..5).map(|_| create(new_link("https://example.com/"))).collect()).await.unwrap();
    let codes: Vec<_> = made.into_iter().map(|made| made.unwrap().link.code.to_string()).collect();
    assert_eq!(codes, ["0", "1", "2", "4", "5"]);
    assert_eq!(store.links.find("3", Seen::ANYTHING).await.unwrap(), Some(taken));
    // Every code of up to three characters, and so "api".
    let all = (0..62 * 62 * 62).map(|_| create(new_link("https://example.com/"))).collect();
    let made = store.links.create(all).await.unwrap();
    assert!(made.into_iter().all(|made| made.unwrap().link.code.as_str() != "api"));
}

/// A small file system that goes away with it. None where the tests
/// may not mount; the writer's own test covers the same without.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=20m", "tmpfs"])
            .arg(directory.path())
            .output();
        mount.is_ok_and(|mount| mount.status.success()).then(|| SmallDisk(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let Some(disk) = SmallDisk::mount() else { return };
    let filler = disk.0.path().join("filler");
    fs::write(&filler, vec![0; 12 << 20]).unwrap();
    let store = open(disk.0.path());
    let url = format!("https://example.com/{}", "x".repeat(500));
    let mut made = Vec::new();
    let failure = loop {
        match store.links.create((0..100).map(|_| create(new_link(&url))).collect()).await {
            Ok(created) => made.extend(created.into_iter().map(|created| created.unwrap().link)),
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure, StoreError::Full);
    assert!(made.len() > 1_000);
    let rows = || (0..20_000).map(|n| row(Subject::Link(crate::engine::id(n)), Grain::Day, 1, 1)).collect();
    assert_eq!(store.rollups.commit(batch(rows(), 1)).await, Err(StoreError::Full));
    assert_eq!(store.rollups.positions().await.unwrap(), []);
    for link in &made {
        assert!(store.links.resolve(link.code.as_str()).await.unwrap().record.is_some());
    }
    fs::remove_file(&filler).unwrap();
    let next = make(&*store.links, create(new_link("https://example.com/again"))).await.unwrap().link;
    assert!(next.id > made.last().unwrap().id);
    store.rollups.commit(batch(rows(), 1)).await.unwrap();
    let change =
        Change { destination: Field::Set(destination("https://example.com/changed")), ..Change::default() };
    store.links.update(next.id, change, None, at(1)).await.unwrap().unwrap();
    store.close();
    let store = open(disk.0.path());
    for link in made {
        assert_eq!(store.links.get(link.id, Seen::ANYTHING).await.unwrap(), Some(link));
    }
}

#[tokio::test]
async fn keys_can_be_managed_from_beside_a_running_server() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(sqlite::open_keys(directory.path()), Err(OpenError::Io { .. })));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);

    let server = open(directory.path());
    let beside = sqlite::open_keys(directory.path()).unwrap();
    let new = NewApiKey {
        name: "one".into(),
        hash: [1; 32],
        scopes: curtail_model::Scopes::default(),
        created_at: at(0),
        expires_at: None,
    };
    let id = beside.add(new).await.unwrap().unwrap();
    assert_eq!(server.keys.find([1; 32]).await.unwrap().unwrap().id, id);
    // What the server has in memory about its links must survive what the other wrote.
    let link = make(&*server.links, create(new_link("https://example.com/"))).await.unwrap().link;
    assert!(beside.revoke(id, at(1)).await.unwrap());
    let next = make(&*server.links, create(new_link("https://example.com/"))).await.unwrap().link;
    assert!(next.version > link.version && next.id != link.id);
    assert_eq!(server.keys.find([1; 32]).await.unwrap().unwrap().revoked_at, Some(at(1)));
}

#[tokio::test]
async fn a_damaged_shelf_is_told_and_counted_anew() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (Subject::Link(crate::engine::id(1)), Subject::Link(crate::engine::id(2)));
    let store = open(directory.path());
    store
        .rollups
        .commit(batch(vec![row(one, Grain::Day, 1, 5), row(two, Grain::Day, 1, 6)], 1))
        .await
        .unwrap();
    store.close();
    let file = rusqlite::Connection::open(directory.path().join("clicks.db")).unwrap();
    // The place of the first link becomes that of another one: its clicks must not be counted for that.
    let moved = "UPDATE shelves SET shelf = CAST(x'07' || substr(shelf, 2) AS BLOB) WHERE grain > 0";
    assert_eq!(file.execute(moved, ()).unwrap(), 1);
    drop(file);
    let store = open(directory.path());
    let ever = (Timestamp::from_millis(0), at(0));
    let read = |subject| store.rollups.series(subject, Grain::Day, ever.0, ever.1);
    for subject in [one, two, Subject::Link(crate::engine::id(7))] {
        assert!(matches!(read(subject).await, Err(StoreError::Damaged(_))));
    }
    let told = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let merge = std::sync::Arc::clone(&told);
    let merge: curtail_store::rollups::Merge = std::sync::Arc::new(move |stored, new| {
        merge.fetch_or(stored.is_some(), std::sync::atomic::Ordering::Relaxed);
        Ok(new.to_vec())
    });
    let anew = curtail_store::rollups::Batch { merge, ..batch(vec![row(two, Grain::Day, 1, 9)], 2) };
    store.rollups.commit(anew).await.unwrap();
    assert!(told.load(std::sync::atomic::Ordering::Relaxed), "whoever merges is shown what cannot be read");
    assert_eq!(read(one).await.unwrap(), []);
    assert_eq!(read(two).await.unwrap()[0].1, [9]);
}
