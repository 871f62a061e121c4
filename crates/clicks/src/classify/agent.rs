//! Who asks, from the `User-Agent` header.

use super::tokens::{Finder, Found};
use super::{bots, browsers, devices, os};
use std::sync::LazyLock;

/// What a user agent does not say.
pub(super) const UNKNOWN: &str = "unknown";
/// A browser that is none of those we know.
const OTHER: &str = "Other";
/// A program that people use and that is not a browser: it names itself, and no ancestor.
const APP: &str = "App";
/// A bot that we have no name for.
const OTHER_BOT: &str = "Other bot";
/// The device of a bot: what bots say about theirs is made up.
const BOT: &str = "bot";

/// The longest real ones, of apps that append themselves to a browser, have some 700 bytes.
const USER_AGENT_BYTES_MAX: usize = 2048;

const TABLES: usize = 7;

static FINDER: LazyLock<Finder<TABLES>> = LazyLock::new(|| {
    Finder::new([
        bots::KNOWN,
        bots::SIGNS,
        bots::WEAK_SIGNS,
        browsers::APPS,
        browsers::BROWSERS,
        os::SYSTEMS,
        devices::DEVICES,
    ])
});

/// What a user agent says about itself. All names come from our own
/// tables, so there are few of them and none is a stranger's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    /// Family of the browser or app; of a bot, its own name where it is known.
    pub browser: &'static str,
    /// Family of the operating system.
    pub os: &'static str,
    /// Kind of device: `desktop`, `mobile`, `tablet`, `tv`, `console`, `wearable`, `car`, `bot` or `unknown`.
    pub device: &'static str,
    /// Why it is a bot, if it is one.
    pub bot: Option<&'static str>,
}

impl Agent {
    /// What kind of client it is, if it is not a bot.
    pub(super) fn kind(&self) -> &'static str {
        match self.browser {
            APP => "app",
            OTHER => "unrecognised",
            _ => "browser",
        }
    }
}

/// Reads a user agent.
pub fn agent(user_agent: &str) -> Agent {
    let text = user_agent.trim_ascii();
    let text = &text[..text.floor_char_boundary(USER_AGENT_BYTES_MAX)];
    if text.bytes().all(|byte| !byte.is_ascii_alphanumeric()) {
        return Agent { browser: OTHER_BOT, os: UNKNOWN, device: BOT, bot: Some(bots::NO_USER_AGENT) };
    }
    let found = FINDER.find(text.as_bytes());
    let os = found[5].map_or(UNKNOWN, |hit| hit.name);
    if let Some((reason, browser)) = bot(&found) {
        return Agent { browser, os, device: BOT, bot: Some(reason) };
    }
    let browser = found[3].or(found[4]).map_or_else(|| unnamed(text, os), |hit| hit.name);
    let device = match found[6] {
        Some(hit) => hit.name,
        // Android's browsers say "Mobile" on telephones and nothing on tablets; apps say it nowhere.
        None if os == "Android" && text.contains("AppleWebKit") => "tablet",
        None => devices::of_system(os),
    };
    Agent { browser, os, device, bot: None }
}

/// The reason and the name of a bot.
fn bot(found: &Found<TABLES>) -> Option<(&'static str, &'static str)> {
    let [known, sign, weak_sign, app, browser, ..] = found;
    if let Some(hit) = known {
        return Some((hit.name, bots::shown(hit.token)));
    }
    let weak_sign = weak_sign.filter(|_| app.is_none() && browser.is_none());
    let reason = sign.or(weak_sign)?.name;
    (reason != bots::INNOCENT).then_some((reason, OTHER_BOT))
}

/// What a browser is that names only its ancestors.
fn unnamed(text: &str, os: &str) -> &'static str {
    if text.contains("AppleWebKit") || text.contains("Safari/") {
        return match os {
            "Android" => "Android Browser",
            "iOS" | "iPadOS" | "macOS" | "Windows" if text.contains("Safari/") => "Safari",
            "iOS" | "iPadOS" | "macOS" => APP,
            _ => OTHER,
        };
    }
    if !text.starts_with("Mozilla/") {
        return APP;
    }
    let is_compatible = text.contains("compatible");
    if !is_compatible && (text.starts_with("Mozilla/4.") || text.starts_with("Mozilla/3.")) {
        "Netscape"
    } else {
        OTHER
    }
}
