//! An enriched click: 48 bytes, its texts as ids into [`Values`](super::Values).

use super::values::{AgentId, CampaignId, PlaceId, ValueId};
use curtail_model::{LinkId, Timestamp};

/// A click that knows all that is counted of it, and nothing of its visitor's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Click {
    /// What was clicked.
    pub clicked: Clicked,
    /// The visitor of that day.
    pub visitor: u64,
    /// Minutes since the Unix epoch.
    pub minute: u32,
    /// Class, reason, browser, operating system and device.
    pub agent: AgentId,
    /// Where it came from.
    pub referrer: ValueId,
    /// Its language.
    pub language: ValueId,
    /// Source, medium and campaign.
    pub campaign: CampaignId,
    /// Country and city.
    pub place: PlaceId,
}

/// What was clicked. All links stand before all orphans, links by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clicked {
    /// A link.
    Link(LinkId),
    /// The path of a request that led nowhere.
    Orphan(ValueId),
}

impl Click {
    /// What clicks are sorted by before they are counted: what each counts for, then its minute.
    pub(crate) fn sort_key(&self) -> (Clicked, u32) {
        (self.clicked, self.minute)
    }

    /// The minute that a time lies in; times that no clock shows count as the first or the last.
    pub(crate) fn minute_of(at: Timestamp) -> u32 {
        let minute = at.millis().div_euclid(Timestamp::MINUTE);
        u32::try_from(minute.max(0)).unwrap_or(u32::MAX)
    }
}
