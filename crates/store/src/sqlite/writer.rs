//! The one thread that writes to a database file: whatever was
//! asked for while the last commit ran is the next commit.
//!
//! An operation is answered after the commit that holds it, so what was answered is durable.
//! When anything fails in a group, the whole group is rolled back and every operation of it
//! is told so; the next group starts afresh. Only an operation that met damage before it
//! wrote anything fails alone: one damaged link must not hold up all others.

use super::file::checkpoint;
use super::queue::Queue;
use crate::{StoreError, StoreFuture};
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;
use tracing::{debug, error, info};

/// What a group may weigh: some tens of milliseconds of links. More would make the first of them wait without
/// making the commit much cheaper.
const GROUP_WEIGHT: usize = 8_192;
/// What may wait. A link to make weighs 1, and so does any other small operation.
const QUEUE_WEIGHT: usize = 32 * GROUP_WEIGHT;

/// What a writer's thread owns: a connection, and what is kept in memory beside it.
pub(super) trait WriterState: Send + 'static {
    /// Where groups are written.
    fn connection(&self) -> &Connection;
    /// A group begins.
    fn begin(&mut self);
    /// A group ends: writes what all its operations have in common.
    fn seal(&mut self) -> Result<(), StoreError>;
    /// The group is durable.
    fn committed(&mut self);
    /// Nothing of the group has happened: what is in memory is as it was when the group began.
    fn rolled_back(&mut self);
}

/// A handle on the writer's thread. Dropping it, as closing it, finishes what waits and checkpoints.
pub(super) struct Writer<B: WriterState> {
    name: &'static str,
    queue: Arc<Queue<Box<dyn Operation<B>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

pub(super) trait Operation<B>: Send {
    fn run(&mut self, state: &mut B) -> Result<(), StoreError>;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Pending<F, T> {
    work: Option<F>,
    value: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<B: WriterState> Writer<B> {
    /// Starts the thread, which steps back for others by `niceness` (as nice(2) has it).
    pub(super) fn start(name: &'static str, niceness: i32, state: B) -> std::io::Result<Writer<B>> {
        let queue = Arc::new(Queue::new(name, QUEUE_WEIGHT));
        let entries = Arc::clone(&queue);
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            // Where the system refuses it, all that is lost is courtesy.
            let _ = rustix::process::nice(niceness);
            run(name, &entries, state);
        })?;
        Ok(Writer { name, queue, thread: Mutex::new(Some(thread)) })
    }

    /// Asks for work to be done in the next group. It is queued
    /// when this returns, whatever becomes of the answer.
    pub(super) fn submit<T, F>(&self, weight: usize, work: F) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut B) -> Result<T, StoreError> + Send + 'static,
    {
        self.queue.ask(weight, |caller| Box::new(Pending { work: Some(work), value: None, caller }))
    }

    /// Finishes what waits, checkpoints and ends the thread.
    pub(super) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!(writer = self.name, "the writer had panicked");
        }
    }
}

impl<B: WriterState> Drop for Writer<B> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<B: WriterState, F, T> Operation<B> for Pending<F, T>
where
    T: Send,
    F: FnOnce(&mut B) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, state: &mut B) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let changes = state.connection().total_changes();
        let value = work(state);
        if let Err(failure) = &value {
            let connection = state.connection();
            let wrote_nothing = connection.total_changes() == changes && !connection.is_autocommit();
            if !(wrote_nothing && matches!(failure, StoreError::Damaged(_))) {
                return Err(failure.clone());
            }
        }
        self.value = Some(value);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Pending { value, caller, .. } = *self;
        let answer = committed.and_then(|()| value.expect("what was committed has run"));
        // Nobody may be waiting any more: the write stands all the same.
        let _ = caller.send(answer);
    }
}

/// Refuses all work once the thread is gone, even by a panic, so that nobody waits for ever.
struct Abandon<'a, T>(&'a Queue<T>);

impl<T> Drop for Abandon<'_, T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

fn run<B: WriterState>(name: &'static str, queue: &Queue<Box<dyn Operation<B>>>, mut state: B) {
    let _abandon = Abandon(queue);
    let mut group = Vec::new();
    let mut failing = None;
    while queue.take(GROUP_WEIGHT, 1, &mut group) {
        let committed = commit(&mut state, &mut group);
        // Once when it begins and once when it ends: a full disk fails thousands of groups a second.
        match (&committed, failing.take()) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => info!(writer = name, "changes can be written again"),
            (Err(failure), before) => {
                if before.as_ref() != Some(failure) {
                    error!(writer = name, operations = group.len(), %failure, "a group of changes was rolled back");
                }
                failing = Some(failure.clone());
            }
        }
        for operation in group.drain(..) {
            operation.answer(committed.clone());
        }
    }
    // An empty log makes the next start quick; the changes are safe without it.
    if let Err(failure) = checkpoint(state.connection()) {
        debug!(writer = name, %failure, "no checkpoint at the end");
    }
}

fn commit<B: WriterState>(state: &mut B, group: &mut [Box<dyn Operation<B>>]) -> Result<(), StoreError> {
    match attempt(state, group) {
        Ok(()) => {
            state.committed();
            Ok(())
        }
        Err(failure) => {
            // SQLite has rolled back by itself after some errors;
            // where this fails too, the next BEGIN will say so.
            if !state.connection().is_autocommit()
                && let Err(worse) = state.connection().execute_batch("ROLLBACK")
            {
                error!(failure = %worse, "could not roll back");
            }
            state.rolled_back();
            Err(failure)
        }
    }
}

fn attempt<B: WriterState>(state: &mut B, group: &mut [Box<dyn Operation<B>>]) -> Result<(), StoreError> {
    state.begin();
    state.connection().prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for operation in group {
        operation.run(state)?;
    }
    state.seal()?;
    state.connection().prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in a table, and how many of them there are.
    struct Numbers {
        connection: Connection,
        count: usize,
        before: usize,
    }

    impl WriterState for Numbers {
        fn connection(&self) -> &Connection {
            &self.connection
        }

        fn begin(&mut self) {
            self.before = self.count;
        }

        fn seal(&mut self) -> Result<(), StoreError> {
            Ok(())
        }

        fn committed(&mut self) {}

        fn rolled_back(&mut self) {
            self.count = self.before;
        }
    }

    fn numbers() -> Numbers {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER NOT NULL, padding BLOB)").unwrap();
        Numbers { connection, count: 0, before: 0 }
    }

    fn add(state: &mut Numbers, number: i64, padding: usize) -> Result<usize, StoreError> {
        state
            .connection
            .execute("INSERT INTO numbers VALUES (?1, zeroblob(?2))", (number, padding as i64))?;
        state.count += 1;
        Ok(state.count)
    }

    fn rows(state: &mut Numbers) -> Result<i64, StoreError> {
        Ok(state.connection.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))?)
    }

    /// Keeps the thread busy until the returned sender is
    /// dropped, so that what is asked meanwhile is one group.
    fn hold(writer: &Writer<Numbers>) -> std::sync::mpsc::Sender<()> {
        let (release, held) = std::sync::mpsc::channel();
        let (entered, inside) = std::sync::mpsc::channel();
        drop(writer.submit(1, move |_| {
            entered.send(()).ok();
            held.recv().ok();
            Ok(())
        }));
        inside.recv().unwrap();
        release
    }

    #[tokio::test]
    async fn a_full_disk_refuses_the_whole_group_and_the_next_one_is_well() {
        let writer = Writer::start("test", 0, numbers()).unwrap();
        writer
            .submit(1, |state| Ok(state.connection.pragma_update(None, "max_page_count", 20)?))
            .await
            .unwrap();
        let release = hold(&writer);
        let small = writer.submit(1, |state| add(state, 1, 10));
        let large = writer.submit(1, |state| add(state, 2, 1 << 20));
        let after = writer.submit(1, |state| add(state, 3, 10));
        drop(release);
        assert_eq!(small.await, Err(StoreError::Full));
        assert_eq!(large.await, Err(StoreError::Full));
        assert_eq!(after.await, Err(StoreError::Full));
        assert_eq!(writer.submit(1, rows).await, Ok(0));
        assert_eq!(writer.submit(1, |state| add(state, 4, 10)).await, Ok(1));
    }

    #[tokio::test]
    async fn who_meets_damage_before_writing_fails_alone_and_after_writing_with_the_group() {
        let damage = || StoreError::Damaged("on purpose".into());
        let writer = Writer::start("test", 0, numbers()).unwrap();
        let release = hold(&writer);
        let before = writer.submit(1, |state| add(state, 1, 0));
        let damaged = writer.submit(1, move |_| Err::<(), _>(damage()));
        let after = writer.submit(1, |state| add(state, 2, 0));
        drop(release);
        assert_eq!((before.await, damaged.await, after.await), (Ok(1), Err(damage()), Ok(2)));
        let release = hold(&writer);
        let before = writer.submit(1, |state| add(state, 3, 0));
        let damaged = writer.submit(1, move |state| add(state, 4, 0).and_then(|_| Err::<(), _>(damage())));
        drop(release);
        assert_eq!((before.await, damaged.await), (Err(damage()), Err(damage())));
        assert_eq!(writer.submit(1, rows).await, Ok(2));
    }

    #[tokio::test]
    async fn what_waits_while_a_group_runs_is_the_next_group() {
        let writer = Writer::start("test", 0, numbers()).unwrap();
        let release = hold(&writer);
        let asked: Vec<_> = (0..100)
            .map(|number| writer.submit(1, move |state| add(state, number, 0).map(|_| state.before)))
            .collect();
        drop(release);
        for answer in asked {
            assert_eq!(answer.await, Ok(0), "there was a commit in between");
        }
    }

    #[tokio::test]
    async fn after_a_panic_callers_are_told_and_do_not_wait() {
        let writer = Writer::start("test", 0, numbers()).unwrap();
        let release = hold(&writer);
        let broken = writer.submit(1, |_| -> Result<(), StoreError> { panic!("on purpose") });
        let next = writer.submit(1, |state| add(state, 1, 0));
        drop(release);
        assert!(matches!(broken.await, Err(StoreError::Unavailable(_))));
        assert!(matches!(next.await, Err(StoreError::Unavailable(_))));
        assert!(matches!(writer.submit(1, rows).await, Err(StoreError::Unavailable(_))));
    }
}
