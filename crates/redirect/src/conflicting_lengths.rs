//! Finds requests that tell their length twice, by `Transfer-Encoding` and by `Content-Length`: who passes
//! such a request on by the one and who reads it by the other take different bytes for the next request (RFC
//! 9112, 6.3 and 11.2).
//!
//! hyper goes by the coding and takes the length away before anybody sees it. It closes the connection after
//! its answer, so nothing that follows is executed, but the request itself would be. So what hyper reads is
//! followed here from head to head, past the bodies between them. Nothing is framed by this: where it errs,
//! or gives up, hyper has the last word.

use crate::handover::HEADERS_MAX;
use httparse::{EMPTY_HEADER, Request, Status};

/// Follows the requests of a connection, to find the first that tells two lengths.
#[derive(Debug)]
pub(crate) struct Follower {
    at: At,
    /// Heads that have arrived whole.
    heads: u64,
    head_bytes_max: usize,
}

/// Where in a request the next byte is.
#[derive(Debug)]
enum At {
    /// In a head, of which this has arrived.
    Head(Vec<u8>),
    /// In a body with so many bytes left.
    Body(u64),
    /// In the line with the size of a chunk: the size so far, and whether its digits are over.
    Size(u64, bool),
    /// In a chunk with so many bytes left, its line end included.
    Chunk(u64),
    /// In what may follow the last chunk: whether the line so far is empty.
    Trailer(bool),
    /// Nothing more is looked at: a request with two lengths was found, or none could be made out.
    Over,
}

/// What a head says of what follows it.
enum Length {
    Known(u64),
    Chunked,
    /// Both.
    Doubtful,
}

impl Follower {
    /// Follows a connection from its beginning; heads have at most so many bytes.
    pub(crate) fn new(head_bytes_max: usize) -> Follower {
        Follower { at: At::Head(Vec::new()), heads: 0, head_bytes_max }
    }

    /// Takes in what has arrived. Answers the number of the request, counted from 1, whose head has arrived
    /// whole with this and tells two lengths; nothing that comes after it is looked at.
    pub(crate) fn follow(&mut self, mut arrived: &[u8]) -> Option<u64> {
        while let Some((&byte, rest)) = arrived.split_first() {
            match &mut self.at {
                At::Head(head) => {
                    arrived = rest;
                    // Empty lines before a request are no part of it (RFC 9112, 2.2).
                    if head.is_empty() && matches!(byte, b'\r' | b'\n') {
                        continue;
                    }
                    head.push(byte);
                    if byte == b'\n' && (head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n")) {
                        self.heads += 1;
                        self.at = match length(head) {
                            Some(Length::Known(0)) => At::Head(Vec::new()),
                            Some(Length::Known(bytes)) => At::Body(bytes),
                            Some(Length::Chunked) => At::Size(0, false),
                            None => At::Over,
                            Some(Length::Doubtful) => {
                                self.at = At::Over;
                                return Some(self.heads);
                            }
                        };
                    } else if head.len() >= self.head_bytes_max {
                        self.at = At::Over;
                    }
                }
                At::Body(left) | At::Chunk(left) => {
                    let taken = (*left).min(arrived.len() as u64);
                    *left -= taken;
                    arrived = &arrived[taken as usize..];
                    if *left == 0 {
                        let is_chunk = matches!(self.at, At::Chunk(_));
                        self.at = if is_chunk { At::Size(0, false) } else { At::Head(Vec::new()) };
                    }
                }
                At::Size(size, digits_over) => {
                    arrived = rest;
                    let digit = char::from(byte).to_digit(16).filter(|_| !*digits_over);
                    match (byte, digit) {
                        (b'\n', _) if *size == 0 => self.at = At::Trailer(true),
                        (b'\n', _) => self.at = At::Chunk(*size + 2),
                        // More than any body may have: hyper refuses it.
                        (_, Some(_)) if *size >= 1 << 58 => self.at = At::Over,
                        (_, Some(digit)) => *size = *size * 16 + u64::from(digit),
                        _ => *digits_over = true,
                    }
                }
                At::Trailer(is_empty) => {
                    arrived = rest;
                    match byte {
                        b'\n' if *is_empty => self.at = At::Head(Vec::new()),
                        b'\n' => *is_empty = true,
                        b'\r' => {}
                        _ => *is_empty = false,
                    }
                }
                At::Over => return None,
            }
        }
        None
    }
}

/// What a whole head says. Nothing for what cannot be read, which hyper refuses, reading it in the same way.
fn length(head: &[u8]) -> Option<Length> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = Request::new(&mut headers);
    let Ok(Status::Complete(_)) = request.parse(head) else { return None };
    let value = |name: &str| {
        let mut headers = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        headers.next().map(|header| header.value)
    };
    match (value("transfer-encoding"), value("content-length")) {
        (Some(_), Some(_)) => Some(Length::Doubtful),
        (Some(_), None) => Some(Length::Chunked),
        (None, None) => Some(Length::Known(0)),
        (None, Some(bytes)) => str::from_utf8(bytes).ok()?.trim().parse().ok().map(Length::Known),
    }
}

#[cfg(test)]
mod tests {
    use super::Follower;

    const GET: &str = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const KNOWN: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 42\r\n\r\nTransfer-Encoding: chunked\r\n\r\nGET / HTTP/1";
    const CHUNKED: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1B;x=y\r\nContent-Length: 40\r\n\r\n12345\r\n00\r\nX: y\r\n\r\n";
    const BOTH: &str =
        "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 4\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// The numbers of those that tell two lengths, however what arrives is cut.
    fn found(requests: &str) -> Option<u64> {
        let mut all = [1, 2, 3, 7, 10_000].map(|piece| {
            let mut follower = Follower::new(1_000);
            requests.as_bytes().chunks(piece).find_map(|piece| follower.follow(piece))
        });
        let first = all[0];
        assert!(all.iter_mut().all(|found| *found == first), "{requests}: {all:?}");
        first
    }

    #[test]
    fn two_lengths_are_found_wherever_a_request_stands_in_a_connection() {
        for before in
            [vec![], vec![GET], vec![KNOWN], vec![CHUNKED], vec![GET, CHUNKED, KNOWN, KNOWN, CHUNKED, GET]]
        {
            let place = before.len() as u64 + 1;
            let before = before.concat();
            assert_eq!(found(&format!("{before}{BOTH}0\r\n\r\n")), Some(place), "{before}");
            assert_eq!(found(&format!("{before}{}", BOTH.replace("\r\n", "\n"))), Some(place), "{before}");
            assert_eq!(found(&format!("{before}{GET}")), None, "{before}");
        }
    }

    #[test]
    fn what_cannot_be_made_out_is_left_to_hyper() {
        for nonsense in ["GET\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"] {
            assert_eq!(found(&format!("{nonsense}{BOTH}")), None);
        }
        assert_eq!(found(&format!("GET /{} HTTP/1.1\r\n\r\n{BOTH}", "a".repeat(1_000))), None);
    }
}
