//! The log of a single node: its journal, enriched while it is read.
//!
//! It claims the streams of the journal like any other log. Only a copied journal makes two nodes count the
//! same streams, and then each click is counted by whoever is first.

use super::claims::Claims;
use super::{Clicks, Log, Unavailable};
use crate::enricher::Enricher;
use crate::journal::{Damage, Reader};
use curtail_model::Timestamp;
use curtail_store::Rollups;
use curtail_store::rollups::{Claimed, Positions};
use std::sync::Arc;

/// Nodes that count into one store spread over so many lanes.
const LANES: u64 = 16;

/// The journal as a log.
pub struct EmbeddedLog {
    reader: Reader,
    enricher: Enricher,
    claims: Claims,
    is_claimed: bool,
    lane: u16,
}

impl EmbeddedLog {
    /// The log over this journal, counted into this store.
    pub fn new(reader: Reader, enricher: Enricher, rollups: Arc<dyn Rollups>) -> EmbeddedLog {
        // Numbers of nodes are random, and the cores of a node share one.
        let node = reader.streams().first().map_or(0, |stream| stream / super::streams::CORES_MAX as u64);
        let lane = (node % LANES) as u16;
        EmbeddedLog { reader, enricher, claims: Claims::new(rollups), is_claimed: false, lane }
    }

    fn claim(&mut self) -> Result<(), Unavailable> {
        if self.is_claimed {
            return Ok(());
        }
        let claimed = self.claims.make(self.reader.streams());
        let claimed = claimed.map_err(|error| Unavailable(error.to_string()))?;
        let counted = claimed.iter().filter_map(|claimed| Some((claimed.stream, claimed.position?)));
        self.reader.rewind(&counted.collect::<Vec<_>>());
        self.is_claimed = true;
        Ok(())
    }
}

impl Log for EmbeddedLog {
    fn read(&mut self, limit: usize, into: &mut Clicks) -> Result<usize, Unavailable> {
        self.claim()?;
        let Clicks { clicks, values, .. } = into;
        self.enricher.prepare(values);
        let progress = self.reader.read(limit, &mut |segment, entry| {
            clicks.push(self.enricher.enrich(segment, entry, values));
        });
        progress.positions.iter().for_each(|(stream, position)| into.moved(*stream, *position));
        Ok(progress.clicks)
    }

    fn committed(&mut self, positions: &Positions) {
        self.claims.committed(positions);
        self.reader.committed(positions);
    }

    fn oldest_waiting(&mut self) -> Option<Timestamp> {
        self.reader.oldest_waiting()
    }

    fn take_damage(&mut self) -> Vec<Damage> {
        self.reader.take_damage()
    }

    fn lane(&self) -> u16 {
        self.lane
    }

    fn claims(&self) -> &[Claimed] {
        self.claims.held()
    }

    fn fenced(&mut self) {
        self.is_claimed = false;
    }

    fn is_shared(&self) -> bool {
        false
    }
}
