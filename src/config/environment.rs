//! Settings from environment variables: `cache.bytes` is `CURTAIL_CACHE_BYTES`.

use super::mistake::{Mistake, Origin};
use super::reader::Given;
use std::ffi::OsString;
use std::path::PathBuf;

/// Names the file of settings.
pub(crate) const FILE: &str = "CURTAIL_CONFIG";

/// What all of them begin with.
pub(super) const PREFIX: &str = "CURTAIL_";

/// What the environment says.
pub(crate) struct Environment {
    /// The file of settings, if it names one.
    pub(crate) file: Option<PathBuf>,
    /// The settings that it gives.
    pub(crate) given: Vec<Given>,
}

/// The variable that gives a setting.
pub(crate) fn variable(setting: &str) -> String {
    format!("{PREFIX}{}", setting.replace('.', "_").to_ascii_uppercase())
}

/// Picks the variables that are ours; all others are none of our business.
pub(crate) fn read(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    mistakes: &mut Vec<Mistake>,
) -> Environment {
    let mut environment = Environment { file: None, given: Vec::new() };
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if name == FILE {
            environment.file = Some(PathBuf::from(value));
            continue;
        }
        let origin = Origin::Variable(name.to_owned());
        match value.to_str() {
            // As scripts and compose files leave those that nobody
            // has set: it must not undo what the file says.
            Some("") => {}
            Some(value) => environment.given.push(Given::text(origin, name, value)),
            None => mistakes.push(Mistake::new(origin, "is not UTF-8")),
        }
    }
    // The order of the environment is chance; the order of mistakes should not be.
    environment.given.sort_by(|one, other| one.name.cmp(&other.name));
    environment
}
