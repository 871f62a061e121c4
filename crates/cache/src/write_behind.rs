//! New links that are acknowledged when the journal of this
//! process has them, and are written to the store behind.
//!
//! It stands in front of the store as [`crate::CoherentLinks`] stands in front of it. Only a link that needs
//! no check goes this way: with a generated code, without limit, `reuse` and idempotency key, of a call that
//! makes few. Its id is from a block that this process alone has leased, so nobody else can have given it or
//! chosen its code. Everything else goes straight to the store; so does all when there are no ids, or the
//! disk of the journal is full or fails.
//!
//! While a link waits, this memory may be older than the store: others may have
//! written the link there and changed it. So whoever asks about one that waits has it
//! flushed first, and then asks the store; memory answers only while the store is away.
//! Other processes find it in Redis, as a record of the journal, and do the same.

mod creates;
mod id_blocks;
mod journal;
mod keeper;
mod links;
mod record;
mod statistics;
mod unwritten;

pub use journal::{Contents, OpenError, read_segment};
pub use record::link_in;
pub use statistics::Statistics;

use crate::coherent_links::Peers;
use curtail_model::{Codes, Link, LinkId};
use curtail_store::{Flushed, Links, StoreError, WriteBehindStore};
use id_blocks::IdBlocks;
use journal::{Journal, Old};
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

/// How long whoever reads a link waits for it to be flushed.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// A batch that takes longer than this hangs.
const HANGS_AFTER: Duration = Duration::from_secs(1);
/// A journal that failed is left alone for this long: each attempt uses up ids.
const JOURNAL_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of the budget for one leased id: about what a link with a short destination takes.
const BYTES_PER_ID: u64 = 256;
/// The fewest and the most ids that are leased at a time. Twice as many are lost with a process.
const BLOCK_IDS_MIN: u64 = 1_000;
const BLOCK_IDS_MAX: u64 = 262_144;

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
    backing: Arc<dyn WriteBehindStore>,
    peers: Peers,
    codes: Codes,
    store_id: u64,
    budget: u64,
    block: u32,
    unwritten: Arc<Unwritten>,
    id_blocks: Arc<IdBlocks>,
    journal: Journal,
    /// When the batch that is under way began; nothing between two.
    attempt: Mutex<Option<Instant>>,
    /// Links that others cannot find yet, because Redis did not take them.
    unpublished: Mutex<VecDeque<LinkId>>,
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
        backing: Arc<dyn WriteBehindStore>,
        peers: Peers,
    ) -> Result<WriteBehind, OpenError> {
        let this = WriteBehind::start(config, links, backing, peers)?;
        if let Err(error) = keeper::lease_ids(&this.inner).await {
            // New links go straight to the store until there are ids.
            tracing::warn!(%error, "no ids could be leased; trying again");
        }
        this.lock().leasing = Some(tokio::spawn(keeper::keep_leased(this.inner.clone())));
        this.inner.listen();
        this.spawn(keeper::republish(this.inner.clone()));
        Ok(this)
    }

    /// Brings what an earlier process left in a folder to the
    /// store, without taking any new links. Answers how many.
    pub async fn finish(
        config: Config,
        links: Arc<dyn Links>,
        backing: Arc<dyn WriteBehindStore>,
    ) -> Result<usize, OpenError> {
        if journal::is_empty(&config.folder) {
            return Ok(0);
        }
        let this = WriteBehind::start(config, links, backing, Peers::default())?;
        let left = this.statistics().waiting;
        while !this.inner.unwritten.wait_until_drained(HANGS_AFTER).await {}
        this.close(HANGS_AFTER).await;
        Ok(left)
    }

    /// Whether links wait in a folder.
    pub fn has_backlog(folder: &Path) -> bool {
        !journal::is_empty(folder)
    }

    fn start(
        config: Config,
        links: Arc<dyn Links>,
        backing: Arc<dyn WriteBehindStore>,
        peers: Peers,
    ) -> Result<WriteBehind, OpenError> {
        let Config { folder, budget, secret, codes } = config;
        let store_id = xxh3_64(&secret);
        let left = journal::read_folder(&folder, store_id)?;
        let id_blocks = Arc::new(IdBlocks::default());
        let unwritten = Arc::new(Unwritten::new(folder.clone(), codes.clone(), budget, id_blocks.clone()));
        let counts = Counts::default();
        let sequence = journal::last_sequence(&folder)?;
        let damaged: u64 = left.into_iter().map(|old| recall(&old, &codes, &unwritten, &id_blocks)).sum();
        counts.damaged.store(damaged, Ordering::Relaxed);
        let (journal, thread) =
            Journal::start(&folder, store_id, sequence, unwritten.clone(), id_blocks.clone())?;
        let inner = Arc::new(Inner {
            links,
            backing,
            peers,
            codes,
            store_id,
            budget,
            block: (budget / BYTES_PER_ID).clamp(BLOCK_IDS_MIN, BLOCK_IDS_MAX) as u32,
            unwritten,
            id_blocks,
            journal,
            attempt: Mutex::new(None),
            unpublished: Mutex::default(),
            journal_failed: Mutex::default(),
            fails: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            counts,
        });
        let background = Background { tasks: Vec::new(), leasing: None, thread: Some(thread) };
        let this = WriteBehind { inner, background: Arc::new(Mutex::new(background)) };
        this.spawn(keeper::flush(this.inner.clone()));
        Ok(this)
    }

    /// Ends: what waits is flushed, within `patience`; what still waits then is for the next start. From now
    /// on new links go straight to the store.
    pub async fn close(&self, patience: Duration) {
        let this = &self.inner;
        this.closed.store(true, Ordering::Release);
        this.id_blocks.close();
        let drained = this.unwritten.wait_until_drained(patience).await;
        let leasing = self.lock().leasing.take();
        self.lock().tasks.iter().for_each(task::JoinHandle::abort);
        if let Some(mut leasing) = leasing
            // A block that is being leased is noted first, so that it can be released.
            && timeout(HANGS_AFTER, &mut leasing).await.is_err()
        {
            leasing.abort();
        }
        this.id_blocks.close();
        let over = this.id_blocks.over();
        if !drained {
            let left = this.unwritten.backlog().0;
            tracing::warn!(
                left,
                "stopped; new links that are left in the journal are written after the next start"
            );
        } else if !over.is_empty() && this.backing.release(over.clone()).await.is_ok() {
            this.id_blocks.released(&over);
            if this.id_blocks.in_force().is_empty() {
                this.unwritten.close_all();
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
fn recall(old: &Old, codes: &Codes, unwritten: &Unwritten, id_blocks: &IdBlocks) -> u64 {
    let (mut links, mut unreadable) = (Vec::new(), 0);
    let mut each = |payload: &[u8]| match record::read(payload, codes) {
        Some(Payload::Link(link)) => links.push(Entry { id: link.id, payload: payload.into() }),
        Some(Payload::IdBlock { first, end }) => id_blocks.recall(first, end),
        None => unreadable += payload.len(),
    };
    let contents = read_segment(&old.bytes, &mut each);
    let contents = contents.unwrap_or(Contents { damaged: old.bytes.len(), ..Contents::default() });
    let damaged = contents.damaged + unreadable;
    let segment = old.sequence;
    unwritten.begin_segment(segment);
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
    links.iter().for_each(|entry| id_blocks.recall_link(entry.id));
    unwritten.add_old(links, segment);
    unwritten.close_segment(segment);
    damaged as u64
}

impl Inner {
    /// Brings a link to the store ahead of its turn, within the time that the store allows itself.
    async fn flush(&self, link: Link) -> Result<(), StoreError> {
        let id = link.id;
        match self.backing.flush(vec![link]).await?.pop() {
            Some(Flushed::Now | Flushed::Before) => {
                self.unwritten.forget(id);
                if let Some(redis) = &self.peers.redis {
                    redis.forget_unwritten(self.store_id, &[id]).await;
                }
                Ok(())
            }
            Some(Flushed::Refused(why)) => Err(StoreError::Unavailable(why)),
            None => Err(StoreError::Unavailable("the store said nothing of a new link".into())),
        }
    }

    /// Forgets what waits of links that others tell a change of: the store has them, because whoever changes
    /// one has it flushed first. What waits here is old by now, and leads nobody anywhere any more.
    fn listen(&self) {
        let Some(bus) = &self.peers.bus else { return };
        let (codes, unwritten) = (self.codes.clone(), self.unwritten.clone());
        bus.listen(move |code, version| {
            if let Some(id) = codes.decode(code.as_bytes())
                && unwritten.get(id).is_some_and(|link| link.version < version)
            {
                unwritten.forget(id);
            }
        });
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
