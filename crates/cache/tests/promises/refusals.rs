//! A Redis that cannot be used as it is configured stops the start, with what to do.

use crate::support::connection::connect;
use crate::support::node::{Site, config, refused};
use crate::support::services::nodes;
use crate::support::speaker::saying;
use crate::support::until::until;
use curtail_cache::Strategy;
use curtail_cache::redis::{Config, OpenError, Redis, examine};
use curtail_servers::log;
use curtail_servers::{PATIENCE, RedisServer};
use std::time::Instant;

/// Why these are refused: at a start, and in the same words when they are only looked at.
async fn refusal(nodes: Vec<String>) -> OpenError {
    let config = config(nodes, Strategy::CacheAside);
    let refused = refused(&config).await;
    is_found(&config, &refused).await;
    assert!(refused.to_string().starts_with("redis.url: "), "{refused}");
    refused
}

/// Whoever only looks is told the same; one that does not answer in time is looked at again.
async fn is_found(config: &Config, refused: &OpenError) {
    let end = Instant::now() + PATIENCE;
    let mut found = examine(config).await.layout;
    while matches!(found, Err(OpenError::Unreachable { .. })) && Instant::now() < end {
        found = examine(config).await.layout;
    }
    assert_eq!(found, Err(refused.clone()));
}

async fn is_waited_for(url: String) {
    let redis = Redis::open(config(vec![url.clone()], Strategy::CacheAside)).await;
    assert!(!redis.unwrap_or_else(|refused| panic!("{url}: {refused}")).statistics().connected);
}

#[tokio::test]
async fn keys_of_another_layout_are_refused_with_the_setting_and_the_remedy() {
    let config = config(nodes("CURTAIL_TEST_REDIS"), Strategy::CacheAside);
    let mut connection = connect(&config.nodes[0]).await;
    let key = format!("{}!layout", config.prefix);
    let _: () = redis::cmd("SET").arg(&key).arg("999").query_async(&mut connection).await.unwrap();
    let refused = refused(&config).await;
    assert!(matches!(&refused, OpenError::Layout { found, .. } if found == "999"));
    let said = refused.to_string();
    assert!(said.starts_with("redis.url:") && said.contains("another database"), "{said}");
    let _: () = redis::cmd("DEL").arg(&key).query_async(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_never_told() {
    let server = RedisServer::with_password("right");
    let wrong = server.url().replace("//", "//:very-wrong@");
    let told = refused(&config(vec![wrong], Strategy::CacheAside)).await;
    assert!(matches!(told, OpenError::Refused(_)), "{told}");
    assert!(!told.to_string().contains("very-wrong"), "{told}");
    let none = refused(&config(vec![server.url()], Strategy::CacheAside)).await;
    assert!(matches!(none, OpenError::Refused(_)), "{none}");
    // A database is asked for before anything else then, and that is what is refused.
    let none = refusal(vec![server.url() + "/1"]).await;
    assert!(matches!(none, OpenError::Refused(_)), "{none}");
    let right = server.url().replace("//", "//:right@");
    assert!(Redis::open(config(vec![right], Strategy::CacheAside)).await.is_ok());
}

#[tokio::test]
async fn a_replica_is_refused_with_what_to_do() {
    let server = RedisServer::start();
    let mut connection = connect(&server.url()).await;
    let replicate = redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).to_owned();
    let _: () = replicate.query_async(&mut connection).await.unwrap();
    let refused = refused(&config(vec![server.url()], Strategy::CacheAside)).await;
    assert_eq!(refused, OpenError::Replica);
    let said = refused.to_string();
    assert!(said.contains("redis.url") && said.contains("its primary"), "{said}");
}

#[tokio::test]
async fn several_servers_that_are_no_cluster_are_refused_with_what_to_do() {
    let servers = [RedisServer::start(), RedisServer::start()];
    let nodes = servers.each_ref().map(RedisServer::url).to_vec();
    let refused = refused(&config(nodes, Strategy::CacheAside)).await;
    assert_eq!(refused, OpenError::NoCluster);
    let said = refused.to_string();
    assert!(said.contains("redis.url") && said.contains("Name one server"), "{said}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_refused_with_what_to_do() {
    let server = RedisServer::start();
    for number in ["999", "99999999999"] {
        let refused = refusal(vec![format!("{}/{number}", server.url())]).await;
        assert!(matches!(refused, OpenError::NoDatabase(_)), "{refused}");
        assert!(refused.to_string().contains("choose a lower number"), "{refused}");
    }
}

#[tokio::test]
async fn a_database_of_a_cluster_is_refused_with_what_to_do() {
    let all: Vec<String> = nodes("CURTAIL_TEST_REDIS_CLUSTER")
        .iter()
        .map(|url| format!("{}/1", url.trim_end_matches('/')))
        .collect();
    for nodes in [all[..1].to_vec(), all] {
        let refused = refusal(nodes).await;
        assert!(matches!(refused, OpenError::DatabaseOfCluster(_)), "{refused}");
        assert!(refused.to_string().contains("leave the number out"), "{refused}");
    }
}

#[tokio::test]
async fn what_one_node_refuses_is_told_though_others_say_nothing() {
    let (refusing, mut dead, hung) =
        (RedisServer::with_password("right"), RedisServer::start(), RedisServer::start());
    dead.kill();
    hung.hang();
    let mut nodes = [&refusing, &dead, &hung].map(RedisServer::url).to_vec();
    for _ in 0..nodes.len() {
        nodes.rotate_left(1);
        let refused = refusal(nodes.clone()).await;
        assert!(matches!(refused, OpenError::Refused(_)), "{refused}");
    }
}

#[tokio::test]
async fn keys_that_another_program_made_are_refused_with_their_names_and_what_to_do() {
    let server = RedisServer::start();
    let mut connection = connect(&server.url()).await;
    for name in ["layout", "server", "floor"] {
        let config = config(vec![server.url()], Strategy::CacheAside);
        let key = format!("{}!{name}", config.prefix);
        let push = redis::cmd("RPUSH").arg(&key).arg("theirs").to_owned();
        let _: () = push.query_async(&mut connection).await.unwrap();
        let told = refused(&config).await;
        assert_eq!(told, OpenError::OtherType { key: key.clone() });
        is_found(&config, &told).await;
        let said = told.to_string();
        assert!(
            said.contains("redis.url") && said.contains(&key) && said.contains("remove that key"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn what_answers_and_is_no_redis_is_refused_with_what_to_do() {
    let (page, shell, mail) =
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "220 mail ESMTP\r\n");
    for (scheme, words) in [("redis", page), ("redis", shell), ("redis", mail), ("rediss", page)] {
        let server = saying(words).await;
        let refused = refusal(vec![format!("{scheme}://{server}")]).await;
        assert_eq!(refused, OpenError::NoRedis(server));
        assert!(refused.to_string().contains("correct host and port"), "{refused}");
    }
}

#[tokio::test]
async fn a_command_that_the_server_does_not_know_is_refused_without_what_it_was_given() {
    let server = saying(
        "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' 'very-secret' \r\n\
         +OK\r\n+OK\r\n",
    )
    .await;
    let refused = refusal(vec![format!("redis://:very-secret@{server}?protocol=resp3")]).await;
    let said = refused.to_string();
    assert!(matches!(refused, OpenError::Refused(_)) && said.contains("HELLO"), "{said}");
    assert!(!said.contains("very-secret"), "{said}");
}

#[tokio::test]
async fn what_may_be_otherwise_later_is_waited_for() {
    let loading = "-LOADING Redis is loading the dataset in memory\r\n\
                   -LOADING Redis is loading the dataset in memory\r\n\
                   -LOADING Redis is loading the dataset in memory\r\n";
    // A word that breaks off, and none at all, which is what PostgreSQL has for others.
    for words in [loading, "-ERR max number of clients reached\r\n", "+O", ""] {
        let server = saying(words).await;
        is_waited_for(format!("redis://{server}")).await;
        is_waited_for(format!("redis://{server}/1")).await;
    }
}

#[tokio::test]
async fn what_would_stop_a_start_is_waited_out_by_who_runs() {
    let server = RedisServer::start();
    let site = Site::new(vec![server.url()], Strategy::CacheAside);
    let node = site.lonely_node().await;
    let mut connection = connect(&server.url()).await;
    let key = format!("{}!layout", site.config.prefix);
    let remove = redis::cmd("DEL").arg(&key).to_owned();
    let mut theirs = redis::pipe();
    theirs.atomic().cmd("DEL").arg(&key).cmd("RPUSH").arg(&key).arg("theirs");
    // Nothing of what is there is looked at while both are there.
    theirs.cmd("DEL").arg(format!("{}!server", site.config.prefix));
    let _: () = theirs.query_async(&mut connection).await.unwrap();
    until("it is left", async || !node.redis.statistics().connected).await;
    assert!(matches!(refused(&site.config).await, OpenError::OtherType { .. }));
    node.make("meanwhile").await;
    assert!(node.visit("meanwhile").await.is_some());
    let _: () = remove.query_async(&mut connection).await.unwrap();
    until("there is a connection", async || node.redis.statistics().connected).await;
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for address in ["", "localhost", "http://localhost:6379", "redis://"] {
        let refused = Redis::open(config(vec![address.to_owned()], Strategy::CacheAside)).await;
        assert!(matches!(refused, Err(OpenError::Address(_))), "{address:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for_with_a_warning_that_says_what_to_do() {
    let mut server = RedisServer::start();
    server.kill();
    log::keep();
    let redis = Redis::open(config(vec![server.url()], Strategy::CacheAside)).await.unwrap();
    assert!(!redis.statistics().connected);
    let names = server.url().replace("redis://", "redis.url: ") + " does not answer";
    let lines = log::lines(&names);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("WARN") && lines[0].contains("Start it, or correct host and port"),
        "{lines:?}"
    );
    server.start_again();
    until("there is a connection", async || redis.statistics().connected).await;
}
