//! Settings `kafka.*`: what carries clicks from servers to workers.

use crate::config::parser::{List, Optional};
use crate::config::reader::Reader;
use crate::config::text::{Broker, Topic};

/// What carries clicks from servers to workers.
#[derive(Clone, Debug)]
pub(crate) struct Kafka {
    /// None: every server counts what it has recorded itself.
    pub(crate) brokers: Vec<String>,
    pub(crate) topic: String,
    /// The topic that was before, where that is another one.
    pub(crate) replaces: Option<String>,
}

impl Kafka {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Kafka {
        Kafka {
            brokers: read.setting(
                "kafka.brokers",
                &List(Broker),
                "",
                "Kafka for clicks, as host:port. If empty: every server counts what it has recorded itself.",
            ),
            topic: read.setting(
                "kafka.topic",
                &Topic,
                "curtail-clicks",
                "The topic of clicks. It must be there; its number of partitions is fixed by the first start.",
            ),
            replaces: read.setting(
                "kafka.replaces",
                &Optional(Topic),
                "off",
                "The topic that carried clicks before, when it is to be another one; all of it must have been counted.",
            ),
        }
    }
}
