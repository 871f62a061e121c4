//! A rate holds over all processes.

use crate::support::node::config;
use crate::support::services::nodes;
use curtail_cache::Strategy;
use curtail_cache::redis::{Redis, RedisRates};
use curtail_runtime::rates::Rates;
use curtail_servers::RedisServer;
use std::num::NonZeroU32;

#[tokio::test]
async fn processes_together_get_what_the_rate_allows_at_once_and_no_more() {
    let config = config(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let rate = NonZeroU32::new(50).unwrap();
    let mut tasks = Vec::new();
    let began = std::time::Instant::now();
    for _ in 0..4 {
        let rates = RedisRates::new(Redis::open(config.clone()).await.unwrap());
        tasks.push(tokio::spawn(async move {
            let mut allowed = 0_u128;
            for _ in 0..100 {
                let spent = rates.spend(7, rate).await.expect("Redis answers");
                assert!(spent.remaining < 50);
                allowed += u128::from(spent.allowed);
            }
            assert!(
                rates.spend(8, rate).await.expect("Redis answers").allowed,
                "another key has its own rate"
            );
            allowed
        }));
    }
    let mut allowed = 0;
    for task in tasks {
        allowed += task.await.unwrap();
    }
    let came_back = began.elapsed().as_millis() * 50 / 1_000 + 1;
    assert!(
        (50..=50 + came_back).contains(&allowed),
        "{allowed} of 400, and {came_back} came back meanwhile"
    );
}

#[tokio::test]
async fn a_redis_that_is_away_says_nothing_about_a_rate() {
    let mut server = RedisServer::start();
    let rates = RedisRates::new(Redis::open(config(vec![server.url()], Strategy::CacheAside)).await.unwrap());
    let rate = NonZeroU32::new(5).unwrap();
    assert!(rates.spend(1, rate).await.is_some());
    server.kill();
    assert_eq!(rates.spend(1, rate).await, None);
}
