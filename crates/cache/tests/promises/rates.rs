//! A rate holds over all processes.

use crate::support::node::config;
use crate::support::services::nodes;
use curtail_cache::Strategy;
use curtail_cache::redis::{Redis, RedisRates};
use curtail_runtime::rates::{Rates, Spent};
use curtail_servers::{PATIENCE, RedisServer};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Asks until Redis answers within its budget: on a busy machine it may not. Answers how often it did not as
/// well: it may have been spent all the same.
async fn spend(rates: &RedisRates, key: u64, rate: NonZeroU32, budget: Duration) -> (Spent, u128) {
    let (end, mut unanswered) = (Instant::now() + PATIENCE, 0);
    loop {
        let asked = Instant::now();
        if let Some(spent) = rates.spend(key, rate).await {
            return (spent, unanswered);
        }
        assert!(Instant::now() < end, "Redis does not answer");
        unanswered += u128::from(asked.elapsed() >= budget);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn processes_together_get_what_the_rate_allows_at_once_and_no_more() {
    let config = config(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let rate = NonZeroU32::new(50).unwrap();
    let mut tasks = Vec::new();
    let (began, budget) = (Instant::now(), config.budget);
    for _ in 0..4 {
        let rates = RedisRates::new(Redis::open(config.clone()).await.unwrap());
        tasks.push(tokio::spawn(async move {
            let (mut allowed, mut lost) = (0_u128, 0_u128);
            for _ in 0..100 {
                let (spent, unanswered) = spend(&rates, 7, rate, budget).await;
                assert!(spent.remaining < 50);
                allowed += u128::from(spent.allowed);
                lost += unanswered;
            }
            assert!(spend(&rates, 8, rate, budget).await.0.allowed, "another key has its own rate");
            (allowed, lost)
        }));
    }
    let (mut allowed, mut lost) = (0, 0);
    for task in tasks {
        let (allowed_here, lost_here) = task.await.unwrap();
        allowed += allowed_here;
        lost += lost_here;
    }
    let came_back = began.elapsed().as_millis() * 50 / 1_000 + 1;
    assert!(
        allowed <= 50 + came_back && allowed + lost >= 50,
        "{allowed} of 400, {lost} unanswered, and {came_back} came back meanwhile"
    );
}

#[tokio::test]
async fn a_redis_that_is_away_says_nothing_about_a_rate() {
    let mut server = RedisServer::start();
    let config = config(vec![server.url()], Strategy::CacheAside);
    let rates = RedisRates::new(Redis::open(config.clone()).await.unwrap());
    let rate = NonZeroU32::new(5).unwrap();
    spend(&rates, 1, rate, config.budget).await;
    server.kill();
    assert_eq!(rates.spend(1, rate).await, None);
}
