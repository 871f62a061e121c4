//! Accepts connections on a core and looks after them until the end.

use crate::buffers::Buffers;
use crate::connection::{self, Greeting};
use crate::counters::Counters;
use crate::handover::Elsewhere;
use crate::idle_connections::IdleConnections;
use crate::proxies::TrustedProxies;
use crate::redirector::Redirector;
use curtail_runtime::acceptor::Acceptor;
use curtail_runtime::clock;
use curtail_runtime::shutdown::Shutdown;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// Connections that are accepted and greeted, one after the other, before those that are open get a turn.
const ACCEPTED_AT_ONCE: usize = 64;
/// Between two looks, at the end, at which connections wait.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// How a core treats its connections.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections that this core keeps open at most; more are closed at once.
    pub connections_max: usize,
    /// How long a client may take to send a head, or to take an answer.
    pub header_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Who may say where a request comes from.
    pub proxies: TrustedProxies,
}

/// A core: everything that its connections share, and nothing that another core touches while it works.
pub struct Core {
    pub(crate) redirector: Redirector,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) settings: Settings,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shutdown: Shutdown,
    /// The same as a plain flag of this core, for the warm path.
    pub(crate) draining: Cell<bool>,
    pub(crate) buffers: Rc<Buffers>,
    pub(crate) clock: Clock,
    idle_connections: Rc<IdleConnections>,
}

impl Core {
    /// A core that answers links with `redirector` and everything else with `elsewhere`.
    pub fn new(
        redirector: Redirector,
        elsewhere: Elsewhere,
        settings: Settings,
        counters: Arc<Counters>,
        shutdown: Shutdown,
    ) -> Core {
        Core {
            redirector,
            elsewhere,
            settings,
            counters,
            shutdown,
            draining: Cell::new(false),
            buffers: Rc::default(),
            clock: Clock::default(),
            idle_connections: Rc::default(),
        }
    }
}

/// Accepts and serves until it is time to stop; then answers what is under way, for as long as it may go on.
/// The listener must not block. An error means that this core cannot wait for connections at all.
pub async fn run(listener: TcpListener, core: Core) -> io::Result<()> {
    let acceptor = Acceptor::new(listener)?;
    let core = Rc::new(core);
    let mut shutdown = core.shutdown.clone();
    let end = tokio::select! {
        never = accept_all(&acceptor, &core) => never,
        never = look_after(&core) => never,
        end = shutdown.requested() => end,
    };
    core.draining.set(true);
    // What the kernel has already accepted for us would be reset when the socket closes.
    acceptor.close(|stream, peer| welcome(stream, peer, &core));
    drain(&core, end).await;
    Ok(())
}

/// Accepts whoever comes.
async fn accept_all(acceptor: &Acceptor, core: &Rc<Core>) -> ! {
    loop {
        match acceptor.accept(ACCEPTED_AT_ONCE, |stream, peer| welcome(stream, peer, core)).await {
            Ok(true) => tokio::task::yield_now().await,
            // The next call waits: to give way first would cost a question to the kernel.
            Ok(false) => {}
            Err(error) => back_off(&error).await,
        }
    }
}

/// Once a second, closes what has been idle for too long.
async fn look_after(core: &Core) -> ! {
    let idle_seconds = core.settings.idle_timeout.as_secs() as u32;
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        core.idle_connections.close_idle(core.clock.second().saturating_sub(idle_seconds));
    }
}

/// Serves a connection: at once if that is all there is to do, else as a task.
fn welcome(stream: TcpStream, peer: SocketAddr, core: &Rc<Core>) {
    if core.counters.open.get() >= core.settings.connections_max as u64 {
        core.counters.turned_away.add(1);
        return;
    }
    core.counters.accepted.add(1);
    let Greeting::GoesOn(arrived) = connection::greet(&stream, peer, core) else { return };
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
        core.counters.turned_away.add(1);
        return;
    };
    core.counters.open.add(1);
    let idle = core.idle_connections.watch(core.clock.second());
    if arrived.is_some() {
        // Its task has not begun, and must not be taken for one that waits for a request.
        idle.is_served();
    }
    let (number, waiting_since) = idle.watched();
    let open = Open(core.counters.clone());
    let served = core.clone();
    let task = tokio::task::spawn_local(async move {
        let _open = open;
        connection::serve(stream, peer, served, idle, arrived).await;
    });
    core.idle_connections.started(number, waiting_since, task.abort_handle());
}

/// Counts a connection as closed, however it ends.
struct Open(Arc<Counters>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.subtract(1);
    }
}

/// Out of file descriptors or memory: accepting again at once would spin.
async fn back_off(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Lets what is under way go on until `end`. Who has just been accepted
/// gets a turn to read what has arrived before connections that wait are closed.
async fn drain(core: &Core, end: Instant) {
    while core.counters.open.get() > 0 && Instant::now() < end {
        tokio::time::sleep(DRAIN_LOOK).await;
        core.idle_connections.close_all_idle();
    }
}

/// The second it is, and how HTTP writes it; made anew once a second.
#[derive(Default)]
pub(crate) struct Clock {
    written: Cell<i64>,
    date: RefCell<Rc<[u8]>>,
}

impl Clock {
    /// Seconds since the Unix epoch.
    #[inline]
    pub(crate) fn second(&self) -> u32 {
        (clock::coarse_millis() / 1_000) as u32
    }

    /// The value of `Date`.
    #[inline]
    pub(crate) fn date(&self) -> Rc<[u8]> {
        let second = clock::coarse_millis() / 1_000;
        if self.written.replace(second) != second {
            *self.date.borrow_mut() = clock::http_date(second).into_bytes().into();
        }
        self.date.borrow().clone()
    }
}
