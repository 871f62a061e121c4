//! Who is clicked most, on a board of Redis.

use crate::support::node::config;
use curtail_cache::Strategy;
use curtail_cache::redis::{Leaderboards, Redis};
use curtail_model::{LinkId, Timestamp};
use curtail_servers::RedisServer;
use curtail_store::leaders::LEADERS_MAX;
use curtail_store::rollups::Grain;
use curtail_store::{Leaders, StoreFuture};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const START: Timestamp = Timestamp::from_seconds(0);

/// Counts how often it is asked; link `n` has `n` clicks.
#[derive(Default)]
struct Counted(AtomicU64);

impl Leaders for Counted {
    fn top(&self, _: Grain, _: Timestamp, limit: usize) -> StoreFuture<'_, Vec<(LinkId, u64)>> {
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

/// More links than a board has room for, all but two with equally many clicks; their ids have one to three
/// digits. Answers in the order of the rollups.
struct Equals;

impl Leaders for Equals {
    fn top(&self, _: Grain, _: Timestamp, limit: usize) -> StoreFuture<'_, Vec<(LinkId, u64)>> {
        let clicks = |n| if n == 7 || n == 120 { 2 } else { 1 };
        let mut leaders: Vec<_> =
            (1..=LEADERS_MAX as u64 + 50).map(|n| (LinkId::new(n).unwrap(), clicks(n))).collect();
        leaders.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        leaders.truncate(limit.min(LEADERS_MAX));
        Box::pin(async { Ok(leaders) })
    }
}

#[tokio::test]
async fn links_with_equally_many_clicks_come_from_a_board_in_the_order_in_which_they_come_without_one() {
    let server = RedisServer::start();
    let redis = Redis::open(config(vec![server.url()], Strategy::CacheAside)).await.unwrap();
    let boards = Leaderboards::new(redis.clone(), Arc::new(Equals));
    boards.refresh(Grain::Hour, START).await.unwrap();
    for limit in [1, 2, 3, 12, LEADERS_MAX, LEADERS_MAX + 1] {
        let counted = Equals.top(Grain::Hour, START, limit).await.unwrap();
        assert_eq!(boards.top(Grain::Hour, START, limit).await.unwrap(), counted, "the first {limit}");
    }
    assert_eq!(redis.statistics().unanswered, 0, "all came from the board");
}
