//! Clicks as visitors make them: popular links often, many user agents, referrers, languages and addresses.

use super::agents::{LANGUAGES, REFERRERS};
use super::zipf::Zipf;
use curtail_clicks::recorder::{Clicked, RawClick};
use curtail_model::{LinkId, Timestamp};
use std::net::{IpAddr, Ipv4Addr};

/// Links that are clicked.
const LINKS: usize = 1_000_000;
/// How many different visitors there are.
const VISITORS: u32 = 200_000;
const QUERIES: [&str; 8] = [
    "",
    "",
    "",
    "",
    "",
    "utm_source=newsletter&utm_medium=email",
    "ref=partner",
    "utm_source=x&utm_campaign=spring",
];

/// Clicks without end.
pub(crate) struct Clicks<'a> {
    agents: &'a [String],
    zipf: Zipf,
    made: u32,
    /// When the first was.
    since: Timestamp,
    per_second: u32,
}

impl<'a> Clicks<'a> {
    /// Clicks that began at `since` and came at this rate.
    pub(crate) fn new(agents: &'a [String], since: Timestamp, per_second: u32) -> Clicks<'a> {
        Clicks { agents, zipf: Zipf::new(LINKS, 1.0, 0xc11c), made: 0, since, per_second }
    }

    /// The next click.
    pub(crate) fn next(&mut self) -> RawClick<'a> {
        let number = self.made;
        self.made += 1;
        let visitor = number.wrapping_mul(0x9e37_79b1) % VISITORS;
        let choice = visitor as usize;
        let link = LinkId::new(self.zipf.draw() as u64).unwrap_or(LinkId::MAX);
        let elapsed = i64::from(number) * 1000 / i64::from(self.per_second);
        RawClick {
            at: self.since.plus_millis(elapsed),
            clicked: Clicked::Link(link),
            address: IpAddr::V4(Ipv4Addr::from(0x0b00_0000 + visitor * 61)),
            head: false,
            prefetch: false,
            user_agent: self.agents[choice % self.agents.len()].as_bytes(),
            referrer: REFERRERS[choice % REFERRERS.len()].as_bytes(),
            language: LANGUAGES[choice % LANGUAGES.len()].as_bytes(),
            query: QUERIES[choice % QUERIES.len()].as_bytes(),
        }
    }
}
