//! What engines promise of rollups.

use crate::engine::{Engine, id};
use curtail_model::Timestamp;
use curtail_store::StoreError;
use curtail_store::rollups::{Batch, Grain, Merge, Row, Subject, Totals};
use std::sync::Arc;

macro_rules! promises {
    ($name:ident, $open:path) => {
        crate::suite!($name, $open, rollups:
            rows_merge_and_positions_move_together,
            a_batch_that_cannot_merge_changes_nothing,
            a_series_is_of_one_subject_and_grain_in_order_of_time,
            totals_come_in_the_order_asked_for,
            what_is_old_is_forgotten_and_nothing_else,
            a_forgotten_link_leaves_no_trace,
            a_rollup_may_grow_large_beside_small_ones,
        );
    };
}
pub(crate) use promises;

/// Rollups that are numbers; 255 cannot be read.
pub(crate) fn adding() -> Merge {
    Arc::new(|stored, new| match stored {
        Some([255]) => Err("not a number".into()),
        Some(stored) => Ok(vec![stored[0] + new[0]]),
        None => Ok(new.to_vec()),
    })
}

pub(crate) fn row(subject: Subject, grain: Grain, period: i64, count: u8) -> Row {
    Row { subject, grain, start: Timestamp::from_millis(period * grain.millis()), delta: vec![count] }
}

pub(crate) fn batch(rows: Vec<Row>, position: u64) -> Batch {
    Batch { rows, totals: Vec::new(), positions: vec![(u64::MAX, position)], merge: adding() }
}

async fn series(engine: &Engine, subject: Subject, grain: Grain) -> Vec<(i64, u8)> {
    let (from, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    let series = engine.rollups.series(subject, grain, from, until).await.unwrap();
    series.into_iter().map(|(start, rollup)| (start.millis() / grain.millis(), rollup[0])).collect()
}

pub(crate) async fn rows_merge_and_positions_move_together(engine: Engine) {
    assert_eq!(engine.rollups.positions().await.unwrap(), []);
    let link = Subject::Link(id(5));
    engine
        .rollups
        .commit(batch(vec![row(link, Grain::Day, 1, 2), row(Subject::Everything, Grain::Day, 1, 2)], 10))
        .await
        .unwrap();
    engine.rollups.commit(batch(vec![row(link, Grain::Day, 1, 3)], u64::MAX)).await.unwrap();
    assert_eq!(series(&engine, link, Grain::Day).await, [(1, 5)]);
    assert_eq!(series(&engine, Subject::Everything, Grain::Day).await, [(1, 2)]);
    assert_eq!(series(&engine, Subject::Orphans, Grain::Day).await, []);
    assert_eq!(engine.rollups.positions().await.unwrap(), [(u64::MAX, u64::MAX)]);
}

pub(crate) async fn a_batch_that_cannot_merge_changes_nothing(engine: Engine) {
    let link = Subject::Link(id(5));
    engine.rollups.commit(batch(vec![row(link, Grain::Day, 2, 255)], 1)).await.unwrap();
    let refused =
        engine.rollups.commit(batch(vec![row(link, Grain::Day, 1, 1), row(link, Grain::Day, 2, 1)], 2)).await;
    assert_eq!(refused, Err(StoreError::Damaged("not a number".into())));
    assert_eq!(series(&engine, link, Grain::Day).await, [(2, 255)]);
    assert_eq!(engine.rollups.positions().await.unwrap(), [(u64::MAX, 1)]);
    engine.rollups.commit(batch(vec![row(link, Grain::Day, 1, 1)], 2)).await.unwrap();
}

pub(crate) async fn a_series_is_of_one_subject_and_grain_in_order_of_time(engine: Engine) {
    let one = Subject::Link(id(1));
    let mut rows = Vec::new();
    for period in [9, 3, 7, 1] {
        for subject in [one, Subject::Link(id(2)), Subject::Everything] {
            rows.push(row(subject, Grain::Hour, period, period as u8));
        }
        rows.push(row(Subject::Link(id(2)), Grain::Hour, period + 1, 100));
        rows.push(row(one, Grain::Minute, period, 100));
    }
    engine.rollups.commit(batch(rows, 1)).await.unwrap();
    assert_eq!(series(&engine, one, Grain::Hour).await, [(1, 1), (3, 3), (7, 7), (9, 9)]);
    let hour = |hour| Timestamp::from_millis(hour * Timestamp::HOUR);
    let some = engine.rollups.series(one, Grain::Hour, hour(3), hour(9)).await.unwrap();
    assert_eq!(some.into_iter().map(|(start, _)| start).collect::<Vec<_>>(), [hour(3), hour(7)]);
    assert_eq!(engine.rollups.series(one, Grain::Hour, hour(5), hour(5)).await.unwrap(), []);
}

pub(crate) async fn totals_come_in_the_order_asked_for(engine: Engine) {
    let totals = |human| Totals { human, bot: 2, other: 3 };
    let add = |links: &[u64]| Batch {
        totals: links.iter().map(|&link| (id(link), totals(link))).collect(),
        ..batch(Vec::new(), 1)
    };
    engine.rollups.commit(add(&[7, 5])).await.unwrap();
    engine.rollups.commit(add(&[5])).await.unwrap();
    let found = engine.rollups.totals(vec![id(5), id(6), id(7)]).await.unwrap();
    assert_eq!(found, [Totals { human: 10, bot: 4, other: 6 }, Totals::default(), totals(7)]);
}

pub(crate) async fn what_is_old_is_forgotten_and_nothing_else(engine: Engine) {
    let mut rows = Vec::new();
    for period in 0..5 {
        rows.extend((0..1_000).map(|link| row(Subject::Link(id(link)), Grain::Minute, period, 1)));
        rows.push(row(Subject::Link(id(1)), Grain::Hour, period, 1));
    }
    engine.rollups.commit(batch(rows, 1)).await.unwrap();
    let before = Timestamp::from_millis(3 * Timestamp::MINUTE);
    assert_eq!(engine.rollups.forget_before(Grain::Minute, before).await.unwrap(), 3_000);
    assert_eq!(engine.rollups.forget_before(Grain::Minute, before).await.unwrap(), 0);
    assert_eq!(series(&engine, Subject::Link(id(1)), Grain::Minute).await, [(3, 1), (4, 1)]);
    assert_eq!(series(&engine, Subject::Link(id(1)), Grain::Hour).await.len(), 5);
}

pub(crate) async fn a_forgotten_link_leaves_no_trace(engine: Engine) {
    let (gone, kept) = (id(1), id(2));
    let rows = |link| {
        Grain::ALL
            .into_iter()
            .flat_map(move |grain| (1..9).map(move |period| row(Subject::Link(link), grain, period, 1)))
    };
    let totals =
        vec![(gone, Totals { human: 1, bot: 1, other: 1 }), (kept, Totals { human: 1, bot: 1, other: 1 })];
    engine
        .rollups
        .commit(Batch { totals, ..batch(rows(gone).chain(rows(kept)).collect(), 1) })
        .await
        .unwrap();
    engine.rollups.forget_link(gone).await.unwrap();
    for grain in Grain::ALL {
        assert_eq!(series(&engine, Subject::Link(gone), grain).await, []);
        assert_eq!(series(&engine, Subject::Link(kept), grain).await.len(), 8);
    }
    let totals = engine.rollups.totals(vec![gone, kept]).await.unwrap();
    assert_eq!((totals[0], totals[1].human), (Totals::default(), 1));
}

/// Rollups that grow by each other's bytes.
fn appending() -> Merge {
    Arc::new(|stored, new| Ok([stored.unwrap_or_default(), new].concat()))
}

pub(crate) async fn a_rollup_may_grow_large_beside_small_ones(engine: Engine) {
    let links = 0..100;
    let large = |link: u64| link % 7 == 3;
    let all = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    for round in 0..5_u8 {
        let rows = links.clone().map(|link| Row {
            delta: vec![round; if large(link) { 300 } else { 3 }],
            ..row(Subject::Link(id(link)), Grain::Day, 1, 0)
        });
        let merge = appending();
        engine.rollups.commit(Batch { merge, ..batch(rows.collect(), u64::from(round)) }).await.unwrap();
    }
    engine.rollups.forget_link(id(10)).await.unwrap();
    engine.rollups.forget_link(id(11)).await.unwrap();
    for link in links {
        let series = engine.rollups.series(Subject::Link(id(link)), Grain::Day, all.0, all.1).await.unwrap();
        let length = if large(link) { 300 } else { 3 };
        let whole: Vec<u8> = (0..5).flat_map(|round| vec![round; length]).collect();
        let expected = if link == 10 || link == 11 { None } else { Some(whole) };
        assert_eq!(series.into_iter().map(|(_, rollup)| rollup).next(), expected, "link {link}");
    }
    assert_eq!(engine.rollups.forget_before(Grain::Day, all.1).await.unwrap(), 98);
}
