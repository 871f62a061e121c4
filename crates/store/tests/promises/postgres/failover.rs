//! Addresses with several hosts: who takes writes is found, though another one hangs.

use super::until;
use crate::engine::{create, make, new_link, postgres_settings};
use curtail_servers::postgres::{Cluster, Server};
use curtail_store::Notice;
use curtail_store::postgres::{self, OpenError, Settings};
use std::sync::Arc;

/// The address of several servers together.
fn address(servers: &[&Server]) -> String {
    let hosts: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
    format!("postgres://curtail@{}/postgres", hosts.join(","))
}

#[tokio::test]
async fn writes_reads_and_messages_go_on_at_the_next_host_when_the_first_one_hangs() {
    let cluster = Cluster::start(1, &[]);
    let (first, next) = (&cluster.primary, &cluster.replicas[0]);
    let url = address(&[first, next]);
    let store = postgres::open(postgres_settings(&url)).await.unwrap();
    let mut heard = store.notifications.listen();
    assert_eq!(heard.recv().await, Some(Notice::Connected));
    // Each has a session of its own afterwards, which waits for who comes next.
    let link = |number: u32| create(new_link(&format!("https://example.com/{number}")));
    let many: Vec<_> = (0..30)
        .map(|number| {
            let links = Arc::clone(&store.links);
            tokio::spawn(async move { links.create(vec![link(number)]).await })
        })
        .collect();
    for made in many {
        made.await.unwrap().unwrap();
    }
    let table = "SELECT count(*) FROM pg_class WHERE relname = 'links'";
    until("the replica has the table", async || next.ask(table) == "1").await;
    until("the replica has all", async || next.ask("SELECT count(*) FROM links") == "30").await;

    first.hang();
    next.ask("SELECT pg_promote()");
    until("a link is made", async || store.links.create(vec![link(30)]).await.is_ok()).await;
    // No session with the host that hangs is lent any more.
    for number in 31..60 {
        let made = make(&*store.links, link(number)).await.unwrap().link;
        assert!(store.links.resolve(made.code.as_str()).await.unwrap().record.is_some());
    }
    assert_eq!(heard.recv().await, Some(Notice::Lost));
    while heard.recv().await != Some(Notice::Connected) {}
    store.notifications.notify(b"told".to_vec()).await.unwrap();
    assert_eq!(heard.recv().await, Some(Notice::Payload(b"told".to_vec())));

    // A process that starts now comes to the same.
    let started = postgres::open(postgres_settings(&url)).await.unwrap();
    make(&*started.links, link(60)).await.unwrap();
    assert!(next.ask("SELECT count(*) FROM links").parse::<u32>().unwrap() >= 61);
    started.close().await;
    store.close().await;
}

#[tokio::test]
async fn the_way_past_a_pooler_leads_to_the_host_that_takes_writes_and_is_named_when_none_does() {
    let cluster = Cluster::start(1, &[]);
    let (primary, replica) = (&cluster.primary, &cluster.replicas[0]);
    let directly =
        |direct: String| Settings { direct_url: Some(direct), ..postgres_settings(&primary.url()) };
    let store = postgres::open(directly(address(&[replica, primary]))).await.unwrap();
    assert_eq!(store.notifications.listen().recv().await, Some(Notice::Connected));
    store.close().await;
    let error = postgres::open(directly(replica.url())).await.err().expect("opened");
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().starts_with("database.direct_url:"), "{error}");
}
