//! What engines promise of lists: pages, tags and words.

use crate::engine::{Engine, at, create, make, new_link, with_code};
use curtail_model::{Change, Field, Link, LinkId, NewLink};
use curtail_servers::PATIENCE;
use curtail_store::{Create, Links, ListQuery, Page, Seen, Sort, TagCount};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How long a search waits for its index, before it answers from what there is.
const INDEX_TIMEOUT: Duration = Duration::from_secs(1);

macro_rules! promises {
    ($name:ident, $open:path) => {
        crate::suite!($name, $open, lists:
            pages_show_every_link_once_while_links_are_added,
            pages_are_in_order_of_creation_both_ways,
            lists_are_narrowed_by_tag_and_state,
            tags_are_counted_through_every_change,
            pages_of_tags_hold_every_tag_once_in_the_order_of_their_bytes,
            a_link_is_found_by_the_beginnings_of_its_words,
            found_links_come_in_pages_in_the_order_of_lists,
            whatever_is_looked_for_is_text,
            what_changed_or_went_is_found_as_it_is_now,
        );
    };
}
pub(crate) use promises;

fn everything(limit: usize) -> ListQuery {
    ListQuery { words: None, tag: None, archived: None, sort: Sort::Newest, after: None, limit }
}

fn words(text: &str) -> ListQuery {
    ListQuery { words: Some(text.into()), ..everything(100) }
}

/// A page. One that took longer than a search waits for its index may miss what was just made, and is asked
/// for again; one that came sooner may not.
async fn list(links: &dyn Links, query: &ListQuery) -> Page {
    let begun = Instant::now();
    loop {
        let asked = Instant::now();
        let answer = links.list(query.clone(), Seen::ANYTHING).await;
        if asked.elapsed() < INDEX_TIMEOUT || begun.elapsed() > PATIENCE {
            return answer.unwrap();
        }
    }
}

async fn urls(links: &dyn Links, query: ListQuery) -> Vec<String> {
    list(links, &query).await.links.into_iter().map(|link| link.url).collect()
}

async fn walk(links: &dyn Links, mut query: ListQuery) -> Vec<Link> {
    let mut all = Vec::new();
    loop {
        let page = list(links, &query).await;
        assert!(page.links.len() <= query.limit);
        assert!(!page.more || page.links.len() == query.limit);
        all.extend(page.links);
        if !page.more {
            return all;
        }
        query.after = all.last().map(|link| (link.created_at, link.id));
    }
}

/// Links of which many share a millisecond, some chosen and some archived.
async fn fill(links: &dyn Links, count: i64, tag: &str) {
    for number in 0..count {
        let url = format!("https://example.com/page/{number}");
        let plain = if number % 3 == 0 {
            with_code(&url, &format!("code-{}-{number}", tag.len()))
        } else {
            new_link(&url)
        };
        let link = NewLink { tags: vec![tag.into()], ..plain };
        let made = make(links, Create { now: at(number / 7), ..create(link) }).await.unwrap().link;
        if number % 5 == 0 {
            archive(links, made.id, true).await;
        }
    }
}

async fn archive(links: &dyn Links, id: LinkId, archived: bool) {
    let change = Change { archived: Field::Set(archived), ..Change::default() };
    links.update(id, change, None, at(9)).await.unwrap().unwrap();
}

pub(crate) async fn pages_show_every_link_once_while_links_are_added(engine: Engine) {
    fill(&*engine.links, 60, "t").await;
    for (tag, found) in
        [(None, None), (Some("t"), None), (None, Some("page")), (Some("t"), Some("example page"))]
    {
        let mut query = ListQuery { tag: tag.map(Into::into), words: found.map(Into::into), ..everything(7) };
        let before: HashSet<_> =
            walk(&*engine.links, query.clone()).await.into_iter().map(|link| link.id).collect();
        let mut seen = Vec::new();
        loop {
            let page = list(&*engine.links, &query).await;
            seen.extend(page.links.into_iter().map(|link| (link.created_at, link.id)));
            if !page.more {
                break;
            }
            query.after = seen.last().copied();
            make(
                &*engine.links,
                Create { now: at(1_000), ..create(new_link("https://example.com/page/new")) },
            )
            .await
            .unwrap();
        }
        let ids: HashSet<_> = seen.iter().map(|&(_, id)| id).collect();
        assert_eq!((ids.len(), &ids), (seen.len(), &before), "{tag:?} {found:?}");
    }
}

pub(crate) async fn pages_are_in_order_of_creation_both_ways(engine: Engine) {
    fill(&*engine.links, 50, "t").await;
    for found in [None, Some("page")] {
        for archived in [None, Some(false), Some(true)] {
            let query = ListQuery { words: found.map(Into::into), archived, ..everything(4) };
            let newest = walk(&*engine.links, query.clone()).await;
            let mut oldest = walk(&*engine.links, ListQuery { sort: Sort::Oldest, ..query }).await;
            assert!(oldest.is_sorted_by_key(|link| link.created_at));
            oldest.reverse();
            assert_eq!(newest, oldest);
            assert_eq!(
                newest.len(),
                match archived {
                    None => 50,
                    Some(true) => 10,
                    Some(false) => 40,
                }
            );
        }
    }
}

pub(crate) async fn lists_are_narrowed_by_tag_and_state(engine: Engine) {
    fill(&*engine.links, 20, "red").await;
    fill(&*engine.links, 10, "\"blue\" AND *").await;
    for (tag, archived, expected) in [
        (Some("red"), None, 20),
        (Some("red"), Some(true), 4),
        (Some("\"blue\" AND *"), Some(false), 8),
        (Some("blue"), None, 0),
        (None, Some(true), 6),
    ] {
        for found in [None, Some("exam")] {
            let query = ListQuery {
                tag: tag.map(Into::into),
                archived,
                words: found.map(Into::into),
                ..everything(50)
            };
            assert_eq!(urls(&*engine.links, query).await.len(), expected, "{tag:?} {archived:?} {found:?}");
        }
    }
}

pub(crate) async fn tags_are_counted_through_every_change(engine: Engine) {
    let tagged = |tags: &[&str]| NewLink {
        tags: tags.iter().map(|&tag| tag.into()).collect(),
        ..new_link("https://example.com/")
    };
    let links = vec![create(tagged(&["a", "b"])), create(tagged(&["b"])), create(tagged(&["c"]))];
    let made = engine.links.create(links).await.unwrap();
    let ids: Vec<_> = made.into_iter().map(|made| made.unwrap().link.id).collect();
    let tags = async || {
        let tags = engine.links.tags(None, 10, Seen::ANYTHING).await.unwrap();
        tags.into_iter().map(|TagCount { tag, links }| (tag, links)).collect::<Vec<_>>()
    };
    assert_eq!(tags().await, [("a".into(), 1), ("b".into(), 2), ("c".into(), 1)]);
    let change = Change { tags: Field::Set(vec!["b".into(), "d".into()]), ..Change::default() };
    engine.links.update(ids[0], change, None, at(1)).await.unwrap().unwrap();
    archive(&*engine.links, ids[1], true).await;
    engine.links.delete(ids[2], None).await.unwrap().unwrap();
    assert_eq!(tags().await, [("b".into(), 2), ("d".into(), 1)]);
}

pub(crate) async fn pages_of_tags_hold_every_tag_once_in_the_order_of_their_bytes(engine: Engine) {
    // The order of the bytes is no language's: capitals come before small letters, and umlauts last.
    let names = ["B", "a", "b", "b c", "bb", "z", "Ä", "ä", "日本"];
    let tags = names.iter().rev().map(|&name| name.into()).collect();
    make(&*engine.links, create(NewLink { tags, ..new_link("https://example.com/") })).await.unwrap();
    for limit in [1, 2, 4, 9, 10] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = engine.links.tags(after.clone(), limit, Seen::ANYTHING).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.tag.clone());
            seen.extend(page.into_iter().map(|count| count.tag));
        }
        assert_eq!(seen, names, "{limit} at a time");
    }
    assert_eq!(engine.links.tags(Some("bz".into()), 1, Seen::ANYTHING).await.unwrap()[0].tag, "z");
}

pub(crate) async fn a_link_is_found_by_the_beginnings_of_its_words(engine: Engine) {
    let link = NewLink {
        title: Some("Spring Sale Übersicht".into()),
        notes: Some("call Марина about 🚀".into()),
        ..with_code("https://shop.example.com/offers/new-shoes?ref=x", "spring-sale")
    };
    make(&*engine.links, create(link)).await.unwrap();
    make(&*engine.links, create(new_link("https://other.example.org/"))).await.unwrap();
    for good in [
        "spring",
        "spr sal",
        "UBERS",
        "übersicht",
        "мар",
        "🚀",
        "shop.example.com/offers",
        "new-shoes",
        "shoe offer call",
        "spring-sale",
    ] {
        assert_eq!(urls(&*engine.links, words(good)).await.len(), 1, "{good}");
    }
    for bad in ["pring", "spring autumn", "org spring", "https"] {
        assert_eq!(urls(&*engine.links, words(bad)).await.len(), 0, "{bad}");
    }
    assert_eq!(urls(&*engine.links, words("example")).await.len(), 2);
    assert_eq!(urls(&*engine.links, words("  ")).await.len(), 2);
}

pub(crate) async fn found_links_come_in_pages_in_the_order_of_lists(engine: Engine) {
    let bulk = (0..500)
        .map(|n| Create { now: at(n / 100), ..create(new_link(&format!("https://example.com/{n}"))) });
    engine.links.create(bulk.collect()).await.unwrap();
    let listed = walk(&*engine.links, everything(33)).await;
    let found = walk(&*engine.links, ListQuery { words: Some("example".into()), ..everything(33) }).await;
    assert_eq!(listed.len(), 500);
    assert_eq!(listed, found);
}

pub(crate) async fn whatever_is_looked_for_is_text(engine: Engine) {
    make(&*engine.links, create(new_link("https://example.com/near"))).await.unwrap();
    for trick in [
        "\"",
        "*",
        "(",
        ")",
        "near/2",
        "example OR nothing",
        "NOT",
        "text:example",
        "{labels}:archived",
        "^example",
        "a AND",
        "--",
        "\0",
        "example\0",
        "—",
        "\u{200b}",
        "'; DROP TABLE links",
        "\"\" \"",
        "example\" OR \"x",
        "%",
        "\u{fffd}",
        "-example",
    ] {
        for archived in [None, Some(true), Some(false)] {
            let query = ListQuery { archived, tag: Some("\"x".into()), ..words(trick) };
            assert_eq!(urls(&*engine.links, query).await, Vec::<String>::new(), "{trick:?}");
            list(&*engine.links, &ListQuery { archived, ..words(trick) }).await;
        }
    }
    let long = "example ".repeat(10_000);
    assert_eq!(urls(&*engine.links, words(&long)).await.len(), 1);
}

pub(crate) async fn what_changed_or_went_is_found_as_it_is_now(engine: Engine) {
    let made =
        make(&*engine.links, create(with_code("https://example.com/first", "code-one"))).await.unwrap().link;
    assert_eq!(urls(&*engine.links, words("first")).await.len(), 1);
    let change = Change { title: Field::Set(Some("second".into())), ..Change::default() };
    engine.links.update(made.id, change, None, at(1)).await.unwrap().unwrap();
    assert_eq!(urls(&*engine.links, words("second")).await.len(), 1);
    let change = Change { title: Field::Set(None), ..Change::default() };
    engine.links.update(made.id, change, None, at(2)).await.unwrap().unwrap();
    assert_eq!(urls(&*engine.links, words("second")).await.len(), 0);
    engine.links.delete(made.id, None).await.unwrap().unwrap();
    assert_eq!(urls(&*engine.links, words("first")).await.len(), 0);
    make(&*engine.links, Create { now: at(5), ..create(with_code("https://example.com/third", "code-one")) })
        .await
        .unwrap();
    assert_eq!(urls(&*engine.links, words("code-one")).await, ["https://example.com/third"]);
}
