//! What each strategy promises, and what it does not.

use crate::support::behind;
use crate::support::node::Site;
use crate::support::services::nodes;
use crate::support::until::until;
use curtail_cache::Strategy;
use curtail_store::Seen;

fn site(strategy: Strategy) -> Site {
    Site::new(nodes("CURTAIL_TEST_REDIS"), strategy)
}

#[tokio::test]
async fn cache_aside_keeps_in_redis_only_what_was_asked_for_and_never_what_is_outdated() {
    let site = site(Strategy::CacheAside);
    let writer = site.lonely_node().await;
    let link = writer.make("aside").await;
    let reader = site.lonely_node().await;
    assert!(reader.visit("aside").await.is_some());
    assert_eq!(site.asked(), 1, "a new link is not in Redis");
    for version in 0..20 {
        let url = format!("https://example.com/{version}");
        writer.change(link.id, &url).await;
        let asked = site.asked();
        let fresh = site.lonely_node().await;
        assert_eq!(fresh.visit("aside").await, Some(url), "the first to ask after a change");
        assert_eq!(site.asked(), asked + 1, "asks the store");
    }
    writer.delete(link.id).await;
    assert_eq!(site.lonely_node().await.visit("aside").await, None);
    writer.make("aside").await;
    assert!(
        site.lonely_node().await.visit("aside").await.is_some(),
        "a code that is given anew is seen at once"
    );
}

#[tokio::test]
async fn write_through_answers_new_and_changed_links_while_the_store_is_away() {
    let site = site(Strategy::WriteThrough);
    let writer = site.lonely_node().await;
    let link = writer.make("through").await;
    writer.make("untouched").await;
    writer.change(link.id, "https://example.com/changed").await;
    site.store.gate.close();
    let reader = site.lonely_node().await;
    assert_eq!(reader.visit("through").await.as_deref(), Some("https://example.com/changed"));
    assert_eq!(reader.visit("untouched").await.as_deref(), Some("https://example.com/"));
}

#[tokio::test]
async fn write_through_never_lets_an_older_record_win() {
    let site = site(Strategy::WriteThrough);
    let (one, other) = (site.lonely_node().await, site.lonely_node().await);
    let link = one.make("contested").await;
    for round in 0..20 {
        let (a, b) = (format!("https://example.com/a{round}"), format!("https://example.com/b{round}"));
        let (first, second) = tokio::join!(one.change(link.id, &a), other.change(link.id, &b));
        let newest = if first.version > second.version { first.url } else { second.url };
        assert_eq!(site.lonely_node().await.visit("contested").await, Some(newest));
    }
}

#[tokio::test]
async fn write_behind_makes_links_and_answers_them_on_every_node_while_the_store_takes_none() {
    let site = behind::Site::new().await;
    let (writer, reader) = (site.node().await, site.other_node().await);
    site.way.close();
    let link = writer.make("https://example.com/behind").await;
    assert_eq!(site.store.links.get(link.id, Seen::NEWEST).await.unwrap(), None);
    for node in [&writer, &reader] {
        assert_eq!(node.visit(link.code.as_str()).await.as_deref(), Some("https://example.com/behind"));
    }
    site.way.open();
    until("no link waits", async || writer.behind.statistics().waiting == 0).await;
    assert_eq!(site.store.links.get(link.id, Seen::NEWEST).await.unwrap(), Some(link));
}

#[tokio::test]
async fn ttl_only_sees_a_change_when_the_lives_of_entries_are_over_and_not_before() {
    let mut site = site(Strategy::TtlOnly);
    site.config.link_life = std::time::Duration::from_millis(400);
    let (writer, reader) = (site.lonely_node().await, site.lonely_node().await);
    let link = writer.make("slow").await;
    assert!(reader.visit("slow").await.is_some());
    writer.change(link.id, "https://example.com/new").await;
    assert_eq!(
        writer.visit("slow").await.as_deref(),
        Some("https://example.com/new"),
        "who changed it sees it"
    );
    assert_eq!(writer.redis.statistics().debts, 0);
    assert_eq!(reader.visit("slow").await.as_deref(), Some("https://example.com/"), "others are not told");
    until("the life of the entry is over", async || {
        site.lonely_node().await.visit("slow").await.as_deref() == Some("https://example.com/new")
    })
    .await;
}
