//! New links that are acknowledged when the journal of this
//! process has them, and are written to the store behind.
//!
//! It stands in front of the store as [`crate::CoherentLinks`] stands in front of it. Only a link that needs
//! no check goes this way: with a generated code, without limit, `reuse` and idempotency key, of a call that
//! makes few. Its id is from a block that this process alone has leased, so nobody else can have given it or
//! chosen its code. Everything else goes straight to the store; so does all when there are no ids, or the
//! disk of the journal is full or fails.
//!
//! While a link waits, this memory is behind the store's back, and others may have
//! brought the link there and changed it. So whoever asks about one that waits has it
//! brought first, and then asks the store; memory answers only while the store is away.
//! Other processes find it in Redis, as a record of the journal, and do the same.

mod creates;
mod journal;
mod keeper;
mod leases;
mod links;
mod record;
mod statistics;
mod unwritten;

pub use journal::{Contents, OpenError, read_segment};
pub use record::link_in;
pub use statistics::Statistics;

use crate::coherent_links::Peers;
use curtail_model::{Codes, Link, LinkId};
use curtail_store::{Brought, Deferred, Links, StoreError};
use journal::{Journal, Old};
use leases::Leases;
use record::Payload;
use statistics::Counts;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::task;
use tokio::time::timeout;
use unwritten::{Entry, Unwritten};
use xxhash_rust::xxh3::xxh3_64;

/// How long whoever reads a link waits for it to be brought.
const BRING_PATIENCE: Duration = Duration::from_secs(1);
/// A batch that takes longer than this hangs.
const HANGS_AFTER: Duration = Duration::from_secs(1);
/// A journal that failed is left alone for this long: each attempt uses up ids.
const JOURNAL_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of the budget for one leased id: about what a link with a short destination takes.
const BYTES_PER_ID: u64 = 256;
/// The fewest and the most ids that are leased at a time. Twice as many are lost with a process.
const BLOCK: (u64, u64) = (1_000, 262_144);

/// How links are written behind.
#[derive(Clone)]
pub struct Config {
    /// The folder of the journal.
    pub folder: PathBuf,
    /// Room for links that wait, in the journal and in memory, in bytes.
    pub budget: u64,
    /// What only this store knows.
    pub secret: [u8; 16],
    /// The codes of the store.
    pub codes: Codes,
}

/// A store whose new links are acknowledged ahead of it.
#[derive(Clone)]
pub struct WriteBehind {
    inner: Arc<Inner>,
    background: Arc<Mutex<Background>>,
}

struct Inner {
    links: Arc<dyn Links>,
    deferred: Arc<dyn Deferred>,
    peers: Peers,
    codes: Codes,
    store: u64,
    budget: u64,
    block: u32,
    unwritten: Arc<Unwritten>,
    leases: Arc<Leases>,
    journal: Journal,
    /// Since when the batch that is under way is.
    attempt: Mutex<Option<Instant>>,
    /// Links that others cannot find yet, because Redis did not take them.
    unleft: Mutex<VecDeque<LinkId>>,
    /// When the journal last refused new links.
    journal_failed: Mutex<Option<Instant>>,
    fails: AtomicBool,
    closed: AtomicBool,
    counts: Counts,
}

/// What works until the end.
struct Background {
    tasks: Vec<task::JoinHandle<()>>,
    leasing: Option<task::JoinHandle<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WriteBehind {
    /// Opens the journal of a folder and goes on with what waits there. Ids are leased before this returns,
    /// so the store has to be there. Must be called in a tokio runtime, where it works from then on.
    pub async fn open(
        config: Config,
        links: Arc<dyn Links>,
        deferred: Arc<dyn Deferred>,
        peers: Peers,
    ) -> Result<WriteBehind, OpenError> {
        let this = WriteBehind::start(config, links, deferred, peers)?;
        if let Err(error) = keeper::lease_block(&this.inner).await {
            // New links go straight to the store until there are ids.
            tracing::warn!(%error, "no ids could be leased; trying again");
        }
        this.lock().leasing = Some(tokio::spawn(keeper::lease(this.inner.clone())));
        this.spawn(keeper::leave_what_was_not(this.inner.clone()));
        Ok(this)
    }

    /// Brings what an earlier process left in a folder to the
    /// store, without taking any new links. Answers how many.
    pub async fn finish(
        config: Config,
        links: Arc<dyn Links>,
        deferred: Arc<dyn Deferred>,
    ) -> Result<usize, OpenError> {
        if journal::is_empty(&config.folder) {
            return Ok(0);
        }
        let this = WriteBehind::start(config, links, deferred, Peers::default())?;
        let left = this.statistics().waiting;
        while !this.inner.unwritten.is_drained(HANGS_AFTER).await {}
        this.close(HANGS_AFTER).await;
        Ok(left)
    }

    /// Whether links wait in a folder.
    pub fn left_any(folder: &Path) -> bool {
        !journal::is_empty(folder)
    }

    fn start(
        config: Config,
        links: Arc<dyn Links>,
        deferred: Arc<dyn Deferred>,
        peers: Peers,
    ) -> Result<WriteBehind, OpenError> {
        let Config { folder, budget, secret, codes } = config;
        let store = xxh3_64(&secret);
        let left = journal::read_folder(&folder, store)?;
        let leases = Arc::new(Leases::default());
        let unwritten = Arc::new(Unwritten::new(folder.clone(), codes.clone(), budget, leases.clone()));
        let counts = Counts::default();
        let sequence = journal::last_sequence(&folder)?;
        let damaged: u64 = left.into_iter().map(|old| recall(&old, &codes, &unwritten, &leases)).sum();
        counts.damaged.store(damaged, Ordering::Relaxed);
        let (journal, thread) = Journal::start(&folder, store, sequence, unwritten.clone(), leases.clone())?;
        let inner = Arc::new(Inner {
            links,
            deferred,
            peers,
            codes,
            store,
            budget,
            block: (budget / BYTES_PER_ID).clamp(BLOCK.0, BLOCK.1) as u32,
            unwritten,
            leases,
            journal,
            attempt: Mutex::new(None),
            unleft: Mutex::default(),
            journal_failed: Mutex::default(),
            fails: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            counts,
        });
        let background = Background { tasks: Vec::new(), leasing: None, thread: Some(thread) };
        let this = WriteBehind { inner, background: Arc::new(Mutex::new(background)) };
        this.spawn(keeper::bring(this.inner.clone()));
        Ok(this)
    }

    /// Ends: what waits is brought, within `patience`; what still waits then is for the next start. From now
    /// on new links go straight to the store.
    pub async fn close(&self, patience: Duration) {
        let this = &self.inner;
        this.closed.store(true, Ordering::Release);
        this.leases.close();
        let drained = this.unwritten.is_drained(patience).await;
        let leasing = self.lock().leasing.take();
        self.lock().tasks.iter().for_each(task::JoinHandle::abort);
        if let Some(mut leasing) = leasing
            // A lease that is being taken is noted first, so that it can be released.
            && timeout(HANGS_AFTER, &mut leasing).await.is_err()
        {
            leasing.abort();
        }
        this.leases.close();
        let over = this.leases.over();
        if !drained {
            let left = this.unwritten.backlog().0;
            tracing::warn!(
                left,
                "stopped; new links that are left in the journal are written after the next start"
            );
        } else if !over.is_empty() && this.deferred.release(over.clone()).await.is_ok() {
            this.leases.released(&over);
            if this.leases.in_force().is_empty() {
                this.unwritten.left_all();
            }
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task);
        self.lock().tasks.push(task);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Background> {
        self.background.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.tasks.iter().chain(&self.leasing).for_each(task::JoinHandle::abort);
        // It ends with the last order; nobody waits for it, because its files are synced with each one.
        drop(self.thread.take());
    }
}

/// Takes up what an earlier process left in a segment. Answers how many bytes of it are damaged.
fn recall(old: &Old, codes: &Codes, unwritten: &Unwritten, leases: &Leases) -> u64 {
    let (mut links, mut unreadable) = (Vec::new(), 0);
    let mut each = |payload: &[u8]| match record::read(payload, codes) {
        Some(Payload::Link(link)) => links.push(Entry { id: link.id, payload: payload.into() }),
        Some(Payload::Lease { first, end }) => leases.recall(first, end),
        None => unreadable += payload.len(),
    };
    let contents = read_segment(&old.bytes, &mut each);
    let contents = contents.unwrap_or(Contents { damaged: old.bytes.len(), ..Contents::default() });
    let damaged = contents.damaged + unreadable;
    let segment = old.sequence;
    unwritten.begun(segment);
    if contents.cut_off > 0 {
        tracing::info!(
            segment,
            bytes = contents.cut_off,
            "a write to the journal of new links had been cut off; it was not acknowledged"
        );
    }
    if damaged > 0 {
        unwritten.keep(segment);
        tracing::error!(
            segment,
            bytes = damaged,
            "the journal of new links is damaged: acknowledged links may be lost; the segment is kept as .damaged"
        );
    }
    links.iter().for_each(|entry| leases.recall_link(entry.id));
    unwritten.add_old(links, segment);
    unwritten.left(segment);
    damaged as u64
}

impl Inner {
    /// Brings a link to the store ahead of its turn, within the time that the store allows itself.
    async fn bring(&self, link: Link) -> Result<(), StoreError> {
        let id = link.id;
        match self.deferred.bring(vec![link]).await?.pop() {
            Some(Brought::Now | Brought::Before) => {
                self.unwritten.forget(id);
                if let Some(redis) = &self.peers.redis {
                    redis.forget_unwritten(self.store, &[id]).await;
                }
                Ok(())
            }
            Some(Brought::Refused(why)) => Err(StoreError::Unavailable(why)),
            None => Err(StoreError::Unavailable("the store said nothing of a new link".into())),
        }
    }

    /// Whether the store does not take links at present.
    fn is_stuck(&self) -> bool {
        let attempt = *self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        self.fails.load(Ordering::Acquire) || attempt.is_some_and(|since| since.elapsed() > HANGS_AFTER)
    }

    /// Whether the journal has not failed a moment ago.
    fn journal_may_work(&self) -> bool {
        let failed = *self.journal_failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| failed.elapsed() > JOURNAL_PAUSE)
    }

    fn note_that_the_journal_fails(&self) {
        *self.journal_failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn begin_attempt(&self) {
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn end_attempt(&self, well: bool) {
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.fails.store(!well, Ordering::Release);
    }
}
