//! What nodes tell each other, as bytes.
//!
//! Integers are little-endian. Every message begins with the format (1), its kind, and the sender (8 bytes).
//!
//! | kind | what follows |
//! |---|---|
//! | 0 changes | sequence (8), then for each change: version (6), length of the code (2), length of the record (2, `0xffff` for none), code, record |
//! | 1 beat | sequence (8), number (8), whether settled (1), then for each node that is heard: node (8), number of its newest beat (8) |
//! | 2 reset | sequence (8): everything from before it is to be suspected |
//! | 3 goodbye | nothing |

use curtail_store::notifications::PAYLOAD_MAX;

const FORMAT: u8 = 1;
const HEAD: usize = 10;
const NO_RECORD: u16 = u16::MAX;
/// A longer record stays at home; who hears of the change asks the store.
const RECORD_MAX: usize = 4_096;

/// Who sends: a number made up at random when a process starts.
pub(crate) type Node = u64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) from: Node,
    pub(crate) said: Said,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Changes { sequence: u64, changes: Vec<Change> },
    Beat(Beat),
    Reset { sequence: u64 },
    Goodbye,
}

/// A sign of life that says how much of what a node changed can be known by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    /// That of its newest message that counts.
    pub(crate) sequence: u64,
    /// Counts its beats.
    pub(crate) number: u64,
    /// Whether all that it changed is in L2.
    pub(crate) settled: bool,
    /// The newest beat of each node that it hears.
    pub(crate) heard: Vec<(Node, u64)>,
}

/// A link that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) code: Box<str>,
    pub(crate) version: u64,
    /// What it is now; without, the store has to be asked.
    pub(crate) record: Option<Vec<u8>>,
}

impl Message {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let kind = match self.said {
            Said::Changes { .. } => 0,
            Said::Beat(_) => 1,
            Said::Reset { .. } => 2,
            Said::Goodbye => 3,
        };
        let mut out = vec![FORMAT, kind];
        out.extend_from_slice(&self.from.to_le_bytes());
        match &self.said {
            Said::Changes { sequence, changes } => {
                out.extend_from_slice(&sequence.to_le_bytes());
                changes.iter().for_each(|change| change.write(&mut out));
            }
            Said::Beat(beat) => beat.write(&mut out),
            Said::Reset { sequence } => out.extend_from_slice(&sequence.to_le_bytes()),
            Said::Goodbye => {}
        }
        out
    }

    /// Reads a message; nothing when it is none that this version knows.
    pub(crate) fn read(bytes: &[u8]) -> Option<Message> {
        let (&[FORMAT, kind], rest) = bytes.split_first_chunk()? else { return None };
        let mut rest = rest;
        let from = take_u64(&mut rest)?;
        let said = match kind {
            0 => {
                let sequence = take_u64(&mut rest)?;
                let mut changes = Vec::new();
                while !rest.is_empty() {
                    changes.push(Change::take(&mut rest)?);
                }
                Said::Changes { sequence, changes }
            }
            1 => Said::Beat(Beat::take(&mut rest)?),
            2 => Said::Reset { sequence: take_u64(&mut rest)? },
            3 => Said::Goodbye,
            _ => return None,
        };
        rest.is_empty().then_some(Message { from, said })
    }
}

/// Deals changes out to as few messages as they fit into.
pub(crate) fn packed(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let mut messages: Vec<Vec<Change>> = Vec::new();
    let mut room = 0;
    for change in changes {
        let length = change.length();
        match messages.last_mut() {
            Some(last) if length <= room => last.push(change),
            _ => {
                messages.push(vec![change]);
                room = PAYLOAD_MAX - HEAD - 8;
            }
        }
        room = room.saturating_sub(length);
    }
    messages
}

impl Change {
    pub(crate) fn new(code: &str, version: u64, record: Option<&[u8]>) -> Change {
        let record = record.filter(|record| record.len() <= RECORD_MAX).map(<[u8]>::to_vec);
        Change { code: code.into(), version, record }
    }

    fn length(&self) -> usize {
        10 + self.code.len() + self.record.as_ref().map_or(0, Vec::len)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let record_length = self.record.as_ref().map_or(NO_RECORD, |record| record.len() as u16);
        out.extend_from_slice(&self.version.to_le_bytes()[..6]);
        out.extend_from_slice(&(self.code.len() as u16).to_le_bytes());
        out.extend_from_slice(&record_length.to_le_bytes());
        out.extend_from_slice(self.code.as_bytes());
        out.extend_from_slice(self.record.as_deref().unwrap_or_default());
    }

    fn take(rest: &mut &[u8]) -> Option<Change> {
        let mut version = [0; 8];
        version[..6].copy_from_slice(rest.split_off(..6)?);
        let code_length = u16::from_le_bytes(*rest.split_off(..2)?.first_chunk()?).into();
        let record_length = u16::from_le_bytes(*rest.split_off(..2)?.first_chunk()?);
        let code = str::from_utf8(rest.split_off(..code_length)?).ok()?.into();
        let record = match record_length {
            NO_RECORD => None,
            length => Some(rest.split_off(..usize::from(length))?.to_vec()),
        };
        Some(Change { code, version: u64::from_le_bytes(version), record })
    }
}

impl Beat {
    /// More nodes than this do not fit into a message; those beyond are deaf.
    pub(crate) const NODES_MAX: usize = (PAYLOAD_MAX - HEAD - 17) / 16;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.push(u8::from(self.settled));
        for (node, number) in self.heard.iter().take(Beat::NODES_MAX) {
            out.extend_from_slice(&node.to_le_bytes());
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Beat> {
        let (sequence, number) = (take_u64(rest)?, take_u64(rest)?);
        let settled = *rest.split_off_first()? != 0;
        let mut heard = Vec::new();
        while !rest.is_empty() {
            heard.push((take_u64(rest)?, take_u64(rest)?));
        }
        Some(Beat { sequence, number, settled, heard })
    }
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    rest.split_off(..8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change() -> impl Strategy<Value = Change> {
        let record = prop::option::of(prop::collection::vec(any::<u8>(), 0..5_000));
        ("\\PC{1,190}", 0..1_u64 << 48, record)
            .prop_map(|(code, version, record)| Change::new(&code, version, record.as_deref()))
    }

    fn said() -> impl Strategy<Value = Said> {
        let beat =
            (any::<u64>(), any::<u64>(), any::<bool>(), prop::collection::vec(any::<(u64, u64)>(), 0..9));
        prop_oneof![
            (any::<u64>(), prop::collection::vec(change(), 0..9))
                .prop_map(|(sequence, changes)| Said::Changes { sequence, changes }),
            beat.prop_map(|(sequence, number, settled, heard)| Said::Beat(Beat {
                sequence,
                number,
                settled,
                heard
            })),
            any::<u64>().prop_map(|sequence| Said::Reset { sequence }),
            Just(Said::Goodbye),
        ]
    }

    proptest! {
        #[test]
        fn what_is_said_is_what_is_heard(from: u64, said in said()) {
            let message = Message { from, said };
            prop_assert_eq!(Message::read(&message.bytes()), Some(message));
        }

        #[test]
        fn messages_fit_and_nothing_is_left_out(changes in prop::collection::vec(change(), 0..200)) {
            let messages = packed(changes.clone());
            for changes in &messages {
                let said = Said::Changes { sequence: 1, changes: changes.clone() };
                let length = Message { from: 1, said }.bytes().len();
                prop_assert!(length <= PAYLOAD_MAX);
            }
            prop_assert_eq!(messages.concat(), changes);
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = Message::read(&bytes);
        }
    }

    #[test]
    fn a_beat_of_many_nodes_still_fits() {
        let heard = vec![(1, 1); 10_000];
        let said = Said::Beat(Beat { sequence: 1, number: 1, settled: true, heard });
        assert!(Message { from: 1, said }.bytes().len() <= PAYLOAD_MAX);
    }
}
