//! The log: structured, on standard error, quiet. Nothing per redirect, and never an address of a visitor.

use crate::config::{LogFormat, Settings};
use std::io::stderr;

/// Starts logging as the settings say.
pub(crate) fn start(settings: &Settings) {
    let log =
        tracing_subscriber::fmt().with_max_level(settings.log.level).with_target(false).with_writer(stderr);
    match settings.log.format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&stderr())).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
