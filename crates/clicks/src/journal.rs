//! The journal: the node's own disk, where every click is before its redirect leaves.
//!
//! Each core owns one *stream*, a row of mapped segment files `DIR/<stream>/<sequence>.seg` that only its
//! [`Recorder`] writes. No other node has the same streams (see `journal/node.rs` and
//! [`crate::log::streams`]). One [`Reader`] follows all streams; one [`Keeper`] does what may take time: it
//! allocates segments before they are needed, takes back what has been counted, and syncs in groups.
//!
//! # What it promises
//!
//! - A click that was answered with [`Recorded::Kept`](crate::recorder::Recorded::Kept) is
//!   in the kernel's hands: `kill -9` does not lose it, and a power cut loses at most what
//!   was recorded since the last group sync that succeeded. After one that failed, what it
//!   was to sync is written again before the next: the kernel may take it for written.
//!   Until that succeeds it is counted as not safe ([`Counts::unsynced_bytes`]); should
//!   memory run short meanwhile, the kernel may even forget it, and then it is [`Damage`].
//! - A record is read whole and unchanged or not at all (see `journal/record.rs`). What cannot be read is
//!   reported as [`Damage`], with the number of clicks that went with it; only the record that a dying
//!   process had not finished is silent, because nobody was promised it.
//! - A full disk or budget drops clicks, counts them, and ends by itself. Blocks are allocated before they
//!   are mapped, so it is an error of the allocation and never a signal.
//! - No address reaches the disk: of it there remain the network (/24 or /48) and a hash that is keyed with a
//!   salt of the day (see [`crate::salt`]).
//!
//! # Segments
//!
//! A segment is a header (see `journal/header.rs`) and then records, back to back. It belongs to one process
//! (*epoch*): after a restart each stream goes on in a new segment with the next sequence number, and what
//! earlier processes left is read to its end. Segments that have been counted are renamed to a later sequence
//! and written over, because pages that exist already cost a tenth of fresh ones; their old records never
//! pass as new ones.
//!
//! A *position* is `sequence << 32 | byte offset`: everything before it has been read. Positions are stored
//! together with what was counted, so each click is counted exactly once.

pub mod decode;
pub(crate) mod dictionary;
mod folder;
pub(crate) mod header;
pub mod keeper;
pub(crate) mod mapped;
mod node;
pub mod reader;
pub(crate) mod record;
pub(crate) mod segment;
mod shipped;
pub mod stream;

pub use decode::decode;
pub use keeper::Keeper;
pub use reader::{Damage, DamageKind, Entry, EntryClicked, Progress, Reader, SegmentKey, Text};
pub use record::CLICK_BYTES;
pub use shipped::{Shipped, end_shipping};
pub use stream::{Counts, Meter};

use crate::clock::now;
use crate::log::streams::{CORES_MAX, of_core};
use crate::recorder::Recorder;
use crate::salt::Salts;
use curtail_model::Timestamp;
use folder::OldSegment;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use stream::{Shared, Stream};

/// Settings of the journal.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder; made when it is not there. The salt of the day is kept in it too, as `salt`.
    pub folder: PathBuf,
    /// How many recorders there are, usually one per core.
    pub streams: usize,
    /// The length of a segment, rounded up to 64 KiB; at most 1 GiB.
    pub segment_bytes: u64,
    /// The most disk that all segments together may take; at least two segments per stream.
    pub bytes_max: u64,
    /// How often what was recorded is forced to the disk.
    pub sync_interval: Duration,
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A setting is out of its range.
    #[error("{0}")]
    Config(String),
    /// A file or folder cannot be used.
    #[error("{path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A segment of a format that this version does not know.
    #[error("{path} was written by a newer version of Curtail (journal format {version})")]
    Version {
        /// The segment.
        path: PathBuf,
        /// Its format.
        version: u16,
    },
    /// Clicks wait that may have been handed on already.
    #[error(
        "kafka.brokers is empty, and clicks wait in the journal that Kafka may have already: counted here too, they would be \
         counted twice. Start once more with kafka.brokers and stop with SIGTERM, which hands on what waits. If that Kafka will \
         never come back, delete {path}: then they are counted here"
    )]
    Shipping {
        /// The file that says how far was handed on.
        path: PathBuf,
    },
}

/// What segments are multiples of: whole pages, on all machines.
const SEGMENT_STEP: u64 = 1 << 16;
/// No process begins at a sequence below the seconds since then, 2026-01-01: positions that an older state of
/// the folder does not know of are behind it, as long as a stream takes less than a segment a second. It
/// lasts until 2094.
const FIRST_SECOND: i64 = 1_767_225_600;
/// The longest segment: positions have 32 bits for the offset, and a segment is the unit of recycling.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// Opens the journal: as many recorders as there are streams, the reader that goes on at `consumed`, and the
/// keeper.
///
/// A full disk is no error here: the recorders drop and count until the keeper finds room.
pub fn open(
    config: Config,
    consumed: &[(u64, u64)],
) -> Result<(Vec<Recorder>, Reader, Keeper), JournalError> {
    let config = checked(config)?;
    let now = now();
    fs::create_dir_all(&config.folder).map_err(|source| io_error(&config.folder, source))?;
    let salt_path = config.folder.join("salt");
    let salts = Salts::open(&salt_path, now).map_err(|source| io_error(&salt_path, source))?;
    let node = node::number(&config.folder).map_err(|source| io_error(&config.folder, source))?;
    let mut passed = shipped::read(&config.folder);
    // How far a stream was shipped may be noted late, how far it was counted never is.
    let counted_here: Vec<u64> =
        consumed.iter().map(|(stream, _)| *stream).filter(|stream| !passed.contains_key(stream)).collect();
    shipped::raise(&mut passed, consumed);
    let left = Left { files: folder::list(&config.folder)?, passed, counted_here };
    let Resumed { mut shared, cursors, old, sequences } = resume(&config, node.number, left, now)?;
    shared.files_damaged = AtomicU64::new(u64::from(node.was_damaged) + u64::from(salts.was_damaged()));

    let shared = Arc::new(shared);
    let salts = Arc::new(salts);
    let reader = Reader::new(cursors, config.streams, Arc::clone(&shared));
    let streams = &shared.streams[..config.streams];
    let recorders =
        streams.iter().map(|stream| Recorder::new(Arc::clone(stream), Arc::clone(&salts))).collect();
    let mut keeper = Keeper::new(config, Arc::clone(&shared), old, &sequences, salts)?;
    keeper.begin(now)?;
    Ok((recorders, reader, keeper))
}

/// What earlier processes left.
struct Left {
    /// Segments, by stream, in order.
    files: BTreeMap<u64, Vec<OldSegment>>,
    /// Up to where each stream was counted or shipped.
    passed: BTreeMap<u64, u64>,
    /// Streams that are counted by this very process, and not shipped.
    counted_here: Vec<u64>,
}

/// Streams that go on where they were left, those of this process first.
struct Resumed {
    shared: Shared,
    cursors: Vec<(Arc<Stream>, Vec<OldSegment>)>,
    old: Vec<(Arc<Stream>, OldSegment)>,
    /// What the first new segment of each stream is called.
    sequences: Vec<u64>,
}

/// Takes up the streams of this process, and those that only earlier ones, or other nodes, had. What was
/// counted of them goes.
fn resume(config: &Config, node: u64, mut left: Left, now: Timestamp) -> Result<Resumed, JournalError> {
    let mut numbers: Vec<u64> = (0..config.streams).map(|core| of_core(node, core)).collect();
    let others: Vec<u64> = left.files.keys().copied().filter(|number| !numbers.contains(number)).collect();
    numbers.extend(others);
    let mut shared = Shared::default();
    let mut cursors = Vec::with_capacity(numbers.len());
    let mut old = Vec::new();
    let mut sequences = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.into_iter().enumerate() {
        let position = left.passed.get(&number).copied().unwrap_or(0);
        let files = left.files.remove(&number).unwrap_or_default();
        let last = files.last().map_or(0, |file| u64::from(file.sequence));
        let (done, waiting): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| u64::from(file.sequence) < sequence_of(position));
        // Counted, but the process died before it could take them back.
        for file in done {
            fs::remove_file(&file.path).map_err(|source| io_error(&file.path, source))?;
        }
        if index >= config.streams && waiting.is_empty() {
            // It goes when it is empty, and is in nobody's way if something else is in it.
            let _ = fs::remove_dir(config.folder.join(number.to_string()));
            continue;
        }
        sequences.push(last.max(sequence_of(position)).max(first_sequence(now)) + 1);
        let stream = Arc::new(Stream::new(number, position, left.counted_here.contains(&number)));
        shared.backlog_bytes.fetch_add(waiting.iter().map(|file| file.length).sum(), Ordering::Relaxed);
        old.extend(waiting.iter().map(|file| (Arc::clone(&stream), file.clone())));
        cursors.push((Arc::clone(&stream), waiting));
        shared.streams.push(stream);
    }
    shared.bytes = AtomicU64::new(old.iter().map(|(_, file)| file.length).sum());
    Ok(Resumed { shared, cursors, old, sequences })
}

/// The sequence that stands for this time.
pub(crate) fn first_sequence(now: Timestamp) -> u64 {
    u64::try_from(now.millis() / 1000 - FIRST_SECOND).unwrap_or(0)
}

/// The position of a byte in a segment.
pub(crate) fn position_of(sequence: u64, offset: u64) -> u64 {
    (sequence << 32) | offset
}

/// The segment of a position.
pub(crate) fn sequence_of(position: u64) -> u64 {
    position >> 32
}

/// The byte of a position in its segment.
pub(crate) fn offset_of(position: u64) -> u64 {
    position & u64::from(u32::MAX)
}

fn io_error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { path: path.to_path_buf(), source }
}

fn checked(mut config: Config) -> Result<Config, JournalError> {
    if config.streams == 0 {
        return Err(JournalError::Config("the journal needs at least one stream".into()));
    }
    if config.streams > CORES_MAX {
        return Err(JournalError::Config(format!(
            "the journal has at most {CORES_MAX} streams, not {}",
            config.streams
        )));
    }
    if config.segment_bytes == 0 || config.segment_bytes > SEGMENT_BYTES_MAX {
        return Err(JournalError::Config(format!(
            "a segment of the journal must have between 1 and {SEGMENT_BYTES_MAX} bytes, not {}",
            config.segment_bytes
        )));
    }
    config.segment_bytes = config.segment_bytes.next_multiple_of(SEGMENT_STEP);
    let least = config.segment_bytes.saturating_mul(2).saturating_mul(config.streams as u64);
    if config.bytes_max < least {
        return Err(JournalError::Config(format!(
            "the journal needs at least {least} bytes (two segments for each of {} streams), not {}",
            config.streams, config.bytes_max
        )));
    }
    Ok(config)
}
