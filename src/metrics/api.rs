//! Requests to the API: what was answered, what is under way, and what was turned away.

use super::encoding::{counters, gauges};
use super::opaque;
use curtail_api::Requests;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::sync::Arc;

pub(super) struct Api(pub(super) Arc<Requests>);

opaque!(Api);

impl Collector for Api {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let answered = self.0.answered().map(|answered| {
            let labels =
                [("method", answered.method), ("route", answered.route), ("status", answered.status)];
            (labels, answered.count)
        });
        let help = "Requests to the API, by route and class of status.";
        counters(&mut encoder, "api_requests", help, answered)?;
        let under_way = self
            .0
            .admitted()
            .map(|admitted| ([("class", admitted.class.as_str())], admitted.under_way as u64));
        let help = "Requests to the API that are under way, by what they ask.";
        gauges(&mut encoder, "api_under_way", help, under_way)?;
        let refused = self.0.admitted().flat_map(|admitted| {
            admitted.refused.map(|(reason, count)| {
                ([("class", admitted.class.as_str()), ("reason", reason.as_str())], count)
            })
        });
        let help = "Requests to the API that were turned away, by what they ask, and why.";
        counters(&mut encoder, "api_refused", help, refused)
    }
}
