//! What engines promise of the ids of links that were removed.

use crate::engine::{Engine, create, id, make, new_link, with_code};
use curtail_model::offensive::is_offensive;
use curtail_model::{NewLink, Target};
use curtail_store::{Create, Idempotency, Refused, Seen};
use std::collections::HashSet;

macro_rules! promises {
    ($name:ident, $open:path) => {
        crate::suite!($name, $open, removal:
            an_id_is_never_given_again_though_its_code_is_chosen_anew,
            the_generator_steps_over_ids_of_removed_links,
        );
    };
}
pub(crate) use promises;

pub(crate) async fn an_id_is_never_given_again_though_its_code_is_chosen_anew(engine: Engine) {
    for code in ["chosen", "a-custom-code"] {
        let mut ids = HashSet::new();
        for round in 0..4 {
            let wanted =
                NewLink { tags: vec!["tag".into()], ..with_code(&format!("https://{round}.example/"), code) };
            // Either way of making a chosen code, and one that comes too late.
            let idempotency = (round % 2 == 1)
                .then_some(Idempotency { key: [round + code.len() as u8 * 10; 32], request: [0; 32] });
            let both = vec![
                Create { idempotency, ..create(wanted) },
                create(with_code("https://late.example/", code)),
            ];
            let [made, late] = engine.links.create(both).await.unwrap().try_into().unwrap();
            let made = made.unwrap().link;
            assert_eq!(late, Err(Refused::CodeTaken));
            assert!(ids.insert(made.id), "{code} has its id {} again", made.id);
            assert_eq!(made.id.bucket(), engine.codes.bucket_of(0, code.as_bytes()));
            assert_eq!(engine.links.get(made.id, Seen::ANYTHING).await.unwrap().as_ref(), Some(&made));
            assert_eq!(engine.links.find(code, Seen::ANYTHING).await.unwrap().as_ref(), Some(&made));
            assert_eq!(engine.links.resolve(code).await.unwrap().record, Some(Target::pack(&made)));
            engine.links.delete(made.id, None).await.unwrap().unwrap();
            assert_eq!(engine.links.find(code, Seen::ANYTHING).await.unwrap(), None);
        }
        assert_eq!(engine.links.tags(None, 10, Seen::NEWEST).await.unwrap(), []);
    }
}

pub(crate) async fn the_generator_steps_over_ids_of_removed_links(engine: Engine) {
    let first = make(&*engine.links, create(new_link("https://example.com/"))).await.unwrap().link;
    // The codes that would be generated next: chosen, removed, and every other one chosen again.
    let ahead: Vec<String> =
        (1..200).step_by(3).filter_map(|n| engine.codes.encode(id(first.id.get() + n))).collect();
    let mut had = HashSet::from([first.id]);
    for (place, code) in ahead.iter().filter(|code| !is_offensive(code)).enumerate() {
        let link =
            make(&*engine.links, create(with_code("https://chosen.example/", code))).await.unwrap().link;
        engine.links.delete(link.id, None).await.unwrap().unwrap();
        had.insert(link.id);
        if place % 2 == 0 {
            had.insert(
                make(&*engine.links, create(with_code("https://chosen.example/", code)))
                    .await
                    .unwrap()
                    .link
                    .id,
            );
        }
    }
    // Many at once and one by one.
    let mut made = engine.links.create(vec![create(new_link("https://example.com/")); 150]).await.unwrap();
    for _ in 0..100 {
        made.push(make(&*engine.links, create(new_link("https://example.com/"))).await);
    }
    for created in made {
        let link = created.unwrap().link;
        assert!(had.insert(link.id), "the id {} was given twice", link.id);
        assert_eq!(engine.links.find(link.code.as_str(), Seen::ANYTHING).await.unwrap(), Some(link));
    }
}
