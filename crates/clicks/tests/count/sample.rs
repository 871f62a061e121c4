//! Clicks to count, and what they come to when counted the plain way.

use crate::memory::Memory;
use curtail_clicks::aggregator;
use curtail_clicks::log::{AgentValues, Click, Clicked, Clicks};
use curtail_clicks::rollup::Section;
use curtail_model::{ClickClass, Dimension, LinkId, Timestamp};
use proptest::prelude::*;
use std::sync::Arc;

/// A click in words.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// `None` for an orphan.
    pub(crate) link: Option<u64>,
    pub(crate) minute: u32,
    pub(crate) class: ClickClass,
    pub(crate) visitor: u64,
    pub(crate) browser: &'static str,
    pub(crate) country: &'static str,
    pub(crate) text: String,
}

/// The day on which samples begin, in minutes since the Unix epoch.
pub(crate) const FIRST_MINUTE: u32 = 20_000 * 24 * 60;

pub(crate) fn link(number: u64) -> LinkId {
    LinkId::new(number).unwrap()
}

pub(crate) fn time(minute: u32) -> Timestamp {
    Timestamp::from_millis(i64::from(minute) * Timestamp::MINUTE)
}

/// Few links, visitors and values, so that clicks meet; two days.
pub(crate) fn sample() -> impl Strategy<Value = Sample> {
    let link = prop_oneof![9 => (0..4_u64).prop_map(Some), 1 => Just(None)];
    let class = (0..4_usize).prop_map(|class| ClickClass::ALL[class]);
    let browser = prop_oneof![Just("Chrome"), Just("Firefox"), Just("")];
    let country = prop_oneof![Just("DE"), Just("FR"), Just("")];
    (link, 0..2 * 24 * 60_u32, class, 0..12_u64, browser, country, "[a-zä(]{0,3}").prop_map(
        |(link, minute, class, visitor, browser, country, text)| Sample {
            link,
            minute: FIRST_MINUTE + minute,
            class,
            visitor,
            browser,
            country,
            text,
        },
    )
}

/// Samples as the log would hand them over.
pub(crate) fn clicks(samples: &[Sample]) -> Clicks {
    let mut clicks = Clicks::default();
    for sample in samples {
        push(&mut clicks, sample);
    }
    clicks
}

fn push(clicks: &mut Clicks, sample: &Sample) {
    let Clicks { clicks, values, .. } = clicks;
    let mut id = |dimension, text| values.id(Section::of(dimension), text);
    let agent = [id(Dimension::Reason, sample.class.as_str()), id(Dimension::Browser, sample.browser), 0, 0];
    let referrer = id(Dimension::Referrer, &sample.text);
    let country = id(Dimension::Country, sample.country);
    let source = id(Dimension::Source, &sample.text);
    clicks.push(Click {
        clicked: match sample.link {
            Some(number) => Clicked::Link(link(number)),
            None => Clicked::Orphan(values.id(Section::PATH, &sample.text)),
        },
        visitor: sample.visitor,
        minute: sample.minute,
        agent: values.agent_id(AgentValues { class: sample.class, values: agent }),
        referrer,
        language: 0,
        campaign: values.campaign_id([source, 0, 0]),
        place: values.place_id([country, 0]),
    });
}

/// Counts samples into a store, as one batch.
pub(crate) fn count(samples: &[Sample], store: &Memory) {
    store.apply(aggregator::fold(
        &mut clicks(samples),
        aggregator::merge(|damage| panic!("{damage}")),
        Arc::new(|| {}),
    ));
}
