//! Rollups in memory, which can be told to fail: what engines promise, without a disk.

use curtail_model::{LinkId, Timestamp};
use curtail_store::rollups::{Batch, Claimed, Committed, Grain, Positions, Rollups, Subject, Totals};
use curtail_store::{StoreError, StoreFuture};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// How commits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// Nothing is changed, and the answer is an error.
    Away,
    /// Everything is changed, and the answer is an error all the same.
    AnswersLost,
}

#[derive(Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
}

#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) rows: BTreeMap<(Subject, Grain, Timestamp), Vec<u8>>,
    pub(crate) totals: BTreeMap<LinkId, Totals>,
    pub(crate) positions: BTreeMap<u64, u64>,
    pub(crate) epochs: BTreeMap<u64, u64>,
    pub(crate) attempts: u64,
}

impl Memory {
    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap().clone()
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    pub(crate) fn apply(&self, batch: Batch) {
        self.state.lock().unwrap().apply(batch);
    }
}

impl State {
    fn apply(&mut self, batch: Batch) {
        for row in batch.rows {
            let key = (row.subject, row.grain, row.start);
            let merged = (batch.merge)(self.rows.get(&key).map(Vec::as_slice), &row.delta).unwrap();
            self.rows.insert(key, merged);
        }
        for (link, more) in batch.totals {
            *self.totals.entry(link).or_default() += more;
        }
        self.positions.extend(batch.positions);
    }
}

fn answer<'a, T: Send + 'a>(value: Result<T, StoreError>) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Rollups for Memory {
    fn positions(&self) -> StoreFuture<'_, Positions> {
        let state = self.state();
        answer(match state.mood {
            Mood::Away => Err(StoreError::Unavailable("away".into())),
            Mood::Well | Mood::AnswersLost => Ok(state.positions.into_iter().collect()),
        })
    }

    fn claim(&self, streams: Vec<u64>) -> StoreFuture<'_, Vec<Claimed>> {
        let mut state = self.state.lock().unwrap();
        let claimed = streams.into_iter().map(|stream| {
            let epoch = *state.epochs.entry(stream).and_modify(|epoch| *epoch += 1).or_insert(1);
            Claimed { stream, position: state.positions.get(&stream).copied(), epoch }
        });
        answer(Ok(claimed.collect()))
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'_, Committed> {
        let mut state = self.state.lock().unwrap();
        state.attempts += 1;
        let claimed = state.epochs.iter().map(|(&stream, &epoch)| Claimed {
            stream,
            position: state.positions.get(&stream).copied(),
            epoch,
        });
        let positions: Vec<_> = state.positions.iter().map(|(stream, at)| (*stream, *at)).collect();
        match batch.judge(&claimed.collect::<Vec<_>>(), &positions) {
            Some(Committed::Fenced) => return answer(Ok(Committed::Fenced)),
            None if state.mood != Mood::Away => state.apply(batch),
            None | Some(Committed::Done) => {}
        }
        answer(match state.mood {
            Mood::Well => Ok(Committed::Done),
            Mood::Away | Mood::AnswersLost => Err(StoreError::Unavailable("away".into())),
        })
    }

    fn series(
        &self,
        subject: Subject,
        grain: Grain,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<(Timestamp, Vec<u8>)>> {
        let state = self.state.lock().unwrap();
        let rows = state.rows.range((subject, grain, from)..(subject, grain, until));
        answer(Ok(rows.map(|((_, _, start), bytes)| (*start, bytes.clone())).collect()))
    }

    fn totals(&self, links: Vec<LinkId>) -> StoreFuture<'_, Vec<Totals>> {
        let state = self.state.lock().unwrap();
        answer(Ok(links.iter().map(|link| state.totals.get(link).copied().unwrap_or_default()).collect()))
    }

    fn forget_before(&self, grain: Grain, before: Timestamp) -> StoreFuture<'_, u64> {
        let mut state = self.state.lock().unwrap();
        let had = state.rows.len();
        state.rows.retain(|(_, of, start), _| *of != grain || *start >= before);
        answer(Ok((had - state.rows.len()) as u64))
    }

    fn forget_link(&self, link: LinkId) -> StoreFuture<'_, ()> {
        let mut state = self.state.lock().unwrap();
        state.rows.retain(|(subject, _, _), _| *subject != Subject::Link(link));
        answer(Ok(()))
    }
}
