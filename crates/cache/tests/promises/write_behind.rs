//! What writing behind promises, on a real PostgreSQL and a real
//! Redis: only the way that links take to the store can be closed.

use crate::support::behind::{Behind, Site, plain};
use crate::support::node::now;
use crate::support::store::create;
use crate::support::until::until;
use curtail_model::{Change, Field, Link, LinkId};
use curtail_store::{Idempotency, Links, Seen, StoreError, WhenMade};
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

fn title(title: &str) -> Change {
    Change { title: Field::Set(Some(title.into())), ..Change::default() }
}

#[tokio::test]
async fn an_acknowledged_link_is_in_the_store_once_though_its_process_ends_anywhere() {
    let site = Site::new().await;
    let mut made = Vec::new();
    for round in 0..6 {
        let node = site.node().await;
        // Rounds end before, between and after the way to the store is open.
        if round % 3 != 0 {
            site.way.close();
        }
        for number in 0..20 {
            made.push(node.make(&format!("https://example.com/{round}/{number}")).await);
        }
        if round % 3 == 1 {
            site.way.open();
        }
        node.kill();
        site.way.open();
    }
    let node = site.node().await;
    until("no link waits", async || node.behind.statistics().waiting == 0).await;
    for link in &made {
        assert_eq!(site.store.links.get(link.id, Seen::NEWEST).await.unwrap().as_ref(), Some(link));
    }
    let codes: HashSet<_> = made.iter().map(|link| link.code.as_str()).collect();
    assert_eq!((codes.len(), site.links_in_the_store().await), (made.len(), made.len()));
    assert_eq!(node.behind.statistics().refused, 0);
}

#[tokio::test]
async fn a_link_that_waits_is_found_changed_and_removed_on_every_node() {
    let site = Site::new().await;
    let (one, other) = (site.node().await, site.other_node().await);
    site.way.close();
    let [seen, changed, changed_here, removed] = one.make_some().await;
    let [changed_elsewhere, ..] = one.make_some().await;
    for node in [&one, &other] {
        assert_eq!(node.links.get(seen.id, Seen::ANYTHING).await.unwrap().as_ref(), Some(&seen));
        let found = node.links.find(seen.code.as_str(), Seen::ANYTHING).await.unwrap();
        assert_eq!(found.as_ref(), Some(&seen));
        assert_eq!(node.visit(seen.code.as_str()).await, Some(seen.url.clone()));
    }
    // The way of those who flush one link ahead of its turn is open, that of all that waits stays closed.
    site.way.let_single_links_pass();
    let new = other.links.update(changed.id, title("new"), None, now()).await.unwrap().unwrap();
    assert!(new.version > changed.version);
    one.links.update(changed_here.id, title("here"), None, now()).await.unwrap().unwrap();
    let elsewhere = other.links.update(changed_elsewhere.id, title("there"), None, now()).await;
    other.links.delete(removed.id, None).await.unwrap().unwrap();
    for node in [&one, &other] {
        assert_eq!(node.links.get(changed.id, Seen::ANYTHING).await.unwrap().as_ref(), Some(&new));
        let here = node.links.get(changed_here.id, Seen::ANYTHING).await.unwrap().unwrap();
        assert_eq!(here.title.as_deref(), Some("here"));
        assert_eq!(node.links.get(removed.id, Seen::ANYTHING).await.unwrap(), None);
    }
    assert_eq!(one.behind.statistics().waiting, 8, "their places are still behind");
    site.way.open();
    until("no link waits", async || one.behind.statistics().waiting == 0).await;
    let status = one.behind.statistics();
    assert_eq!((status.written, status.repeated, status.refused), (4, 1, 0), "three were flushed by name");
    let found = one.links.get(changed_elsewhere.id, Seen::ANYTHING).await.unwrap();
    assert_eq!(found, Some(elsewhere.unwrap().unwrap()));
}

#[tokio::test]
async fn what_waits_of_a_link_leads_nobody_there_any_more_once_others_have_changed_or_removed_it() {
    let site = Site::new().await;
    let [one, other] = site.nodes_on_the_bus().await;
    site.way.close();
    let [kept, changed, removed, _] = one.make_some().await;
    site.way.let_single_links_pass();
    other.links.update(changed.id, title("new"), None, now()).await.unwrap().unwrap();
    other.links.delete(removed.id, None).await.unwrap().unwrap();
    // This is what is asked last of all, when neither the store nor Redis says anything.
    let waits = async |link: &Link| one.behind.unwritten(link.code.as_str()).await.unwrap().is_some();
    until("the change is heard", async || !waits(&changed).await).await;
    until("the removal is heard", async || !waits(&removed).await).await;
    assert!(waits(&kept).await);
    site.way.open();
    until("no link waits", async || one.behind.statistics().waiting == 0).await;
    assert_eq!(site.store.links.get(removed.id, Seen::NEWEST).await.unwrap(), None);
}

#[tokio::test]
async fn what_needs_a_check_goes_straight_to_the_store() {
    let site = Site::new().await;
    let node = site.node().await;
    site.way.close();
    let plain_link = plain("https://example.com/plain");
    let mut asked_once = plain_link.clone();
    asked_once.idempotency = Some(Idempotency { key: [7; 32], request: [8; 32] });
    let mut limited = plain_link.clone();
    limited.link.max_clicks = Some(3);
    let chosen = create("chosen");
    let made = node.links.create(vec![asked_once.clone(), limited, chosen, plain_link]).await.unwrap();
    let made: Vec<_> = made.into_iter().map(|made| made.unwrap().link).collect();
    for link in &made[..3] {
        assert_eq!(site.store.links.get(link.id, Seen::NEWEST).await.unwrap().as_ref(), Some(link));
    }
    assert_eq!(site.store.links.get(made[3].id, Seen::NEWEST).await.unwrap(), None, "it waits");
    let again = node.links.create(vec![asked_once]).await.unwrap().remove(0).unwrap();
    assert_eq!((again.when, again.link.id), (WhenMade::Replayed { reused: false }, made[0].id));
    assert_eq!(node.behind.statistics().acknowledged, 1);

    site.way.open();
    let mut reused = plain("https://example.com/plain");
    reused.link.reuse = true;
    let reused = node.links.create(vec![reused]).await.unwrap().remove(0).unwrap();
    assert_eq!(reused.when, WhenMade::Reused, "what waited is found");
    let many = (0..100).map(|_| plain("https://example.com/many")).collect();
    node.links.create(many).await.unwrap();
    assert_eq!(node.behind.statistics().acknowledged, 1, "an import is not written twice");
}

#[tokio::test]
async fn without_room_creates_are_refused_and_there_is_room_again_when_the_store_takes_links() {
    let site = Site::with_budget(10 << 20).await;
    let node = site.node().await;
    site.way.close();
    let refused = loop {
        let mut link = plain("https://example.com/");
        link.link.notes = Some("n".repeat(16_000));
        match node.links.create(vec![link]).await {
            Ok(_) => {}
            Err(refused) => break refused,
        }
    };
    assert!(matches!(&refused, StoreError::Backlogged(why) if why.contains("10 MiB")), "{refused:?}");
    let status = node.behind.statistics();
    assert!(status.bytes <= status.budget && status.waiting > 50, "{status:?}");
    site.way.open();
    until("no link waits", async || node.behind.statistics().waiting == 0).await;
    assert_eq!(node.behind.statistics().bytes, 0);
    node.make("https://example.com/again").await;
    assert_eq!(site.files(".links").len(), 1, "files of what was written are removed");
}

#[tokio::test]
async fn while_the_journal_cannot_be_written_new_links_go_straight_to_the_store_and_behind_it_again_after() {
    let site = Site::new().await;
    let node = site.node().await;
    // What is open is filled up, and the next file cannot be made where no folder is.
    let full = site.files(".links");
    while site.files(".links") == full {
        let mut link = plain("https://example.com/");
        link.link.notes = Some("n".repeat(16_000));
        node.links.create(vec![link]).await.unwrap();
        until("the file is left", async || node.behind.statistics().waiting == 0).await;
    }
    let aside = site.folder().with_extension("aside");
    let mut acknowledged = 0;
    until("the journal cannot be written", async || {
        let folder = site.folder();
        if folder.exists() {
            fs::rename(&folder, &aside).unwrap();
        }
        let link = node.make("https://example.com/direct").await;
        let is_there = site.store.links.get(link.id, Seen::NEWEST).await.unwrap().is_some();
        let before = std::mem::replace(&mut acknowledged, node.behind.statistics().acknowledged);
        is_there && before == acknowledged
    })
    .await;
    fs::rename(&aside, site.folder()).unwrap();
    until("links are written behind again", async || {
        node.make("https://example.com/behind").await;
        node.behind.statistics().acknowledged > acknowledged
    })
    .await;
}

#[tokio::test]
async fn a_process_that_ends_well_leaves_nothing_behind_and_no_code_set_aside() {
    let site = Site::new().await;
    let node = site.node().await;
    let link = node.make("https://example.com/").await;
    node.behind.close(Duration::from_secs(10)).await;
    assert_eq!(site.files(".links"), Vec::<PathBuf>::new());
    assert_eq!(site.store.links.get(link.id, Seen::NEWEST).await.unwrap(), Some(link));
    let id = LinkId::new(node.behind.statistics().acknowledged + 5_000).unwrap();
    let code = site.store.codes.encode(id).unwrap();
    let chosen = site.store.links.create(vec![create(&code)]).await.unwrap();
    assert!(chosen[0].is_ok(), "codes that were set aside can be chosen: {chosen:?}");
}

#[tokio::test]
async fn damage_costs_the_link_it_is_in_is_said_and_kept_and_nothing_else_is_lost() {
    let site = Site::new().await;
    let node = site.node().await;
    site.way.close();
    let links = [node.make_some().await, node.make_some().await].concat();
    node.kill();
    let path = site.files(".links").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let hit = bytes.windows(4).rposition(|window| window == b"http").unwrap();
    let second = bytes[..hit].windows(4).rposition(|window| window == b"http").unwrap();
    bytes[second + 1] ^= 1;
    fs::write(&path, bytes).unwrap();
    site.way.open();
    let node = site.node().await;
    until("no link waits", async || node.behind.statistics().waiting == 0).await;
    assert!(node.behind.statistics().damaged > 0);
    for (number, link) in links.iter().enumerate() {
        let found = site.store.links.get(link.id, Seen::NEWEST).await.unwrap();
        assert_eq!(found.is_some(), number != links.len() - 2, "link {number}");
    }
    assert_eq!(site.files(".damaged").len(), 1);
}

#[tokio::test]
async fn links_that_wait_for_another_store_are_not_flushed_to_this_one() {
    let (site, other) = (Site::new().await, Site::new().await);
    let node = site.node().await;
    site.way.close();
    node.make("https://example.com/").await;
    node.kill();
    let refused = Behind::open(&other, site.folder(), false).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("another database") && refused.contains("database.url"), "{refused}");
}
