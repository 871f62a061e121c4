//! Clicks that have been read from the log and are not in the store yet.
//!
//! Where the process that counts is also the one that answers, they need not be written at once to be seen:
//! the journal has them, stats are made of what the store has and of what is here ([`Overlay`]), and the
//! store is written seldom. That saves most of the work: rollups of an hour or a day are the same rows again
//! and again, and each write of one costs the disk a page, however little was added.
//!
//! A *write* takes what is held here by then into the store. While it lasts, whoever reads asks the store
//! whether it has happened; all else that is held belongs to the next one.

mod overlay;
mod runs;

pub(crate) use overlay::Overlay;
pub(crate) use runs::RUN_CLICKS_MAX;

use crate::aggregator;
use crate::log::{Click, Clicked, Clicks, Values};
use crate::rollup;
use curtail_model::{ClickClass, LinkId, Timestamp};
use curtail_store::rollups::{Batch, Breathe, Grain, Merge, Positions, Row, Subject, Totals};
use runs::Runs;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Clicks on their way into the store. One thread reads and writes them, any number look.
#[derive(Default)]
pub(crate) struct Pending {
    state: RwLock<State>,
    /// Links that were removed while clicks on them were
    /// here, and the number of writes that had begun by then.
    gone: Mutex<HashMap<LinkId, u64>>,
    /// Whether anything has been read: what an earlier process
    /// left in the journal was shown by it, and comes first.
    has_begun: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// What was read last, the texts of all, and up to where the log was read since the last write began.
    read: Clicks,
    held: Held,
    /// Since when something is held.
    since: Option<Instant>,
    writing: Option<Arc<Writing>>,
    /// How many writes have begun.
    writes: u64,
}

/// Clicks that are visible.
#[derive(Default)]
struct Held {
    runs: Runs,
    /// Of everything and of orphans, kept from the first time that somebody asks.
    of_all: Mutex<Option<OfAll>>,
}

/// Clicks that are being written.
#[derive(Default)]
pub(crate) struct Writing {
    held: Held,
    /// Their texts, where they are not with those of the next
    /// clicks: there were so many that those begin anew.
    values: Option<Values>,
    positions: Positions,
}

/// Rollups of what is of no single link.
type OfAll = BTreeMap<(Subject, Grain, Timestamp), Vec<u8>>;

/// Rollups by the start of their period.
type Series = Vec<(Timestamp, Vec<u8>)>;
/// From, and until before.
type Span = (Timestamp, Timestamp);

/// What somebody saw of pending clicks, and when.
struct Look<T> {
    writes: u64,
    held: T,
    /// With the positions that the store has once they are written.
    writing: Option<(Positions, T)>,
}

impl Writing {
    /// Up to where each stream that moved has been read.
    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// How many clicks they are.
    pub(crate) fn clicks(&self) -> usize {
        self.held.runs.clicks()
    }
}

/// What the thread does that counts.
impl Pending {
    /// Has clicks read into what is held.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&mut Clicks) -> T) -> T {
        read(&mut self.change().read)
    }

    /// Makes what was read last visible. `breathe` is called between
    /// pieces of the work. Answers how many clicks that were.
    pub(crate) fn arrange(&self, breathe: &dyn Fn()) -> usize {
        // Whoever looks may do so meanwhile; nobody else changes anything.
        let (runs, of_all) = {
            let state = self.look_at();
            let runs = Runs::of(&state.read.clicks, breathe);
            let of_all = state.held.rows_of_all(&runs, &state.read.values, breathe);
            (runs, of_all)
        };
        let state = &mut *self.change();
        if !state.read.is_empty() {
            state.since.get_or_insert_with(Instant::now);
        }
        // Its capacity goes too, or one backlog would keep it at its largest.
        drop(std::mem::take(&mut state.read.clicks));
        let clicks = runs.clicks();
        state.held.add(runs, of_all);
        clicks
    }

    /// The log has been read to its end, for as much as can be held, or for as long as it could be read at
    /// all: whoever waited for that may look.
    pub(crate) fn begin(&self) {
        self.has_begun.send_if_modified(|has_begun| !std::mem::replace(has_begun, true));
    }

    /// Clicks that were read and are not visible yet.
    pub(crate) fn unshown(&self) -> usize {
        self.look_at().read.clicks.len()
    }

    /// Clicks that are visible and not in the store, or not known to be.
    pub(crate) fn unwritten(&self) -> usize {
        let state = self.look_at();
        state.held.runs.clicks() + state.writing.as_deref().map_or(0, Writing::clicks)
    }

    /// Clicks that wait for the next write.
    pub(crate) fn held(&self) -> usize {
        self.look_at().held()
    }

    /// Whether no more should be read before the next write.
    pub(crate) fn is_full(&self, clicks_max: usize) -> bool {
        let state = self.look_at();
        state.held() >= clicks_max || state.read.values.is_full()
    }

    /// Whether there is nothing to write: no click, and no position that moved.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.look_at();
        state.read.is_empty() && state.held() == 0
    }

    /// How long ago the first of what is held became visible.
    pub(crate) fn held_for(&self) -> Duration {
        self.look_at().since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Begins to write what is held. It stays visible until the write has ended.
    pub(crate) fn begin_write(&self, breathe: &dyn Fn()) -> Arc<Writing> {
        self.arrange(breathe);
        let state = &mut *self.change();
        let held = std::mem::take(&mut state.held);
        let positions = state.read.take_positions();
        let values = state.read.values.take_if_many();
        let writing = Arc::new(Writing { held, values, positions });
        state.writing = Some(Arc::clone(&writing));
        state.since = None;
        state.writes += 1;
        writing
    }

    /// What is being written, as rows. May be asked again.
    pub(crate) fn fold(&self, writing: &Writing, merge: Merge, breathe: Breathe) -> Batch {
        let state = self.look_at();
        let runs = writing.held.runs.slices();
        let positions = writing.positions.clone();
        aggregator::fold_runs(&runs, state.values_of(writing), positions, merge, breathe)
    }

    /// What was being written is in the store. Answers the links of it that were removed meanwhile: what was
    /// counted for them has to be forgotten once more.
    pub(crate) fn end_write(&self) -> Vec<LinkId> {
        let Some(writing) = self.change().writing.take() else { return Vec::new() };
        let written = |link: &LinkId| writing.held.has(*link);
        self.gone().keys().copied().filter(written).collect()
    }

    /// What was written of removed links has been forgotten. Of those
    /// that went while it was written, some clicks may be held still.
    pub(crate) fn end_removals(&self) {
        let writes = self.writes();
        self.gone().retain(|_, removed| *removed >= writes);
    }

    /// Forgets all of it: others count it. Answers how many clicks that were.
    pub(crate) fn give_up(&self) -> usize {
        let state = &mut *self.change();
        let writing = state.writing.take().map_or(0, |writing| writing.clicks());
        let given_up = state.held() + writing;
        state.held = Held::default();
        state.since = None;
        state.writes += 1;
        state.read.clear();
        given_up
    }
}

/// What others see.
impl Pending {
    /// Waits for the first look into the log: whoever reads
    /// after a restart is to see what was seen before it.
    async fn begun(&self) {
        // That never fails: the sender is here.
        let _ = self.has_begun.subscribe().wait_for(|has_begun| *has_begun).await;
    }

    /// How many writes have begun.
    fn writes(&self) -> u64 {
        self.look_at().writes
    }

    /// Rollups of a subject and grain with `from <= start < until`.
    fn series(&self, subject: Subject, grain: Grain, (from, until): Span) -> Look<Series> {
        self.look_at().look(|held, values| match subject {
            Subject::Link(link) => held.series_of_link(link, grain, (from, until), values),
            Subject::Everything | Subject::Orphans => {
                held.series_of_all(subject, grain, (from, until), values)
            }
        })
    }

    /// Clicks on each of these links.
    fn totals(&self, links: &[LinkId]) -> Look<Vec<Totals>> {
        self.look_at().look(|held, values| links.iter().map(|link| held.totals_of(*link, values)).collect())
    }

    /// A link was removed: what is here of it is not shown any more; where it is written, it is forgotten
    /// afterwards. What is not even read yet is written, to rows that nobody can ask for.
    fn remove(&self, link: LinkId) {
        let state = self.look_at();
        let is_here = state.look(|held, _| held.has(link));
        // Before the first look into the log nobody knows what will come.
        let may_come = !*self.has_begun.borrow();
        let may_come = may_come || state.read.clicks.iter().any(|click| click.clicked == Clicked::Link(link));
        if may_come || is_here.held || is_here.writing.is_some_and(|(_, is_here)| is_here) {
            self.gone().insert(link, state.writes);
        }
    }

    /// Whether a link was removed of which something may be left here.
    fn is_gone(&self, link: LinkId) -> bool {
        self.gone().contains_key(&link)
    }

    fn look_at(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> MutexGuard<'_, HashMap<LinkId, u64>> {
        lock(&self.gone)
    }
}

impl State {
    fn held(&self) -> usize {
        self.held.runs.clicks() + self.read.clicks.len()
    }

    fn values_of<'s>(&'s self, writing: &'s Writing) -> &'s Values {
        writing.values.as_ref().unwrap_or(&self.read.values)
    }

    /// Looks at what is held and at what is being written.
    fn look<T>(&self, see: impl Fn(&Held, &Values) -> T) -> Look<T> {
        Look {
            writes: self.writes,
            held: see(&self.held, &self.read.values),
            writing: self
                .writing
                .as_deref()
                .map(|writing| (writing.positions.clone(), see(&writing.held, self.values_of(writing)))),
        }
    }
}

impl Held {
    /// What these add to rollups of no single link, where those are kept.
    fn rows_of_all(&self, runs: &Runs, values: &Values, breathe: &dyn Fn()) -> Option<Vec<Row>> {
        let is_kept = lock(&self.of_all).is_some();
        is_kept.then(|| aggregator::rows_of_all(&runs.slices(), values, breathe))
    }

    /// Takes clicks, and what they add to rollups of no single link.
    fn add(&mut self, runs: Runs, rows_of_all: Option<Vec<Row>>) {
        if runs.clicks() == 0 {
            return;
        }
        self.runs.append(runs);
        let of_all = self.of_all.get_mut().unwrap_or_else(PoisonError::into_inner);
        match rows_of_all {
            Some(rows) => add_of_all(of_all.get_or_insert_default(), rows),
            // Somebody may have asked since; the next one makes them anew.
            None => *of_all = None,
        }
    }

    fn of_link(&self, link: LinkId) -> impl Iterator<Item = &[Click]> {
        self.runs.of_clicked(Clicked::Link(link))
    }

    fn has(&self, link: LinkId) -> bool {
        self.of_link(link).any(|clicks| !clicks.is_empty())
    }

    fn totals_of(&self, link: LinkId, values: &Values) -> Totals {
        let mut clicks = [0; ClickClass::ALL.len()];
        self.of_link(link).flatten().for_each(|click| clicks[values.agent(click.agent).class as usize] += 1);
        aggregator::totals_of(&clicks)
    }

    fn series_of_link(&self, link: LinkId, grain: Grain, (from, until): Span, values: &Values) -> Series {
        let is_wanted = |clicks: &&[Click]| {
            let start = aggregator::start_of(grain, clicks[0].minute);
            from <= start && start < until
        };
        let stretches = self.of_link(link).flat_map(aggregator::stretches);
        let mut stretches: Vec<&[Click]> = stretches.filter(is_wanted).collect();
        stretches.sort_by_key(|clicks| clicks[0].minute);
        let rows = aggregator::rows_of(Subject::Link(link), &stretches, values).into_iter();
        rows.filter(|row| row.grain == grain).map(|row| (row.start, row.delta)).collect()
    }

    fn series_of_all(&self, subject: Subject, grain: Grain, (from, until): Span, values: &Values) -> Series {
        let mut of_all = lock(&self.of_all);
        let of_all = of_all.get_or_insert_with(|| {
            let mut fresh = OfAll::new();
            add_of_all(&mut fresh, aggregator::rows_of_all(&self.runs.slices(), values, &|| {}));
            fresh
        });
        let range = of_all.range((subject, grain, from)..(subject, grain, until.max(from)));
        range.map(|((_, _, start), rollup)| (*start, rollup.clone())).collect()
    }
}

fn add_of_all(of_all: &mut OfAll, rows: Vec<Row>) {
    for Row { subject, grain, start, delta } in rows {
        let rollup = of_all.entry((subject, grain, start)).or_default();
        let stored = (!rollup.is_empty()).then_some(rollup.as_slice());
        // Both were made here a moment ago.
        *rollup = rollup::merge(stored, &delta).unwrap_or(delta);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
