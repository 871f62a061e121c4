//! Writing to standard output and to standard error.

use anyhow::Context;
use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};

/// Writes a text. A reader who has seen enough (`| head`) is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write the output"),
        _ => Ok(()),
    }
}

/// Writes a line to standard error. Where nobody can read it, it is lost: `eprintln!` would panic.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(stderr(), "{line}");
}
