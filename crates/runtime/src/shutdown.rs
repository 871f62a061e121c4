//! How everything learns that it is time to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Says when to stop. Everybody holds a clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Tells everybody to stop.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// A shutdown and the switch for it.
pub fn shutdown() -> (Stop, Shutdown) {
    let (stop, told) = watch::channel(false);
    (Stop(stop), Shutdown(told))
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

/// Waits for SIGTERM or SIGINT and answers its name.
pub async fn signal_to_stop() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
