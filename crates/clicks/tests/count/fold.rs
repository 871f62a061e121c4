//! Folding clicks into rows.

use crate::memory::Memory;
use crate::sample::{Sample, clicks, count, link, sample, time};
use curtail_clicks::aggregator;
use curtail_clicks::rollup::{Rollup, Section};
use curtail_model::{ClickClass, Dimension};
use curtail_store::rollups::{Grain, Subject};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The clicks of each value of a section, as `rollup` says.
fn values(rollup: &Rollup<'_>, section: Section, class: ClickClass) -> BTreeMap<String, u64> {
    let mut values = BTreeMap::new();
    let other = rollup
        .values(section, Some(class), |text, clicks| {
            values.insert(String::from_utf8(text.to_vec()).unwrap(), clicks);
        })
        .unwrap();
    assert_eq!(other, 0);
    values
}

/// The clicks of each value, counted one by one.
fn counted<'a>(
    samples: impl Iterator<Item = &'a Sample>,
    text: impl Fn(&Sample) -> String,
) -> BTreeMap<String, u64> {
    let mut values = BTreeMap::new();
    for text in samples.map(text).filter(|text| !text.is_empty()) {
        *values.entry(text).or_default() += 1;
    }
    values
}

fn is_of(sample: &Sample, subject: Subject) -> bool {
    match subject {
        Subject::Everything => sample.link.is_some(),
        Subject::Orphans => sample.link.is_none(),
        Subject::Link(id) => sample.link.map(link) == Some(id),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_batching_gives_the_same_rollups(
        samples in proptest::collection::vec(sample(), 0..150),
        cuts in proptest::collection::vec(1..40_usize, 1..20),
        backwards: bool,
    ) {
        let at_once = Memory::default();
        count(&samples, &at_once);

        let (mut rest, mut batches) = (samples.as_slice(), Vec::new());
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, left) = rest.split_at((*cut).min(rest.len()));
            batches.push(batch);
            rest = left;
        }
        if backwards {
            batches.reverse();
        }
        let in_batches = Memory::default();
        batches.iter().for_each(|batch| count(batch, &in_batches));

        let (at_once, in_batches) = (at_once.state(), in_batches.state());
        prop_assert_eq!(at_once.rows, in_batches.rows);
        prop_assert_eq!(at_once.totals, in_batches.totals);
    }

    #[test]
    fn rollups_are_what_counting_one_by_one_gives(samples in proptest::collection::vec(sample(), 1..150)) {
        let store = Memory::default();
        count(&samples, &store);
        let state = store.state();
        let mut of_links = BTreeMap::new();
        for ((subject, grain, start), bytes) in &state.rows {
            let rollup = Rollup::parse(bytes).unwrap();
            prop_assert_eq!(rollup.grain(), *grain);
            let within = |sample: &&Sample| {
                is_of(sample, *subject) && time(sample.minute).start_of(grain.millis()) == *start
            };
            for class in ClickClass::ALL {
                let of_class = || samples.iter().filter(within).filter(|sample| sample.class == class);
                prop_assert_eq!(rollup.clicks(Some(class)), of_class().count() as u64);
                if *subject == Subject::Orphans {
                    let paths = counted(of_class(), |sample| sample.text.clone());
                    prop_assert_eq!(values(&rollup, Section::PATH, class), paths);
                    continue;
                }
                let countries = counted(of_class(), |sample| sample.country.to_owned());
                prop_assert_eq!(values(&rollup, Section::of(Dimension::Country), class), countries);
                let sources = counted(of_class(), |sample| sample.text.clone());
                prop_assert_eq!(values(&rollup, Section::of(Dimension::Source), class), sources);
            }
            if *grain == Grain::Day {
                let mut visitors: Vec<_> = samples.iter().filter(within).map(|sample| sample.visitor).collect();
                visitors.sort_unstable();
                visitors.dedup();
                prop_assert_eq!(rollup.visitors(None).unwrap().count(), visitors.len() as u64);
                if let Subject::Link(id) = subject {
                    *of_links.entry(*id).or_default() += rollup.clicks(None);
                }
            }
        }
        let totals: BTreeMap<_, _> =
            state.totals.iter().map(|(id, totals)| (*id, totals.human + totals.bot + totals.other)).collect();
        prop_assert_eq!(totals, of_links);
        let of_days = state.rows.iter().filter(|((_, grain, _), _)| *grain == Grain::Day);
        let everywhere: u64 = of_days
            .filter(|((subject, _, _), _)| !matches!(subject, Subject::Link(_)))
            .map(|(_, bytes)| Rollup::parse(bytes).unwrap().clicks(None))
            .sum();
        prop_assert_eq!(everywhere, samples.len() as u64);
    }

    #[test]
    fn rows_come_in_order_and_each_key_once(samples in proptest::collection::vec(sample(), 0..150)) {
        let mut clicks = clicks(&samples);
        let mut keys = || -> Vec<_> {
            let batch = aggregator::fold(&mut clicks, aggregator::merge(|_| {}), Arc::new(|| {}));
            batch.rows.iter().map(|row| (row.grain, row.start, row.subject)).collect()
        };
        let (first, again) = (keys(), keys());
        prop_assert!(first.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", first);
        prop_assert_eq!(first, again, "a batch that could not be committed can be asked for again");
    }
}

#[test]
fn a_damaged_rollup_is_told_and_counting_goes_on() {
    let told = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = std::sync::Arc::clone(&told);
    let merge = aggregator::merge(move |_| _ = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let samples = [Sample {
        link: Some(1),
        minute: 7,
        class: ClickClass::Human,
        visitor: 1,
        browser: "Chrome",
        country: "DE",
        text: String::new(),
    }];
    let batch = aggregator::fold(&mut clicks(&samples), merge, Arc::new(|| {}));
    let good = &batch.rows[0].delta;
    for place in 0..good.len() {
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        assert_eq!((batch.merge)(Some(&flipped), good).as_ref(), Ok(good), "byte {place}");
    }
    assert_eq!(told.load(std::sync::atomic::Ordering::Relaxed), good.len() as u64);
}
