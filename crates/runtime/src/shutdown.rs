//! How everything learns that it is time to stop.

use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Says when to stop, and by when. Everybody holds a clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Option<Instant>>);

/// Tells everybody to stop.
#[derive(Debug)]
pub struct Stop(watch::Sender<Option<Instant>>);

/// A shutdown and the switch for it.
pub fn shutdown() -> (Stop, Shutdown) {
    let (stop, shutdown) = watch::channel(None);
    (Stop(stop), Shutdown(shutdown))
}

impl Stop {
    /// Tells everybody, now and those who ask later. What is under way may go on until `end`.
    pub fn by(&self, end: Instant) {
        self.0.send_replace(Some(end));
    }
}

impl Shutdown {
    /// Waits until it is time to stop (also when the switch is gone), and
    /// answers until when what is under way may go on.
    pub async fn requested(&mut self) -> Instant {
        // An error is a switch that was dropped: nobody is left who could wait for us.
        let end = self.0.wait_for(Option::is_some).await.ok().and_then(|end| *end);
        end.unwrap_or_else(Instant::now)
    }
}

/// Listens for the signals that ask a process to stop.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl StopSignals {
    /// From now on SIGTERM, SIGINT and SIGHUP (the terminal was closed) no longer end the process by
    /// themselves. For the first process of a container they never do.
    pub fn listen() -> std::io::Result<StopSignals> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one, also one that has come since, and answers its name.
    pub async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
