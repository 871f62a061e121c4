//! How far a pass is, for whoever waits for it.

/// What a pass is doing. They come in this order; some have nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Links go over, or are read only, where they are there already.
    Links,
    /// Ids of removed links, whose codes are never given again.
    Retired,
    /// API keys.
    Keys,
    /// Idempotency keys.
    Remembered,
    /// Counted clicks.
    Clicks,
    /// Links are read there, for their checksums.
    CheckLinks,
    /// Buckets that differ are moved again.
    Mend,
    /// Everything else is compared.
    CheckOthers,
}

impl Step {
    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Step::Links => "links",
            Step::Retired => "removed codes",
            Step::Keys => "API keys",
            Step::Remembered => "idempotency keys",
            Step::Clicks => "stats",
            Step::CheckLinks => "checking links",
            Step::Mend => "mending buckets",
            Step::CheckOthers => "checking stats",
        }
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub step: Step,
    /// Links, keys, rows or buckets that it is done with.
    pub done: u64,
    /// How many there are; of those that a store makes meanwhile, it may become a few more.
    pub of: u64,
    /// Whether an earlier pass that was broken off had begun with it.
    pub resumed: bool,
}
