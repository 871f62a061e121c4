//! The pipeline: the threads that count what recorders put into the journal.
//!
//! The shipper thread wakes a few times a second, reads what has come, folds it and commits rollups, totals and
//! positions as one. While the store is away it keeps the fold it has, tries again ever more slowly, and leaves the rest
//! in the journal. A commit whose answer was lost is not repeated blindly: the stored positions say whether it happened.
//!
//! Beside it the keeper looks after the journal's segments, and the retention thread forgets rollups that are too old.

mod counting;
mod courtesy;
mod retention;
mod status;

pub use retention::Retention;
pub use status::Status;

use crate::geo::{Geo, GeoError};
use crate::journal::{Keeper, Meter, Reader};
use crate::log::EmbeddedLog;
use crate::shipper::Shipper;
use counting::Counting;
use courtesy::Courtesy;
use curtail_store::Rollups;
use status::Shared;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long draining waits beyond its deadline for a commit that was begun before.
const LAST_ATTEMPT: Duration = Duration::from_millis(500);

/// How far counting steps back for redirects, as nice(2) has it: it still gets a tenth of a core that they would use up.
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
    /// How many clicks are counted in one commit; each takes about 50 bytes of memory until then.
    pub batch_clicks_max: usize,
    /// How many clicks may wait in the journal while redirects use up all cores.
    pub waiting_clicks_max: u64,
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
}

/// The running threads. Dropping it leaves them running until the process ends; [`Pipeline::drain`] ends them in order.
pub struct Pipeline {
    watch: Watch,
    counting: JoinHandle<()>,
    counting_ended: mpsc::Receiver<()>,
    keeper: JoinHandle<()>,
    stop_keeper: mpsc::Sender<()>,
    stop_retention: mpsc::Sender<()>,
}

/// Looks at a pipeline from another thread, for metrics.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
    meter: Meter,
}

impl Watch {
    /// How far counting is.
    pub fn status(&self) -> Status {
        self.shared.status(&self.meter.counts())
    }
}

/// Starts counting.
pub fn start(
    config: Config,
    reader: Reader,
    mut keeper: Keeper,
    rollups: Arc<dyn Rollups>,
) -> Result<Pipeline, StartError> {
    let Config { geo_path, retention, commit_interval, batch_clicks_max, waiting_clicks_max } = config;
    let geo = geo_path.map(|path| Geo::open(&path)).transpose()?;
    let log = EmbeddedLog::new(reader, Shipper::new(geo));
    let shared = Arc::new(Shared::default());
    let meter = keeper.meter();

    let (stop_keeper, keeper_stopped) = mpsc::channel();
    let keeper = named("journal-keeper", move || keeper.run(&keeper_stopped))?;
    let (stop_retention, retention_stopped) = mpsc::channel();
    let forgetting = (Arc::clone(&rollups), Arc::clone(&shared));
    named("rollup-retention", move || {
        retention::run(retention, &*forgetting.0, &forgetting.1, &retention_stopped);
    })?;
    let (ended, counting_ended) = mpsc::channel();
    let courtesy = Courtesy::new(meter.clone(), waiting_clicks_max);
    let mut counting = Counting::new(
        Box::new(log),
        rollups,
        Arc::clone(&shared),
        commit_interval,
        batch_clicks_max,
        courtesy,
    );
    let counting = named("shipper", move || {
        // Where the system refuses it, all that is lost is courtesy.
        let _ = rustix::process::nice(NICENESS);
        counting.run();
        drop(ended);
    })?;
    Ok(Pipeline {
        watch: Watch { shared, meter },
        counting,
        counting_ended,
        keeper,
        stop_keeper,
        stop_retention,
    })
}

fn named(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    Ok(thread::Builder::new().name(name.to_owned()).spawn(work)?)
}

impl Pipeline {
    /// How far counting is.
    pub fn status(&self) -> Status {
        self.watch.status()
    }

    /// What tells the same from another thread.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Counts what is in the journal, commits it and ends the threads; to be called when nothing records any more.
    /// What is not counted by the deadline stays in the journal, and is counted after the next start. Answers the
    /// status at the end.
    pub fn drain(self, deadline: Duration) -> Status {
        let began = Instant::now();
        self.watch.shared.stop(began + deadline);
        self.counting.thread().unpark();
        // The deadline binds the waiting too: a store that never answers must not hold up the end.
        let _ = self.counting_ended.recv_timeout(deadline + LAST_ATTEMPT);
        if self.counting.is_finished() {
            let _ = self.counting.join();
        }
        drop(self.stop_retention);
        drop(self.stop_keeper);
        // The keeper's last work is to sync, which is what makes the rest safe from a power cut.
        let _ = self.keeper.join();
        self.watch.status()
    }
}
