//! How far the links of a move have got, as the store that they move to notes it.

use super::LinkRecord;
use curtail_model::LinkId;

/// How far the links have got: those up to `after` are
/// there as they were at `version`, or as they were later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) version: u64,
    pub(super) after: Option<LinkId>,
}

impl Reached {
    /// What the note is called.
    pub(super) const NOTE: &str = "links";

    /// Whether a link has to be sent. How much of a limit is used changes without a new version.
    pub(super) fn lacks(self, record: &LinkRecord) -> bool {
        Some(record.link.id) > self.after || record.link.version > self.version || record.used.is_some()
    }

    /// What is noted.
    pub(super) fn bytes(self) -> Vec<u8> {
        let after = self.after.map_or(0, |after| after.get() + 1);
        [self.version.to_le_bytes(), after.to_le_bytes()].concat()
    }

    /// What [`Reached::bytes`] gave.
    pub(super) fn read(bytes: &[u8]) -> Option<Reached> {
        let ([version, after], []) = bytes.as_chunks::<8>() else { return None };
        let after = u64::from_le_bytes(*after).checked_sub(1).and_then(LinkId::new);
        Some(Reached { version: u64::from_le_bytes(*version), after })
    }
}

#[cfg(test)]
mod tests {
    use super::Reached;
    use curtail_model::LinkId;

    #[test]
    fn how_far_the_links_have_got_is_read_as_it_was_noted() {
        for after in [None, LinkId::new(0), LinkId::new(7), Some(LinkId::MAX)] {
            let reached = Reached { version: 9, after };
            assert_eq!(Reached::read(&reached.bytes()), Some(reached));
        }
        assert_eq!(Reached::read(b"something else"), None);
    }
}
