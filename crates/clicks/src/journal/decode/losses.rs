//! How many clicks went with what could not be read, as far as the records around it tell.

use super::{Decoder, Gap};
use crate::journal::position_of;
use crate::journal::reader::{Damage, DamageKind};
use crate::journal::record::CLICK_BYTES;

impl Decoder {
    /// No segment follows that could tell how many clicks a last gap held: as many as fit, at most.
    pub(crate) fn end_epoch(&mut self) {
        if let Some(Gap { position, bytes }) = self.gap.take() {
            self.lost(position, bytes, bytes / CLICK_BYTES as u64);
        }
    }

    /// Compares the ordinal that is there with the one that should be.
    #[inline]
    pub(super) fn account(&mut self, ordinal: u16) {
        let expected = self.expected.replace(ordinal);
        self.settle(expected.map(|expected| ordinal.wrapping_sub(expected).into()));
    }

    /// The same where the record has the whole number, which ordinals begin anew in after 65,536 clicks.
    pub(super) fn account_all(&mut self, clicks: u64) {
        let expected = self.expected.replace(clicks as u16);
        let of_ordinals = expected.map(|expected| u64::from((clicks as u16).wrapping_sub(expected)));
        let lost = if self.knows_clicks { Some(clicks.saturating_sub(self.clicks)) } else { of_ordinals };
        (self.clicks, self.knows_clicks) = (clicks, true);
        self.settle(lost);
    }

    /// The first record behind segments that are not there tells how many clicks they held: all before it
    /// that have not been read, or where the first ones of its process may have been counted before, as many
    /// as fit, at most.
    #[cold]
    pub(super) fn begin_behind_missing(&mut self, clicks: u64) {
        let gap = self.gap.take().map_or(0, |gap| gap.bytes);
        let room = std::mem::take(&mut self.missing).saturating_mul(self.length).saturating_add(gap);
        let lost = if self.knows_clicks {
            clicks.saturating_sub(self.clicks)
        } else {
            clicks.min(room / CLICK_BYTES as u64)
        };
        self.expected = Some(clicks as u16);
        (self.clicks, self.knows_clicks) = (clicks, true);
        if lost > 0 {
            self.damage.push(Damage {
                stream: self.key.stream,
                position: position_of(self.key.sequence, 0),
                bytes: lost * CLICK_BYTES as u64,
                clicks: lost,
                kind: DamageKind::Missing,
            });
        }
    }

    /// So many clicks are missing before the record that was read, where that can be told.
    #[inline]
    fn settle(&mut self, lost: Option<u64>) {
        if self.gap.is_none() && lost.is_none_or(|lost| lost == 0) {
            return;
        }
        let at = position_of(self.key.sequence, self.offset as u64);
        let Gap { position, bytes } = self.gap.take().unwrap_or(Gap { position: at, bytes: 0 });
        // Where not even the first record of the segment could be read: as many as fit, at most.
        let clicks = lost.unwrap_or(bytes / CLICK_BYTES as u64);
        // What lies before the consumed position was counted before it was damaged, or reported then.
        if self.offset > self.counted {
            self.lost(position, bytes, clicks);
        }
    }

    fn lost(&mut self, position: u64, bytes: u64, clicks: u64) {
        self.damage.push(Damage {
            stream: self.key.stream,
            position,
            bytes,
            clicks,
            kind: DamageKind::Records,
        });
    }

    /// A click refers to a text that was lost: to count it without would be to count it wrongly.
    #[cold]
    pub(super) fn lost_text(&mut self, offset: usize) {
        if let Some(last) = self.damage.last_mut().filter(|last| last.kind == DamageKind::Text) {
            last.bytes += CLICK_BYTES as u64;
            last.clicks += 1;
            return;
        }
        self.damage.push(Damage {
            stream: self.key.stream,
            position: position_of(self.key.sequence, offset as u64),
            bytes: CLICK_BYTES as u64,
            clicks: 1,
            kind: DamageKind::Text,
        });
    }
}
