//! What a link costs in Redis.

use crate::support::connection::connect;
use crate::support::node::Site;
use curtail_cache::Strategy;
use curtail_cache::redis::Config;
use curtail_servers::RedisServer;

const LINKS: usize = 100_000;

async fn asked(connection: &mut redis::aio::MultiplexedConnection, command: &redis::Cmd) -> i64 {
    command.query_async(connection).await.unwrap()
}

async fn used(connection: &mut redis::aio::MultiplexedConnection) -> usize {
    let about: String = redis::cmd("INFO").arg("memory").query_async(connection).await.unwrap();
    let line = about.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn a_link_with_a_ninety_byte_destination_costs_at_most_200_bytes_of_redis() {
    let server = RedisServer::start();
    let mut site = Site::new(vec![server.url()], Strategy::WriteThrough);
    site.config.prefix = Config::prefix_of(&[7; 16]);
    let key = |code: &str| format!("{}{code}", site.config.prefix);
    let node = site.lonely_node().await;
    let mut connection = connect(&server.url()).await;
    let mut url = "https://example.com/".to_owned();
    url.extend(std::iter::repeat_n('x', 90 - url.len()));
    let link = node.make("000000").await;
    node.change(link.id, &url).await;
    let record: Vec<u8> = redis::cmd("GET").arg(key("000000")).query_async(&mut connection).await.unwrap();
    assert_eq!(record.len(), 3 + 15 + 90);

    let before = used(&mut connection).await;
    let mut copies = redis::pipe();
    for number in 1..=LINKS {
        copies.cmd("SET").arg(key(&format!("{number:06}"))).arg(&record).arg("PX").arg(86_400_000).ignore();
        if number % 10_000 == 0 {
            let () = copies.query_async(&mut connection).await.unwrap();
            copies = redis::pipe();
        }
    }
    let mut each = 0;
    for number in (1..=LINKS).step_by(97) {
        let usage = redis::cmd("MEMORY").arg("USAGE").arg(key(&format!("{number:06}"))).to_owned();
        each = each.max(asked(&mut connection, &usage).await);
    }
    let in_all = (used(&mut connection).await - before) as f64 / LINKS as f64;
    println!("{each} bytes by MEMORY USAGE, {in_all:.1} by used_memory, expiry and tables included");
    assert!(each <= 200, "{each} bytes");
    let by_us: i64 = asked(&mut connection, redis::cmd("MEMORY").arg("USAGE").arg(key("000000"))).await;
    assert!(by_us <= 200, "{by_us} bytes for one that a change wrote");
}
