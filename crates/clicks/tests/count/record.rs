//! The record between nodes is what its description says:
//! an independent reader and writer of protobuf agrees.

use crate::sample::{Sample, clicks, link, sample};
use curtail_clicks::log::record::{self, Origin, Poison, Record};
use curtail_clicks::log::streams::of_core;
use curtail_clicks::log::{Clicked, Values};
use curtail_model::{ClickClass, Dimension, Timestamp};
use proptest::prelude::*;
use prost::{Enumeration, Message, Oneof};

const DESCRIPTION: &str = include_str!("../../src/log/click.proto");

/// `click.proto` in the words of another implementation.
#[derive(Clone, PartialEq, Message)]
struct Theirs {
    #[prost(fixed64, tag = "1")]
    stream: u64,
    #[prost(fixed64, tag = "2")]
    position: u64,
    #[prost(int64, tag = "3")]
    at: i64,
    #[prost(oneof = "TheirClicked", tags = "4, 5")]
    clicked: Option<TheirClicked>,
    #[prost(fixed64, tag = "6")]
    visitor: u64,
    #[prost(enumeration = "Class", tag = "7")]
    class: i32,
    #[prost(string, tag = "8")]
    country: String,
    #[prost(string, tag = "9")]
    city: String,
    #[prost(string, tag = "10")]
    referrer: String,
    #[prost(string, tag = "11")]
    source: String,
    #[prost(string, tag = "12")]
    medium: String,
    #[prost(string, tag = "13")]
    campaign: String,
    #[prost(string, tag = "14")]
    browser: String,
    #[prost(string, tag = "15")]
    os: String,
    #[prost(string, tag = "16")]
    device: String,
    #[prost(string, tag = "17")]
    language: String,
    #[prost(string, tag = "18")]
    reason: String,
}

#[derive(Clone, PartialEq, Oneof)]
enum TheirClicked {
    #[prost(fixed64, tag = "4")]
    Link(u64),
    #[prost(string, tag = "5")]
    Path(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
enum Class {
    Unspecified = 0,
    Human = 1,
    Bot = 2,
    Prefetch = 3,
    Head = 4,
}

/// The declarations of `click.proto`: `type name = number`.
fn declared() -> Vec<String> {
    let lines = DESCRIPTION.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines
        .filter_map(|line| Some(line.strip_suffix(';')?.to_owned()))
        .filter(|line| line.contains(" = "))
        .collect()
}

#[test]
fn the_description_names_every_dimension_and_class_by_its_number() {
    let declared = declared();
    let dimensions = Dimension::ALL
        .iter()
        .map(|dimension| format!("string {} = {}", dimension.as_str(), 8 + *dimension as usize));
    let classes = ClickClass::ALL
        .iter()
        .map(|class| format!("{} = {}", class.as_str().to_uppercase(), *class as usize + 1));
    for line in dimensions.chain(classes) {
        assert!(declared.contains(&line), "click.proto does not say: {line}");
    }
    let more = ["fixed64 stream = 1", "fixed64 position = 2", "int64 at = 3", "fixed64 link = 4"];
    for line in more.into_iter().chain(["string path = 5", "fixed64 visitor = 6", "Class class = 7"]) {
        assert!(declared.iter().any(|declared| declared == line), "click.proto does not say: {line}");
    }
}

fn origin(position: u64, at: i64) -> Origin {
    Origin { stream: of_core(0xabcd_1234, 3), position, at: Timestamp::from_millis(at) }
}

/// A sample as its record.
fn encoded(sample: &Sample, position: u64) -> Vec<u8> {
    let clicks = clicks(std::slice::from_ref(sample));
    let mut bytes = Vec::new();
    let at = i64::from(sample.minute) * Timestamp::MINUTE + 17;
    record::encode(origin(position, at), &clicks.clicks[0], &clicks.values, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn another_implementation_reads_what_is_written(sample in sample(), position in 1..u64::MAX) {
        let theirs = Theirs::decode(encoded(&sample, position).as_slice()).unwrap();
        prop_assert_eq!((theirs.stream, theirs.position), (of_core(0xabcd_1234, 3), position));
        prop_assert_eq!(theirs.at, i64::from(sample.minute) * Timestamp::MINUTE + 17);
        prop_assert_eq!(theirs.visitor, sample.visitor);
        prop_assert_eq!(theirs.class, sample.class as i32 + 1);
        prop_assert_eq!(&theirs.country, sample.country);
        prop_assert_eq!(&theirs.browser, sample.browser);
        prop_assert_eq!(&theirs.referrer, &sample.text);
        prop_assert_eq!(&theirs.source, &sample.text);
        prop_assert_eq!(theirs.reason, sample.class.as_str());
        let clicked = match sample.link {
            Some(number) => TheirClicked::Link(number),
            None => TheirClicked::Path(sample.text),
        };
        prop_assert_eq!(theirs.clicked, Some(clicked));
    }

    #[test]
    fn what_another_implementation_writes_is_read(sample in sample(), position in 1..u64::MAX) {
        let bytes = encoded(&sample, position);
        let theirs = Theirs::decode(bytes.as_slice()).unwrap().encode_to_vec();
        let (ours, of_theirs) = (Record::decode(&bytes).unwrap(), Record::decode(&theirs).unwrap());
        prop_assert_eq!(ours, of_theirs);
        prop_assert_eq!(ours.origin.position, position);

        // And it is the click that was sent.
        let mut expected = clicks(std::slice::from_ref(&sample));
        let click = ours.click(&mut expected.values);
        prop_assert_eq!(click, expected.clicks[0]);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
        let _ = Record::decode(&bytes);
    }

    #[test]
    fn broken_records_are_poison_or_another_click_and_never_a_panic(
        sample in sample(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        cut: bool,
    ) {
        let mut bytes = encoded(&sample, 7);
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        if let Ok(record) = Record::decode(&bytes) {
            record.click(&mut Values::default());
        }
    }
}

#[test]
fn poison_says_why() {
    let whole = Theirs {
        stream: of_core(1, 0),
        position: 5,
        clicked: Some(TheirClicked::Link(9)),
        class: Class::Human.into(),
        ..Theirs::default()
    };
    let poison = |theirs: Theirs| Record::decode(&theirs.encode_to_vec()).err();
    assert_eq!(poison(whole.clone()), None);
    assert_eq!(poison(Theirs { stream: 1 << 63, ..whole.clone() }), Some(Poison::NoOrigin));
    assert_eq!(poison(Theirs { position: 0, ..whole.clone() }), Some(Poison::NoOrigin));
    assert_eq!(poison(Theirs { clicked: None, ..whole.clone() }), Some(Poison::NoLink));
    let no_id = Some(TheirClicked::Link(u64::MAX));
    assert_eq!(poison(Theirs { clicked: no_id, ..whole.clone() }), Some(Poison::NoLink));
    assert_eq!(poison(Theirs { class: 9, ..whole.clone() }), Some(Poison::UnknownClass));
    assert_eq!(poison(Theirs { class: 0, ..whole }), Some(Poison::UnknownClass));
    let malformed: [&[u8]; 6] = [
        b"{\"link\":1}",
        &[0xff; 20],
        &[8 << 3 | 2, 200],
        // A link as a varint, and a country that is not UTF-8.
        &[4 << 3, 1],
        &[8 << 3 | 2, 1, 0xff],
        &[0, 0],
    ];
    for bytes in malformed {
        assert_eq!(Record::decode(bytes).err(), Some(Poison::Malformed), "{bytes:?}");
    }
    assert_eq!(Record::decode(b"").err(), Some(Poison::NoOrigin));
}

#[test]
fn what_a_newer_node_adds_is_passed_over() {
    let sample = Sample {
        link: Some(3),
        minute: 1,
        class: ClickClass::Bot,
        visitor: 4,
        browser: "Chrome",
        country: "DE",
        text: String::new(),
    };
    let mut bytes = encoded(&sample, 5);
    let before = bytes.clone();
    // Field 100 of each type that there is: varint, fixed64, bytes, fixed32.
    bytes.extend_from_slice(&[0xa0, 0x06, 0x96, 0x01]);
    bytes.extend_from_slice(&[0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]);
    bytes.extend_from_slice(&[0xa2, 0x06, 3, b'n', b'e', b'w']);
    bytes.extend_from_slice(&[0xa5, 0x06, 1, 2, 3, 4]);
    assert_eq!(Record::decode(&bytes), Record::decode(&before));
    let click = Record::decode(&bytes).unwrap().click(&mut Values::default());
    assert_eq!(click.clicked, Clicked::Link(link(3)));
}
