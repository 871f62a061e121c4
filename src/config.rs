//! The settings: where they come from, what they may be, and what is wrong with them.
//!
//! A value comes from, the later the stronger: the default, the TOML file, the environment, the flags. The
//! one table of all settings is in [`settings`], a file a concern; reading, `curtail config` and the
//! reference in `docs/operations.md` all come from it.
//!
//! Nothing is read from a file that was not named: a `curtail.toml` that happens to lie in the working folder
//! would otherwise change a server without anybody having asked for it.

mod environment;
mod file;
mod memory;
mod mistake;
mod number;
mod parser;
mod reader;
pub(crate) mod reference;
mod secret;
mod settings;
mod suggest;
mod text;

pub(crate) use mistake::{Mistake, Mistakes, Origin};
pub(crate) use reader::Row;
pub(crate) use secret::Secret;
pub(crate) use settings::{LogFormat, Role, Settings};

use reader::{Given, Reader};
use std::ffi::OsString;
use std::path::PathBuf;

/// The settings in effect, and how each came to be.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What the roles are composed from.
    pub(crate) settings: Settings,
    /// Every setting as text, in the order of the table.
    pub(crate) rows: Vec<Row>,
}

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// The file of settings (`--config`).
    pub(crate) file: Option<PathBuf>,
    /// What `--set` was given, each time: `section.key=value`.
    pub(crate) set: Vec<String>,
    /// Settings that have a flag of their own.
    pub(crate) values: Vec<FlagValue>,
}

/// One setting from the command line.
#[derive(Clone, Debug)]
pub(crate) struct FlagValue {
    /// As people typed it: `--listen`.
    pub(crate) flag: &'static str,
    /// The setting's name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
}

/// Reads the settings from everywhere. All mistakes come together, so that one look mends them all.
pub(crate) fn load(
    flags: &Flags,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, Mistakes> {
    let mut mistakes = Vec::new();
    let environment = environment::read(variables, &mut mistakes);
    let named = match (&flags.file, environment.file) {
        (Some(path), _) => Some((path.clone(), Origin::Flag("--config"))),
        (None, Some(path)) => Some((path, Origin::Variable(environment::FILE.to_owned()))),
        (None, None) => None,
    };
    let mut given = match named {
        Some((path, named_by)) => file::read(&path, &named_by, &mut mistakes),
        None => Vec::new(),
    };
    given.extend(environment.given);
    for text in &flags.set {
        let origin = Origin::Flag("--set");
        match text.split_once('=') {
            Some((name, value)) => given.push(Given::text(origin, name.trim(), value)),
            // It is not shown: it may be a secret in the wrong place.
            None => mistakes.push(Mistake::new(
                origin,
                "has no '=': write section.key=value, such as cache.bytes=256MiB",
            )),
        }
    }
    // The flag made for a setting is plainer than `--set`, so it comes after it and wins.
    given.extend(
        flags.values.iter().map(|flag| Given::text(Origin::Flag(flag.flag), &flag.name, &flag.value)),
    );

    let mut reader = Reader::new(given, mistakes);
    let settings = Settings::read(&mut reader);
    let (rows, mistakes) = reader.finish();
    if mistakes.is_empty() { Ok(Loaded { settings, rows }) } else { Err(Mistakes(mistakes)) }
}

#[cfg(test)]
mod tests;
