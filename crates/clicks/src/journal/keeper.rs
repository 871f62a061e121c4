//! Does for the recorders what may take time: has the next
//! segment ready, takes counted ones back, syncs in groups.

use crate::clock::now;
use crate::journal::folder::OldSegment;
use crate::journal::header::Header;
use crate::journal::segment::{Link, Segment};
use crate::journal::stream::{Meter, Shared, Stream};
use crate::journal::{Config, JournalError, io_error, offset_of, sequence_of};
use crate::recorder::DropReason;
use crate::salt::Salts;
use curtail_model::Timestamp;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How many segments wait for their recorder at most; further ones that have been counted are removed.
const SPARES_MAX: usize = 2;
/// A shorter interval would be all waking up.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// The greatest sequence: positions must fit a signed 64-bit integer, as the stores have them.
const SEQUENCE_MAX: u64 = i32::MAX as u64;

/// Keeps the journal's segments. It runs on a thread of its own, and recorders can only go on while it lives.
#[derive(Debug)]
pub struct Keeper {
    config: Config,
    epoch: u64,
    shared: Arc<Shared>,
    salts: Arc<Salts>,
    rows: Vec<Row>,
    old: Vec<(Arc<Stream>, OldSegment)>,
}

/// The segments of one stream that this process made, in order.
#[derive(Debug)]
struct Row {
    stream: Arc<Stream>,
    segments: VecDeque<Arc<Segment>>,
    /// Where to put the next one.
    tail: Arc<Link>,
    /// The sequence of the next one.
    sequence: u64,
}

impl Keeper {
    pub(crate) fn new(
        config: Config,
        shared: Arc<Shared>,
        old: Vec<(Arc<Stream>, OldSegment)>,
        sequences: &[u64],
        salts: Arc<Salts>,
    ) -> Result<Keeper, JournalError> {
        let mut epoch = [0; 8];
        getrandom::fill(&mut epoch)
            .map_err(|error| io_error(&config.folder, io::Error::other(error.to_string())))?;
        let row = |(stream, &sequence): (&Arc<Stream>, &u64)| Row {
            stream: Arc::clone(stream),
            segments: VecDeque::new(),
            tail: Arc::clone(&stream.head),
            sequence,
        };
        let rows = shared.streams.iter().zip(sequences).take(config.streams).map(row).collect();
        Ok(Keeper { config, epoch: u64::from_le_bytes(epoch), shared, salts, rows, old })
    }

    /// The first round: what is wrong with the folder is an error now, a full disk is not.
    pub(crate) fn begin(&mut self, now: Timestamp) -> Result<(), JournalError> {
        for index in 0..self.rows.len() {
            match self.provide(index, now) {
                Err(source) if reason_of(&source) == DropReason::DiskError => {
                    return Err(io_error(&self.config.folder, source));
                }
                // The next round sets the reason for the recorder.
                Ok(_) | Err(_) => {}
            }
        }
        self.tick(now);
        Ok(())
    }

    /// Works until something is sent through `stop` or its sender is gone, and then syncs a last time.
    pub fn run(&mut self, stop: &Receiver<()>) {
        let interval = self.config.sync_interval.max(INTERVAL_MIN);
        loop {
            self.tick(now());
            if stop.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        self.tick(now());
    }

    /// One round of work.
    pub fn tick(&mut self, now: Timestamp) {
        let mut failure = self.salts.turn(now).err().map(|error| format!("salt of the day: {error}"));
        let mut note = |what: &str, result: io::Result<()>| {
            if let Err(error) = result {
                failure.get_or_insert_with(|| format!("{what}: {error}"));
            }
        };
        note("removing a counted segment", self.remove_old());
        for index in 0..self.rows.len() {
            note("recycling a segment", self.recycle(index, now));
            match self.provide(index, now) {
                Ok(shortage) => {
                    self.rows[index].stream.set_shortage(shortage);
                    if shortage.is_some() {
                        let full = "clicks.journal_bytes is used up: clicks are dropped, and counted as dropped, until what waits is \
                                    counted or handed on";
                        note("room for the next segment", Err(io::Error::other(full)));
                    }
                }
                Err(error) => {
                    self.rows[index].stream.set_shortage(Some(reason_of(&error)));
                    note("allocating a segment", Err(error));
                }
            }
            self.rows[index].keep_pages();
        }
        // Before as well as after: a disk that hangs would keep from sight what is at risk.
        self.measure();
        for row in &self.rows {
            if let Err(error) = row.sync() {
                self.shared.sync_failures.fetch_add(1, Ordering::Relaxed);
                note("syncing a segment", Err(error));
            }
        }
        self.measure();
        let mut last = self.shared.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != failure {
            // Once when it begins and once when it ends, not every round.
            match &failure {
                Some(failure) => tracing::warn!(%failure, "the journal cannot do its work"),
                None => tracing::info!("the journal works again"),
            }
            *last = failure;
        }
    }

    /// The salts of the day that recorders use.
    pub fn salts(&self) -> Arc<Salts> {
        Arc::clone(&self.salts)
    }

    /// What metrics read.
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.shared))
    }

    /// Says how many bytes are not on the disk for sure, and how many are not counted.
    fn measure(&self) {
        let sum = |of: &dyn Fn(&Row) -> u64| self.rows.iter().map(of).sum();
        self.shared.unsynced_bytes.store(sum(&Row::unsynced_bytes), Ordering::Relaxed);
        self.shared.waiting_bytes.store(sum(&Row::waiting_bytes), Ordering::Relaxed);
    }

    /// Removes what earlier processes left and has been counted.
    fn remove_old(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        self.old.retain(|(stream, segment)| {
            let consumed = sequence_of(stream.consumed.load(Ordering::Acquire));
            if consumed <= u64::from(segment.sequence) {
                return true;
            }
            match fs::remove_file(&segment.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    result = Err(error);
                    true
                }
                Ok(()) | Err(_) => {
                    self.shared.bytes.fetch_sub(segment.length, Ordering::Relaxed);
                    false
                }
            }
        });
        result
    }

    /// Takes counted segments back: as the next spare, or as room on the disk.
    fn recycle(&mut self, index: usize, now: Timestamp) -> io::Result<()> {
        let consumed = sequence_of(self.rows[index].stream.consumed.load(Ordering::Acquire));
        loop {
            let row = &mut self.rows[index];
            let is_counted = |segment: &Arc<Segment>| u64::from(segment.header.sequence) < consumed;
            let Some(first) = row.segments.pop_front_if(|segment| is_counted(segment)) else { return Ok(()) };
            let segment = match Arc::try_unwrap(first) {
                Ok(segment) => segment,
                Err(held) => {
                    // The recorder or the reader is just about to let go of it.
                    row.segments.push_front(held);
                    return Ok(());
                }
            };
            self.shared.bytes.fetch_sub(self.config.segment_bytes, Ordering::Relaxed);
            // Blocks that a sync failed on had better not be written to again.
            if self.rows[index].spares() >= SPARES_MAX || segment.is_suspect() {
                segment.remove()?;
                continue;
            }
            let header = self.next_header(index, now)?;
            let fresh = segment.recycle(&self.config.folder, header)?;
            self.attach(index, fresh);
        }
    }

    /// Has at least one spare ready. Answers why there is none when that is nobody's fault.
    fn provide(&mut self, index: usize, now: Timestamp) -> io::Result<Option<DropReason>> {
        if self.rows[index].spares() > 0 {
            return Ok(None);
        }
        let bytes = self.shared.bytes.load(Ordering::Relaxed);
        if bytes + self.config.segment_bytes > self.config.bytes_max {
            return Ok(Some(DropReason::BudgetUsedUp));
        }
        let header = self.next_header(index, now)?;
        let segment = Segment::create(&self.config.folder, header)?;
        self.attach(index, segment);
        Ok(None)
    }

    fn attach(&mut self, index: usize, segment: Segment) {
        self.shared.bytes.fetch_add(self.config.segment_bytes, Ordering::Relaxed);
        let row = &mut self.rows[index];
        let segment = Arc::new(segment);
        segment.keep_pages(0);
        row.sequence += 1;
        let next = Arc::clone(&segment.next);
        let tail = std::mem::replace(&mut row.tail, next);
        row.segments.push_back(Arc::clone(&segment));
        tail.set(Arc::downgrade(&segment)).expect("a tail has nothing behind it, and only the keeper adds");
    }

    fn next_header(&self, index: usize, created: Timestamp) -> io::Result<Header> {
        let row = &self.rows[index];
        let sequence = u32::try_from(row.sequence.min(SEQUENCE_MAX + 1)).unwrap_or(u32::MAX);
        if row.sequence > SEQUENCE_MAX {
            return Err(io::Error::other("the stream has used up its sequence numbers"));
        }
        let length = self.config.segment_bytes;
        Ok(Header { stream: row.stream.number, sequence, epoch: self.epoch, created, length })
    }
}

impl Row {
    fn spares(&self) -> usize {
        self.segments.iter().rev().take_while(|segment| segment.is_spare()).count()
    }

    fn keep_pages(&self) {
        let consumed = self.stream.consumed.load(Ordering::Acquire);
        for segment in &self.segments {
            let is_current = u64::from(segment.header.sequence) == sequence_of(consumed);
            segment.keep_pages(if is_current { offset_of(consumed) as usize } else { 0 });
        }
    }

    /// Syncs all; one that fails does not keep the others from the disk.
    fn sync(&self) -> io::Result<()> {
        let mut result = Ok(());
        for segment in &self.segments {
            result = segment.sync().and(result);
        }
        result
    }

    fn unsynced_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.unsynced_bytes()).sum()
    }

    fn waiting_bytes(&self) -> u64 {
        let consumed = self.stream.consumed.load(Ordering::Acquire);
        self.segments.iter().map(|segment| segment.waiting_bytes(consumed)).sum()
    }
}

fn reason_of(error: &io::Error) -> DropReason {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DropReason::DiskFull,
        _ => DropReason::DiskError,
    }
}
