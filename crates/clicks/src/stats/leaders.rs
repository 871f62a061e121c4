//! The leaders, from the rollups of everything: one rollup, however many links there are.

use super::Stats;
use crate::rollup::{Rollup, Section};
use curtail_model::{LinkId, Timestamp};
use curtail_store::leaders::{LEADERS_MAX, Leaders};
use curtail_store::rollups::{Grain, Subject};
use curtail_store::{StoreError, StoreFuture};
use std::collections::HashMap;

impl Leaders for Stats {
    fn top(&self, grain: Grain, start: Timestamp, limit: usize) -> StoreFuture<'_, Vec<(LinkId, u64)>> {
        Box::pin(async move {
            let until = start.plus_millis(grain.millis());
            let rollups = self.rollups.series(Subject::Everything, grain, start, until).await?;
            let mut clicks: HashMap<LinkId, u64> = HashMap::new();
            for (_, bytes) in &rollups {
                let add = |text: &[u8], more: u64| {
                    if let Some(link) = str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
                        *clicks.entry(link).or_default() += more;
                    }
                };
                let read = Rollup::parse(bytes).and_then(|rollup| rollup.values(Section::LINK, None, add));
                read.map_err(|malformed| StoreError::Damaged(malformed.to_string()))?;
            }
            let mut leaders: Vec<(LinkId, u64)> = clicks.into_iter().collect();
            leaders.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            leaders.truncate(limit.min(LEADERS_MAX));
            Ok(leaders)
        })
    }
}
