//! The thread that keeps `search.db` up to date: first all links by id, then every change.

use super::super::OpenError;
use super::super::file::{LINKS, SEARCH, explain};
use super::super::identity::Identity;
use super::super::links::writer_state::{Counters, LinkWriterState};
use super::super::row;
use super::super::writer::Writer;
use super::feed::{Feed, Task};
use super::index::{self, Progress};
use crate::StoreError;
use curtail_model::{Codes, LinkId, Timestamp};
use rusqlite::{Connection, Error};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tracing::{info, warn};

/// Links that one transaction indexes, about: some tens of milliseconds of work.
const LINKS_AT_ONCE: usize = 2_000;
/// Rows of the feed that are read at once.
const CHANGES_AT_ONCE: usize = 1_000;
/// Changes that are kept after they were indexed: the power may fail before the index is on the disk.
const CHANGES_KEPT: u64 = 1 << 16;
/// Changes that are forgotten at once.
const TRIMMED_AT_ONCE: u64 = 1 << 13;
/// How far the thread steps back for others, as nice(2) has it: all the way.
const NICE: i32 = 19;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);

struct Indexer {
    directory: PathBuf,
    cache_bytes: usize,
    codes: Codes,
    feed: Arc<Feed>,
    writer: Arc<Writer<LinkWriterState>>,
    links: Connection,
    words: Connection,
    progress: Progress,
    trimmed: u64,
}

/// A row of the table `changes`.
struct Changed {
    seq: u64,
    first: i64,
    last: i64,
    removed_created_at: Option<Timestamp>,
}

/// Opens the index, or begins it anew, and starts the thread.
pub(super) fn start(
    directory: &Path,
    identity: &Identity,
    feed: Arc<Feed>,
    writer: Arc<Writer<LinkWriterState>>,
    cache_bytes: usize,
) -> Result<JoinHandle<()>, OpenError> {
    let links = LINKS.open_to_read(directory, cache_bytes)?;
    let counters = Counters::read(&links).map_err(|error| explain(&LINKS.path(directory), &error))?;
    let (words, progress) = match usable(directory, identity.key, &counters, cache_bytes) {
        Some(opened) => opened,
        None => renew(directory, identity.key, &counters, cache_bytes)?,
    };
    let mut indexer = Indexer {
        directory: directory.to_owned(),
        cache_bytes,
        codes: identity.codes.clone(),
        feed,
        writer,
        links,
        words,
        progress,
        trimmed: counters.trimmed,
    };
    let io = |error: std::io::Error| OpenError::Io { path: directory.to_owned(), error: error.to_string() };
    thread::Builder::new().name("links-indexer".into()).spawn(move || indexer.run()).map_err(io)
}

/// The index as it is, if it follows these links without a gap.
fn usable(
    directory: &Path,
    store: [u8; 16],
    counters: &Counters,
    cache_bytes: usize,
) -> Option<(Connection, Progress)> {
    if !SEARCH.path(directory).exists() {
        return None;
    }
    let words = SEARCH.open_to_write(directory, cache_bytes).ok()?;
    let progress = Progress::read(&words).ok()??;
    let follows = progress.store == store && (counters.trimmed..=counters.version).contains(&progress.seq);
    follows.then_some((words, progress))
}

/// An empty index that all links are still to be taken over into.
fn renew(
    directory: &Path,
    store: [u8; 16],
    counters: &Counters,
    cache_bytes: usize,
) -> Result<(Connection, Progress), OpenError> {
    SEARCH.remove(directory)?;
    let words = SEARCH.open_to_write(directory, cache_bytes)?;
    // Changes from here on are followed after the scan, which
    // may have seen some of them already: that does no harm.
    let progress = Progress { store, seq: counters.version, scanned: Some(-1) };
    progress.write(&words).map_err(|error| explain(&SEARCH.path(directory), &error))?;
    if counters.version > 0 {
        info!(links_version = counters.version, "the search index is being made");
    }
    Ok((words, progress))
}

impl Indexer {
    fn run(&mut self) {
        // On Linux this is the thread's own: whoever makes or
        // follows links comes first. It is no harm if it is refused.
        let _ = rustix::process::nice(NICE);
        let mut task = self.feed.task();
        loop {
            let outcome = match task {
                Task::End => return,
                Task::Renew => self.renew(),
                Task::Follow => self.step(),
            };
            task = match outcome {
                Ok(true) => self.feed.task(),
                Ok(false) => self.feed.wait(self.progress.seq),
                Err(StoreError::Damaged(error)) => {
                    warn!(%error, "the search index is damaged and is made anew");
                    self.feed.pause(PAUSE);
                    if self.feed.task() == Task::End { Task::End } else { Task::Renew }
                }
                Err(error) => {
                    warn!(%error, "the search index falls behind");
                    self.feed.pause(PAUSE);
                    self.feed.task()
                }
            };
        }
    }

    fn renew(&mut self) -> Result<bool, StoreError> {
        let counters = Counters::read(&self.links)?;
        let (words, progress) = renew(&self.directory, self.progress.store, &counters, self.cache_bytes)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.words = words;
        self.progress = progress;
        self.feed.renewed();
        Ok(true)
    }

    /// Brings the index one transaction further. Answers whether there is more to do.
    fn step(&mut self) -> Result<bool, StoreError> {
        let transaction = self.words.unchecked_transaction()?;
        let (progress, more) = match self.progress.scanned {
            Some(after) => self.scan(after)?,
            None => self.follow()?,
        };
        if progress != self.progress {
            progress.write(&self.words)?;
        }
        transaction.commit()?;
        self.progress = progress;
        if progress.scanned.is_none() {
            self.feed.follow(progress.seq);
            self.trim();
        }
        Ok(more)
    }

    fn scan(&self, after: i64) -> Result<(Progress, bool), StoreError> {
        let last = self.index_range(after + 1, i64::MAX, LINKS_AT_ONCE)?;
        let scanned = last.map(LinkId::get).map(u64::cast_signed);
        Ok((Progress { scanned, ..self.progress }, true))
    }

    fn follow(&self) -> Result<(Progress, bool), StoreError> {
        let mut progress = self.progress;
        let changes = self.changes_after(progress.seq)?;
        let mut links = 0;
        for change in &changes {
            links += self.apply(change)?;
            progress.seq = change.seq;
            if links >= LINKS_AT_ONCE {
                return Ok((progress, true));
            }
        }
        Ok((progress, changes.len() == CHANGES_AT_ONCE))
    }

    fn changes_after(&self, seq: u64) -> Result<Vec<Changed>, StoreError> {
        let mut statement = self.links.prepare_cached(include_str!("../sql/changes_after.sql"))?;
        let rows = statement.query_map((seq.cast_signed(), CHANGES_AT_ONCE as i64), |row| {
            Ok(Changed {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                first: row.get(1)?,
                last: row.get(2)?,
                removed_created_at: row::time(row, 3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Indexes what a change is about, as it is now. Answers how many links those may have been.
    fn apply(&self, change: &Changed) -> Result<usize, StoreError> {
        if let Some(created_at) = change.removed_created_at {
            if let Some(id) = LinkId::new(change.first.cast_unsigned()) {
                index::remove(&self.words, created_at, id)?;
            }
            return Ok(1);
        }
        let mut first = change.first;
        while let Some(last) = self.index_range(first, change.last, LINKS_AT_ONCE)? {
            first = last.get().cast_signed() + 1;
        }
        Ok(usize::try_from(change.last - change.first).unwrap_or(usize::MAX).saturating_add(1))
    }

    /// Indexes some links of a range. Answers the last one.
    fn index_range(&self, first: i64, last: i64, limit: usize) -> Result<Option<LinkId>, StoreError> {
        let mut statement = self.links.prepare_cached(include_str!("../sql/links_range.sql"))?;
        let mut rows = statement.query((first, last, limit as i64))?;
        let mut indexed = None;
        while let Some(row) = rows.next()? {
            match row::link(row, &self.codes) {
                Ok(link) => index::put(&self.words, &link)?,
                // The damage is not the index's, and making it anew would not mend it.
                Err(error @ Error::FromSqlConversionFailure(..)) => {
                    warn!(link = row.get::<_, i64>(0)?, %error, "a link is damaged and cannot be found by its words");
                }
                Err(error) => return Err(error.into()),
            }
            indexed = Some(row::link_id(row, 0)?);
        }
        Ok(indexed)
    }

    /// Lets the writer forget what has been indexed for long enough.
    fn trim(&mut self) {
        let seq = self.progress.seq.saturating_sub(CHANGES_KEPT);
        if seq >= self.trimmed + TRIMMED_AT_ONCE {
            self.trimmed = seq;
            // Queued when it returns; if it is refused, the next one does it.
            drop(self.writer.submit(1, move |state| state.trim(seq)));
        }
    }
}
