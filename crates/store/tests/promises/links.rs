//! What engines promise of single links.

use crate::engine::{Engine, at, create, destination, id, make, new_link, with_code};
use curtail_model::offensive::is_offensive;
use curtail_model::{Change, Field, Link, NewLink, RedirectStatus, Target};
use curtail_store::{Created, Refused, Resolved, Seen, Spent, UpdateRefused, WhenMade};
use std::collections::HashSet;

macro_rules! promises {
    ($name:ident, $open:path) => {
        crate::suite!($name, $open, links:
            a_link_is_given_back_as_it_was_made,
            a_code_leads_to_its_packed_target,
            two_creates_of_one_code_give_one_link,
            a_refused_link_leaves_the_others_untouched,
            generated_codes_differ_and_never_offend,
            the_generator_steps_over_chosen_codes,
            many_links_step_over_chosen_codes_and_keep_what_they_were_given,
            a_generated_code_is_never_given_again_and_a_custom_one_is_free,
            a_link_changes_only_from_the_expected_version,
            a_change_that_changes_nothing_leaves_all_as_it_is,
            versions_only_rise,
            no_more_clicks_are_spent_than_a_link_has,
            a_raised_limit_keeps_what_was_used,
            to_peek_at_an_allowance_tells_what_is_left_and_takes_nothing,
        );
    };
}
pub(crate) use promises;

fn full(code: Option<&str>) -> NewLink {
    let plain = code.map_or_else(
        || new_link("https://example.com/ä b"),
        |code| with_code("https://example.com/ä b", code),
    );
    NewLink {
        title: Some("A title".into()),
        notes: Some("Notes\nof two lines".into()),
        tags: vec!["1:2".into(), "größe".into()],
        starts_at: Some(at(1)),
        expires_at: Some(at(2)),
        max_clicks: Some(3),
        redirect_status: RedirectStatus::PermanentRedirect,
        forward_query: true,
        password_hash: Some("$argon2id$".into()),
        expired_url: Some("https://example.com/over".into()),
        ..plain
    }
}

pub(crate) async fn a_link_is_given_back_as_it_was_made(engine: Engine) {
    for code in [None, Some("größe/🚀"), Some("chosen"), Some("abcdef"), Some("x")] {
        let Created { link, when } = make(&*engine.links, create(full(code))).await.unwrap();
        assert_eq!(when, WhenMade::Now);
        assert_eq!(code.unwrap_or(link.code.as_str()), link.code.as_str());
        assert_eq!(link.url, "https://example.com/ä b");
        assert_eq!(link.tags, ["1:2", "größe"]);
        assert_eq!(link.id.bucket(), engine.codes.bucket_of(0, link.code.as_str().as_bytes()));
        assert_eq!(engine.links.get(link.id, Seen::ANYTHING).await.unwrap().as_ref(), Some(&link));
        assert_eq!(engine.links.find(link.code.as_str(), Seen::ANYTHING).await.unwrap(), Some(link));
    }
    assert_eq!(engine.links.find("nothing-here", Seen::ANYTHING).await.unwrap(), None);
    assert_eq!(engine.links.find("zzzzzz", Seen::ANYTHING).await.unwrap(), None);
    assert_eq!(engine.links.get(id(12_345_678), Seen::ANYTHING).await.unwrap(), None);
}

pub(crate) async fn a_code_leads_to_its_packed_target(engine: Engine) {
    for link in [new_link("https://example.com/"), full(None), full(Some("a/b"))] {
        let link = make(&*engine.links, create(link)).await.unwrap().link;
        let found = engine.links.resolve(link.code.as_str()).await.unwrap();
        assert_eq!(found, Resolved::current(Some(Target::pack(&link))));
    }
    assert_eq!(engine.links.resolve("nothing").await.unwrap(), Resolved::current(None));
}

pub(crate) async fn two_creates_of_one_code_give_one_link(engine: Engine) {
    // The shape of a generated code, and not.
    for code in ["chosen", "a-custom-code"] {
        let asked: Vec<_> = (0..16).map(|n| with_code(&format!("https://example.com/{n}"), code)).collect();
        let answers: Vec<_> = asked.into_iter().map(|link| engine.links.create(vec![create(link)])).collect();
        let mut made = Vec::new();
        for answer in answers {
            match answer.await.unwrap().pop().unwrap() {
                Ok(created) => made.push(created.link),
                Err(refused) => assert_eq!(refused, Refused::CodeTaken),
            }
        }
        assert_eq!(made.len(), 1);
        assert_eq!(engine.links.find(code, Seen::ANYTHING).await.unwrap(), made.pop());
    }
}

pub(crate) async fn a_refused_link_leaves_the_others_untouched(engine: Engine) {
    let links = vec![
        with_code("https://a.example/", "same"),
        with_code("https://b.example/", "same"),
        new_link("https://c.example/"),
    ];
    let answers = engine.links.create(links.into_iter().map(create).collect()).await.unwrap();
    assert_eq!(answers[0].as_ref().map(|made| made.link.url.as_str()), Ok("https://a.example/"));
    assert_eq!(answers[1], Err(Refused::CodeTaken));
    assert_eq!(answers[2].as_ref().map(|made| made.link.url.as_str()), Ok("https://c.example/"));
}

pub(crate) async fn generated_codes_differ_and_never_offend(engine: Engine) {
    let links = (0..20_000).map(|_| create(new_link("https://example.com/"))).collect();
    let made = engine.links.create(links).await.unwrap();
    let codes: HashSet<String> = made.into_iter().map(|made| made.unwrap().link.code.to_string()).collect();
    assert_eq!(codes.len(), 20_000);
    assert!(!codes.iter().any(|code| is_offensive(code)));
}

pub(crate) async fn the_generator_steps_over_chosen_codes(engine: Engine) {
    let first = make(&*engine.links, create(new_link("https://example.com/"))).await.unwrap().link;
    // The codes that would be generated next.
    let ahead: Vec<_> = (1..100).filter_map(|n| engine.codes.encode(id(first.id.get() + n))).collect();
    for code in ahead.iter().filter(|code| !is_offensive(code)) {
        make(&*engine.links, create(with_code("https://chosen.example/", code))).await.unwrap();
    }
    let next = make(&*engine.links, create(new_link("https://example.com/"))).await.unwrap().link;
    assert!(!ahead.contains(&next.code.to_string()));
    assert_eq!(
        engine.links.find(&ahead[0], Seen::ANYTHING).await.unwrap().unwrap().url,
        "https://chosen.example/"
    );
}

pub(crate) async fn many_links_step_over_chosen_codes_and_keep_what_they_were_given(engine: Engine) {
    const MANY: u64 = 300;
    let chosen: Vec<String> = (0..2 * MANY).step_by(7).map(|n| engine.codes.encode(id(n)).unwrap()).collect();
    let mut wanted: Vec<NewLink> =
        chosen.iter().map(|code| with_code("https://example.com/chosen", code)).collect();
    let url = |n| format!("https://example.com/{n}");
    wanted.extend((0..MANY).map(|n| NewLink { tags: vec![format!("tag {n}")], ..new_link(&url(n)) }));
    wanted.push(with_code("https://example.com/late", "late"));
    wanted.extend((0..MANY).map(|n| NewLink { reuse: true, ..new_link(&url(n)) }));
    let made = engine.links.create(wanted.iter().cloned().map(create).collect()).await.unwrap();
    let made: Vec<Created> = made.into_iter().map(Result::unwrap).collect();
    let (first, reused) = made.split_at(made.len() - MANY as usize);
    let codes: HashSet<&str> = first.iter().map(|created| created.link.code.as_str()).collect();
    let versions: HashSet<u64> = first.iter().map(|created| created.link.version).collect();
    assert_eq!((codes.len(), versions.len()), (first.len(), first.len()));
    for (created, wanted) in first.iter().zip(&wanted) {
        assert_eq!((created.when, created.link.url.as_str()), (WhenMade::Now, wanted.destination.as_given()));
        assert_eq!(created.link.tags, wanted.tags);
        assert_eq!(
            engine.links.find(created.link.code.as_str(), Seen::ANYTHING).await.unwrap().as_ref(),
            Some(&created.link)
        );
    }
    for (created, earlier) in reused.iter().zip(&first[chosen.len()..]) {
        assert_eq!((created.when, &created.link), (WhenMade::Reused, &earlier.link));
    }
}

pub(crate) async fn a_generated_code_is_never_given_again_and_a_custom_one_is_free(engine: Engine) {
    let generated = make(&*engine.links, create(new_link("https://example.com/"))).await.unwrap().link;
    engine.links.delete(generated.id, None).await.unwrap().unwrap();
    let again =
        make(&*engine.links, create(with_code("https://evil.example/", generated.code.as_str()))).await;
    assert_eq!(again, Err(Refused::CodeTaken));
    for code in ["chosen", "a-custom-code"] {
        let custom =
            make(&*engine.links, create(with_code("https://one.example/", code))).await.unwrap().link;
        let gone = engine.links.delete(custom.id, None).await.unwrap().unwrap();
        assert!(gone.version > custom.version);
        assert_eq!(gone, Link { version: gone.version, ..custom });
        assert_eq!(engine.links.find(code, Seen::ANYTHING).await.unwrap(), None);
        make(&*engine.links, create(with_code("https://two.example/", code))).await.unwrap();
        assert_eq!(
            engine.links.find(code, Seen::ANYTHING).await.unwrap().unwrap().url,
            "https://two.example/"
        );
    }
    assert_eq!(engine.links.delete(generated.id, None).await.unwrap(), Err(UpdateRefused::Missing));
}

pub(crate) async fn a_link_changes_only_from_the_expected_version(engine: Engine) {
    let made = make(&*engine.links, create(full(None))).await.unwrap().link;
    let change =
        Change { title: Field::Set(None), tags: Field::Set(vec!["new".into()]), ..Change::default() };
    let stale = engine.links.update(made.id, change.clone(), Some(made.version + 1), at(5)).await.unwrap();
    assert_eq!(stale, Err(UpdateRefused::Changed(Box::new(made.clone()))));
    let changed =
        engine.links.update(made.id, change.clone(), Some(made.version), at(5)).await.unwrap().unwrap();
    let expected = Link {
        title: None,
        tags: vec!["new".into()],
        updated_at: at(5),
        version: changed.version,
        ..made.clone()
    };
    assert_eq!(changed, expected);
    assert_eq!(engine.links.get(made.id, Seen::ANYTHING).await.unwrap(), Some(expected));
    let stale = engine.links.delete(made.id, Some(made.version)).await.unwrap();
    assert_eq!(stale, Err(UpdateRefused::Changed(Box::new(changed))));
    assert_eq!(engine.links.update(id(77), change, None, at(5)).await.unwrap(), Err(UpdateRefused::Missing));
}

pub(crate) async fn a_change_that_changes_nothing_leaves_all_as_it_is(engine: Engine) {
    let made = make(&*engine.links, create(full(None))).await.unwrap().link;
    let same = Change {
        destination: Field::Set(destination(&made.url)),
        title: Field::Set(made.title.clone()),
        tags: Field::Set(made.tags.clone()),
        max_clicks: Field::Set(made.max_clicks),
        archived: Field::Set(false),
        ..Change::default()
    };
    for change in [Change::default(), same] {
        let changed = engine.links.update(made.id, change.clone(), None, at(5)).await.unwrap();
        assert_eq!(changed.as_ref(), Ok(&made));
        let expected = engine.links.update(made.id, change.clone(), Some(made.version), at(6)).await.unwrap();
        assert_eq!(expected.as_ref(), Ok(&made));
        let stale = engine.links.update(made.id, change, Some(made.version + 1), at(7)).await.unwrap();
        assert_eq!(stale, Err(UpdateRefused::Changed(Box::new(made.clone()))));
    }
    assert_eq!(engine.links.get(made.id, Seen::NEWEST).await.unwrap(), Some(made));
}

pub(crate) async fn versions_only_rise(engine: Engine) {
    let mut last = 0;
    let mut rise = |version| {
        assert!(version > last);
        last = version;
    };
    let links = (0..100).map(|_| create(new_link("https://example.com/"))).collect();
    let made = engine.links.create(links).await.unwrap();
    for created in &made {
        rise(created.as_ref().unwrap().link.version);
    }
    let first = made[0].as_ref().unwrap().link.id;
    let change = Change { archived: Field::Set(true), ..Change::default() };
    rise(engine.links.update(first, change, None, at(1)).await.unwrap().unwrap().version);
    rise(engine.links.delete(first, None).await.unwrap().unwrap().version);
}

pub(crate) async fn no_more_clicks_are_spent_than_a_link_has(engine: Engine) {
    let limited = NewLink { max_clicks: Some(100), ..new_link("https://example.com/") };
    let link = make(&*engine.links, create(limited)).await.unwrap().link.id;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let links = engine.links.clone();
            tokio::spawn(async move {
                let mut granted = Vec::new();
                for _ in 0..4 {
                    match links.spend(link).await.unwrap() {
                        Spent::Granted { left } => granted.push(left),
                        other => assert_eq!(other, Spent::UsedUp),
                    }
                }
                granted
            })
        })
        .collect();
    let mut granted = Vec::new();
    for task in tasks {
        granted.extend(task.await.unwrap());
    }
    granted.sort_unstable();
    assert_eq!(granted, (0..100).collect::<Vec<_>>());
}

pub(crate) async fn a_raised_limit_keeps_what_was_used(engine: Engine) {
    let limited = NewLink { max_clicks: Some(1), ..with_code("https://example.com/", "limited") };
    let link = make(&*engine.links, create(limited.clone())).await.unwrap().link.id;
    assert_eq!(engine.links.spend(link).await.unwrap(), Spent::Granted { left: 0 });
    assert_eq!(engine.links.spend(link).await.unwrap(), Spent::UsedUp);
    let set = |max_clicks| Change { max_clicks: Field::Set(max_clicks), ..Change::default() };
    engine.links.update(link, set(Some(3)), None, at(1)).await.unwrap().unwrap();
    assert_eq!(engine.links.spend(link).await.unwrap(), Spent::Granted { left: 1 });
    engine.links.update(link, set(None), None, at(2)).await.unwrap().unwrap();
    assert_eq!(engine.links.spend(link).await.unwrap(), Spent::Unlimited);
    engine.links.delete(link, None).await.unwrap().unwrap();
    assert_eq!(engine.links.spend(link).await.unwrap(), Spent::Missing);
    // A new link with the same code begins anew.
    let link = make(&*engine.links, create(limited)).await.unwrap().link.id;
    assert_eq!(engine.links.spend(link).await.unwrap(), Spent::Granted { left: 0 });
}

pub(crate) async fn to_peek_at_an_allowance_tells_what_is_left_and_takes_nothing(engine: Engine) {
    let limited = NewLink { max_clicks: Some(2), ..new_link("https://example.com/") };
    let link = make(&*engine.links, create(limited)).await.unwrap().link.id;
    for answer in [Spent::Granted { left: 1 }, Spent::Granted { left: 0 }, Spent::UsedUp, Spent::UsedUp] {
        for _ in 0..3 {
            assert_eq!(engine.links.peek(link).await.unwrap(), answer);
        }
        assert_eq!(engine.links.spend(link).await.unwrap(), answer, "spending answers what was foretold");
    }
    let unlimited = Change { max_clicks: Field::Set(None), ..Change::default() };
    engine.links.update(link, unlimited, None, at(1)).await.unwrap().unwrap();
    assert_eq!(engine.links.peek(link).await.unwrap(), Spent::Unlimited);
    engine.links.delete(link, None).await.unwrap().unwrap();
    assert_eq!(engine.links.peek(link).await.unwrap(), Spent::Missing);
}
