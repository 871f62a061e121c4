//! What a core has answered. Written by that core alone, read by the scrape of the metrics.

use curtail_runtime::metrics::CoreCounter;

/// How requests for links ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A redirect from what the core or the process remembered.
    Warm,
    /// A redirect that had to ask Redis or the store first.
    Cold,
    /// A redirect of a link with a limit, which the store granted.
    Spent,
    /// A link with a limit, which was asked about without being followed: its destination was not told.
    Withheld,
    /// A page that asks for a password, for the first time or again.
    Asked,
    /// There is no such link.
    Unknown,
    /// It leads nowhere: not yet, no longer, used up or archived.
    Inactive,
    /// A preview.
    Preview,
    /// The store could not be asked.
    Unavailable,
    /// A redirect from a record whose time was over, because the store could not be asked.
    Stale,
    /// A request that makes no sense, or one too many.
    Refused,
}

impl Outcome {
    /// All outcomes, in the order of the counters.
    pub const ALL: [Outcome; 11] = [
        Outcome::Warm,
        Outcome::Cold,
        Outcome::Spent,
        Outcome::Withheld,
        Outcome::Asked,
        Outcome::Unknown,
        Outcome::Inactive,
        Outcome::Preview,
        Outcome::Unavailable,
        Outcome::Stale,
        Outcome::Refused,
    ];

    /// Its name in the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Warm => "warm",
            Outcome::Cold => "cold",
            Outcome::Spent => "spent",
            Outcome::Withheld => "withheld",
            Outcome::Asked => "password_asked",
            Outcome::Unknown => "unknown",
            Outcome::Inactive => "inactive",
            Outcome::Preview => "preview",
            Outcome::Unavailable => "unavailable",
            Outcome::Stale => "stale",
            Outcome::Refused => "refused",
        }
    }
}

/// The counters of one core, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    outcomes: [CoreCounter; Outcome::ALL.len()],
    /// Connections accepted.
    pub accepted: CoreCounter,
    /// Connections that were turned away because there were too many.
    pub turned_away: CoreCounter,
    /// Connections open now.
    pub open: CoreCounter,
    /// Connections that went to hyper.
    pub handed_over: CoreCounter,
}

impl Counters {
    /// Counts an outcome.
    #[inline]
    pub(crate) fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].add(1);
    }

    /// How often it came to this.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].get()
    }
}
