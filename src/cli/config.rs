//! `curtail config`: the settings in effect.

use super::flags::SettingsFlags;
use super::output;
use crate::config::reference;

/// What `curtail config` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsFlags,
    /// Print JSON, in place of a settings file that gives the same again (without secrets)
    #[arg(long)]
    json: bool,
}

/// Shows them.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rows = arguments.settings.load()?.rows;
    output::print(&if arguments.json { reference::json(&rows) } else { reference::toml(&rows) })
}
