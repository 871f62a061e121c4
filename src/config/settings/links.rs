//! Settings `links.*`: what links may be.

use crate::config::parser::List;
use crate::config::reader::Reader;
use crate::config::text::AppScheme;

/// What links may be.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// In lower case.
    pub(crate) app_schemes: Vec<String>,
}

/// What [`curtail_model::destination::APP_SCHEMES`] holds, as a test sees to.
const APP_SCHEMES: &str = "mailto,tel,sms,geo,market,itms-apps,intent,whatsapp,tg";

impl Links {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Links {
        Links {
            app_schemes: read.setting(
                "links.app_schemes",
                &List(AppScheme),
                APP_SCHEMES,
                "Schemes that destinations may have beside http and https.",
            ),
        }
    }
}
