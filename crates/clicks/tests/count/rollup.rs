//! The bytes of rollups.

use curtail_clicks::rollup::{Counted, Counts, Malformed, Rollup, Section, encode, merge};
use curtail_model::{ClickClass, Dimension};
use curtail_store::rollups::Grain;
use proptest::prelude::*;

fn encoded(grain: Grain, counts: &Counts<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(grain, counts, &mut bytes);
    bytes
}

fn value(dimension: Dimension, text: &str) -> Counted<'_> {
    Counted { class: ClickClass::Human, section: Section::of(dimension), text, clicks: 1 }
}

fn one_click() -> Counts<'static> {
    let mut counts = Counts { clicks: [1, 0, 0, 0], ..Counts::default() };
    counts.visitors[0] = vec![0x0123_4567_89ab_cdef];
    counts.values = vec![
        value(Dimension::Country, "DE"),
        value(Dimension::City, "Berlin, Land Berlin, DE"),
        value(Dimension::Referrer, "news.example.org"),
        value(Dimension::Browser, "Chrome"),
        value(Dimension::Os, "Windows"),
        value(Dimension::Device, "desktop"),
        value(Dimension::Language, "en"),
        value(Dimension::Reason, "browser"),
    ];
    counts
}

fn with_visitors(visitors: std::ops::Range<u64>) -> Vec<u8> {
    let mut counts = Counts { clicks: [visitors.end - visitors.start, 0, 0, 0], ..Counts::default() };
    counts.visitors[0] = visitors.map(|visitor| visitor.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    counts.visitors[0].sort_unstable();
    encoded(Grain::Day, &counts)
}

#[test]
fn one_click_costs_little() {
    assert!(encoded(Grain::Day, &one_click()).len() <= 120);
    assert!(encoded(Grain::Minute, &one_click()).len() <= 110);
}

#[test]
fn visitors_are_exact_while_few_and_close_when_many() {
    let mut days = with_visitors(0..20);
    days = merge(Some(&days), &with_visitors(10..32)).unwrap();
    assert_eq!(Rollup::parse(&days).unwrap().visitors(None).unwrap().count(), 32);
    for first in (0..100_000).step_by(777) {
        // Neighbours overlap, so that what counts is who came, not how often.
        days = merge(Some(&days), &with_visitors(first..first + 1_000)).unwrap();
    }
    let true_count = 100_000_u64.div_ceil(777) * 777 - 777 + 1_000;
    let count = Rollup::parse(&days).unwrap().visitors(Some(ClickClass::Human)).unwrap().count();
    // Three standard errors of 1.6 %.
    assert!(count.abs_diff(true_count) < true_count * 5 / 100, "{count} of {true_count}");
    assert!(days.len() < 3_300, "{}", days.len());
}

#[test]
fn beyond_the_cap_the_largest_values_stay_and_totals_are_exact() {
    let texts: Vec<String> = (0..5_000).map(|number| format!("{number:05}")).collect();
    let counted = |(number, text)| Counted {
        class: ClickClass::Human,
        section: Section::of(Dimension::Source),
        text,
        clicks: if number % 10 == 0 { 100 } else { 1 },
    };
    let batches = texts.iter().map(String::as_str).enumerate().map(counted).collect::<Vec<_>>();
    let mut day = None;
    for batch in batches.chunks(700) {
        let clicks = batch.iter().map(|value| value.clicks).sum();
        let counts = Counts { clicks: [clicks, 0, 0, 0], values: batch.to_vec(), ..Counts::default() };
        day = Some(merge(day.as_deref(), &encoded(Grain::Day, &counts)).unwrap());
    }
    let day = day.unwrap();
    let rollup = Rollup::parse(&day).unwrap();
    let (mut kept, mut large, mut sum) = (0, 0, 0);
    let other = rollup
        .values(Section::of(Dimension::Source), None, |_, clicks| {
            (kept, large, sum) = (kept + 1, large + u32::from(clicks == 100), sum + clicks);
        })
        .unwrap();
    assert_eq!((kept, large), (1_000, 500));
    assert_eq!(sum + other, rollup.clicks(None));
    assert_eq!(rollup.clicks(None), 500 * 100 + 4_500);
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let mut newer = encoded(Grain::Hour, &one_click());
    newer.truncate(newer.len() - 4);
    newer[0] = newer[0] & 0x3f | 2 << 6;
    reseal(&mut newer);
    assert_eq!(Rollup::parse(&newer).unwrap_err(), Malformed::Newer);
    *newer.last_mut().unwrap() ^= 1;
    assert!(matches!(Rollup::parse(&newer), Err(Malformed::Damaged(_))));
}

#[test]
fn grains_do_not_merge() {
    let (hour, day) = (encoded(Grain::Hour, &one_click()), encoded(Grain::Day, &one_click()));
    assert!(merge(Some(&hour), &day).is_err());
}

/// Gives bytes the checksum that they would have.
fn reseal(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
}

/// Reads everything there is to read.
fn read_all(bytes: &[u8]) {
    let Ok(rollup) = Rollup::parse(bytes) else { return };
    for class in [None, Some(ClickClass::Head)] {
        let _ = rollup.visitors(class).map(|visitors| visitors.count());
        for dimension in Dimension::ALL {
            let _ = rollup.values(Section::of(dimension), class, |_, _| {});
        }
        let _ = rollup.values(Section::PATH, class, |_, _| {});
    }
}

proptest! {
    #[test]
    fn no_bytes_make_reading_or_merging_panic(mut bytes: Vec<u8>) {
        reseal(&mut bytes);
        read_all(&bytes);
        let _ = merge(Some(&bytes), &with_visitors(0..3));
        let _ = merge(Some(&with_visitors(0..3)), &bytes);
    }

    #[test]
    fn no_change_of_a_rollup_makes_reading_or_merging_panic(
        many: bool,
        places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut: Option<proptest::sample::Index>,
    ) {
        let mut bytes = if many { with_visitors(0..20_000) } else { merge(Some(&with_visitors(0..200)), &encoded(Grain::Day, &one_click())).unwrap() };
        bytes.truncate(bytes.len() - 4);
        // The first bytes say most: half of the changes go there.
        let front = bytes.len().min(64);
        for (number, (place, byte)) in places.iter().enumerate() {
            let place = place.index(if number % 2 == 0 { front } else { bytes.len() });
            bytes[place] = *byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        reseal(&mut bytes);
        read_all(&bytes);
        for other in [with_visitors(0..3), with_visitors(0..300), with_visitors(0..20_000)] {
            if let Ok(merged) = merge(Some(&bytes), &other) {
                read_all(&merged);
            }
            let _ = merge(Some(&other), &bytes);
        }
    }
}
