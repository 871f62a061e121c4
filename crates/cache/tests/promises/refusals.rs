//! A Redis that cannot be used as it is configured stops the start, with what to do.

use crate::support::node::config;
use crate::support::services::nodes;
use crate::support::until::until;
use curtail_cache::Strategy;
use curtail_cache::redis::{OpenError, Redis};
use curtail_servers::RedisServer;

#[tokio::test]
async fn keys_of_another_layout_are_refused_with_the_setting_and_the_remedy() {
    let config = config(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let client = redis::Client::open(config.nodes[0].as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{}!layout", config.prefix);
    let _: () = redis::cmd("SET").arg(&key).arg("999").query_async(&mut connection).await.unwrap();
    let Err(refused) = Redis::open(config).await else { panic!("it was opened") };
    assert!(matches!(&refused, OpenError::Layout { found, .. } if found == "999"));
    let said = refused.to_string();
    assert!(said.starts_with("redis.url:") && said.contains("another database"), "{said}");
    let _: () = redis::cmd("DEL").arg(&key).query_async(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_never_told() {
    let server = RedisServer::with_password("right");
    let wrong = server.url().replace("//", "//:very-wrong@");
    let Err(refused) = Redis::open(config(vec![wrong], Strategy::CacheAside)).await else {
        panic!("it was opened")
    };
    assert!(matches!(refused, OpenError::Refused(_)), "{refused}");
    assert!(!refused.to_string().contains("very-wrong"), "{refused}");
    let none = Redis::open(config(vec![server.url()], Strategy::CacheAside)).await;
    assert!(matches!(none, Err(OpenError::Refused(_))));
    let right = server.url().replace("//", "//:right@");
    assert!(Redis::open(config(vec![right], Strategy::CacheAside)).await.is_ok());
}

#[tokio::test]
async fn a_replica_is_refused_with_what_to_do() {
    let server = RedisServer::start();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let replicate = redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).to_owned();
    let _: () = replicate.query_async(&mut connection).await.unwrap();
    let Err(refused) = Redis::open(config(vec![server.url()], Strategy::CacheAside)).await else {
        panic!("it was opened")
    };
    assert_eq!(refused, OpenError::Replica);
    let said = refused.to_string();
    assert!(said.contains("redis.url") && said.contains("its primary"), "{said}");
}

#[tokio::test]
async fn several_servers_that_are_no_cluster_are_refused_with_what_to_do() {
    let servers = [RedisServer::start(), RedisServer::start()];
    let nodes = servers.each_ref().map(RedisServer::url).to_vec();
    let Err(refused) = Redis::open(config(nodes, Strategy::CacheAside)).await else {
        panic!("it was opened")
    };
    assert_eq!(refused, OpenError::NoCluster);
    let said = refused.to_string();
    assert!(said.contains("redis.url") && said.contains("Name one server"), "{said}");
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for address in ["", "localhost", "http://localhost:6379", "redis://"] {
        let refused = Redis::open(config(vec![address.to_owned()], Strategy::CacheAside)).await;
        assert!(matches!(refused, Err(OpenError::Address(_))), "{address:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for() {
    let mut server = RedisServer::start();
    server.kill();
    let redis = Redis::open(config(vec![server.url()], Strategy::CacheAside)).await.unwrap();
    assert!(!redis.statistics().connected);
    server.start_again();
    until("there is a connection", async || redis.statistics().connected).await;
}
