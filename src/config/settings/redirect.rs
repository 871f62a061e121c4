//! Settings `redirect.*`: what visitors get.

use crate::config::parser::Optional;
use crate::config::reader::Reader;
use crate::config::text::Page;

/// What visitors get.
#[derive(Clone, Debug)]
pub(crate) struct Redirect {
    pub(crate) not_found_url: Option<String>,
}

impl Redirect {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Redirect {
        Redirect {
            not_found_url: read.setting(
                "redirect.not_found_url",
                &Optional(Page),
                "off",
                "Where visitors go whose code leads nowhere. If off: a page of our own.",
            ),
        }
    }
}
