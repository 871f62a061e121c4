//! Writes answers as the bytes of HTTP/1.1, into a buffer that goes out in one write.

use crate::answer::{Answer, NEVER};
use crate::pages;
use http::StatusCode;
use std::io::Write;

/// How a response ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    /// The value of `Date`.
    pub(crate) date: &'a [u8],
    /// Whether the connection is closed after it.
    pub(crate) close: bool,
}

/// Writes a redirect. The location holds visible ASCII only:
/// [`curtail_model::destination::location`] saw to it.
#[inline]
pub(crate) fn redirect(
    out: &mut Vec<u8>,
    status: u16,
    location: &str,
    cache_control: &str,
    ending: Ending<'_>,
) {
    let line: &[u8] = match status {
        301 => b"HTTP/1.1 301 Moved Permanently\r\nlocation: ",
        302 => b"HTTP/1.1 302 Found\r\nlocation: ",
        303 => b"HTTP/1.1 303 See Other\r\nlocation: ",
        307 => b"HTTP/1.1 307 Temporary Redirect\r\nlocation: ",
        308 => b"HTTP/1.1 308 Permanent Redirect\r\nlocation: ",
        other => unreachable!("{other} is no redirect"),
    };
    out.reserve(line.len() + location.len() + 160);
    out.extend_from_slice(line);
    out.extend_from_slice(location.as_bytes());
    out.extend_from_slice(b"\r\ncache-control: ");
    out.extend_from_slice(cache_control.as_bytes());
    out.extend_from_slice(b"\r\ncontent-length: 0");
    end_of_head(out, ending);
}

/// Writes any answer, without its body if only the head was asked for.
pub(crate) fn answer(out: &mut Vec<u8>, answer: &Answer, head: bool, ending: Ending<'_>) {
    match answer {
        Answer::Redirect { status, location, cache_control } => {
            redirect(out, status.as_u16(), location, cache_control, ending);
        }
        Answer::Withheld { status } => {
            start(out, *status);
            write(out, format_args!("cache-control: {NEVER}\r\ncontent-length: 0"));
            end_of_head(out, ending);
        }
        Answer::Page { status, html, retry_after_seconds } => {
            start(out, *status);
            for (name, value) in pages::HEADERS {
                write(out, format_args!("{name}: {value}\r\n"));
            }
            if let Some(seconds) = retry_after_seconds {
                write(out, format_args!("retry-after: {seconds}\r\n"));
            }
            write(out, format_args!("content-length: {}", html.len()));
            end_of_head(out, ending);
            if !head {
                out.extend_from_slice(html);
            }
        }
    }
}

fn start(out: &mut Vec<u8>, status: StatusCode) {
    let reason = status.canonical_reason().unwrap_or_default();
    write(out, format_args!("HTTP/1.1 {} {reason}\r\n", status.as_u16()));
}

#[inline]
fn end_of_head(out: &mut Vec<u8>, ending: Ending<'_>) {
    out.extend_from_slice(b"\r\ndate: ");
    out.extend_from_slice(ending.date);
    if ending.close {
        out.extend_from_slice(b"\r\nconnection: close");
    }
    out.extend_from_slice(b"\r\n\r\n");
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a vector does not fail");
}
