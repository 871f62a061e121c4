//! What is made is what is taken, in order, whoever is slow, and no file outlives its bulk.

use super::{MEMORY_BYTES_MAX, Queue, Spills, spilled};
use axum::body::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

const PIECE_BYTES: usize = 100 * 1024;
const PIECES: u64 = 300;

fn piece(number: u64) -> Bytes {
    number.to_le_bytes().repeat(PIECE_BYTES / 8).into()
}

/// Pieces, and how many have been made.
fn pieces() -> (impl Stream<Item = Bytes> + Send + 'static, Arc<AtomicU64>) {
    let made = Arc::new(AtomicU64::new(0));
    let count = made.clone();
    let pieces = stream::iter(0..PIECES).map(move |number| {
        count.fetch_add(1, Ordering::Relaxed);
        piece(number)
    });
    (pieces, made)
}

fn spills(bytes_max: u64) -> (TempDir, Arc<Spills>) {
    let folder = tempfile::tempdir().unwrap();
    let spills = Arc::new(Spills::with_room(folder.path().into(), bytes_max));
    (folder, spills)
}

async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

async fn is_all(taken: impl Stream<Item = io::Result<Bytes>>) {
    let all = taken.map(Result::unwrap).collect::<Vec<_>>().await.concat();
    let expected: Vec<u8> = (0..PIECES).flat_map(piece).collect();
    assert!(all == expected, "{} bytes were taken of {}", all.len(), expected.len());
}

#[tokio::test]
async fn all_is_made_though_nothing_is_taken_and_then_taken_in_order() {
    let (folder, spills) = spills(u64::MAX);
    let (pieces, made) = pieces();
    let taken = spilled(pieces, spills.clone());
    until(|| made.load(Ordering::Relaxed) == PIECES).await;
    assert!(spills.bytes() > (PIECES - 20) * PIECE_BYTES as u64, "{}", spills.bytes());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    is_all(taken).await;
    assert_eq!(spills.bytes(), 0);
}

#[tokio::test]
async fn who_takes_what_is_made_needs_no_file() {
    let (pieces, _) = pieces();
    let (_folder, spills) = spills(u64::MAX);
    let watched = spilled(pieces, spills.clone()).inspect(|_| assert_eq!(spills.bytes(), 0));
    is_all(watched).await;
}

#[tokio::test]
async fn without_room_for_a_file_what_is_taken_is_waited_for() {
    for (bytes_max, has_folder) in [(0, true), (5 * PIECE_BYTES as u64, true), (u64::MAX, false)] {
        let (folder, spills) = spills(bytes_max);
        let _folder = has_folder.then_some(folder);
        let (pieces, made) = pieces();
        let taken = spilled(pieces, spills.clone());
        let in_memory = (MEMORY_BYTES_MAX / PIECE_BYTES) as u64;
        let fits = in_memory + if has_folder { bytes_max / PIECE_BYTES as u64 } else { 0 };
        until(|| made.load(Ordering::Relaxed) > fits).await;
        assert_eq!(made.load(Ordering::Relaxed), fits + 1);
        is_all(taken).await;
        assert_eq!(spills.bytes(), 0);
    }
}

#[tokio::test]
async fn when_a_file_has_been_taken_memory_is_used_again() {
    let (_folder, spills) = spills(u64::MAX);
    let queue = Queue { spills: spills.clone(), ..Queue::default() };
    for number in 0..40 {
        queue.put(piece(number)).await;
    }
    assert!(spills.bytes() > 0);
    let mut bytes = 0;
    while bytes < 40 * PIECE_BYTES / 8 * 8 {
        bytes += queue.take().await.unwrap().unwrap().len();
    }
    queue.put(piece(40)).await;
    assert_eq!(spills.bytes(), 0);
    assert_eq!(queue.take().await.unwrap().unwrap(), piece(40));
}

#[tokio::test]
async fn who_goes_away_leaves_nothing() {
    let (_folder, spills) = spills(u64::MAX);
    let (pieces, made) = pieces();
    // It would never end.
    let pieces = pieces.chain(stream::pending());
    let mut taken = Box::pin(spilled(pieces, spills.clone()));
    assert_eq!(taken.next().await.unwrap().unwrap(), piece(0));
    until(|| made.load(Ordering::Relaxed) == PIECES).await;
    assert!(spills.bytes() > 0);
    drop(taken);
    until(|| spills.bytes() == 0).await;
    until(|| Arc::strong_count(&spills) == 1).await;
}

#[tokio::test]
async fn answers_that_broke_off_do_not_look_whole() {
    let (_folder, spills) = spills(u64::MAX);
    let broken =
        stream::iter(0..3).map(|number| if number < 2 { piece(number) } else { panic!("on purpose") });
    let mut taken = pin!(spilled(broken, spills));
    assert_eq!(taken.next().await.unwrap().unwrap(), piece(0));
    assert_eq!(taken.next().await.unwrap().unwrap(), piece(1));
    assert!(taken.next().await.unwrap().is_err());
}
