//! What a click's headers say about it: pure functions of text that strangers wrote.
//!
//! Every answer is bounded, free of control characters and found in one pass, whatever comes in.

mod agent;
mod bots;
mod browsers;
mod campaign;
mod devices;
mod language;
mod os;
mod referrer;
mod tokens;

pub use agent::{Agent, agent};
pub use campaign::{Campaign, campaign};
pub use language::language;
pub use referrer::referrer;

use curtail_model::ClickClass;

/// Whether a program with this `User-Agent` looks at what somebody posted or sent, before anybody follows it.
pub fn looks_ahead(user_agent: &[u8]) -> bool {
    let text = str::from_utf8(user_agent).unwrap_or_default();
    agent(text).bot.is_some_and(|reason| bots::LOOKS_AHEAD.contains(&reason))
}

/// The class of a click and why it has it.
///
/// How a request was made is certain and what it says about itself is not, so `HEAD` and prefetches come
/// first: neither follows the link, whoever sends it.
pub fn class(head: bool, prefetch: bool, agent: &Agent) -> (ClickClass, &'static str) {
    if head {
        return (ClickClass::Head, "HEAD request");
    }
    if prefetch {
        return (ClickClass::Prefetch, "prefetch");
    }
    match agent.bot {
        Some(reason) => (ClickClass::Bot, reason),
        None => (ClickClass::Human, agent.kind()),
    }
}
