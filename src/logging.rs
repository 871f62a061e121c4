//! The log: structured, on standard error, quiet. Nothing per redirect, and never an address of a visitor.

use crate::config::{LogFormat, Settings};
use std::io::stderr;

/// Starts logging as the settings say.
pub(crate) fn start(settings: &Settings) {
    // A line that cannot be written (a full disk, a reader who
    // has gone) is lost; to say so in its place would panic.
    let log = tracing_subscriber::fmt()
        .with_max_level(settings.log.level)
        .with_target(false)
        .with_writer(stderr)
        .log_internal_errors(false);
    match settings.log.format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&stderr())).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
