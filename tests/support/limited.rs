//! What clients got of a link that gives so many clicks and no more.

use super::http::MISS_TIMEOUT;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a click on such a link waits for the store. Who is turned away then may have spent one.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// What was given, and what became of the other requests.
#[derive(Default)]
pub(crate) struct Given {
    redirects: AtomicU64,
    /// Each may have spent a click that nobody got.
    unanswered: AtomicU64,
}

impl Given {
    /// Notes what somebody got who asked at this time. Answers whether the link is used up.
    pub(crate) fn is_used_up_by(&self, status: u16, asked: Instant) -> bool {
        match status {
            302 => _ = self.redirects.fetch_add(1, Ordering::Relaxed),
            410 => return true,
            503 if asked.elapsed() >= STORE_TIMEOUT => self.note_unanswered(),
            // Before a click is asked for the link is looked up, and that may take too long as well.
            status => assert!(status == 503 && asked.elapsed() >= MISS_TIMEOUT, "{status} at once"),
        }
        false
    }

    /// Notes a request that got no answer at all.
    pub(crate) fn note_unanswered(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// How many redirects there were.
    pub(crate) fn redirects(&self) -> u64 {
        self.redirects.load(Ordering::Relaxed)
    }

    /// How many requests may have spent a click and did not get it.
    pub(crate) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Fails unless what was given of a link that is used up is what it had: exactly, if all were answered.
    pub(crate) fn is_all_of(&self, limit: u64) {
        let (redirects, unanswered) = (self.redirects(), self.unanswered());
        assert!(
            redirects <= limit && redirects + unanswered >= limit,
            "{redirects} of {limit} clicks were given, and {unanswered} requests not answered"
        );
    }
}
