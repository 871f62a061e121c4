//! Of several hosts in one address, the one to talk to.
//!
//! They are asked one after the other, each with a short head start before the next: one
//! that hangs, or does not let anybody in, costs that and no more. Who answers first is
//! kept to, and who does not is asked last from then on, also when nobody has waited for
//! an answer: what looks whether a server is there gives up soon, and comes again.

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Connection, Error, Socket};

/// How long a host is waited for before the next one is asked as well.
const HEAD_START: Duration = Duration::from_millis(100);

/// What is known of the hosts of one address.
#[derive(Default)]
pub(super) struct Hosts {
    /// The place of the one that is asked first.
    first: AtomicUsize,
    home: Mutex<Home>,
}

/// The host that takes writes.
#[derive(Default)]
struct Home {
    place: Option<usize>,
    /// Sessions that began before are closed.
    since: Option<Instant>,
}

impl Hosts {
    /// Connects to the first host that lets us in, and takes writes where the address asks for that.
    pub(super) async fn connect<T>(
        &self,
        config: &Config,
        tls: T,
    ) -> Result<(Client, Connection<Socket, T::Stream>), Error>
    where
        T: MakeTlsConnect<Socket> + Clone,
    {
        let hosts = config.get_hosts().len();
        if hosts < 2 {
            return config.connect(tls).await;
        }
        let first = self.first.load(Ordering::Relaxed);
        let mut attempts = FuturesUnordered::new();
        let mut failure = None;
        for place in (0..hosts).map(|step| (first + step) % hosts) {
            let (one, tls) = (one_of(config, place), tls.clone());
            attempts.push(async move { (place, one.connect(tls).await) });
            match timeout(HEAD_START, attempts.next()).await {
                Ok(Some((place, Ok(connected)))) => {
                    self.keep_to(place, config);
                    return Ok(connected);
                }
                Ok(Some((_, Err(error)))) => failure = Some(error),
                // Whoever waits for this may give up before the answer:
                // the next attempt then begins behind this host.
                Ok(None) | Err(_) => self.first.store((place + 1) % hosts, Ordering::Relaxed),
            }
        }
        while let Some((place, answer)) = attempts.next().await {
            match answer {
                Ok(connected) => {
                    self.keep_to(place, config);
                    return Ok(connected);
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.expect("several hosts were asked, and each has let us in or said why not"))
    }

    /// Has all sessions begin anew that nobody has on loan, and the others when they come back.
    pub(super) fn begin_anew(&self) {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).since = Some(Instant::now());
    }

    /// Whether a session that began then is to be closed: it may be with a host that does not take writes any
    /// more. One that hangs keeps its connections, and whoever were lent one would wait for it in vain.
    pub(super) fn is_older(&self, then: Instant) -> bool {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).since.is_some_and(|since| then < since)
    }

    fn keep_to(&self, place: usize, config: &Config) {
        self.first.store(place, Ordering::Relaxed);
        // Of those that only read, several may be as good.
        if config.get_target_session_attrs() != TargetSessionAttrs::ReadWrite {
            return;
        }
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        if home.place.replace(place).is_some_and(|before| before != place) {
            home.since = Some(Instant::now());
            drop(home);
            tracing::warn!(host = host_name(config, place), "another host takes writes now");
        }
    }
}

/// Makes the sessions of a pool.
pub(super) struct Connector<T> {
    pub(super) hosts: Arc<Hosts>,
    pub(super) tls: T,
}

impl<T> Connect for Connector<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let config = config.clone();
        Box::pin(async move {
            let (client, connection) = self.hosts.connect(&config, self.tls.clone()).await?;
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to the database broke");
                }
            });
            Ok((client, task))
        })
    }
}

/// Host and port, for people.
pub(super) fn host_name(config: &Config, place: usize) -> String {
    let port = port(config, place).unwrap_or(5432);
    match config.get_hosts().get(place) {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(path)) => format!("{}:{port}", path.display()),
        None => String::new(),
    }
}

fn port(config: &Config, place: usize) -> Option<u16> {
    let ports = config.get_ports();
    ports.get(place).or(ports.first()).copied()
}

/// The same with one of its hosts alone.
fn one_of(config: &Config, place: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(place) {
        Some(Host::Tcp(host)) => _ = one.host(host),
        Some(Host::Unix(path)) => _ = one.host_path(path),
        None => {}
    }
    config.get_hostaddrs().get(place).map(|address| one.hostaddr(*address));
    port(config, place).map(|port| one.port(port));
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|name| one.dbname(name));
    config.get_options().map(|options| one.options(options));
    config.get_application_name().map(|name| one.application_name(name));
    config.get_connect_timeout().map(|time| one.connect_timeout(*time));
    config.get_tcp_user_timeout().map(|time| one.tcp_user_timeout(*time));
    config.get_keepalives_interval().map(|time| one.keepalives_interval(time));
    config.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    one
}

#[cfg(test)]
mod tests {
    use super::{host_name, one_of};
    use tokio_postgres::Config;

    #[test]
    fn one_host_of_several_is_asked_with_all_that_the_address_says() {
        let words = "user=u password=p dbname=d options='-c jit=off' application_name=a sslmode=require sslnegotiation=direct \
                     connect_timeout=7 tcp_user_timeout=8 keepalives=0 keepalives_idle=9 keepalives_interval=10 \
                     keepalives_retries=11 target_session_attrs=read-write channel_binding=require load_balance_hosts=random";
        let several: Config = format!("host=a,/b,c port=1,2,3 {words}").parse().unwrap();
        for (place, (host, port)) in [("a", 1), ("/b", 2), ("c", 3)].into_iter().enumerate() {
            let one: Config = format!("host={host} port={port} {words}").parse().unwrap();
            assert_eq!(one_of(&several, place), one);
            assert_eq!(host_name(&several, place), format!("{host}:{port}"));
        }
        let one_port: Config = "host=a,b hostaddr=127.0.0.1,127.0.0.2 port=6".parse().unwrap();
        assert_eq!(one_of(&one_port, 1), "host=b hostaddr=127.0.0.2 port=6".parse::<Config>().unwrap());
    }
}
