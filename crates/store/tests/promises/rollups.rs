//! What engines promise of rollups.

use crate::engine::{Engine, id};
use curtail_model::Timestamp;
use curtail_store::StoreError;
use curtail_store::rollups::{Batch, Claimed, Committed, Grain, Merge, Row, Subject, Totals};
use std::sync::Arc;

macro_rules! promises {
    ($name:ident, $open:path) => {
        crate::suite!($name, $open, rollups:
            rows_merge_and_positions_move_together,
            positions_of_some_streams_are_told_without_all_others,
            a_batch_that_cannot_merge_changes_nothing,
            a_series_is_of_one_subject_and_grain_in_order_of_time,
            totals_come_in_the_order_asked_for,
            what_is_old_is_forgotten_and_nothing_else,
            a_forgotten_link_leaves_no_trace,
            a_rollup_may_grow_large_beside_small_ones,
            what_was_counted_in_several_lanes_adds_up,
            a_claim_tells_how_far_a_stream_is_and_ends_the_claims_before_it,
            of_two_who_count_one_stream_only_the_last_to_claim_it_counts,
            nothing_is_added_to_a_store_that_is_not_what_it_was_when_clicks_were_read,
            a_batch_that_may_be_stored_is_stored_once,
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
    let positions = vec![(u64::MAX, position)];
    Batch {
        rows,
        totals: Vec::new(),
        positions,
        lane: 0,
        claims: Vec::new(),
        may_be_stored: false,
        merge: adding(),
        breathe: Arc::new(|| {}),
    }
}

async fn series(engine: &Engine, subject: Subject, grain: Grain) -> Vec<(i64, u8)> {
    let (from, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    let series = engine.rollups.series(subject, grain, from, until).await.unwrap();
    let mut merged: Vec<(i64, u8)> = Vec::new();
    for (start, rollup) in series {
        let period = start.millis() / grain.millis();
        match merged.last_mut().filter(|last| last.0 == period) {
            Some(last) => last.1 += rollup[0],
            None => merged.push((period, rollup[0])),
        }
    }
    merged
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

pub(crate) async fn what_was_counted_in_several_lanes_adds_up(engine: Engine) {
    let (one, two) = (Subject::Link(id(1)), Subject::Link(id(2)));
    for lane in [7, u16::MAX, 0, 7] {
        let rows = vec![
            row(one, Grain::Day, 1, 1),
            row(one, Grain::Day, 2, 2),
            row(Subject::Everything, Grain::Day, 1, 3),
        ];
        let totals = vec![(id(1), Totals { human: 1, bot: 0, other: 2 })];
        engine.rollups.commit(Batch { lane, totals, ..batch(rows, 1) }).await.unwrap();
    }
    engine.rollups.commit(Batch { lane: 3, ..batch(vec![row(two, Grain::Day, 1, 9)], 1) }).await.unwrap();
    assert_eq!(series(&engine, one, Grain::Day).await, [(1, 4), (2, 8)]);
    assert_eq!(series(&engine, two, Grain::Day).await, [(1, 9)]);
    assert_eq!(series(&engine, Subject::Everything, Grain::Day).await, [(1, 12)]);
    let totals = engine.rollups.totals(vec![id(1), id(2)]).await.unwrap();
    assert_eq!(totals, [Totals { human: 4, bot: 0, other: 8 }, Totals::default()]);
    engine.rollups.forget_link(id(1)).await.unwrap();
    assert_eq!(series(&engine, one, Grain::Day).await, []);
    assert_eq!(engine.rollups.totals(vec![id(1)]).await.unwrap(), [Totals::default()]);
    let later = Timestamp::from_millis(9 * Timestamp::DAY);
    engine.rollups.forget_before(Grain::Day, later).await.unwrap();
    assert_eq!(series(&engine, Subject::Everything, Grain::Day).await, []);
    assert_eq!(series(&engine, two, Grain::Day).await, []);
}

pub(crate) async fn positions_of_some_streams_are_told_without_all_others(engine: Engine) {
    let positions = vec![(1, 10), (2, 20), (5, 50), (u64::MAX, u64::MAX)];
    engine.rollups.commit(Batch { positions, ..batch(Vec::new(), 0) }).await.unwrap();
    engine.rollups.claim(vec![7]).await.unwrap();
    let mut told = engine.rollups.positions_of(vec![u64::MAX, 2, 3, 7]).await.unwrap();
    told.sort_unstable();
    assert_eq!(told, [(2, 20), (u64::MAX, u64::MAX)]);
    assert_eq!(engine.rollups.positions_of(Vec::new()).await.unwrap(), []);
}

pub(crate) async fn a_claim_tells_how_far_a_stream_is_and_ends_the_claims_before_it(engine: Engine) {
    engine
        .rollups
        .commit(Batch { positions: vec![(5, 50), (u64::MAX, 9)], ..batch(Vec::new(), 0) })
        .await
        .unwrap();
    let claimed = engine.rollups.claim(vec![u64::MAX, 7]).await.unwrap();
    let expected = [(u64::MAX, Some(9)), (7, None)];
    assert_eq!(
        claimed.iter().map(|claimed| (claimed.stream, claimed.position)).collect::<Vec<_>>(),
        expected
    );
    let again = engine.rollups.claim(vec![u64::MAX]).await.unwrap();
    assert!(again[0].epoch > claimed[0].epoch);
    // A stream that was claimed and never counted has no position.
    assert_eq!(engine.rollups.positions().await.unwrap().len(), 2);
}

pub(crate) async fn of_two_who_count_one_stream_only_the_last_to_claim_it_counts(engine: Engine) {
    let link = Subject::Link(id(1));
    let claim = async || engine.rollups.claim(vec![1, 2]).await.unwrap();
    let counted = |claims: &[Claimed], position| Batch {
        positions: vec![(1, position)],
        claims: claims.to_vec(),
        ..batch(vec![row(link, Grain::Day, 1, 1)], 0)
    };
    let one = claim().await;
    assert_eq!(engine.rollups.commit(counted(&one, 10)).await, Ok(Committed::Done));
    let two = claim().await;
    // The first one knows how far it has come, and has another epoch.
    let one: Vec<_> =
        one.iter().zip(&two).map(|(one, two)| Claimed { position: two.position, ..*one }).collect();
    assert_eq!(engine.rollups.commit(counted(&one, 20)).await, Ok(Committed::Fenced));
    assert_eq!(engine.rollups.commit(counted(&two, 20)).await, Ok(Committed::Done));
    assert_eq!(engine.rollups.commit(counted(&one[1..], 30)).await, Ok(Committed::Fenced));
    // Who never claimed a stream cannot have its epoch.
    let never = Claimed { stream: 99, position: None, epoch: 0 };
    let never = Batch { claims: vec![never], ..batch(vec![row(link, Grain::Day, 1, 1)], 9) };
    assert_eq!(engine.rollups.commit(never).await, Ok(Committed::Fenced));
    assert_eq!(series(&engine, link, Grain::Day).await, [(1, 2)]);
    assert_eq!(engine.rollups.positions().await.unwrap(), [(1, 20)]);
}

pub(crate) async fn nothing_is_added_to_a_store_that_is_not_what_it_was_when_clicks_were_read(
    engine: Engine,
) {
    let link = Subject::Link(id(1));
    let claim = engine.rollups.claim(vec![1]).await.unwrap()[0];
    let counted = |position, to| Batch {
        positions: vec![(1, to)],
        claims: vec![Claimed { position, ..claim }],
        ..batch(vec![row(link, Grain::Day, 1, 1)], 0)
    };
    for (position, to, outcome) in [
        (None, 10, Committed::Done),
        (Some(10), 20, Committed::Done),
        // A replica that has become the primary may lack what was committed; or have more than is known here.
        (Some(30), 40, Committed::Fenced),
        (Some(10), 40, Committed::Fenced),
        (None, 40, Committed::Fenced),
        (Some(20), 30, Committed::Done),
    ] {
        assert_eq!(engine.rollups.commit(counted(position, to)).await, Ok(outcome), "{position:?} to {to}");
    }
    assert_eq!(series(&engine, link, Grain::Day).await, [(1, 3)]);
}

pub(crate) async fn a_batch_that_may_be_stored_is_stored_once(engine: Engine) {
    let link = Subject::Link(id(1));
    let mut claims = engine.rollups.claim(vec![1, 2]).await.unwrap();
    let mut expected = 0;
    for positions in [&[(1, 10)][..], &[(1, 20), (2, 5)], &[(2, 6)]] {
        let repeated = || Batch {
            positions: positions.to_vec(),
            claims: claims.clone(),
            may_be_stored: true,
            ..batch(vec![row(link, Grain::Day, 1, 1)], 0)
        };
        expected += 1;
        for _ in 0..3 {
            assert_eq!(engine.rollups.commit(repeated()).await, Ok(Committed::Done));
            assert_eq!(series(&engine, link, Grain::Day).await, [(1, expected)], "{positions:?}");
        }
        // A part of it is not all of it: that is a batch of its own, of a store that is not this one.
        let more = Batch { positions: [positions, &[(3, 1)]].concat(), ..repeated() };
        assert_eq!(engine.rollups.commit(more).await, Ok(Committed::Fenced));
        for (stream, position) in positions {
            let claimed = claims.iter_mut().find(|claimed| claimed.stream == *stream).unwrap();
            claimed.position = Some(*position);
        }
    }
    // Whoever has taken the streams over goes first.
    let last =
        Batch { positions: vec![(2, 6)], claims: claims.clone(), may_be_stored: true, ..batch(vec![], 0) };
    assert_eq!(engine.rollups.commit(last).await, Ok(Committed::Done));
    let last = Batch { positions: vec![(2, 6)], claims, may_be_stored: true, ..batch(vec![], 0) };
    engine.rollups.claim(vec![1]).await.unwrap();
    assert_eq!(engine.rollups.commit(last).await, Ok(Committed::Fenced));
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
