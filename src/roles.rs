//! What a process can be. A role only composes what the crates and [`crate::engines`] offer.

mod app;
mod worker;

pub(crate) use app::connections_possible;

use crate::config::{Role, Settings};
use crate::engines::Fleet;
use curtail_runtime::shutdown::StopSignals;
use std::future::Future;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Whoever asks a process to stop may say so twice in a row, as timeout(1) does, and a shell whose terminal
/// is closed. What comes later than this is somebody who does not want to wait.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// A role that has started.
trait Running {
    /// Finishes what is under way, as far as `shutdown.grace_seconds` allow.
    async fn stop(self) -> anyhow::Result<()>;
}

/// Runs the role of the settings until a signal ends it.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let signals = StopSignals::listen()?;
        match settings.server.role {
            Role::All | Role::App => {
                let joined = OnceLock::new();
                until_stopped(signals, app::start(settings, &joined), &joined).await
            }
            Role::Worker => until_stopped(signals, worker::start(settings), &OnceLock::new()).await,
        }
    });
    // A start that was broken off may have left something at work that nobody waits for.
    runtime.shutdown_background();
    ended
}

/// The first signal ends a start, wherever it waits for something, or asks what runs to stop. A start has
/// promised nothing to anybody yet; only the others that it has `joined` are told, or they would miss it. The
/// second signal ends the stop too: what has been acknowledged and recorded is on the disk.
async fn until_stopped<R: Running>(
    mut signals: StopSignals,
    start: impl Future<Output = anyhow::Result<R>>,
    joined: &OnceLock<Fleet>,
) -> anyhow::Result<()> {
    let running = tokio::select! {
        started = start => started?,
        signal = signals.received() => {
            tracing::info!(signal, "stopped before it had started");
            if let Some(fleet) = joined.get() {
                fleet.leave().await;
            }
            return Ok(());
        }
    };
    let signal = signals.received().await;
    tracing::info!(signal, "stopping: finishing what is under way");
    tokio::select! {
        ended = running.stop() => ended,
        signal = insisted(&mut signals) => {
            tracing::warn!(
                signal,
                "ended at once; what was acknowledged and recorded waits in the data folder for the next start"
            );
            std::process::exit(1)
        }
    }
}

/// Waits for a signal of somebody who asks again.
async fn insisted(signals: &mut StopSignals) -> &'static str {
    let asked = Instant::now();
    loop {
        let signal = signals.received().await;
        if asked.elapsed() >= SAME_REQUEST {
            return signal;
        }
    }
}
