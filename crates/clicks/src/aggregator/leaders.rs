//! Which links have the most clicks by people in each hour and day of a batch, for the rollups of everything.
//!
//! A rollup keeps as many links as its section has room for ([`values_max`]), the largest. A link that is
//! among the larger ones in every batch is counted exactly; one that comes and goes may lack the clicks of
//! batches in which it was not.

use crate::rollup::{Counted, Section, values_max};
use curtail_model::{ClickClass, LinkId};
use curtail_store::rollups::Grain;

/// What was counted for links in hours and days.
#[derive(Default)]
pub(super) struct Leaders(Vec<Leader>);

struct Leader {
    period: Period,
    clicks: u64,
    link: LinkId,
}

/// The period of a grain that a minute lies in.
type Period = (Grain, u32);

fn period(grain: Grain, minute: u32) -> Period {
    (grain, (i64::from(minute) / (grain.millis() / Grain::Minute.millis())) as u32)
}

impl Leaders {
    /// Notes the clicks of a link in a period.
    pub(super) fn note(&mut self, grain: Grain, minute: u32, link: LinkId, clicks: u64) {
        if grain != Grain::Minute && clicks > 0 {
            self.0.push(Leader { period: period(grain, minute), clicks, link });
        }
    }

    /// The largest of each period, with their names.
    pub(super) fn named(mut self) -> Named {
        self.0.sort_unstable_by(|a, b| {
            a.period.cmp(&b.period).then(b.clicks.cmp(&a.clicks)).then(a.link.cmp(&b.link))
        });
        let mut named = Vec::new();
        for of_period in self.0.chunk_by(|a, b| a.period == b.period) {
            let max = values_max(of_period[0].period.0, ClickClass::Human);
            named.extend(
                of_period
                    .iter()
                    .take(max)
                    .map(|leader| (leader.period, leader.link.to_string(), leader.clicks)),
            );
        }
        Named(named)
    }
}

/// Leaders by period, with the texts that rollups name them by.
pub(super) struct Named(Vec<(Period, String, u64)>);

impl Named {
    /// As values of a rollup of everything.
    pub(super) fn of(&self, grain: Grain, minute: u32) -> impl Iterator<Item = Counted<'_>> {
        let wanted = period(grain, minute);
        let first = self.0.partition_point(|(period, ..)| *period < wanted);
        let of_period = self.0[first..].iter().take_while(move |(period, ..)| *period == wanted);
        of_period.map(|(_, text, clicks)| Counted {
            class: ClickClass::Human,
            section: Section::LINK,
            text,
            clicks: *clicks,
        })
    }
}
