//! What engines promise of links that are not made because there
//! is one: it is reused, or was answered to the same request.

use crate::engine::{Engine, at, create, destination, id, make, new_link, with_code};
use curtail_model::{Change, Field, NewLink, RedirectStatus};
use curtail_store::{Create, Created, Idempotency, Refused, WhenMade};
use std::collections::HashSet;

macro_rules! promises {
    ($name:ident, $open:path) => {
        crate::suite!($name, $open, reuse:
            reuse_under_concurrency_gives_one_link,
            reuse_compares_the_normal_form_and_skips_archived_links,
            reuse_skips_links_that_lead_nowhere_have_an_end_or_ask_for_a_password,
            reuse_gives_no_link_that_redirects_in_another_way,
            reuse_with_a_code_gives_the_link_that_has_it_or_none,
            a_repeated_request_gives_the_same_link,
            what_was_reused_is_replayed_as_reused,
        );
    };
}
pub(crate) use promises;

pub(crate) async fn reuse_under_concurrency_gives_one_link(engine: Engine) {
    let reuse = || create(NewLink { reuse: true, ..new_link("https://example.com/shared") });
    let answers: Vec<_> = (0..64).map(|_| engine.links.create(vec![reuse(), reuse()])).collect();
    let (mut ids, mut new) = (HashSet::new(), 0);
    for answer in answers {
        for created in answer.await.unwrap() {
            let created = created.unwrap();
            ids.insert(created.link.id);
            new += usize::from(created.when == WhenMade::Now);
        }
    }
    assert_eq!((ids.len(), new), (1, 1));
}

pub(crate) async fn reuse_compares_the_normal_form_and_skips_archived_links(engine: Engine) {
    let reuse = |url| create(NewLink { reuse: true, ..new_link(url) });
    let first = make(&*engine.links, create(new_link("HTTP://Example.com:80/a"))).await.unwrap().link;
    let same = make(&*engine.links, reuse("http://example.com/a")).await.unwrap();
    assert_eq!((same.link.id, same.when), (first.id, WhenMade::Reused));
    let moved =
        Change { destination: Field::Set(destination("https://elsewhere.example/")), ..Change::default() };
    engine.links.update(first.id, moved, None, at(1)).await.unwrap().unwrap();
    let there = make(&*engine.links, reuse("https://elsewhere.example/")).await.unwrap();
    assert_eq!(there.link.id, first.id);
    let archived = Change { archived: Field::Set(true), ..Change::default() };
    engine.links.update(first.id, archived, None, at(2)).await.unwrap().unwrap();
    for url in ["https://elsewhere.example/", "http://example.com/a"] {
        let made = make(&*engine.links, reuse(url)).await.unwrap();
        assert_eq!(made.when, WhenMade::Now, "{url}");
    }
}

pub(crate) async fn reuse_skips_links_that_lead_nowhere_have_an_end_or_ask_for_a_password(engine: Engine) {
    let plain = || new_link("https://example.com/a");
    let reuse = || Create { now: at(10), ..create(NewLink { reuse: true, ..plain() }) };
    let limited = NewLink { max_clicks: Some(1_000), ..plain() };
    let over = NewLink { expires_at: Some(at(10)), ..plain() };
    let ending = NewLink { expires_at: Some(at(1_000)), ..plain() };
    let later = NewLink { starts_at: Some(at(11)), ..plain() };
    let locked = NewLink { password_hash: Some("$argon2id$".into()), ..plain() };
    for unfit in [limited, over, ending, later, locked] {
        let unfit = make(&*engine.links, create(unfit)).await.unwrap().link;
        let made = make(&*engine.links, reuse()).await.unwrap();
        assert_eq!(made.when, WhenMade::Now, "instead of {unfit:?}");
        engine.links.delete(made.link.id, None).await.unwrap().unwrap();
    }
    let open = NewLink { starts_at: Some(at(10)), ..plain() };
    let open = make(&*engine.links, create(open)).await.unwrap().link;
    let found = make(&*engine.links, reuse()).await.unwrap();
    assert_eq!((found.link.id, found.when), (open.id, WhenMade::Reused), "it has begun");
}

pub(crate) async fn reuse_gives_no_link_that_redirects_in_another_way(engine: Engine) {
    let plain = || new_link("https://example.com/a");
    let forwarding = || NewLink { forward_query: true, ..plain() };
    let permanent = || NewLink { redirect_status: RedirectStatus::MovedPermanently, ..plain() };
    let mut links = Vec::new();
    for wanted in [plain(), forwarding(), permanent()] {
        let made = make(&*engine.links, create(NewLink { reuse: true, ..wanted })).await.unwrap();
        assert_eq!(made.when, WhenMade::Now, "{:?}", made.link);
        links.push(made.link);
    }
    for (wanted, link) in [plain(), forwarding(), permanent()].into_iter().zip(links) {
        let found = make(&*engine.links, create(NewLink { reuse: true, ..wanted })).await.unwrap();
        assert_eq!(found, Created { link, when: WhenMade::Reused });
    }
}

pub(crate) async fn reuse_with_a_code_gives_the_link_that_has_it_or_none(engine: Engine) {
    const URL: &str = "https://example.com/a";
    let reuse = |url, code| create(NewLink { reuse: true, ..with_code(url, code) });
    let generated = make(&*engine.links, create(new_link(URL))).await.unwrap().link;
    // One that looks like a generated code, and one that belongs
    // to a link with another id since it was chosen anew.
    let shaped = engine.codes.encode(id(generated.id.get() + 1_000_000)).unwrap();
    let anew = engine.codes.encode(id(generated.id.get() + 2_000_000)).unwrap();
    let before = make(&*engine.links, create(with_code(URL, &anew))).await.unwrap().link;
    engine.links.delete(before.id, None).await.unwrap().unwrap();
    for code in ["größe/🚀", shaped.as_str(), anew.as_str()] {
        let both = engine.links.create(vec![reuse(URL, code), reuse(URL, code)]).await.unwrap();
        let both: Vec<Created> = both.into_iter().map(Result::unwrap).collect();
        assert_eq!([both[0].when, both[1].when], [WhenMade::Now, WhenMade::Reused], "{code}");
        assert_eq!((both[0].link.code.as_str(), &both[1].link), (code, &both[0].link));
        let again = make(&*engine.links, reuse(URL, code)).await.unwrap();
        assert_eq!((again.when, &again.link), (WhenMade::Reused, &both[0].link));
        let permanent =
            NewLink { redirect_status: RedirectStatus::PermanentRedirect, ..with_code(URL, code) };
        let permanent = create(NewLink { reuse: true, ..permanent });
        for other in [reuse("https://example.com/b", code), permanent, create(with_code(URL, code))] {
            assert_eq!(make(&*engine.links, other).await, Err(Refused::CodeTaken), "{code}");
        }
        let archived = Change { archived: Field::Set(true), ..Change::default() };
        engine.links.update(again.link.id, archived, None, at(1)).await.unwrap().unwrap();
        assert_eq!(make(&*engine.links, reuse(URL, code)).await, Err(Refused::CodeTaken), "it leads nowhere");
    }
    let found = make(&*engine.links, reuse(URL, generated.code.as_str())).await.unwrap();
    assert_eq!(found, Created { link: generated, when: WhenMade::Reused });
}

pub(crate) async fn a_repeated_request_gives_the_same_link(engine: Engine) {
    let idempotency = Idempotency { key: [1; 32], request: [2; 32] };
    let ask = |idempotency, millis| Create {
        link: new_link("https://example.com/"),
        now: at(millis),
        idempotency: Some(idempotency),
    };
    let first = make(&*engine.links, ask(idempotency, 0)).await.unwrap();
    let again = make(&*engine.links, ask(idempotency, 1)).await.unwrap();
    assert_eq!(again, Created { when: WhenMade::Replayed { reused: false }, ..first.clone() });
    let other = make(&*engine.links, ask(Idempotency { request: [3; 32], ..idempotency }, 2)).await;
    assert_eq!(other, Err(Refused::IdempotencyKeyUsed));
    let both =
        engine.links.create(vec![ask(Idempotency { key: [9; 32], ..idempotency }, 0); 2]).await.unwrap();
    assert_eq!(both[0].as_ref().unwrap().link.id, both[1].as_ref().unwrap().link.id);
    engine.links.delete(first.link.id, None).await.unwrap().unwrap();
    assert_eq!(make(&*engine.links, ask(idempotency, 3)).await, Err(Refused::IdempotentLinkGone));
    let expired = make(&*engine.links, ask(idempotency, Idempotency::LIFETIME)).await.unwrap();
    assert_eq!(expired.when, WhenMade::Now);
}

pub(crate) async fn what_was_reused_is_replayed_as_reused(engine: Engine) {
    let ask = |key: u8, code: Option<&str>| Create {
        idempotency: Some(Idempotency { key: [key; 32], request: [0; 32] }),
        ..create(NewLink {
            reuse: true,
            ..code
                .map_or_else(|| new_link("https://a.example/"), |code| with_code("https://b.example/", code))
        })
    };
    for (first, code) in [(1, None), (5, Some("chosen"))] {
        let made = make(&*engine.links, ask(first, code)).await.unwrap();
        assert_eq!(made.when, WhenMade::Now);
        // Of several in one call, too, which is one transaction.
        let found = engine.links.create(vec![ask(first + 1, code), ask(first + 1, code)]).await.unwrap();
        let whens: Vec<WhenMade> = found.iter().map(|found| found.as_ref().unwrap().when).collect();
        assert_eq!(whens, [WhenMade::Reused, WhenMade::Replayed { reused: true }]);
        for (key, reused) in [(first, false), (first + 1, true)] {
            let again = make(&*engine.links, ask(key, code)).await.unwrap();
            assert_eq!(again, Created { link: made.link.clone(), when: WhenMade::Replayed { reused } });
        }
    }
}
