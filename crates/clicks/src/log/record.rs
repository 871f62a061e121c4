//! A click between nodes: what `log/click.proto` describes, written and read without a copy.
//!
//! What is read is not trusted: bytes that are not a click are [`Poison`], and nothing is allocated on their
//! word. Unknown fields are skipped, so that a newer node may tell more. Of a field that comes twice the last
//! one counts, as protobuf has it.

mod wire;

use super::streams;
use super::{AgentValues, Click, Clicked, ValueId, Values};
use crate::journal::{first_sequence, sequence_of};
use crate::rollup::Section;
use curtail_model::{ClickClass, Dimension, LinkId, Timestamp};
use wire::{Field, put_fixed64, put_text, put_varint};

const STREAM: u32 = 1;
const POSITION: u32 = 2;
const AT: u32 = 3;
const LINK: u32 = 4;
const PATH: u32 = 5;
const VISITOR: u32 = 6;
const CLASS: u32 = 7;
/// The field of the first dimension; the others follow in the order of [`Dimension::ALL`].
const DIMENSIONS: u32 = 8;

/// The click that a journal holds at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The stream of the core that recorded it.
    pub stream: u64,
    /// Where the stream goes on behind it.
    pub position: u64,
    /// When it happened.
    pub at: Timestamp,
}

/// How far a clock may be ahead of ours, in milliseconds: a year, for a machine whose clock is set wrong.
const AHEAD_MAX: i64 = 366 * Timestamp::DAY;

impl Origin {
    /// Whether a node can have recorded this by `now`. Positions begin with the time (see
    /// [`crate::journal`]), and what a stream has passed is never counted again: one from the
    /// far future, which somebody else made up, would be the last click of its stream.
    pub fn is_plausible(&self, now: Timestamp) -> bool {
        let latest = now.plus_millis(AHEAD_MAX);
        (0..=latest.millis()).contains(&self.at.millis())
            && sequence_of(self.position) <= first_sequence(latest)
    }
}

/// A record that was read: its texts are those of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which click it is.
    pub origin: Origin,
    clicked: RecordClicked<'a>,
    visitor: u64,
    class: ClickClass,
    texts: [&'a str; Dimension::ALL.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordClicked<'a> {
    Link(LinkId),
    Orphan(&'a str),
}

/// Why a record is not a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Poison {
    /// It is no protobuf, or a field is of another type.
    Malformed,
    /// It does not say which click it is.
    NoOrigin,
    /// It does not say what was clicked, or names a link that cannot be.
    NoLink,
    /// It has no class, or one that this version does not know.
    UnknownClass,
    /// It is from the future, or its place in the journal is.
    NotYet,
}

impl Poison {
    /// All reasons, in the order in which they are counted.
    pub const ALL: [Poison; 5] =
        [Poison::Malformed, Poison::NoOrigin, Poison::NoLink, Poison::UnknownClass, Poison::NotYet];

    /// The name that metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Poison::Malformed => "malformed",
            Poison::NoOrigin => "no_origin",
            Poison::NoLink => "no_link",
            Poison::UnknownClass => "unknown_class",
            Poison::NotYet => "not_yet",
        }
    }
}

/// Writes a click behind what is there already.
pub fn encode(origin: Origin, click: &Click, values: &Values, out: &mut Vec<u8>) {
    put_fixed64(STREAM, origin.stream, out);
    put_fixed64(POSITION, origin.position, out);
    put_varint(AT, origin.at.millis().cast_unsigned(), out);
    match click.clicked {
        Clicked::Link(link) => put_fixed64(LINK, link.get(), out),
        Clicked::Orphan(path) => put_text(PATH, values.get(path).1, out),
    }
    put_fixed64(VISITOR, click.visitor, out);
    let agent = values.agent(click.agent);
    put_varint(CLASS, agent.class as u64 + 1, out);
    let mut put = |ids: &[ValueId]| {
        for id in ids.iter().filter(|id| **id != Values::NONE) {
            let (section, text) = values.get(*id);
            put_text(DIMENSIONS + section.number() as u32, text, out);
        }
    };
    put(&agent.values);
    put(&values.place(click.place));
    put(&values.campaign(click.campaign));
    put(&[click.referrer, click.language]);
}

impl<'a> Record<'a> {
    /// Reads a record.
    pub fn decode(mut bytes: &'a [u8]) -> Result<Record<'a>, Poison> {
        let (mut stream, mut position, mut at) = (None, 0, 0);
        let (mut link, mut path, mut visitor, mut class) = (None, None, 0, 0);
        let mut texts = [""; Dimension::ALL.len()];
        while !bytes.is_empty() {
            let (number, field) = Field::read(&mut bytes).ok_or(Poison::Malformed)?;
            match (number, field) {
                (STREAM, Field::Fixed64(value)) => stream = Some(value),
                (POSITION, Field::Fixed64(value)) => position = value,
                (AT, Field::Varint(value)) => at = value.cast_signed(),
                (LINK, Field::Fixed64(value)) => (link, path) = (Some(value), None),
                (PATH, Field::Bytes(text)) => (link, path) = (None, Some(text_of(text)?)),
                (VISITOR, Field::Fixed64(value)) => visitor = value,
                (CLASS, Field::Varint(value)) => class = value,
                (STREAM..=CLASS, _) => return Err(Poison::Malformed),
                (number, field) => {
                    let place = number.checked_sub(DIMENSIONS).map_or(usize::MAX, |place| place as usize);
                    let Some(known) = texts.get_mut(place) else { continue };
                    let Field::Bytes(text) = field else { return Err(Poison::Malformed) };
                    *known = text_of(text)?;
                }
            }
        }
        let stream = stream.filter(|stream| streams::is_of_core(*stream)).ok_or(Poison::NoOrigin)?;
        if position == 0 {
            return Err(Poison::NoOrigin);
        }
        let clicked = match (link, path) {
            (Some(link), _) => RecordClicked::Link(LinkId::new(link).ok_or(Poison::NoLink)?),
            (None, path) => RecordClicked::Orphan(path.ok_or(Poison::NoLink)?),
        };
        let class = usize::try_from(class).ok().and_then(|class| class.checked_sub(1));
        let class = class.and_then(|class| ClickClass::ALL.get(class)).ok_or(Poison::UnknownClass)?;
        let origin = Origin { stream, position, at: Timestamp::from_millis(at) };
        Ok(Record { origin, clicked, visitor, class: *class, texts })
    }

    /// The click, its texts among the values.
    pub fn click(&self, values: &mut Values) -> Click {
        let mut id = |dimension: Dimension| {
            let text = self.texts[dimension as usize];
            if text.is_empty() { Values::NONE } else { values.id(Section::of(dimension), text) }
        };
        let agent = [Dimension::Reason, Dimension::Browser, Dimension::Os, Dimension::Device].map(&mut id);
        let place = [Dimension::Country, Dimension::City].map(&mut id);
        let campaign = [Dimension::Source, Dimension::Medium, Dimension::Campaign].map(&mut id);
        let [referrer, language] = [Dimension::Referrer, Dimension::Language].map(&mut id);
        Click {
            clicked: match self.clicked {
                RecordClicked::Link(link) => Clicked::Link(link),
                RecordClicked::Orphan(path) => Clicked::Orphan(values.id(Section::PATH, path)),
            },
            visitor: self.visitor,
            minute: Click::minute_of(self.origin.at),
            agent: values.agent_id(AgentValues { class: self.class, values: agent }),
            referrer,
            language,
            campaign: values.campaign_id(campaign),
            place: values.place_id(place),
        }
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, Poison> {
    std::str::from_utf8(bytes).map_err(|_| Poison::Malformed)
}
