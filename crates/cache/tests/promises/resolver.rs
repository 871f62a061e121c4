//! What happens on a miss and on a change, with a real store behind it that can be held up.

use crate::support::store::{NOW, create, destination, house};
use crate::support::until::until;
use curtail_cache::{CoherentLinks, Held, Resolution, Resolver, Sources};
use curtail_model::{Link, Target};
use curtail_store::Links;
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[tokio::test]
async fn however_many_miss_at_once_the_store_is_asked_once() {
    let house = house(0);
    house.store.create(vec![create("popular")]).await.unwrap();
    let resolver = Arc::new(Resolver::new(house.sources()));
    let begun = Instant::now();
    let waiting: Vec<_> = (0..300)
        .map(|_| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.resolve("popular", NOW).await })
        })
        .collect();
    until("the store is asked", async || house.store.asked.load(Ordering::SeqCst) > 0).await;
    house.store.gate.add_permits(1);
    let mut late = 0;
    for waiter in waiting {
        match waiter.await.unwrap() {
            Resolution::Link(_) => {}
            Resolution::Nothing => panic!("there is such a link"),
            Resolution::Unavailable => late += 1,
        }
    }
    // Nobody waits for longer than this for a store that was let go at once.
    assert!(late == 0 || begun.elapsed() >= Sources::EMBEDDED_BUDGET, "{late} were turned away at once");
    let mut record = Vec::new();
    until("the answer is remembered", async || {
        matches!(house.cache.get("popular", NOW, &mut record), Held::Link { .. })
    })
    .await;
    assert_eq!(house.store.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_store_that_hangs_costs_a_bounded_time_and_its_late_answer_is_still_remembered() {
    let house = house(0);
    house.store.create(vec![create("late")]).await.unwrap();
    let resolver = Resolver::new(house.sources());
    let answered = tokio::time::timeout(Duration::from_secs(5), resolver.resolve("late", NOW)).await;
    assert_eq!(answered, Ok(Resolution::Unavailable));
    assert_eq!(resolver.failures(), 1);
    house.store.gate.add_permits(1);
    let mut record = Vec::new();
    until("the late answer is remembered", async || {
        house.cache.get("late", NOW, &mut record) != Held::Unknown
    })
    .await;
}

#[tokio::test]
async fn an_embedded_store_that_is_late_for_all_at_once_is_asked_again_by_the_next() {
    let house = house(0);
    let resolver = Resolver::new(house.sources());
    let codes: Vec<String> = (0..100).map(|number| format!("late{number}")).collect();
    let late = join_all(codes.iter().map(|code| resolver.resolve(code, NOW))).await;
    assert!(late.iter().all(|answer| *answer == Resolution::Unavailable));
    // The machine has time again.
    house.store.gate.add_permits(1_000);
    let begun = Instant::now();
    let next = resolver.resolve("next", NOW).await;
    if next == Resolution::Unavailable {
        assert!(begun.elapsed() >= Sources::EMBEDDED_BUDGET, "it was not asked");
        until("the next one is answered", async || {
            resolver.resolve("next", NOW).await == Resolution::Nothing
        })
        .await;
    } else {
        assert_eq!(next, Resolution::Nothing);
    }
}

#[tokio::test]
async fn a_question_that_hangs_is_waited_for_once_by_those_who_have_something_older() {
    let house = house(1);
    house.store.create(vec![create("warm")]).await.unwrap();
    let resolver = Resolver::new(house.sources());
    assert!(matches!(resolver.resolve("warm", NOW).await, Resolution::Link(_)));
    // The store hangs from now on, and what is remembered has to be checked.
    house.store.gate.forget_permits(1);
    let later = NOW.plus_millis(200_000);
    assert_eq!(resolver.resolve("warm", later).await, Resolution::Unavailable);
    for _ in 0..100 {
        assert_eq!(resolver.resolve("warm", later).now_or_never(), Some(Resolution::Unavailable));
    }
    assert_eq!(house.store.asked.load(Ordering::SeqCst), 2, "it is still one question");
    house.store.gate.add_permits(1);
    until("the store answers again", async || {
        matches!(resolver.resolve("warm", later).await, Resolution::Link(_))
    })
    .await;
}

#[tokio::test]
async fn whoever_follows_several_links_waits_for_a_store_that_hangs_hardly_longer_than_for_one() {
    const LINKS: u32 = 8;
    let house = house(1);
    let resolver = Resolver::new(house.sources());
    let codes: Vec<String> = (0..LINKS).map(|number| format!("warm{number}")).collect();
    for code in &codes {
        house.store.create(vec![create(code)]).await.unwrap();
        assert!(matches!(resolver.resolve(code, NOW).await, Resolution::Link(_)));
    }
    // The store hangs from now on, and what is remembered has to be checked.
    house.store.gate.forget_permits(1);
    let later = NOW.plus_millis(200_000);
    let begun = Instant::now();
    for code in &codes {
        assert_eq!(resolver.resolve(code, later).await, Resolution::Unavailable);
    }
    let waited = begun.elapsed();
    assert!(waited >= Sources::EMBEDDED_BUDGET, "nobody waited");
    // Each for as long as the first would be eight times that; halved each time it is little more than twice.
    assert!(waited < Sources::EMBEDDED_BUDGET * (LINKS - 2), "{waited:?}");
}

#[tokio::test]
async fn a_change_reaches_the_caches_though_the_one_who_asked_for_it_has_gone() {
    let house = house(0);
    let links = CoherentLinks::new(house.store.clone(), house.cache.clone(), || NOW);
    let made = links.create(vec![create("changing")]).await.unwrap().remove(0).unwrap();
    drop(links.update(made.link.id, destination("https://example.com/new"), None, NOW));
    house.store.gate.add_permits(1);
    let mut record = Vec::new();
    until("the cache has the change", async || {
        house.cache.get("changing", NOW, &mut record);
        record.ends_with(b"/new")
    })
    .await;
}

#[tokio::test]
async fn a_new_link_is_remembered_and_an_import_only_where_its_absence_was() {
    let house = house(0);
    let links = CoherentLinks::new(house.store.clone(), house.cache.clone(), || NOW);
    links.create(vec![create("single")]).await.unwrap();
    house.cache.put_nothing("import7", 0, NOW);
    links.create((0..100).map(|number| create(&format!("import{number}"))).collect()).await.unwrap();
    let mut record = Vec::new();
    let mut held = |code: &str| house.cache.get(code, NOW, &mut record);
    assert!(matches!(held("single"), Held::Link { .. }));
    assert!(matches!(held("import7"), Held::Link { .. }), "what was known to be nothing is something now");
    assert_eq!(held("import8"), Held::Unknown, "an import does not push out what visitors ask for");
}

#[tokio::test]
async fn what_may_be_behind_is_served_for_a_moment_and_never_instead_of_what_is_newer() {
    let house = house(usize::MAX >> 3);
    let made = house.store.create(vec![create("behind")]).await.unwrap().remove(0).unwrap().link;
    let resolver = Resolver::new(house.sources());
    house.store.is_behind.store(true, Ordering::SeqCst);
    assert!(matches!(resolver.resolve("behind", NOW).await, Resolution::Link(_)));
    let mut record = Vec::new();
    let mut held = |now| house.cache.get("behind", now, &mut record);
    assert!(matches!(held(NOW), Held::Link { .. }), "who asks at the same time need not ask");
    assert_eq!(held(NOW.plus_millis(1_000)), Held::StaleLink);
    assert_eq!(resolver.resolve("unknown", NOW).await, Resolution::Nothing);
    assert_eq!(house.cache.get("unknown", NOW, &mut Vec::new()), Held::Unknown, "nothing is told to nobody");

    let later = NOW.plus_millis(10_000);
    let newer = Link { version: made.version + 1, ..made };
    house.cache.put("behind", &Target::pack(&newer), NOW);
    let past = NOW.plus_millis(200_000);
    assert_eq!(resolver.resolve("behind", past).await, Resolution::Unavailable, "what is known is newer");
    house.cache.put_nothing("behind", made.version + 2, NOW);
    assert_eq!(resolver.resolve("behind", past).await, Resolution::Unavailable, "it is known to be gone");
    assert_eq!(house.cache.get("behind", later, &mut Vec::new()), Held::Unknown);
}
