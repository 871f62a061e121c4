//! What the cache of a process promises, and what it promises together with those of the cores.

use crate::support::records::packed;
use curtail_cache::{CoreCache, Held, Lifetimes, Lookup, SharedCache};
use curtail_model::{Code, Timestamp};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

const LIFETIMES: Lifetimes = Lifetimes { link: 100, negative: 10 };
const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

#[test]
fn what_is_older_is_refused_and_reading_extends_no_life() {
    let cache = SharedCache::new(16 << 20, LIFETIMES);
    let mut record = Vec::new();
    let late = |seconds: i64| NOW.plus_millis(seconds * Timestamp::SECOND);
    assert_eq!(cache.get("a", NOW, &mut record), Held::Unknown);

    assert!(cache.put("a", &packed(1, 5, "https://example.com/5"), NOW));
    assert!(!cache.put("a", &packed(1, 4, "https://example.com/4"), NOW), "an older version is refused");
    assert!(!cache.put_nothing("a", 0, NOW), "a store that was read before the link was made is refused");
    assert!(matches!(cache.get("a", NOW, &mut record), Held::Link { .. }));
    assert_eq!(record, packed(1, 5, "https://example.com/5"));

    assert!(cache.put("a", &packed(1, 6, "https://example.com/6"), NOW), "a newer version replaces");
    assert!(cache.put_nothing("a", 7, NOW), "a removal replaces");
    assert_eq!(cache.get("a", NOW, &mut record), Held::Nothing);
    assert!(
        !cache.put("a", &packed(1, 6, "https://example.com/6"), NOW),
        "a fill that was overtaken is refused"
    );
    assert!(cache.put("a", &packed(9, 8, "https://example.com/8"), NOW), "the code may be given anew");

    for second in 0..200 {
        let held = cache.get("a", late(second), &mut record);
        assert!(
            second < 100 || held == Held::StaleLink,
            "reading at {second} s must not extend a life of 100 s"
        );
    }
    assert!(cache.put_nothing("b", 0, NOW));
    assert_eq!(cache.get("b", late(10), &mut record), Held::Unknown, "absence is believed for 10 s");
}

#[test]
fn the_longest_code_is_held_like_any_other() {
    let codes = [1, 63, 64, 127, 128, 190].map(|characters| "\u{1f680}".repeat(characters));
    assert_eq!(codes.last().map(String::len), Some(Code::BYTES_MAX));
    let records = [packed(1, 5, "https://example.com/"), packed(1, 5, &"x".repeat(8_192))];
    for record in &records {
        let shared = Arc::new(SharedCache::new(16 << 20, LIFETIMES));
        let mut core = CoreCache::new(shared.clone());
        for code in &codes {
            shared.put(code, record, NOW);
        }
        for code in &codes {
            assert_eq!(core.look_up(code.as_bytes(), NOW), Lookup::Link(record));
        }
        for code in &codes {
            shared.put_nothing(code, 9, NOW);
            assert_eq!(core.look_up(code.as_bytes(), NOW), Lookup::Nothing);
        }
    }
}

#[test]
fn a_change_is_seen_by_every_core_at_once() {
    let shared = Arc::new(SharedCache::new(16 << 20, LIFETIMES));
    let mut cores: Vec<CoreCache> = (0..4).map(|_| CoreCache::new(shared.clone())).collect();
    for version in 1..100 {
        let record = packed(1, version, &format!("https://example.com/{version}"));
        shared.put("code", &record, NOW);
        for core in &mut cores {
            assert_eq!(core.look_up(b"code", NOW), Lookup::Link(&record));
            assert_eq!(core.look_up(b"code", NOW), Lookup::Link(&record));
        }
    }
    shared.put_nothing("code", 100, NOW);
    for core in &mut cores {
        assert_eq!(core.look_up(b"code", NOW), Lookup::Nothing);
    }
}

#[test]
fn what_has_expired_is_served_only_as_stale() {
    let shared = Arc::new(SharedCache::new(16 << 20, LIFETIMES));
    let mut core = CoreCache::new(shared.clone());
    let record = packed(1, 1, "https://example.com/");
    shared.put("code", &record, NOW);
    assert_eq!(core.look_up(b"code", NOW), Lookup::Link(&record));
    let later = NOW.plus_millis(100 * Timestamp::SECOND);
    assert_eq!(core.look_up(b"code", later), Lookup::Unknown { stale: true });
    assert_eq!(core.stale(), record);
}

#[test]
fn a_link_with_a_ninety_byte_destination_costs_at_most_130_bytes() {
    let cache = SharedCache::new(1 << 30, LIFETIMES);
    let links = 1_000_000;
    let mut url = "https://example.com/".to_owned();
    url.extend(std::iter::repeat_n('x', 90 - url.len()));
    let record = packed(1, 1, &url);
    for number in 0..links {
        cache.put(&format!("{number:06x}"), &record, NOW);
    }
    let statistics = cache.statistics();
    assert_eq!(statistics.entries, links);
    let each = statistics.bytes as f64 / links as f64;
    assert!(each <= 130.0, "{each} bytes a link");
}

#[test]
fn links_that_are_read_outlive_a_walk_over_unknown_codes() {
    let cache = SharedCache::new(4 << 20, LIFETIMES);
    let record = packed(1, 1, "https://example.com/some/page");
    let mut scratch = Vec::new();
    let hot: Vec<String> = (0..2_000).map(|number| format!("hot{number}")).collect();
    for code in &hot {
        cache.put(code, &record, NOW);
    }
    for step in 0..400_000 {
        cache.put_nothing(&format!("unknown{step}"), 0, NOW);
        cache.get(&hot[step % hot.len()], NOW, &mut scratch);
    }
    let kept = hot.iter().filter(|code| cache.get(code, NOW, &mut scratch) != Held::Unknown).count();
    assert!(kept > 1_900, "{kept} of 2000 are left");
    assert!(cache.statistics().bytes <= 4 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a map that forgets nothing: what the cache gives
    /// out is what the map has, and the bytes stay in bounds.
    #[test]
    fn the_cache_never_gives_out_anything_but_the_newest(
        steps in prop::collection::vec((0u64..300, 0u64..4, 0usize..2_000), 1..3_000),
    ) {
        let bytes_max = 64 * 128 * 1024;
        let cache = SharedCache::new(bytes_max, LIFETIMES);
        let mut truth: HashMap<u64, Option<Vec<u8>>> = HashMap::new();
        let mut scratch = Vec::new();
        for (version, (number, action, length)) in steps.into_iter().enumerate() {
            let code = format!("code{number}");
            let version = version as u64 + 1;
            match action {
                0 => {
                    cache.put_nothing(&code, version, NOW);
                    truth.insert(number, None);
                }
                1 | 2 => {
                    let record = packed(number, version, &format!("https://example.com/{}", "y".repeat(4 * length)));
                    cache.put(&code, &record, NOW);
                    truth.insert(number, Some(record));
                }
                _ => match cache.get(&code, NOW, &mut scratch) {
                    Held::Link { .. } => prop_assert_eq!(Some(&Some(scratch.clone())), truth.get(&number)),
                    Held::Nothing => prop_assert_eq!(Some(&None), truth.get(&number)),
                    Held::StaleLink => prop_assert!(false, "nothing expires here"),
                    Held::Unknown => {}
                },
            }
        }
        prop_assert!(cache.statistics().bytes <= bytes_max);
    }
}
