//! The command line: what people can ask for, and how they are told what went wrong.
//!
//! Exit codes: 0 done, 1 it failed, 2 what was asked for or set is mistaken.

mod config;
mod doctor;
mod flags;
mod key;
mod migrate_store;
mod output;
mod table;

use crate::config::{Loaded, Mistakes};
use clap::{Parser, Subcommand};
use flags::SettingsFlags;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  curtail serve
      Start on 127.0.0.1:8080 with everything in ./curtail-data. The first start
      makes an API key and says where it is kept.
  curtail serve --listen 0.0.0.0:80 --base-url https://sho.rt --data /var/lib/curtail
      Serve the world.
  curtail config --config curtail.toml
      Check a settings file, and see every setting and where its value came from.
  curtail doctor --config curtail.toml
      Say what is wrong with the settings or with anything that they name, and what to do.
  curtail key create --name deploy --scopes links:read,links:write --expires 90d
      Make a key, also while the server runs.
  curtail migrate-store --from sqlite:/var/lib/curtail --to postgres://curtail@db.internal/curtail
      Move everything to PostgreSQL while the server runs.";

const SERVE_EXAMPLES: &str = "\
Examples:
  curtail serve --data /var/lib/curtail
  curtail serve --config curtail.toml --set cache.bytes=256MiB --set log.format=json
  CURTAIL_ADMIN_KEY=... CURTAIL_BASE_URL=https://sho.rt curtail serve

Settings come from the file, the environment and the flags; the later win. A setting
section.key is CURTAIL_SECTION_KEY in the environment. `curtail config` lists them all.
Stop it with SIGTERM or Ctrl-C: what is under way is answered first.";

const CONFIG_EXAMPLES: &str = "\
Examples:
  curtail config
      Every setting, its value and where that came from; a valid settings file.
  curtail config --config curtail.toml > /dev/null && echo good
      Check a file before restarting with it.
  curtail config --json
      The same for machines, with defaults and help.";

const KEY_EXAMPLES: &str = "\
Examples:
  curtail key create --name \"link importer\" --scopes links:write
  curtail key list --json
  curtail key revoke 3

Keys can be managed while the server runs.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  curtail doctor --config curtail.toml
      Look at the settings and everything they name, before a start or beside a running server.
  curtail doctor --json
      The same for machines.

It changes nothing. Each check is a line that says ok, warning or wrong, with what to do under it, and has
a time limit of its own. Run it as the user that the server runs as.

Exit codes: 0 nothing is wrong (there may be warnings), 1 something is.";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  curtail migrate-store --from sqlite:/var/lib/curtail --to postgres://curtail@db.internal/curtail
  CURTAIL_DATABASE_URL=postgres://... curtail migrate-store --from sqlite:/var/lib/curtail --to postgres:

The server on the old store goes on while this runs. When it is done it says how to finish: stop that
server, run this again, start the server with database.url and the same data folder. Only a pass without
a running server is the last one; until then servers refuse to start on the database.

It can be broken off at any moment and run again: what is there is not sent again, and what has changed
since is. At the end of each pass everything is compared: links by checksums of their 4096 buckets, keys
and stats one by one. Clicks that are still in the journal of the data folder stay there, and the new
server counts them, once. Moving goes one way, from SQLite to PostgreSQL.

Exit codes: 0 the pass is done and both sides agree, 1 it failed (run it again to go on), 2 what was asked
for is mistaken. Passwords are never shown; one that stands in --to can be seen by others on this machine.";

/// A URL shortener that starts as one binary and grows to a fleet
#[derive(Parser)]
#[command(name = "curtail", version, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve short links, their API and their metrics
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(SettingsFlags),
    /// Show the settings in effect and where each came from
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(config::Arguments),
    /// Check the settings and all that they name, and say what is wrong and what to do
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(doctor::Arguments),
    /// Make, list and revoke API keys
    #[command(after_help = KEY_EXAMPLES)]
    Key(key::Arguments),
    /// Move a store from SQLite to PostgreSQL while its server runs
    #[command(after_help = MIGRATE_EXAMPLES)]
    MigrateStore(migrate_store::Arguments),
}

/// Does what the command line asks for; `serve` is how a server is composed and run.
pub(crate) fn run(serve: fn(Loaded) -> anyhow::Result<()>) -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(flags) => flags.load().and_then(serve),
        Command::Config(arguments) => config::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Key(arguments) => key::run(&arguments),
        Command::MigrateStore(arguments) => migrate_store::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(format_args!("curtail: {error:#}"));
            if error.is::<Mistakes>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_sound_and_its_examples_are_too() {
        Arguments::command().debug_assert();
        let all = [
            super::EXAMPLES,
            super::SERVE_EXAMPLES,
            super::CONFIG_EXAMPLES,
            super::DOCTOR_EXAMPLES,
            super::KEY_EXAMPLES,
            super::MIGRATE_EXAMPLES,
        ];
        for texts in all {
            for line in texts.lines().filter_map(|line| line.strip_prefix("  curtail ")) {
                let line = line.split('>').next().unwrap_or(line).replace("\"link importer\"", "importer");
                let words = std::iter::once("curtail").chain(line.split_whitespace());
                assert!(Arguments::try_parse_from(words).is_ok(), "{line}");
            }
        }
    }
}
