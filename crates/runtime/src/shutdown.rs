//! How everything learns that it is time to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Says when to stop. Everybody holds a clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Tells everybody to stop.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// A shutdown and the switch for it.
pub fn shutdown() -> (Stop, Shutdown) {
    let (stop, shutdown) = watch::channel(false);
    (Stop(stop), Shutdown(shutdown))
}

impl Stop {
    /// Tells everybody, now and those who ask later.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Waits until it is time to stop (also when the switch is gone).
    pub async fn requested(&mut self) {
        // An error is a switch that was dropped: nobody is left who could wait for us.
        let _ = self.0.wait_for(|stop| *stop).await;
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
    /// themselves. To be called before anybody is told that it serves: who stops it right then wants a clean
    /// end, too.
    pub fn listen() -> std::io::Result<StopSignals> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one, also one that has come since, and answers its name.
    pub async fn received(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
