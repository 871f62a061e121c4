//! The memory of links that are acknowledged and not in the store yet, in the order in which they were made,
//! and of the files that have them.

use super::id_blocks::IdBlocks;
use super::journal;
use super::record::{self, framed_length, link_in};
use curtail_model::{Codes, Link, LinkId};
use foldhash::{HashMap, HashMapExt};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout_at;

/// What is counted for a link beside its record: its places in memory.
const OVERHEAD_BYTES: u64 = 64;

/// A link, as its record's payload.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: LinkId,
    pub(super) payload: Box<[u8]>,
}

impl Entry {
    pub(super) fn new(link: &Link) -> Entry {
        Entry { id: link.id, payload: record::link(link).into() }
    }

    /// What it takes of the budget.
    pub(super) fn weight(&self) -> u64 {
        framed_length(self.payload.len()) as u64 + OVERHEAD_BYTES
    }
}

/// Links that wait, and room for more.
pub(super) struct Unwritten {
    folder: PathBuf,
    codes: Codes,
    budget: u64,
    id_blocks: Arc<IdBlocks>,
    state: Mutex<State>,
    /// Some wait.
    ready: Notify,
    /// Some have been written.
    moved: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Waiting>,
    /// Those of the queue that nobody has flushed ahead of their turn.
    payloads: HashMap<LinkId, Box<[u8]>>,
    segments: BTreeMap<u32, SegmentState>,
    /// Room that is taken, also by links that are being written to the journal.
    bytes: u64,
    added: u64,
    removed: u64,
}

struct Waiting {
    id: LinkId,
    segment: u32,
    weight: u64,
    since: Instant,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, Default)]
struct SegmentState {
    waiting: usize,
    /// Nothing more comes into it.
    is_closed: bool,
    /// Somebody has to look at it.
    keep: bool,
}

/// A link of the queue that is to be flushed.
pub(super) struct Next {
    pub(super) link: Link,
    pub(super) since: Instant,
}

impl Unwritten {
    pub(super) fn new(folder: PathBuf, codes: Codes, budget: u64, id_blocks: Arc<IdBlocks>) -> Unwritten {
        let state = Mutex::new(State { payloads: HashMap::new(), ..State::default() });
        Unwritten { folder, codes, budget, id_blocks, state, ready: Notify::new(), moved: Notify::new() }
    }

    /// Takes room for a link, if it comes within `patience`.
    pub(super) async fn take_room(&self, weight: u64, patience: Duration) -> bool {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let moved = self.moved.notified();
            {
                let mut state = self.lock();
                if state.bytes + weight <= self.budget {
                    state.bytes += weight;
                    return true;
                }
            }
            if timeout_at(until, moved).await.is_err() {
                return false;
            }
        }
    }

    pub(super) fn give_room(&self, weight: u64) {
        self.lock().bytes -= weight;
        self.moved.notify_waiters();
    }

    pub(super) fn begin_segment(&self, segment: u32) {
        self.lock().segments.insert(segment, SegmentState::default());
    }

    /// Nothing more comes into a segment.
    pub(super) fn close_segment(&self, segment: u32) {
        let mut state = self.lock();
        if let Some(known) = state.segments.get_mut(&segment) {
            known.is_closed = true;
        }
        self.clear(&mut state);
    }

    /// Nothing more comes into any segment.
    pub(super) fn close_all(&self) {
        let mut state = self.lock();
        state.segments.values_mut().for_each(|segment| segment.is_closed = true);
        self.clear(&mut state);
    }

    /// Somebody has to look at a segment.
    pub(super) fn keep(&self, segment: u32) {
        self.lock().segments.entry(segment).or_default().keep = true;
    }

    /// Remembers links that a segment has; their room was taken before.
    pub(super) fn add(&self, links: Vec<Entry>, segment: u32) {
        let now = Instant::now();
        let mut state = self.lock();
        state.added += links.len() as u64;
        state.segments.entry(segment).or_default().waiting += links.len();
        for entry in links {
            state.queue.push_back(Waiting { id: entry.id, segment, weight: entry.weight(), since: now });
            state.payloads.insert(entry.id, entry.payload);
        }
        drop(state);
        self.ready.notify_one();
    }

    /// The same with links that an earlier process left: they take room, whether it is there or not.
    pub(super) fn add_old(&self, links: Vec<Entry>, segment: u32) {
        self.lock().bytes += links.iter().map(Entry::weight).sum::<u64>();
        self.add(links, segment);
    }

    /// A link that waits.
    pub(super) fn get(&self, id: LinkId) -> Option<Link> {
        let state = self.lock();
        link_in(state.payloads.get(&id)?, &self.codes)
    }

    pub(super) fn contains(&self, id: LinkId) -> bool {
        self.lock().payloads.contains_key(&id)
    }

    /// The store has a link ahead of its turn.
    pub(super) fn forget(&self, id: LinkId) {
        self.lock().payloads.remove(&id);
    }

    /// The places at the head of the queue, up to so many, with
    /// what is to be flushed of them. Waits until there are any.
    pub(super) async fn head(&self, count: usize) -> (usize, Vec<Next>) {
        loop {
            let ready = self.ready.notified();
            {
                let state = self.lock();
                let places = state.queue.len().min(count);
                if places > 0 {
                    let waiting = state.queue.iter().take(places);
                    let next = waiting.filter_map(|waiting| {
                        let link = link_in(state.payloads.get(&waiting.id)?, &self.codes)?;
                        Some(Next { link, since: waiting.since })
                    });
                    return (places, next.collect());
                }
            }
            ready.await;
        }
    }

    /// The store has what was at these places, or refused it for good: then the segment stays.
    pub(super) fn remove(&self, places: usize, refused: &[LinkId]) {
        let mut state = self.lock();
        for _ in 0..places {
            let Some(waiting) = state.queue.pop_front() else { break };
            state.payloads.remove(&waiting.id);
            state.bytes -= waiting.weight;
            state.removed += 1;
            self.id_blocks.settled(waiting.id);
            if let Some(segment) = state.segments.get_mut(&waiting.segment) {
                segment.waiting -= 1;
                segment.keep |= refused.contains(&waiting.id);
            }
        }
        self.clear(&mut state);
        drop(state);
        self.moved.notify_waiters();
    }

    /// Waits until the store has all that waits now. Answers whether that was within `patience`.
    pub(super) async fn wait_until_drained(&self, patience: Duration) -> bool {
        let until = tokio::time::Instant::now() + patience;
        let added = self.lock().added;
        loop {
            let moved = self.moved.notified();
            if self.lock().removed >= added {
                return true;
            }
            if timeout_at(until, moved).await.is_err() {
                return false;
            }
        }
    }

    /// Links that wait, the room they take, and for how long the oldest has waited.
    pub(super) fn backlog(&self) -> (usize, u64, Duration) {
        let state = self.lock();
        let age = state.queue.front().map_or(Duration::ZERO, |waiting| waiting.since.elapsed());
        (state.queue.len(), state.bytes, age)
    }

    /// Removes the files that hold nothing that waits.
    fn clear(&self, state: &mut State) {
        state.segments.retain(|&sequence, segment| {
            let is_over = segment.is_closed && segment.waiting == 0;
            if is_over {
                journal::remove(&self.folder, sequence, segment.keep);
            }
            !is_over
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
