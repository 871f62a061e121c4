//! What stands in an entry of Redis behind its three bytes of time.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | there is no link |
//! | 6 | a marker: the version of a change (little-endian) whose outcome the store has to be asked for |
//! | 15 or more | the packed record ([`curtail_model::Target`]), which has its version in bytes 9 to 15 |
//!
//! The time is when the store was asked, in eighths of a second, by the clock
//! of the server, modulo 2^24 (24 days). With a 90-byte destination a value
//! has 108 bytes, which with its own header fits the allocator's class of 112.

use curtail_model::Target;

/// The shortest packed record.
const RECORD_MIN: usize = 15;

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Link(Vec<u8>),
    Changed { version: u64 },
    Nothing,
}

impl Value {
    /// Reads what follows the time; nothing when it is none of what this version writes.
    pub(super) fn read(bytes: Vec<u8>) -> Option<Value> {
        match bytes.len() {
            0 => Some(Value::Nothing),
            6 => {
                let mut wide = [0; 8];
                wide[..6].copy_from_slice(&bytes);
                Some(Value::Changed { version: u64::from_le_bytes(wide) })
            }
            length if length >= RECORD_MIN && Target::unpack(&bytes).is_some() => Some(Value::Link(bytes)),
            _ => None,
        }
    }

    /// What follows the time.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Value::Link(record) => record.clone(),
            Value::Changed { version } => version.to_le_bytes()[..6].to_vec(),
            Value::Nothing => Vec::new(),
        }
    }

    pub(super) fn version(&self) -> u64 {
        match self {
            Value::Link(record) => Target::version_of(record).unwrap_or(0),
            Value::Changed { version } => *version,
            Value::Nothing => 0,
        }
    }
}
