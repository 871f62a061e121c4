//! Who is clicked most, on a board of Redis.

use crate::support::node::config;
use curtail_cache::Strategy;
use curtail_cache::redis::{Leaderboards, Redis};
use curtail_model::{LinkId, Timestamp};
use curtail_servers::RedisServer;
use curtail_store::rollups::Grain;
use curtail_store::{Answer, Leaders};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const START: Timestamp = Timestamp::from_seconds(0);

/// Counts how often it is asked; link `n` has `n` clicks.
#[derive(Default)]
struct Counted(AtomicU64);

impl Leaders for Counted {
    fn top(&self, _: Grain, _: Timestamp, limit: usize) -> Answer<'_, Vec<(LinkId, u64)>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let leaders = (1..=50).rev().take(limit).map(|n| (LinkId::new(n).unwrap(), n)).collect();
        Box::pin(async { Ok(leaders) })
    }
}

#[tokio::test]
async fn all_see_the_board_that_one_draws_and_without_a_board_what_was_counted() {
    let mut server = RedisServer::start();
    let redis = Redis::open(config(vec![server.url()], Strategy::CacheAside)).await.unwrap();
    let counted = Arc::new(Counted::default());
    let boards = Leaderboards::new(redis, counted.clone());
    let asked = || counted.0.load(Ordering::SeqCst);
    let three = [50, 49, 48].map(|n| (LinkId::new(n).unwrap(), n));
    assert_eq!(boards.top(Grain::Hour, START, 3).await.unwrap(), three);
    assert_eq!(asked(), 1, "there is no board yet");
    boards.refresh(Grain::Hour, START).await.unwrap();
    assert_eq!(boards.top(Grain::Hour, START, 3).await.unwrap(), three);
    assert_eq!(boards.top(Grain::Hour, START, 100).await.unwrap().len(), 50);
    assert_eq!(asked(), 2, "only to draw the board");
    boards.top(Grain::Day, START, 3).await.unwrap();
    assert_eq!(asked(), 3, "the day has a board of its own");
    server.kill();
    assert_eq!(boards.top(Grain::Hour, START, 3).await.unwrap(), three);
    assert_eq!(asked(), 4);
}
