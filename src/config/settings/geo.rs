//! Settings `geo.*`: where visitors are.

use crate::config::parser::Optional;
use crate::config::reader::Reader;
use crate::config::text::Path;
use std::fs::File;
use std::path::PathBuf;

/// Where visitors are.
#[derive(Clone, Debug)]
pub(crate) struct Geo {
    pub(crate) path: Option<PathBuf>,
}

impl Geo {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Geo {
        let path = read.setting(
            "geo.path",
            &Optional(Path),
            "off",
            "An MMDB file with countries and cities, for the places in the stats.",
        );
        if let Some(path) = &path
            && let Err(error) = File::open(path)
        {
            read.contradiction(
                "geo.path",
                format!("names a file that cannot be read: {}: {error}", path.display()),
            );
        }
        Geo { path }
    }
}
