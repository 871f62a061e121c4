//! Who asks, from the `User-Agent` header.

/// What a user agent says about itself. All names come from our own tables, so there are few and none is a stranger's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    /// Family of the browser or app; of a bot, its own name where it is known.
    pub browser: &'static str,
    /// Family of the operating system.
    pub os: &'static str,
    /// Kind of device.
    pub device: &'static str,
    /// Why it is a bot, if it is one.
    pub bot: Option<&'static str>,
}

impl Agent {
    /// What kind of client it is, if it is not a bot.
    pub(super) fn kind(&self) -> &'static str {
        "browser"
    }
}

/// Reads a user agent.
pub fn agent(user_agent: &str) -> Agent {
    let _ = user_agent;
    Agent { browser: "Other", os: "unknown", device: "unknown", bot: None }
}
