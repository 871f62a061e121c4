//! What the texts of one segment came to, by their numbers in it.

use super::agents::AgentIds;
use crate::journal::SegmentKey;
use crate::log::{CampaignId, ValueId};

/// The texts of a segment. One text may be asked for as different things, so each kind has its own numbers.
pub(super) struct SegmentTexts {
    pub(super) key: SegmentKey,
    pub(super) agents: ByNumber<AgentIds>,
    pub(super) referrers: ByNumber<ValueId>,
    pub(super) languages: ByNumber<ValueId>,
    pub(super) campaigns: ByNumber<CampaignId>,
    pub(super) paths: ByNumber<ValueId>,
}

impl SegmentTexts {
    pub(super) fn of(key: SegmentKey) -> SegmentTexts {
        SegmentTexts {
            key,
            agents: ByNumber(Vec::new()),
            referrers: ByNumber(Vec::new()),
            languages: ByNumber(Vec::new()),
            campaigns: ByNumber(Vec::new()),
            paths: ByNumber(Vec::new()),
        }
    }
}

/// Results by the number of their text. Number 0, no text, gives a result like the others.
pub(super) struct ByNumber<T>(Vec<Option<T>>);

impl<T: Copy> ByNumber<T> {
    /// The result for a number, worked out the first time.
    pub(super) fn get(&mut self, number: u16, work_out: impl FnOnce() -> T) -> T {
        let place = usize::from(number);
        if place >= self.0.len() {
            self.0.resize(place + 1, None);
        }
        *self.0[place].get_or_insert_with(work_out)
    }
}
