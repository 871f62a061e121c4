//! Settings `geo.*`: where visitors are.

use crate::config::parser::Optional;
use crate::config::reader::Reader;
use crate::config::text::Path;
use std::path::PathBuf;

/// Where visitors are.
#[derive(Clone, Debug)]
pub(crate) struct Geo {
    pub(crate) path: Option<PathBuf>,
}

impl Geo {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Geo {
        Geo {
            path: read.setting(
                "geo.path",
                &Optional(Path),
                "off",
                "An MMDB file with countries and cities, for the places in the stats.",
            ),
        }
    }
}
