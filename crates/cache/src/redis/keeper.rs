//! Keeps the connection up: connects, looks twice a second at what
//! is there and puts right what somebody removed, pays debts.

use super::server::{self, BACKGROUND_TIMEOUT, Connection, Failure, in_time};
use super::{Redis, layout};
use ::redis::cmd;
use curtail_runtime::breaker::State;
use curtail_runtime::retry::Backoff;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How often what is there is looked at, which also shows whether the server is.
const LOOK: Duration = Duration::from_millis(500);
/// The longest wait before debts are tried again: what is owed must arrive soon, for others wait for it.
const REPEAT_MAX: Duration = Duration::from_millis(50);
/// The longest wait between two attempts to connect, at first and in the end.
const RECONNECT: Duration = Duration::from_millis(25);
const RECONNECT_MAX: Duration = Duration::from_secs(2);
/// Debts that are paid between two looks.
const PAID_AT_ONCE: usize = 256;

/// Connects and checks the layout and the identity of what is there.
pub(super) async fn connect(redis: &Redis) -> Result<Connection, Failure> {
    let connection = server::connect(&redis.addresses).await?;
    in_time(check(redis, &connection)).await?;
    Ok(connection)
}

/// Checks layout and identity, leaves them where there are
/// none, and looks at the floor; raises it where it is owed.
async fn check(redis: &Redis, connection: &Connection) -> Result<(), Failure> {
    layout::check(connection, &redis.keys).await?;
    let identity = connection.identity().await?;
    let before: Option<Vec<u8>> = layout::read(connection, &redis.keys, "server").await?;
    let is_known = before.as_deref() == Some(identity.as_bytes());
    // It may have come back from an old copy, or another one has taken over that lacks the last changes.
    if (before.is_some() && !is_known) || redis.debts.floor().is_some() {
        let begun = Instant::now();
        redis.raise_floor_on(connection).await?;
        redis.debts.pay_floor(begun);
    }
    if !is_known {
        let _: () = connection.query(cmd("SET").arg(redis.keys.named("server")).arg(&identity)).await?;
    }
    look_at_floor_and_clock(redis, connection).await
}

async fn look_at_floor_and_clock(redis: &Redis, connection: &Connection) -> Result<(), Failure> {
    let key = redis.keys.named("floor");
    let looked = redis.look.run::<(i64, u64, u64)>(connection, &key, &[]).await;
    let (floor, seconds, micros) = looked.map_err(|error| layout::explain(error, &key))?;
    redis.floor.fetch_max(floor, Ordering::AcqRel);
    redis.clock.note(Duration::from_secs(seconds) + Duration::from_micros(micros));
    Ok(())
}

/// Works until nobody uses the cache any more.
pub(super) async fn keep(redis: Weak<Redis>) {
    let mut reconnects = Backoff::new(RECONNECT, RECONNECT_MAX);
    let mut repeats = Backoff::new(REPEAT_MAX, REPEAT_MAX);
    let mut looked = Instant::now();
    while let Some(redis) = redis.upgrade() {
        let Some(connection) = redis.slot.get() else {
            if !reconnect(&redis).await {
                sleep(reconnects.pause()).await;
            }
            continue;
        };
        pay(&redis, &connection).await;
        let due = looked.elapsed() >= LOOK;
        if due {
            looked = Instant::now();
        }
        if (due || redis.debts.oldest().is_some()) && !answers(&redis, &connection).await {
            tracing::warn!("Redis does not answer any more; going on without it");
            redis.slot.set(None);
            continue;
        }
        if due && redis.breaker.state() != State::Closed {
            // Where nobody asks, nobody would find out that it answers in time again.
            let _ = redis.ask(async |connection| connection.query::<()>(&cmd("PING")).await).await;
        }
        reconnects.reset();
        let pause =
            if redis.debts.oldest().is_some() { repeats.pause() } else { LOOK - looked.elapsed().min(LOOK) };
        // Only a hint to look sooner: what is to be done is looked at in any case.
        let _ = timeout(pause.max(Duration::from_millis(1)), redis.wake.notified()).await;
    }
}

async fn answers(redis: &Redis, connection: &Connection) -> bool {
    in_time(check_on(redis, connection)).await.is_ok()
}

/// Whether all is as it was. What is there changes under a connection when somebody empties a server, or a
/// cluster fails over; a server whose memory is full takes no writes, and is read on.
async fn check_on(redis: &Redis, connection: &Connection) -> Result<(), Failure> {
    if let Connection::Single(_) = connection
        && redis.debts.floor().is_none()
    {
        let keys = ["layout", "server"].map(|name| redis.keys.named(name));
        let there: usize = connection.query(cmd("EXISTS").arg(&keys)).await?;
        if there == keys.len() {
            return look_at_floor_and_clock(redis, connection).await;
        }
    }
    check(redis, connection).await
}

/// Answers whether there is a connection again. What would stop a start does not stop a process that runs: to
/// it, Redis is away until somebody has put that right.
async fn reconnect(redis: &Redis) -> bool {
    match connect(redis).await {
        Ok(connection) => {
            tracing::info!("Redis answers");
            redis.slot.set(Some(connection));
            return true;
        }
        Err(Failure::Refused(refused)) => tracing::error!(%refused, "Redis cannot be used"),
        Err(Failure::Away(error)) => tracing::debug!(%error, "Redis does not answer"),
    }
    false
}

async fn pay(redis: &Redis, connection: &Connection) {
    if redis.debts.floor().is_some() {
        // That settles all (`check`).
        return;
    }
    for (code, debt) in redis.debts.some(PAID_AT_ONCE) {
        let put = redis.put(connection, &code, &debt.value, debt.since, None);
        match timeout(BACKGROUND_TIMEOUT, put).await {
            Ok(Ok(_)) => redis.debts.pay(&code, debt.value.version()),
            Ok(Err(error)) => return redis.note(&error),
            Err(_) => return,
        }
    }
}
