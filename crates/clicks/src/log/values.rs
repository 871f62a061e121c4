//! The texts of clicks, each kept once and known by a number.
//!
//! Values live as long as the clicks that name them. Strangers choose many of them, so between two batches
//! all are forgotten once they have become many; [`Values::generation`] tells caches of ids that it happened.

use crate::rollup::{Section, VALUE_BYTES_MAX};
use curtail_model::ClickClass;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::Hash;

/// Texts that take this much memory are forgotten before more is read.
const FULL_BYTES: usize = 32 << 20;
/// Texts that take more than this are forgotten when the clicks that name them have been counted.
const BYTES_MAX: usize = 8 << 20;
/// With more sets of texts than this, all are forgotten then.
const SETS_MAX: usize = 50_000;
/// What a text costs beside its bytes, which are kept twice.
const TEXT_OVERHEAD_BYTES: usize = 96;

/// The number of a text of one section; [`Values::NONE`] for none.
pub type ValueId = u32;
/// The number of an [`AgentValues`].
pub type AgentId = u32;
/// The number of a [`CampaignValues`]; 0 for none.
pub type CampaignId = u32;
/// The number of a [`PlaceValues`]; 0 for none.
pub type PlaceId = u32;

/// What a user agent and the way of asking say about a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AgentValues {
    /// The class.
    pub class: ClickClass,
    /// Reason, browser, operating system and device.
    pub values: [ValueId; 4],
}

/// Source, medium and campaign.
pub type CampaignValues = [ValueId; 3];
/// Country and city.
pub type PlaceValues = [ValueId; 2];

/// All texts that clicks name.
#[derive(Debug)]
pub struct Values {
    /// By id; the first is no text.
    texts: Vec<(Section, Box<str>)>,
    ids: [HashMap<Box<str>, ValueId, RandomState>; Section::COUNT],
    agents: Sets<AgentValues>,
    campaigns: Sets<CampaignValues>,
    places: Sets<PlaceValues>,
    bytes: usize,
    generation: u64,
}

/// Things kept once and known by a number.
#[derive(Debug)]
struct Sets<T> {
    sets: Vec<T>,
    ids: HashMap<T, u32, RandomState>,
}

impl<T: Copy + Eq + Hash> Sets<T> {
    fn starting_with(first: Option<T>) -> Sets<T> {
        Sets { sets: first.into_iter().collect(), ids: first.into_iter().map(|first| (first, 0)).collect() }
    }

    fn id(&mut self, set: T) -> u32 {
        *self.ids.entry(set).or_insert_with(|| {
            self.sets.push(set);
            self.sets.len() as u32 - 1
        })
    }
}

impl Default for Values {
    fn default() -> Values {
        Values::of_generation(0)
    }
}

impl Values {
    /// No text: nothing is counted for it.
    pub const NONE: ValueId = 0;

    fn of_generation(generation: u64) -> Values {
        Values {
            texts: vec![(Section::PATH, "".into())],
            ids: Default::default(),
            agents: Sets::starting_with(None),
            campaigns: Sets::starting_with(Some([Values::NONE; 3])),
            places: Sets::starting_with(Some([Values::NONE; 2])),
            bytes: 0,
            generation,
        }
    }

    /// Changes when all ids that were given have lost their meaning.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The number of a text of a section, cut to [`VALUE_BYTES_MAX`]. The word for having no value is none.
    pub fn id(&mut self, section: Section, text: &str) -> ValueId {
        let text = &text[..text.floor_char_boundary(VALUE_BYTES_MAX)];
        if text.is_empty() || text == section.absent() {
            return Values::NONE;
        }
        let ids = &mut self.ids[section.number()];
        if let Some(id) = ids.get(text) {
            return *id;
        }
        let id = self.texts.len() as ValueId;
        self.texts.push((section, text.into()));
        ids.insert(text.into(), id);
        self.bytes += 2 * text.len() + TEXT_OVERHEAD_BYTES;
        id
    }

    /// The section and text with this number.
    pub fn get(&self, id: ValueId) -> (Section, &str) {
        let (section, text) = &self.texts[id as usize];
        (*section, text)
    }

    /// How many texts there are; all their ids are below it.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// About how much memory the texts take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is no text yet.
    pub fn is_empty(&self) -> bool {
        self.texts.len() == 1
    }

    /// The number of these values.
    pub fn agent_id(&mut self, agent: AgentValues) -> AgentId {
        self.agents.id(agent)
    }

    /// The values with this number.
    pub fn agent(&self, id: AgentId) -> AgentValues {
        self.agents.sets[id as usize]
    }

    /// The number of these values.
    pub fn campaign_id(&mut self, campaign: CampaignValues) -> CampaignId {
        self.campaigns.id(campaign)
    }

    /// The values with this number.
    pub fn campaign(&self, id: CampaignId) -> CampaignValues {
        self.campaigns.sets[id as usize]
    }

    /// The number of these values.
    pub fn place_id(&mut self, place: PlaceValues) -> PlaceId {
        self.places.id(place)
    }

    /// The values with this number.
    pub fn place(&self, id: PlaceId) -> PlaceValues {
        self.places.sets[id as usize]
    }

    /// Whether there is no room for more.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }

    fn are_many(&self) -> bool {
        let sets = self.agents.sets.len() + self.campaigns.sets.len() + self.places.sets.len();
        self.bytes > BYTES_MAX || sets > SETS_MAX
    }

    /// Forgets everything if it has become many. Only when no click names any of it.
    pub(crate) fn forget_if_many(&mut self) {
        if self.are_many() {
            *self = Values::of_generation(self.generation + 1);
        }
    }

    /// The same, and hands over what clicks name still.
    pub(crate) fn take_if_many(&mut self) -> Option<Values> {
        let fresh = Values::of_generation(self.generation + 1);
        self.are_many().then(|| std::mem::replace(self, fresh))
    }
}
