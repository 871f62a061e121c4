//! Finds requests that tell their length twice, by `Transfer-Encoding` and by `Content-Length`: who passes such a request on by
//! the one and who reads it by the other take different bytes for the next request (RFC 9112, 6.3 and 11.2).
//!
//! hyper goes by the coding and takes the length away before anybody sees it. It closes the connection after its answer, so
//! nothing that follows is executed, but the request itself would be. So its head is looked at here as well, when hyper begins
//! to wait for one, which is when a proxy sends it. A head that came along with the request before it is not seen here, and
//! is left to hyper.

use crate::handover::HEADERS_MAX;
use httparse::{EMPTY_HEADER, Request, Status};

/// The head that is arriving, as far as it has.
#[derive(Debug, Default)]
pub(crate) struct ArrivingHead {
    bytes: Vec<u8>,
    is_over: bool,
}

impl ArrivingHead {
    /// Begins with another head.
    pub(crate) fn begin(&mut self) {
        self.bytes.clear();
        self.is_over = false;
    }

    /// Takes in what has arrived, of heads of at most `bytes_max`. Says whether the head is whole now and tells two lengths.
    pub(crate) fn tells_two_lengths(&mut self, arrived: &[u8], bytes_max: usize) -> bool {
        if self.is_over {
            return false;
        }
        let searched = self.bytes.len().saturating_sub(2);
        self.bytes.extend_from_slice(arrived);
        let is_whole =
            self.bytes[searched..].windows(3).any(|end| end == b"\n\r\n" || end.starts_with(b"\n\n"))
                || self.bytes.ends_with(b"\n\n");
        // What is longer than a head may be is refused by hyper.
        self.is_over = is_whole || self.bytes.len() > bytes_max;
        let is_conflicting = is_whole && has_two_lengths(&self.bytes);
        if self.is_over {
            self.bytes = Vec::new();
        }
        is_conflicting
    }
}

fn has_two_lengths(head: &[u8]) -> bool {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = Request::new(&mut headers);
    // What cannot be read is refused by hyper, which reads it in the same way.
    let Ok(Status::Complete(_)) = request.parse(head) else { return false };
    let has = |name: &str| request.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    has("transfer-encoding") && has("content-length")
}

#[cfg(test)]
mod tests {
    use super::ArrivingHead;

    #[test]
    fn two_lengths_are_found_however_the_head_is_cut() {
        let both = "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 4\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let one =
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (request, expected) in [(both, true), (&both.replace("\r\n", "\n"), true), (one, false)] {
            for piece in [1, 2, 3, 7, 1_000] {
                let mut arriving = ArrivingHead::default();
                let mut pieces = request.as_bytes().chunks(piece);
                assert_eq!(pieces.any(|piece| arriving.tells_two_lengths(piece, 1_000)), expected);
                arriving.begin();
                assert!(!arriving.tells_two_lengths(one.as_bytes(), 1_000));
                arriving.begin();
                assert!(arriving.tells_two_lengths(both.as_bytes(), 1_000));
            }
        }
    }

    #[test]
    fn no_more_is_kept_than_a_head_may_have() {
        let mut arriving = ArrivingHead::default();
        for _ in 0..100 {
            arriving.tells_two_lengths(&[b'x'; 100], 1_000);
            assert!(arriving.bytes.len() <= 1_000);
        }
    }
}
