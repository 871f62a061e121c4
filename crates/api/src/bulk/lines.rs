//! Cuts a body that comes in pieces into lines, holding no more than one piece and one line.

use crate::body::BYTE_ORDER_MARK;
use crate::problem::{Kind, Problem};
use std::ops::Range;

/// The longest line, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// The lines of a body.
#[derive(Default)]
pub(super) struct Lines {
    /// What has arrived; the part before `start` has been cut.
    buffer: Vec<u8>,
    start: usize,
    /// No line ends between `start` and here.
    searched: usize,
    /// The number of the last line that was cut.
    number: u64,
    /// The rest of a line that is too long is being dropped.
    dropping: bool,
    ended: bool,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Its bytes, without the line break.
    Text(&'a [u8]),
    /// It had more than [`LINE_BYTES_MAX`].
    TooLong,
}

impl Lines {
    /// Takes in what has arrived. All lines that were complete have been cut before.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(piece);
    }

    /// Nothing more will arrive. What is left is a line of its own if it is `whole`.
    pub(super) fn end(&mut self, whole: bool) {
        if !whole {
            self.buffer.clear();
            (self.start, self.searched, self.dropping) = (0, 0, false);
        }
        self.ended = true;
    }

    /// Cuts the next line, with its number: the first line is number 1.
    pub(super) fn next(&mut self) -> Option<(u64, Line<'_>)> {
        let line_break = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
        let Some(line_break) = line_break.map(|place| self.searched + place) else { return self.rest() };
        let line = self.start..line_break;
        self.start = line_break + 1;
        self.searched = self.start;
        self.number += 1;
        let line = self.without_mark(line);
        if std::mem::take(&mut self.dropping) || line.len() > LINE_BYTES_MAX {
            return Some((self.number, Line::TooLong));
        }
        Some((self.number, Line::Text(&self.buffer[line])))
    }

    /// A line without what some programs begin a file with.
    fn without_mark(&self, line: Range<usize>) -> Range<usize> {
        let is_marked = self.number == 1 && self.buffer[line.clone()].starts_with(BYTE_ORDER_MARK);
        if is_marked { line.start + BYTE_ORDER_MARK.len()..line.end } else { line }
    }

    /// The number of the last line that was cut.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What there is when no line break is left: the last line, or the beginning of one.
    fn rest(&mut self) -> Option<(u64, Line<'_>)> {
        let rest = self.start..self.buffer.len();
        self.searched = rest.end;
        if rest.len() > LINE_BYTES_MAX {
            self.dropping = true;
        }
        if self.dropping {
            self.start = rest.end;
        }
        if !self.ended || (rest.is_empty() && !self.dropping) {
            return None;
        }
        self.start = rest.end;
        self.number += 1;
        let rest = self.without_mark(rest);
        match std::mem::take(&mut self.dropping) {
            true => Some((self.number, Line::TooLong)),
            false => Some((self.number, Line::Text(&self.buffer[rest]))),
        }
    }
}

/// What a line that is too long is answered.
pub(super) fn too_long() -> Problem {
    Problem::new(Kind::BodyTooLarge, format!("A line must not be longer than {LINE_BYTES_MAX} bytes."))
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES_MAX, Line, Lines};

    fn cut(body: &[u8], piece_bytes: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut take = |lines: &mut Lines| {
            while let Some((number, line)) = lines.next() {
                found.push((
                    number,
                    match line {
                        Line::Text(text) => Some(text.to_vec()),
                        Line::TooLong => None,
                    },
                ));
            }
        };
        for piece in body.chunks(piece_bytes) {
            lines.push(piece);
            take(&mut lines);
            assert!(lines.buffer.len() - lines.start <= LINE_BYTES_MAX);
        }
        lines.end(true);
        take(&mut lines);
        found
    }

    #[test]
    fn a_byte_order_mark_before_the_first_line_is_passed_over() {
        let body = b"\xef\xbb\xbfone\n\xef\xbb\xbftwo";
        let expected = vec![(1, Some(b"one".to_vec())), (2, Some(b"\xef\xbb\xbftwo".to_vec()))];
        assert_eq!(cut(body, 2), expected);
        assert_eq!(cut(b"\xef\xbb\xbfalone", 100), [(1, Some(b"alone".to_vec()))]);
    }

    #[test]
    fn however_a_body_is_cut_into_pieces_its_lines_are_the_same() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let body = format!("a\n\nbc\r\n{long}\n{}\nlast", &long[1..]);
        let whole = cut(body.as_bytes(), body.len());
        let texts: Vec<_> = whole.iter().map(|(_, text)| text.as_ref().map(Vec::len)).collect();
        assert_eq!(texts, [Some(1), Some(0), Some(3), None, Some(LINE_BYTES_MAX), Some(4)]);
        assert_eq!(whole.last().map(|(number, _)| *number), Some(6));
        for piece_bytes in [1, 2, 7, 1_000, LINE_BYTES_MAX] {
            assert_eq!(cut(body.as_bytes(), piece_bytes), whole, "{piece_bytes}");
        }
    }

    #[test]
    fn a_body_that_ends_in_a_line_break_has_no_line_after_it() {
        assert_eq!(cut(b"", 1), []);
        assert_eq!(cut(b"a\n", 1), [(1, Some(b"a".to_vec()))]);
        assert_eq!(cut("x".repeat(LINE_BYTES_MAX + 1).as_bytes(), 4_096), [(1, None)]);
    }

    #[test]
    fn a_line_that_broke_off_is_no_line() {
        let mut lines = Lines::default();
        lines.push(b"a\nb");
        assert_eq!(lines.next(), Some((1, Line::Text(b"a"))));
        assert_eq!(lines.next(), None);
        lines.end(false);
        assert_eq!(lines.next(), None);
    }
}
