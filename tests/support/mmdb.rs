//! Writes small files of the MaxMind DB format, version 2.0 (maxmind.github.io/MaxMind-DB), as geo databases
//! have it: a tree of the bits of addresses, with IPv4 under `::/96`, then the records it leads to, then what
//! the file says of itself.

use serde_json::Value;
use std::net::IpAddr;

/// Types of values, by their numbers in the format.
const TEXT: u8 = 2;
const U16: u8 = 5;
const U32: u8 = 6;
const MAP: u8 = 7;
const U64: u8 = 9;
const ARRAY: u8 = 11;

/// What stands between the tree and the records.
const SEPARATOR_BYTES: usize = 16;
const METADATA_MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Where one bit of an address leads.
#[derive(Clone, Copy)]
enum Branch {
    Unknown,
    Node(usize),
    /// Where the record begins among the records.
    Record(usize),
}

/// A database of networks ("192.0.2.0/24") and what is known of each: texts, maps and arrays. Networks may
/// not overlap.
pub(crate) fn database(networks: &[(&str, Value)]) -> Vec<u8> {
    let mut tree = vec![[Branch::Unknown; 2]];
    let mut records = Vec::new();
    for (network, value) in networks {
        let (address, bits) = parse(network);
        insert(&mut tree, address, bits, records.len());
        records.extend(encode(value));
    }
    let mut file = Vec::new();
    for branch in tree.iter().flatten() {
        let number = match *branch {
            Branch::Node(node) => node,
            Branch::Unknown => tree.len(),
            Branch::Record(start) => tree.len() + SEPARATOR_BYTES + start,
        };
        file.extend(u32::try_from(number).expect("a small file").to_be_bytes());
    }
    file.extend([0; SEPARATOR_BYTES]);
    file.extend(records);
    file.extend(METADATA_MARK);
    file.extend(metadata(tree.len()));
    file
}

/// The address in the 128 bits of the tree, and how many of them count.
fn parse(network: &str) -> (u128, u32) {
    let (address, bits) = network.split_once('/').expect("an address and a length");
    let bits: u32 = bits.parse().expect("a length");
    match address.parse().expect("an address") {
        IpAddr::V4(address) => (u32::from(address).into(), 96 + bits),
        IpAddr::V6(address) => (address.into(), bits),
    }
}

fn insert(tree: &mut Vec<[Branch; 2]>, address: u128, bits: u32, record: usize) {
    let mut node = 0;
    for depth in 0..bits {
        let side = usize::from(address >> (127 - depth) & 1 == 1);
        if depth + 1 == bits {
            tree[node][side] = Branch::Record(record);
            return;
        }
        node = match tree[node][side] {
            Branch::Node(next) => next,
            Branch::Record(_) => panic!("networks overlap"),
            Branch::Unknown => {
                tree.push([Branch::Unknown; 2]);
                tree[node][side] = Branch::Node(tree.len() - 1);
                tree.len() - 1
            }
        };
    }
}

fn metadata(nodes: usize) -> Vec<u8> {
    let entries = [
        ("node_count", number(U32, nodes as u64)),
        ("record_size", number(U16, 32)),
        ("ip_version", number(U16, 6)),
        ("database_type", text("Test-City")),
        ("languages", encode(&Value::Array(vec!["en".into()]))),
        ("binary_format_major_version", number(U16, 2)),
        ("binary_format_minor_version", number(U16, 0)),
        ("build_epoch", number(U64, 1_767_225_600)),
        ("description", head(MAP, 0)),
    ];
    map(entries.into_iter())
}

fn encode(value: &Value) -> Vec<u8> {
    match value {
        Value::String(given) => text(given),
        Value::Object(entries) => map(entries.iter().map(|(key, value)| (key.as_str(), encode(value)))),
        Value::Array(values) => {
            [head(ARRAY, values.len()), values.iter().flat_map(encode).collect()].concat()
        }
        other => panic!("no geo database here holds {other}"),
    }
}

fn map<'a>(entries: impl ExactSizeIterator<Item = (&'a str, Vec<u8>)>) -> Vec<u8> {
    let head = head(MAP, entries.len());
    head.into_iter().chain(entries.flat_map(|(key, value)| [text(key), value].concat())).collect()
}

fn text(text: &str) -> Vec<u8> {
    [head(TEXT, text.len()), text.as_bytes().to_vec()].concat()
}

/// A number, without the zeros that it begins with.
fn number(kind: u8, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let digits = &bytes[value.leading_zeros() as usize / 8..];
    [head(kind, digits.len()), digits.to_vec()].concat()
}

/// What stands before a value: its type, in a byte of its own if it is beyond seven, and its size.
fn head(kind: u8, size: usize) -> Vec<u8> {
    assert!(size < 29, "longer values have a longer head");
    if kind <= 7 { vec![kind << 5 | size as u8] } else { vec![size as u8, kind - 7] }
}
