//! A plain, blocking client for the API: what prepares measurements and asks for stats, not what loads.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// A server that falls silent for so long is broken.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Answers the JSON that a `GET` gives with status 200.
pub(crate) fn get_json(server: SocketAddr, path: &str, key: &str) -> Result<Value> {
    let (status, mut body) = request(server, &head("GET", path, key, ""))?;
    let mut text = String::new();
    body.read_to_string(&mut text)?;
    ensure!(status == 200, "GET {path} gave {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("GET {path} gave no JSON: {text}"))
}

/// The status that a `GET` gives.
pub(crate) fn get_status(server: SocketAddr, path: &str) -> Result<u16> {
    Ok(request(server, &head("GET", path, "", ""))?.0)
}

/// Sends lines to `path` while it reads the lines that come back: neither side holds them all.
pub(crate) fn post_lines(
    server: SocketAddr,
    path: &str,
    key: &str,
    lines: impl Iterator<Item = String> + Send,
    mut each_answer: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let head =
        head("POST", path, key, "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n");
    let stream = connect(server)?;
    let mut upstream = stream.try_clone()?;
    thread::scope(|scope| {
        let sender = scope.spawn(move || -> io::Result<()> {
            upstream.write_all(head.as_bytes())?;
            let mut chunk = String::new();
            for line in lines {
                chunk.push_str(&line);
                chunk.push('\n');
                if chunk.len() >= 64 * 1024 {
                    write!(upstream, "{:x}\r\n{chunk}\r\n", chunk.len())?;
                    chunk.clear();
                }
            }
            if !chunk.is_empty() {
                write!(upstream, "{:x}\r\n{chunk}\r\n", chunk.len())?;
            }
            upstream.write_all(b"0\r\n\r\n")
        });
        let answered = (|| {
            let (status, body) = response(stream)?;
            let mut answers = body.lines();
            ensure!(
                status == 200,
                "POST {path} gave {status}: {}",
                answers.next().transpose()?.unwrap_or_default()
            );
            answers.try_for_each(|answer| each_answer(&answer?))
        })();
        let sent = sender.join().map_err(|_| anyhow::anyhow!("the sender of lines has died"))?;
        // What the server answered says more than the broken pipe that followed it.
        answered.and(sent.context("cannot send lines"))
    })
}

/// A request with one JSON body, ready to be sent again and again on one connection.
pub(crate) fn render(method: &str, path: &str, key: &str, body: &str, out: &mut Vec<u8>) {
    let _ = write!(
        out,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

fn head(method: &str, path: &str, key: &str, more: &str) -> String {
    let authorization =
        if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}{more}\r\n")
}

fn connect(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(server).with_context(|| format!("nobody listens on {server}"))?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    Ok(stream)
}

fn request(server: SocketAddr, head: &str) -> Result<(u16, Box<dyn BufRead>)> {
    let mut stream = connect(server)?;
    stream.write_all(head.as_bytes())?;
    response(stream)
}

/// Reads the head of a response and gives its body to read.
fn response(stream: TcpStream) -> Result<(u16, Box<dyn BufRead>)> {
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let Some(status) = status else { bail!("not a status line: {line:?}") };
    let (mut length, mut chunked) = (None, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').context("a header without a colon")?;
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<u64>()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
    }
    let body: Box<dyn BufRead> = match length {
        _ if chunked => {
            Box::new(BufReader::with_capacity(64 * 1024, Chunked { reader, left: 0, ended: false }))
        }
        Some(length) => Box::new(reader.take(length)),
        None => Box::new(reader),
    };
    Ok((status, body))
}

/// A body in chunks (RFC 9112, 7.1), without trailers.
struct Chunked<R> {
    reader: R,
    left: usize,
    ended: bool,
}

impl<R: BufRead> Chunked<R> {
    fn begin_chunk(&mut self) -> io::Result<()> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let size = line.trim_end().split(';').next().unwrap_or_default();
        self.left = usize::from_str_radix(size, 16).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "the server broke off in the middle of a body")
        })?;
        self.ended = self.left == 0;
        Ok(())
    }
}

impl<R: BufRead> Read for Chunked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended {
            self.begin_chunk()?;
        }
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let wanted = buffer.len().min(self.left);
        let read = self.reader.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        if self.left == 0 {
            self.reader.read_exact(&mut [0; 2])?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::Chunked;
    use std::io::Read;

    #[test]
    fn chunks_are_joined_and_a_body_that_breaks_off_is_an_error() {
        let read = |bytes: &[u8]| {
            let mut text = String::new();
            Chunked { reader: bytes, left: 0, ended: false }.read_to_string(&mut text).map(|_| text)
        };
        assert_eq!(read(b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n").unwrap(), "abc0123456789");
        for broken in [&b"3\r\nabc\r\n"[..], b"3\r\nab", b""] {
            assert!(read(broken).is_err(), "{broken:?}");
        }
    }
}
