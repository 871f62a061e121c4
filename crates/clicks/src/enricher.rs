//! The enricher: turns what the journal keeps into what is counted.
//!
//! A text is classified once per segment that holds it, because segments number their texts; user agents,
//! which cost the most, are remembered beyond that. All memory is bounded: by the numbers a segment can give,
//! and by `AGENTS_MAX`.

mod agents;
mod segment;

use crate::classify;
use crate::geo::Geo;
use crate::journal::{Entry, EntryClicked, SegmentKey, Text};
use crate::log::{CampaignId, Click, Clicked, PlaceId, ValueId, Values};
use crate::rollup::Section;
use agents::Agents;
use curtail_model::Dimension;
use foldhash::fast::RandomState;
use segment::SegmentTexts;
use std::collections::HashMap;
use std::net::IpAddr;

/// So many places are remembered.
const PLACES_MAX: usize = 50_000;

/// Enriches clicks.
pub struct Enricher {
    geo: Option<Geo>,
    agents: Agents,
    /// Of the segment that each stream is at.
    segments: HashMap<u64, SegmentTexts, RandomState>,
    /// By the place of their record in the geo database.
    places: HashMap<usize, PlaceId, RandomState>,
    /// Of the values that all remembered ids belong to.
    generation: Option<u64>,
}

impl Enricher {
    /// An enricher that looks places up in this database.
    pub fn new(geo: Option<Geo>) -> Enricher {
        Enricher {
            geo,
            agents: Agents::default(),
            segments: HashMap::default(),
            places: HashMap::default(),
            generation: None,
        }
    }

    /// To be called before each batch: forgets ids that have
    /// lost their meaning, and takes up a new geo database.
    pub fn prepare(&mut self, values: &Values) {
        if self.generation != Some(values.generation()) {
            self.generation = Some(values.generation());
            self.segments.clear();
            self.places.clear();
        }
        if self.places.len() > PLACES_MAX || self.geo.as_mut().is_some_and(Geo::refresh) {
            self.places.clear();
        }
    }

    /// All that is counted of a click.
    pub fn enrich(&mut self, segment: SegmentKey, entry: &Entry<'_>, values: &mut Values) -> Click {
        let place = self.place(entry.network, values);
        let texts = self.segments.entry(segment.stream).or_insert_with(|| SegmentTexts::of(segment));
        if texts.key != segment {
            *texts = SegmentTexts::of(segment);
        }
        let clicked = match entry.clicked {
            EntryClicked::Link(link) => Clicked::Link(link),
            EntryClicked::Orphan(path) => {
                Clicked::Orphan(texts.paths.get(path.id, || path_value(path, values)))
            }
        };
        let agents =
            texts.agents.get(entry.user_agent.id, || self.agents.values_of(entry.user_agent.bytes, values));
        Click {
            clicked,
            visitor: entry.visitor,
            minute: Click::minute_of(entry.at),
            agent: agents.when(entry.head, entry.prefetch),
            referrer: texts.referrers.get(entry.referrer.id, || {
                values.id(Section::of(Dimension::Referrer), &classify::referrer(entry.referrer.bytes))
            }),
            language: texts.languages.get(entry.language.id, || {
                values.id(Section::of(Dimension::Language), &classify::language(entry.language.bytes))
            }),
            campaign: texts.campaigns.get(entry.query.id, || campaign_of(entry.query.bytes, values)),
            place,
        }
    }

    fn place(&mut self, network: IpAddr, values: &mut Values) -> PlaceId {
        let Some(geo) = &self.geo else { return PlaceId::default() };
        let Some(record) = geo.record_of(network) else { return PlaceId::default() };
        *self.places.entry(record).or_insert_with(|| {
            let place = geo.place(network);
            let country =
                values.id(Section::of(Dimension::Country), place.country.as_deref().unwrap_or_default());
            let city = values.id(Section::of(Dimension::City), place.city.as_deref().unwrap_or_default());
            values.place_id([country, city])
        })
    }
}

fn campaign_of(query: &[u8], values: &mut Values) -> CampaignId {
    let campaign = classify::campaign(query);
    let set = [
        values.id(Section::of(Dimension::Source), campaign.source.as_deref().unwrap_or_default()),
        values.id(Section::of(Dimension::Medium), campaign.medium.as_deref().unwrap_or_default()),
        values.id(Section::of(Dimension::Campaign), campaign.campaign.as_deref().unwrap_or_default()),
    ];
    values.campaign_id(set)
}

/// An orphan's path as a person may read it: what is not text, or would steer a terminal, is shown as `�`.
fn path_value(path: Text<'_>, values: &mut Values) -> ValueId {
    let text = String::from_utf8_lossy(path.bytes).replace(char::is_control, "\u{fffd}");
    values.id(Section::PATH, &text)
}
