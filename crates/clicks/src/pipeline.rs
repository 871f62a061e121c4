//! The pipeline: the threads that count what recorders put into the journal.
//!
//! The counting thread wakes a few times a second and reads what has come. When that is to be written
//! ([`Hold`]), it folds it and commits rollups, totals and positions as one. While the store is away it keeps
//! what it was to write and tries again ever more slowly; what there is no room to keep stays in the log. A
//! commit whose answer was lost is repeated as one that may be stored: inside the transaction, positions say
//! whether it happened.
//!
//! Beside it the keeper looks after the journal's segments, and the retention thread forgets rollups that are
//! too old.
//!
//! With Kafka between them, a node has the keeper and ships
//! ([`ship`]), and a worker counts and forgets ([`work`]).

mod counting;
#[cfg(feature = "kafka")]
mod nodes;
mod pacing;
mod retention;
#[cfg(feature = "kafka")]
mod shipping;
mod status;
mod yielding;

#[cfg(feature = "kafka")]
pub use nodes::{ShipConfig, WorkConfig, ship, work};
pub use retention::Retention;
pub use status::{Part, Status};

use crate::enricher::Enricher;
use crate::geo::{Geo, GeoError};
#[cfg(feature = "kafka")]
use crate::journal::Counts;
use crate::journal::{Keeper, Meter, Reader};
#[cfg(feature = "kafka")]
use crate::kafka::Backlog;
use crate::log::EmbeddedLog;
use crate::pending::{Overlay, Pending};
use counting::{Counting, Setup};
use curtail_store::Rollups;
use status::Shared;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use yielding::Yielding;

/// How long draining waits beyond its deadline for a commit that was begun before.
const LAST_ATTEMPT: Duration = Duration::from_millis(500);

/// How far counting steps back for redirects, as nice(2) has it: it still gets a tenth of a core that they
/// would use up.
const NICENESS: i32 = 10;

/// Settings of the pipeline.
#[derive(Clone, Debug)]
pub struct Config {
    /// An MMDB file with countries or cities.
    pub geo_path: Option<PathBuf>,
    /// How long rollups are kept.
    pub retention: Retention,
    /// How often what was clicked is counted: the time until a click shows in the stats.
    pub commit_interval: Duration,
    /// How many clicks are counted in one commit; each takes about 50 bytes of memory until then, and four
    /// times that while it is committed. Where they are held, as many again may be held meanwhile.
    pub batch_clicks_max: usize,
    /// How many clicks may wait in the journal while redirects use up all cores.
    pub waiting_clicks_max: u64,
    /// How long the store may lack what was counted; nothing where it has to
    /// have it at once, because others read it too. Who reads stats in this
    /// process reads them from [`Pipeline::rollups`] and sees it all the same.
    pub hold: Option<Hold>,
}

/// How long clicks that were counted are held in memory before they are written.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// The longest that a click is held.
    pub at_most: Duration,
    /// Nothing is held once the journal, which has them meanwhile, has more bytes waiting than this.
    pub journal_bytes_max: u64,
}

/// Why the pipeline cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The geo database cannot be used.
    #[error(transparent)]
    Geo(#[from] GeoError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The client of Kafka does not start.
    #[cfg(feature = "kafka")]
    #[error("kafka.brokers: Kafka's client does not start: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// How far the journal is shipped cannot be noted.
    #[error("the journal's folder cannot be written: {0}")]
    Shipped(std::io::Error),
}

/// The running threads. Dropping it leaves them running until the process ends; [`Pipeline::drain`] ends them
/// in order.
pub struct Pipeline {
    watch: Watch,
    overlay: Option<Arc<Overlay>>,
    main: JoinHandle<()>,
    main_ended: mpsc::Receiver<()>,
    keeper: Option<Helper>,
    retention: Option<Helper>,
}

/// A thread that works until its sender is gone.
struct Helper {
    thread: JoinHandle<()>,
    stop: mpsc::Sender<()>,
}

/// Looks at a pipeline from another thread, for metrics.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
    /// Nothing where nobody records.
    meter: Option<Meter>,
    /// Nothing where no log is between nodes, or where nobody asks what waits in it.
    #[cfg(feature = "kafka")]
    backlog: Option<Backlog>,
    /// What counts in the same process, beside one that ships.
    #[cfg(feature = "kafka")]
    worker: Option<Arc<Shared>>,
}

impl Watch {
    /// How far counting is.
    pub fn status(&self) -> Status {
        let journal = self.meter.as_ref().map(Meter::counts).unwrap_or_default();
        let status = Status { log_waiting: self.log_waiting(), ..self.shared.status(&journal) };
        self.with_worker(status)
    }

    #[cfg(feature = "kafka")]
    fn with_worker(&self, status: Status) -> Status {
        match &self.worker {
            Some(worker) => status.beside_worker(worker.status(&Counts::default())),
            None => status,
        }
    }

    #[cfg(not(feature = "kafka"))]
    fn with_worker(&self, status: Status) -> Status {
        status
    }

    #[cfg(feature = "kafka")]
    fn log_waiting(&self) -> Option<u64> {
        self.backlog.as_ref().and_then(Backlog::waiting)
    }

    #[cfg(not(feature = "kafka"))]
    fn log_waiting(&self) -> Option<u64> {
        None
    }

    /// The same, which also says what waits in the log of all nodes.
    #[cfg(feature = "kafka")]
    #[must_use]
    pub fn beside(self, backlog: Backlog) -> Watch {
        Watch { backlog: Some(backlog), ..self }
    }

    /// The same, which also says what a worker in the same process does.
    #[cfg(feature = "kafka")]
    #[must_use]
    pub fn beside_worker(self, worker: &Pipeline) -> Watch {
        Watch { worker: Some(Arc::clone(&worker.watch.shared)), ..self }
    }

    fn of(shared: Arc<Shared>, meter: Option<Meter>) -> Watch {
        Watch {
            shared,
            meter,
            #[cfg(feature = "kafka")]
            backlog: None,
            #[cfg(feature = "kafka")]
            worker: None,
        }
    }
}

/// Starts counting what this process records.
pub fn start(
    config: Config,
    mut reader: Reader,
    keeper: Keeper,
    rollups: Arc<dyn Rollups>,
) -> Result<Pipeline, StartError> {
    let Config { geo_path, retention, commit_interval, batch_clicks_max, waiting_clicks_max, hold } = config;
    let enricher = Enricher::new(open_geo(geo_path)?);
    if hold.is_some() {
        reader.hold();
    }
    let log = Box::new(EmbeddedLog::new(reader, enricher, Arc::clone(&rollups)));
    let shared = Arc::new(Shared::of(Part::Alone));
    let meter = keeper.meter();
    let yielding = Some(Yielding::new(meter.clone(), waiting_clicks_max));
    let retention = forget(retention, Arc::clone(&rollups), &shared)?;
    let pending = Arc::new(Pending::default());
    let overlay = hold.map(|_| Arc::new(Overlay::new(Arc::clone(&rollups), Arc::clone(&pending))));
    let setup = Setup { log, rollups, pending, hold, commit_interval, batch_clicks_max, yielding };
    let mut counting = Counting::new(setup, Arc::clone(&shared));
    let (main, main_ended) = main_thread("counting", move || {
        step_back();
        counting.run();
    })?;
    let watch = Watch::of(shared, Some(meter));
    Ok(Pipeline { watch, overlay, main, main_ended, keeper: Some(keep(keeper)?), retention: Some(retention) })
}

fn open_geo(path: Option<PathBuf>) -> Result<Option<Geo>, GeoError> {
    path.map(|path| Geo::open(&path)).transpose()
}

/// Lets redirects go first on this thread's core. Where the system refuses it, all that is lost is courtesy.
fn step_back() {
    let _ = rustix::process::nice(NICENESS);
}

fn keep(mut keeper: Keeper) -> Result<Helper, StartError> {
    let (stop, stopped) = mpsc::channel();
    Ok(Helper { thread: named("journal-keeper", move || keeper.run(&stopped))?, stop })
}

fn forget(
    retention: Retention,
    rollups: Arc<dyn Rollups>,
    shared: &Arc<Shared>,
) -> Result<Helper, StartError> {
    let (stop, stopped) = mpsc::channel();
    let shared = Arc::clone(shared);
    let work = move || retention::run(retention, &*rollups, &shared, &stopped);
    Ok(Helper { thread: named("rollup-retention", work)?, stop })
}

/// Starts the thread that everything else is for. What is received says when its work has ended.
fn main_thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<(JoinHandle<()>, mpsc::Receiver<()>), StartError> {
    let (ends, ended) = mpsc::channel();
    let thread = named(name, move || {
        work();
        drop::<mpsc::Sender<()>>(ends);
    })?;
    Ok((thread, ended))
}

fn named(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    Ok(thread::Builder::new().name(name.to_owned()).spawn(work)?)
}

impl Pipeline {
    /// How far counting is.
    pub fn status(&self) -> Status {
        self.watch.status()
    }

    /// The store with all that is counted here and not written yet,
    /// for whoever reads stats; nothing where the store has all of it.
    pub fn rollups(&self) -> Option<Arc<dyn Rollups>> {
        self.overlay.clone().map(|overlay| overlay as Arc<dyn Rollups>)
    }

    /// What tells the same from another thread.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Counts what is in the journal and commits it, or hands it on; ends the threads. To be called when
    /// nothing records any more. What is not done by the deadline stays in the journal, and is done after the
    /// next start. A worker commits what it has read and leaves the rest to others. Answers the status at the
    /// end.
    pub fn drain(self, deadline: Duration) -> Status {
        let began = Instant::now();
        self.watch.shared.stop(began + deadline);
        self.main.thread().unpark();
        // The deadline binds the waiting too: a store that never answers must not hold up the end.
        let _ = self.main_ended.recv_timeout(deadline + LAST_ATTEMPT);
        if self.main.is_finished() {
            let _ = self.main.join();
        }
        drop(self.retention.map(|retention| retention.stop));
        if let Some(keeper) = self.keeper {
            drop(keeper.stop);
            // The keeper's last work is to sync, which is what makes the rest safe from a power cut.
            let _ = keeper.thread.join();
        }
        self.watch.status()
    }
}
