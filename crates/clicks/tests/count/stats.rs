//! What stats answer.

use crate::memory::Memory;
use crate::sample::{FIRST_MINUTE, Sample, count, link, sample, time};
use curtail_clicks::stats::{GroupBy, OTHER, Query, Report, SERIES_MAX, Stats};
use curtail_model::{ClickClass, Dimension, LinkId, Timestamp};
use curtail_store::rollups::{Grain, Rollups, Subject};
use curtail_store::{Leaders, StoreError, StoreFuture};
use proptest::prelude::*;
use std::sync::Arc;

pub(crate) fn wait<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}

fn stats_of(samples: &[Sample]) -> (Arc<Memory>, Stats) {
    let store = Arc::new(Memory::default());
    count(samples, &store);
    (Arc::clone(&store), Stats::new(store))
}

fn everything(from: u32, until: u32, interval: Grain) -> Query {
    Query {
        subject: Subject::Everything,
        from: time(from),
        until: time(until),
        interval,
        group_by: Some(GroupBy::Dimension(Dimension::Country)),
        class: None,
        groups_max: 100,
    }
}

fn sum_of<T>(counted: &[(T, u64)]) -> u64 {
    counted.iter().map(|(_, clicks)| clicks).sum()
}

fn one(minute: u32) -> Sample {
    Sample {
        link: Some(1),
        minute,
        class: ClickClass::Human,
        visitor: 1,
        browser: "",
        country: "DE",
        text: String::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn minutes_hours_and_days_agree_and_groups_sum_to_the_total(
        samples in proptest::collection::vec(sample(), 0..120),
        from in 0..2 * 24 * 60_u32,
        length in 0..2 * 24 * 60_u32,
        class in proptest::option::of(0..4_usize),
        one_link: bool,
    ) {
        let (_, stats) = stats_of(&samples);
        let (from, until) = (FIRST_MINUTE + from, FIRST_MINUTE + from + length);
        let class = class.map(|class| ClickClass::ALL[class]);
        let wanted = |sample: &&Sample| {
            sample.link.is_some_and(|number| !one_link || number == 1)
                && class.is_none_or(|class| class == sample.class)
                && (from..until).contains(&sample.minute)
        };
        let total = samples.iter().filter(wanted).count() as u64;
        for interval in Grain::ALL {
            let subject = if one_link { Subject::Link(link(1)) } else { Subject::Everything };
            let groups = [Dimension::Country, Dimension::Source, Dimension::Language].map(GroupBy::Dimension);
            for group_by in groups.into_iter().chain([GroupBy::Class]) {
                let query = Query { subject, class, group_by: Some(group_by), ..everything(from, until, interval) };
                let report = wait(stats.report(&query)).unwrap();
                prop_assert_eq!(report.total, total, "{:?}", query);
                prop_assert_eq!(sum_of(&report.series), total);
                prop_assert_eq!(sum_of(&report.groups), total);
                prop_assert_eq!(report.series.len() as u64, query.intervals());
                for (start, clicks) in &report.series {
                    let in_interval = |sample: &&Sample| time(sample.minute).start_of(interval.millis()) == *start;
                    prop_assert_eq!(*clicks, samples.iter().filter(wanted).filter(in_interval).count() as u64);
                }
            }
        }
        let orphans = samples.iter().filter(|sample| sample.link.is_none() && (from..until).contains(&sample.minute));
        let report = wait(stats.orphans(time(from), time(until), 5)).unwrap();
        prop_assert_eq!(report.total, orphans.count() as u64);
        prop_assert_eq!(sum_of(&report.paths), report.total);
        prop_assert!(report.paths.len() <= 6);
    }
}

#[test]
fn what_was_forgotten_in_detail_is_counted_whole() {
    let day = FIRST_MINUTE;
    let (store, stats) = stats_of(&[one(day + 10), one(day + 30), one(day + 70)]);
    let query = everything(day + 20, day + 24 * 60, Grain::Day);
    assert_eq!(wait(stats.report(&query)).unwrap().total, 2);
    wait(store.forget_before(Grain::Minute, time(day + 60))).unwrap();
    assert_eq!(wait(stats.report(&query)).unwrap().total, 3, "the first hour as a whole");
    wait(store.forget_before(Grain::Hour, time(day + 60))).unwrap();
    assert_eq!(
        wait(stats.report(&Query { from: time(day + 60), ..query })).unwrap().total,
        3,
        "the day as a whole"
    );
}

#[test]
fn unique_is_the_visitors_of_each_day_summed() {
    let next = FIRST_MINUTE + 24 * 60;
    let bot = Sample { class: ClickClass::Bot, ..one(FIRST_MINUTE) };
    let other_visitor = Sample { visitor: 2, ..one(next) };
    let (_, stats) = stats_of(&[one(FIRST_MINUTE), one(FIRST_MINUTE + 5), bot, one(next), other_visitor]);
    let unique = |class, interval| {
        let query = Query { class, ..everything(FIRST_MINUTE, next + 24 * 60, interval) };
        wait(stats.report(&query)).unwrap().unique
    };
    for interval in Grain::ALL {
        assert_eq!(unique(None, interval), 1 + 2);
        assert_eq!(unique(Some(ClickClass::Human), interval), 1 + 2);
        assert_eq!(unique(Some(ClickClass::Bot), interval), 1);
        assert_eq!(unique(Some(ClickClass::Head), interval), 0);
    }
}

#[test]
fn groups_beyond_the_limit_are_summed_as_other() {
    let samples: Vec<_> = ["a", "a", "a", "b", "b", "c", "d"]
        .map(|text| Sample { text: text.into(), ..one(FIRST_MINUTE) })
        .into();
    let (_, stats) = stats_of(&samples);
    let query = Query {
        group_by: Some(GroupBy::Dimension(Dimension::Referrer)),
        groups_max: 2,
        ..everything(FIRST_MINUTE, FIRST_MINUTE + 1, Grain::Minute)
    };
    let groups = wait(stats.report(&query)).unwrap().groups;
    assert_eq!(groups, [("a".into(), 3), ("b".into(), 2), (OTHER.into(), 2)]);
}

#[test]
fn odd_ranges_are_answered_within_limits() {
    let (_, stats) = stats_of(&[one(FIRST_MINUTE)]);
    let empty = Report { total: 0, unique: 0, series: Vec::new(), groups: Vec::new() };
    let query = everything(FIRST_MINUTE + 9, FIRST_MINUTE, Grain::Day);
    assert_eq!(wait(stats.report(&query)).unwrap(), empty, "a range that ends before it begins");
    let ages = Query {
        from: Timestamp::from_millis(i64::MIN / 4),
        until: Timestamp::from_millis(i64::MAX / 4),
        ..everything(0, 0, Grain::Minute)
    };
    assert!(ages.intervals() > SERIES_MAX as u64);
    assert_eq!(wait(stats.report(&ages)).unwrap().series.len(), SERIES_MAX);
}

#[test]
fn a_damaged_rollup_is_named_and_never_counted_wrongly() {
    /// Flips a bit in every rollup that it gives.
    struct Rotten(Arc<Memory>);
    impl Rollups for Rotten {
        fn series(
            &self,
            subject: Subject,
            grain: Grain,
            from: Timestamp,
            until: Timestamp,
        ) -> StoreFuture<'_, Vec<(Timestamp, Vec<u8>)>> {
            let rows = self.0.series(subject, grain, from, until);
            Box::pin(async {
                let mut rows = rows.await?;
                rows.iter_mut().for_each(|(_, bytes)| bytes[1] ^= 2);
                Ok(rows)
            })
        }

        pass_on! { 0: positions claim commit totals forget_before forget_link }
    }
    let (store, _) = stats_of(&[one(FIRST_MINUTE)]);
    let stats = Stats::new(Arc::new(Rotten(store)));
    let answer = wait(stats.report(&everything(FIRST_MINUTE, FIRST_MINUTE + 60, Grain::Hour)));
    let Err(StoreError::Damaged(said)) = answer else { panic!("{answer:?}") };
    assert!(said.contains("Everything, day from "), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_leaders_of_an_hour_and_a_day_are_those_that_people_clicked_most_however_they_were_counted(
        samples in proptest::collection::vec(sample(), 0..150),
        cut in 1..150_usize,
    ) {
        let store = Arc::new(Memory::default());
        samples.chunks(cut).for_each(|batch| count(batch, &store));
        let stats = Stats::new(store);
        for grain in [Grain::Hour, Grain::Day] {
            for number in 0..2 {
                let start = time(FIRST_MINUTE).plus_millis(number * grain.millis());
                let until = start.plus_millis(grain.millis());
                let mut expected: Vec<(LinkId, u64)> = (0..4)
                    .map(|number| {
                        let clicks = samples.iter().filter(|sample| {
                            sample.link == Some(number)
                                && sample.class == ClickClass::Human
                                && (start..until).contains(&time(sample.minute))
                        });
                        (link(number), clicks.count() as u64)
                    })
                    .filter(|(_, clicks)| *clicks > 0)
                    .collect();
                expected.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
                expected.truncate(3);
                prop_assert_eq!(wait(stats.top(grain, start, 3)).unwrap(), expected);
            }
        }
    }
}

#[test]
fn leaders_stay_bounded_and_right_at_the_top_with_more_links_than_a_rollup_has_room_for() {
    let store = Arc::new(Memory::default());
    let click = |number| Sample { link: Some(number), ..one(FIRST_MINUTE) };
    for batch in 0..3_u64 {
        let rare = (0..2_000).map(|number| click(1_000 + batch * 2_000 + number));
        let often = (0..10).flat_map(|number| (0..=number).map(move |_| click(number)));
        count(&rare.chain(often).collect::<Vec<_>>(), &store);
    }
    let stats = Stats::new(store);
    let top = wait(stats.top(Grain::Day, time(FIRST_MINUTE), 5)).unwrap();
    assert_eq!(top, [9, 8, 7, 6, 5].map(|number| (link(number), 3 * (number + 1))));
    assert_eq!(wait(stats.top(Grain::Day, time(FIRST_MINUTE), 10_000)).unwrap().len(), 100);
}
