//! Reading a response: no more than is needed to know its status, its `Location` and where it ends.

use anyhow::{Context, Result, bail};

/// More headers than any of the servers sends.
const HEADERS_MAX: usize = 32;

/// A response whose last byte has come.
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    pub(crate) location: Option<&'a [u8]>,
    /// Bytes of head and body together.
    pub(crate) length: usize,
}

/// Reads the response at the start of `bytes`; nothing when it has not come whole yet.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Response<'_>>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_length) = head.parse(bytes).context("a response that is not HTTP")?
    else {
        return Ok(None);
    };
    let mut location = None;
    let mut body_length = None;
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("location") {
            location = Some(header.value);
        } else if header.name.eq_ignore_ascii_case("content-length") {
            body_length =
                std::str::from_utf8(header.value).ok().and_then(|value| value.parse::<usize>().ok());
        }
    }
    let status = head.code.context("a response without a status")?;
    let Some(body_length) = body_length else {
        bail!("a response with status {status} and no Content-Length, which this client does not read");
    };
    let length = head_length + body_length;
    Ok((bytes.len() >= length).then_some(Response { status, location, length }))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_response_is_read_when_its_last_byte_has_come_and_not_before() {
        let whole = b"HTTP/1.1 302 Found\r\nlocation: https://a.example/\r\nContent-Length: 2\r\n\r\nok";
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).unwrap().is_none(), "{end}");
        }
        let response = read(whole).unwrap().unwrap();
        assert_eq!((response.status, response.length), (302, whole.len()));
        assert_eq!(response.location, Some(&b"https://a.example/"[..]));
    }

    #[test]
    fn what_is_not_http_or_has_no_length_is_an_error() {
        assert!(read(b"220 smtp.example ESMTP\r\n\r\n").is_err());
        assert!(read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
