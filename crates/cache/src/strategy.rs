//! What a change does to the layers that other processes read.

/// How changes reach L2 and other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// A change leaves a marker in L2 and is announced. L2 holds only what visitors ask for, and nothing
    /// wrong can be written to it; the first reader after a change asks the store.
    #[default]
    CacheAside,
    /// A change leaves the new record in L2, a new link too, and is announced.
    /// A new link is answered by every node even while the store is away; each
    /// link made costs a write to Redis and memory there, asked for or not.
    WriteThrough,
    /// As with write-through; besides, a link that needs no check is acknowledged when the journal of this
    /// process has it, and is written to the store behind (`write_behind.rs`).
    WriteBehind,
    /// A change is not told to anybody. Other nodes see it when the lives of their entries are over: in L2,
    /// then in L1. Nothing has to be kept running for it, and nothing is promised sooner.
    TtlOnly,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 4] =
        [Strategy::CacheAside, Strategy::WriteThrough, Strategy::WriteBehind, Strategy::TtlOnly];

    /// Its name in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Strategy::CacheAside => "cache-aside",
            Strategy::WriteThrough => "write-through",
            Strategy::WriteBehind => "write-behind",
            Strategy::TtlOnly => "ttl-only",
        }
    }

    /// Whether other nodes are told of changes.
    pub const fn announces(self) -> bool {
        !matches!(self, Strategy::TtlOnly)
    }

    /// Whether L2 gets the record that a change results in.
    pub(crate) const fn writes_through(self) -> bool {
        matches!(self, Strategy::WriteThrough | Strategy::WriteBehind)
    }
}
