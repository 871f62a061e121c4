//! `curtail config`: the settings in effect.

use super::flags::SettingsFlags;
use super::output;
use crate::config::reference;

/// What `curtail config` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsFlags,
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A settings file that gives the same again, without secrets
    Toml,
    /// A list of objects
    Json,
}

/// Shows them.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rows = arguments.settings.load()?.rows;
    output::print(&match arguments.format {
        Format::Toml => reference::toml(&rows),
        Format::Json => reference::json(&rows),
    })
}
