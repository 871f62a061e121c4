//! Settings `log.*`: what is logged.

use crate::config::parser::Choice;
use crate::config::reader::Reader;
use tracing::level_filters::LevelFilter;

/// What is logged.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) level: LevelFilter,
    pub(crate) format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

const LEVELS: Choice<LevelFilter> = Choice(&[
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
]);
const FORMATS: Choice<LogFormat> = Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);

impl Log {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Log {
        Log {
            level: read.setting("log.level", &LEVELS, "info", "The least that is logged."),
            format: read.setting(
                "log.format",
                &FORMATS,
                "text",
                "Lines for people, or a JSON object a line.",
            ),
        }
    }
}
