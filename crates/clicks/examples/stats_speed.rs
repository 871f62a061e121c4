//! How fast stats of a link with 100 million clicks open: 30 days of rollups, each with 11 dimensions of up to 1,000
//! values and full sketches, in SQLite.
//!
//! `cargo run --release -p curtail-clicks --example stats_speed`

use curtail_clicks::aggregator;
use curtail_clicks::rollup::{Counted, Counts, Section, encode};
use curtail_clicks::stats::{GroupBy, Query, Stats};
use curtail_model::{Alphabet, ClickClass, CodeScheme, Dimension, LinkId, Timestamp};
use curtail_store::rollups::{Batch, Grain, Row, Subject};
use curtail_store::sqlite;
use std::error::Error;
use std::time::Instant;

const DAYS: i64 = 30;
const CLICKS: u64 = 100_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let settings = sqlite::Settings {
        scheme: CodeScheme::Permuted,
        alphabet: Alphabet::Base62,
        readers: 1,
        page_cache_bytes: 64 << 20,
    };
    let store = sqlite::open(folder.path(), settings)?;
    let executor = tokio::runtime::Builder::new_current_thread().build()?;
    let subject = Subject::Link(LinkId::new(4711).ok_or("an id is too great")?);
    let first = Timestamp::from_millis(20_000 * Timestamp::DAY);
    // The last day is cut in two, so its hours and the minutes of an hour count too.
    let cut = first.plus_millis((DAYS - 1) * Timestamp::DAY);
    let mut rows = Vec::new();
    for (grain, from, count, parts) in [
        (Grain::Day, first, DAYS, 1),
        (Grain::Hour, cut, 24, 24),
        (Grain::Minute, cut.plus_millis(12 * Timestamp::HOUR), 60, 1440),
    ] {
        let delta = rollup(grain, CLICKS / DAYS as u64 / parts);
        println!("a {} has {} bytes", grain.as_str(), delta.len());
        let start = |place| from.plus_millis(place * grain.millis());
        rows.extend((0..count).map(|place| Row {
            subject,
            grain,
            start: start(place),
            delta: delta.clone(),
        }));
    }
    let merge = aggregator::merge(|damage| eprintln!("{damage}"));
    executor.block_on(store.rollups.commit(Batch {
        rows,
        totals: Vec::new(),
        positions: Vec::new(),
        merge,
    }))?;

    let stats = Stats::new(store.rollups);
    for (what, until) in [
        ("whole days", DAYS * Timestamp::DAY),
        ("up to 12:34", (DAYS - 1) * Timestamp::DAY + 754 * Timestamp::MINUTE),
    ] {
        for group_by in
            [None, Some(GroupBy::Dimension(Dimension::Country)), Some(GroupBy::Dimension(Dimension::Reason))]
        {
            let until = first.plus_millis(until);
            let query = Query {
                subject,
                from: first,
                until,
                interval: Grain::Day,
                group_by,
                class: None,
                groups_max: 100,
            };
            let mut times = Vec::new();
            for _ in 0..21 {
                let began = Instant::now();
                let report = executor.block_on(stats.report(&query))?;
                times.push(began.elapsed());
                assert_eq!(report.series.len(), DAYS as usize);
            }
            times.sort_unstable();
            println!("{what}, grouped by {group_by:?}: median {:?}, slowest {:?}", times[10], times[20]);
        }
    }
    Ok(())
}

/// A rollup with so many clicks and as many values as a link of that size may have.
fn rollup(grain: Grain, clicks: u64) -> Vec<u8> {
    let texts: Vec<String> = (0..1_000).map(|number| format!("value-{number:04}.example.com")).collect();
    let mut counts = Counts { clicks: [clicks / 4; 4], ..Counts::default() };
    let visitors = (0..100_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    counts.visitors.iter_mut().for_each(|of_class| {
        of_class.extend(visitors.clone());
        of_class.sort_unstable();
    });
    for class in ClickClass::ALL {
        for dimension in Dimension::ALL {
            let values = match dimension {
                Dimension::City | Dimension::Referrer | Dimension::Source | Dimension::Campaign => 1_000,
                _ => 100,
            };
            let value =
                |text| Counted { class, section: Section::of(dimension), text, clicks: clicks / 8 / values };
            counts.values.extend(
                texts[..values as usize].iter().map(String::as_str).map(value).filter(|v| v.clicks > 0),
            );
        }
    }
    let mut bytes = Vec::new();
    encode(grain, &counts, &mut bytes);
    bytes
}
