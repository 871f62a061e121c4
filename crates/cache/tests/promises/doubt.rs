//! A change whose commit was not answered: it may have happened, and nobody goes on serving what was.

use crate::support::node::{Node, Site};
use crate::support::services::nodes;
use crate::support::store::Fate;
use crate::support::until::until;
use curtail_cache::Strategy;
use curtail_model::LinkId;
use tokio::sync::{Semaphore, oneshot};

const OLD: &str = "https://example.com/";
const NEW: &str = "https://example.com/new";

/// Two nodes that hear each other and remember two links, which L2 has too.
async fn two_nodes(strategy: Strategy) -> (Site, [Node; 2], [LinkId; 2]) {
    let site = Site::new(nodes("CURTAIL_TEST_REDIS"), strategy);
    let both = [site.node().await, site.node().await];
    let links = [both[0].make("changing").await.id, both[0].make("going").await.id];
    for node in &both {
        node.hears(2).await;
        node.learns("changing").await;
        node.learns("going").await;
    }
    site.has_in_redis("changing").await;
    site.has_in_redis("going").await;
    (site, both, links)
}

#[tokio::test]
async fn a_change_whose_commit_was_not_answered_is_seen_by_all_though_nobody_was_told_that_it_happened() {
    for strategy in [Strategy::CacheAside, Strategy::WriteThrough] {
        let (site, [writer, reader], [changing, going]) = two_nodes(strategy).await;
        site.store.decide(Fate::Unanswered);
        writer.change_and_delete_unanswered(changing, NEW, going).await;
        assert_eq!(writer.visit("changing").await.as_deref(), Some(NEW), "where it was asked for, at once");
        assert_eq!(writer.visit("going").await, None);
        reader.leads_to("changing", NEW).await;
        until("the removal is seen", async || reader.visit("going").await.is_none()).await;
        let fresh = site.lonely_node().await;
        assert_eq!(fresh.visit("changing").await.as_deref(), Some(NEW));
        assert_eq!(fresh.visit("going").await, None);
        writer.learns("changing").await;
        until("the removal is remembered", async || {
            writer.visit("going").await.is_none() && writer.remembers("going")
        })
        .await;
        until("all has arrived in Redis", async || writer.redis.statistics().debts == 0).await;
        assert!(writer.bus.as_ref().unwrap().leave().await, "nothing is in doubt any more");
    }
}

#[tokio::test]
async fn a_link_whose_change_is_in_doubt_is_served_as_it_was_while_the_store_is_away_and_remembered_again_after()
 {
    let (site, [writer, reader], [changing, going]) = two_nodes(Strategy::CacheAside).await;
    site.store.decide(Fate::Undone);
    writer.change_and_delete_unanswered(changing, NEW, going).await;
    site.store.decide(Fate::Away);
    let before = site.asked();
    until("the store is asked about it again and again", async || {
        assert_eq!(reader.visit("changing").await.as_deref(), Some(OLD));
        site.asked() > before + 3
    })
    .await;
    assert!(
        !writer.bus.as_ref().unwrap().leave().await,
        "who may have changed something does not say goodbye"
    );
    site.store.decide(Fate::Answered);
    // It was undone: the version from before is the newest, and can be remembered as any other.
    for code in ["changing", "going"] {
        writer.learns(code).await;
        reader.learns(code).await;
        assert_eq!(reader.visit(code).await.as_deref(), Some(OLD));
    }
}

#[tokio::test]
async fn a_node_that_ends_in_the_middle_of_a_change_leaves_without_a_goodbye() {
    let (site, [writer, _reader], [changing, _]) = two_nodes(Strategy::CacheAside).await;
    let asked = site.asked();
    site.store.gate.forget_permits(Semaphore::MAX_PERMITS);
    let (change, (ends, ended)) = (writer.begin_to_change(changing, NEW), oneshot::channel::<()>());
    let core = std::thread::spawn(move || {
        let core = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        core.block_on(async {
            tokio::spawn(change);
            ended.await.unwrap();
        });
    });
    until("the store is asked", async || site.asked() > asked).await;
    ends.send(()).unwrap();
    core.join().unwrap();
    assert!(!writer.bus.as_ref().unwrap().leave().await, "the store may have made it, and nobody was told");
}
