//! Writes the rollups that many clicks on one link leave, through the store, while no server runs on the data
//! folder.

use anyhow::Result;
use curtail_clicks::rollup::{self, Counted, Counts, Section};
use curtail_model::{Alphabet, ClickClass, CodeScheme, Dimension, LinkId, Timestamp};
use curtail_store::rollups::{Batch, Grain, Row, Subject, Totals};
use curtail_store::sqlite::{self, Settings};
use std::path::Path;
use std::sync::Arc;

/// How many values a link that the whole world clicks has in each dimension.
const VALUES: [(Dimension, u64); 8] = [
    (Dimension::Country, 180),
    (Dimension::City, 900),
    (Dimension::Referrer, 600),
    (Dimension::Source, 40),
    (Dimension::Browser, 25),
    (Dimension::Os, 12),
    (Dimension::Device, 5),
    (Dimension::Language, 60),
];
/// Rollups of minutes are kept for two days.
const MINUTES_KEPT_MS: i64 = 2 * Timestamp::DAY;
const ROWS_PER_BATCH: usize = 500;
/// Of a hundred clicks, so many are people's; the others are bots'.
const HUMAN_PERCENT: u64 = 85;

/// The values of each dimension.
type Names = Vec<(Dimension, Vec<String>)>;

/// Writes `clicks` clicks on a link, spread evenly over the minutes of `from..until`.
pub(super) fn write(data: &Path, link: LinkId, clicks: u64, from: Timestamp, until: Timestamp) -> Result<()> {
    let settings = Settings {
        scheme: CodeScheme::Permuted,
        alphabet: Alphabet::Base62,
        readers: 1,
        page_cache_bytes: 64 << 20,
    };
    let store = sqlite::open(data, settings)?;
    let executor = tokio::runtime::Builder::new_current_thread().build()?;
    let names: Names = VALUES
        .iter()
        .map(|(dimension, count)| {
            (*dimension, (0..*count).map(|value| format!("{}-{value:03}", dimension.as_str())).collect())
        })
        .collect();
    for grain in Grain::ALL {
        let kept_from = match grain {
            Grain::Minute => Timestamp::from_millis(from.millis().max(until.millis() - MINUTES_KEPT_MS)),
            Grain::Hour | Grain::Day => from,
        };
        let rows: Vec<Row> = periods(grain, kept_from, until)
            .filter_map(|start| {
                row(link, &names, grain, start, clicks_between(clicks, from, until, start, grain))
            })
            .collect();
        for rows in in_batches(rows) {
            executor.block_on(store.rollups.commit(batch(rows, Vec::new())))?;
        }
    }
    let human = clicks * HUMAN_PERCENT / 100;
    let totals = Totals { human, bot: clicks - human, other: 0 };
    executor.block_on(store.rollups.commit(batch(Vec::new(), vec![(link, totals)])))?;
    store.close();
    Ok(())
}

fn batch(rows: Vec<Row>, totals: Vec<(LinkId, Totals)>) -> Batch {
    let merge = Arc::new(|stored: Option<&[u8]>, new: &[u8]| {
        rollup::merge(stored, new).map_err(|error| error.to_string())
    });
    Batch {
        rows,
        totals,
        positions: Vec::new(),
        lane: 0,
        claims: Vec::new(),
        may_be_stored: false,
        merge,
        breathe: Arc::new(|| {}),
    }
}

fn in_batches(mut rows: Vec<Row>) -> impl Iterator<Item = Vec<Row>> {
    std::iter::from_fn(move || {
        let rest = rows.len().saturating_sub(ROWS_PER_BATCH);
        let batch = rows.split_off(rest);
        (!batch.is_empty()).then_some(batch)
    })
}

fn periods(grain: Grain, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
    let first = from.start_of(grain.millis());
    std::iter::successors(Some(first), move |start| Some(start.plus_millis(grain.millis())))
        .take_while(move |start| *start < until)
}

/// How many of the clicks fall into a period. Their sums over all periods are exact, because each is a
/// difference of what has come by its end and by its start.
fn clicks_between(clicks: u64, from: Timestamp, until: Timestamp, start: Timestamp, grain: Grain) -> u64 {
    let whole = (until.millis() - from.millis()) as u128;
    let by = |at: Timestamp| -> u64 {
        let elapsed = at.millis().clamp(from.millis(), until.millis()) - from.millis();
        (u128::from(clicks) * elapsed as u128 / whole) as u64
    };
    by(start.plus_millis(grain.millis())) - by(start)
}

/// The rollup of a period; nothing where nothing was clicked.
fn row(link: LinkId, names: &Names, grain: Grain, start: Timestamp, clicks: u64) -> Option<Row> {
    let human = clicks * HUMAN_PERCENT / 100;
    let (people, bots) = (ClickClass::Human as usize, ClickClass::Bot as usize);
    let mut counts = Counts { clicks: Default::default(), visitors: Default::default(), values: Vec::new() };
    counts.clicks[people] = human;
    counts.clicks[bots] = clicks - human;
    if clicks == 0 {
        return None;
    }
    if grain == Grain::Day {
        counts.visitors[people] = visitors(start, human / 3);
        counts.visitors[bots] = visitors(start, (clicks - human) / 100);
    }
    for (class, clicks) in [(ClickClass::Human, human), (ClickClass::Bot, clicks - human)] {
        for (dimension, texts) in names {
            let kept = texts.len().min(rollup::values_max(grain, class));
            let each = clicks / kept as u64;
            let section = Section::of(*dimension);
            let values = texts[..kept].iter().filter(|_| each > 0);
            counts.values.extend(values.map(|text| Counted { class, section, text, clicks: each }));
        }
    }
    counts.values.sort_unstable();
    let mut delta = Vec::new();
    rollup::encode(grain, &counts, &mut delta);
    Some(Row { subject: Subject::Link(link), grain, start, delta })
}

/// So many different hashes, ascending.
fn visitors(start: Timestamp, count: u64) -> Vec<u64> {
    let day = start.millis() as u64;
    let mut hashes: Vec<u64> = (1..=count)
        .map(|number| {
            (number ^ day << 32)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}
