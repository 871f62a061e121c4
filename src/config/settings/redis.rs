//! Settings `redis.*`: the layer of the cache that servers share.

use crate::config::parser::List;
use crate::config::reader::Reader;
use crate::config::secret::Secret;
use crate::config::text::ServiceUrl;
use curtail_cache::redis::check_url;

const REDIS: ServiceUrl =
    ServiceUrl { schemes: &["redis", "rediss"], example: "redis://host:6379", check: check_url };

/// The layer of the cache that servers share.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    /// None: there is no such layer. Several: nodes of a cluster.
    pub(crate) urls: Vec<Secret>,
}

impl Redis {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Redis {
        Redis {
            urls: read.setting(
                "redis.url",
                &List(REDIS),
                "",
                "Redis that servers share: links, rates of keys, news of changes. Several are nodes of one cluster; `rediss://` with TLS.",
            ),
        }
    }
}
