//! The links that are clicked most, where every node finds them without asking the store.
//!
//! A board is a picture of what has been counted, taken every two seconds by every process that serves
//! visitors: it asks the store, which workers only write to. Nothing is added up here, so nothing can be
//! added twice or be missing after a crash, and a Redis that comes back empty is right two seconds later.

use super::Redis;
use super::script::OneKey;
use super::server::BACKGROUND_TIMEOUT;
use curtail_model::{LinkId, Timestamp};
use curtail_store::leaders::{LEADERS_MAX, Leaders};
use curtail_store::rollups::Grain;
use curtail_store::{StoreError, StoreFuture};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often the boards are drawn anew.
const REFRESH: Duration = Duration::from_secs(2);
/// How long a board outlives its last refresh: then the store is asked, rather than shown what was.
const LIFE: Duration = Duration::from_secs(20);

/// Boards of this hour and this day.
pub struct Leaderboards {
    redis: Arc<Redis>,
    counted: Arc<dyn Leaders>,
    replace: OneKey,
}

impl Leaderboards {
    /// Boards of what `counted` knows, which also answers where there is no board.
    pub fn new(redis: Arc<Redis>, counted: Arc<dyn Leaders>) -> Leaderboards {
        Leaderboards { redis, counted, replace: OneKey::new(include_str!("top.lua")) }
    }

    /// Keeps the boards up to date. Never ends by itself.
    pub async fn keep(&self, clock: fn() -> Timestamp) {
        let mut refreshes = interval(REFRESH);
        refreshes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            refreshes.tick().await;
            for grain in [Grain::Hour, Grain::Day] {
                if let Err(error) = self.refresh(grain, clock().start_of(grain.millis())).await {
                    tracing::debug!(grain = grain.as_str(), %error, "a leaderboard was not refreshed");
                }
            }
        }
    }

    /// Draws one board.
    pub async fn refresh(&self, grain: Grain, start: Timestamp) -> Result<(), StoreError> {
        let leaders = self.counted.top(grain, start, LEADERS_MAX).await?;
        let life = LIFE.as_millis().to_string();
        let numbers = leaders.iter().flat_map(|(link, clicks)| [clicks.to_string(), link.to_string()]);
        let arguments: Vec<String> = std::iter::once(life).chain(numbers).collect();
        let arguments: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
        let unavailable = |why: String| StoreError::Unavailable(why);
        let connection =
            self.redis.slot.get().ok_or_else(|| unavailable("there is no connection to Redis".into()))?;
        let key = self.key(grain, start);
        match timeout(BACKGROUND_TIMEOUT, self.replace.run::<i64>(&connection, &key, &arguments)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(unavailable(error.to_string())),
            Err(_) => Err(unavailable("Redis did not answer in a second".into())),
        }
    }

    fn key(&self, grain: Grain, start: Timestamp) -> Vec<u8> {
        let letter = if grain == Grain::Hour { 'h' } else { 'd' };
        self.redis.keys.named(&format!("top:{letter}:{}", start.millis() / grain.millis()))
    }
}

impl Leaders for Leaderboards {
    fn top(&self, grain: Grain, start: Timestamp, limit: usize) -> StoreFuture<'_, Vec<(LinkId, u64)>> {
        Box::pin(async move {
            // The whole board, however few are wanted: Redis puts links with equally many clicks in the order
            // of their texts, so a cut there could leave out others than a cut of what was counted.
            let mut command = ::redis::cmd("ZRANGE");
            command.arg(self.key(grain, start)).arg(0).arg(-1).arg("WITHSCORES");
            let board = self
                .redis
                .ask(|connection| async move { connection.query::<Vec<(String, f64)>>(&command).await });
            match board.await {
                Ok(board) if !board.is_empty() => Ok(first(limit, board)),
                Ok(_) | Err(_) => self.counted.top(grain, start, limit).await,
            }
        })
    }
}

/// The first of a board in the order of the rollups: most clicks first, and with equally many the lower id.
/// The rollups are cut after [`LEADERS_MAX`] in that order before they become a board, so these are the links
/// that would be answered without Redis.
fn first(limit: usize, board: Vec<(String, f64)>) -> Vec<(LinkId, u64)> {
    let read = |(link, clicks): (String, f64)| Some((link.parse().ok()?, clicks as u64));
    let mut leaders: Vec<(LinkId, u64)> = board.into_iter().filter_map(read).collect();
    leaders.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    leaders.truncate(limit);
    leaders
}
