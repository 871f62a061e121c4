//! Keeps the connection up: connects, looks twice a second at what is there and puts right what somebody removed, pays debts.

use super::server::{self, Connection, PATIENCE};
use super::{OpenError, Redis, layout};
use ::redis::{ErrorKind, RedisError, RedisResult, cmd};
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
pub(super) async fn connect(redis: &Redis) -> RedisResult<Result<Connection, OpenError>> {
    let connection = match server::connect(&redis.addresses).await? {
        Ok(connection) => connection,
        Err(refused) => return Ok(Err(refused)),
    };
    let checked = timeout(PATIENCE, check(redis, &connection)).await;
    match checked.map_err(|_| RedisError::from((ErrorKind::Io, "it did not answer in a second")))? {
        Ok(Ok(())) => Ok(Ok(connection)),
        Ok(Err(refused)) => Ok(Err(refused)),
        Err(error) => server::refusal(&error).map_or(Err(error), |refused| Ok(Err(refused))),
    }
}

/// Checks layout and identity, leaves them where there are none, and looks at the floor; raises it where it is owed.
async fn check(redis: &Redis, connection: &Connection) -> RedisResult<Result<(), OpenError>> {
    if let Err(refused) = layout::check(connection, &redis.keys).await? {
        return Ok(Err(refused));
    }
    let (key, identity) = (redis.keys.named("server"), connection.identity().await?);
    let before: Option<String> = connection.query(cmd("GET").arg(&key)).await?;
    let is_known = before.as_deref() == Some(&identity);
    // It may have come back from an old copy, or another one has taken over that lacks the last changes.
    if (before.is_some() && !is_known) || redis.debts.floor().is_some() {
        let begun = Instant::now();
        let floor: i64 = redis.raise_floor.run(connection, &redis.keys.named("floor"), &[]).await?;
        redis.floor.fetch_max(floor, Ordering::AcqRel);
        redis.debts.pay_floor(begun);
    }
    if !is_known {
        let _: () = connection.query(cmd("SET").arg(&key).arg(&identity)).await?;
    }
    look_at_floor(redis, connection).await?;
    Ok(Ok(()))
}

async fn look_at_floor(redis: &Redis, connection: &Connection) -> RedisResult<()> {
    let floor: Option<i64> = connection.query(cmd("GET").arg(redis.keys.named("floor"))).await?;
    redis.floor.fetch_max(floor.unwrap_or(0), Ordering::AcqRel);
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
        reconnects.reset();
        let pause =
            if redis.debts.oldest().is_some() { repeats.pause() } else { LOOK - looked.elapsed().min(LOOK) };
        // Only a hint to look sooner: what is to be done is looked at in any case.
        let _ = timeout(pause.max(Duration::from_millis(1)), redis.wake.notified()).await;
    }
}

async fn answers(redis: &Redis, connection: &Connection) -> bool {
    matches!(timeout(PATIENCE, check_on(redis, connection)).await, Ok(Ok(())))
}

/// Whether all is as it was. What is there changes under a connection when somebody empties a server, or a cluster fails over;
/// a server whose memory is full takes no writes, and is read on.
async fn check_on(redis: &Redis, connection: &Connection) -> RedisResult<()> {
    if let Connection::Single(_) = connection
        && redis.debts.floor().is_none()
    {
        let keys = ["layout", "server"].map(|name| redis.keys.named(name));
        let there: usize = connection.query(cmd("EXISTS").arg(&keys)).await?;
        if there == keys.len() {
            return look_at_floor(redis, connection).await;
        }
    }
    let checked = check(redis, connection).await?;
    checked.map_err(|refused| (ErrorKind::Client, "refused", refused.to_string()).into())
}

/// Answers whether there is a connection again.
async fn reconnect(redis: &Redis) -> bool {
    match connect(redis).await {
        Ok(Ok(connection)) => {
            tracing::info!("Redis answers");
            redis.slot.set(Some(connection));
            return true;
        }
        Ok(Err(refused)) => tracing::error!(%refused, "Redis cannot be used"),
        Err(error) => tracing::debug!(%error, "Redis does not answer"),
    }
    false
}

async fn pay(redis: &Redis, connection: &Connection) {
    if redis.debts.floor().is_some() {
        // That settles all (`check`).
        return;
    }
    for (code, debt) in redis.debts.some(PAID_AT_ONCE) {
        let put = redis.put(connection, &code, &debt.value, debt.since);
        match timeout(PATIENCE, put).await {
            Ok(Ok(_)) => redis.debts.pay(&code, debt.value.version()),
            Ok(Err(error)) => return redis.note(&error),
            Err(_) => return,
        }
    }
}
