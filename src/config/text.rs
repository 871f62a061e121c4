//! Settings that are texts: paths, addresses, URLs, networks, schemes, secrets.

use super::parser::Parser;
use super::secret::Secret;
use curtail_model::destination;
use curtail_runtime::network::{Network, NetworkError};
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// A path of the file system; a relative one counts from the working folder.
pub(crate) struct Path;

/// An IP address and a port to listen on.
pub(crate) struct Address;

/// Where this shortener is reached: scheme and host, no path. Read without its last slash.
pub(crate) struct BaseUrl;

/// A page to send people to.
pub(crate) struct Page;

/// A [`Network`].
pub(crate) struct Block;

/// The scheme of a URL that opens an app.
pub(crate) struct AppScheme;

/// An API key chosen by the operator.
pub(crate) struct Key;

/// The URL of a service, which may carry a password and so is a secret.
pub(crate) struct ServiceUrl {
    /// What it may begin with.
    pub(crate) schemes: &'static [&'static str],
    /// A good one.
    pub(crate) example: &'static str,
    /// Says what is wrong with one, as a start would.
    pub(crate) check: fn(&str) -> Result<(), String>,
}

/// `host:port` of a broker.
pub(crate) struct Broker;

/// The name of a topic or of a consumer group, as Kafka has them.
pub(crate) struct Topic;

impl Parser for ServiceUrl {
    type Value = Secret;

    fn kind(&self) -> String {
        format!("URL such as {}", self.example)
    }

    fn parse(&self, text: &str) -> Result<Secret, String> {
        let known = text.split_once("://").is_some_and(|(scheme, _)| self.schemes.contains(&scheme));
        if !known {
            return Err(format!("is no such URL: write one like {}", self.example));
        }
        (self.check)(text).map_err(|wrong| format!("cannot be understood: {wrong}"))?;
        Ok(Secret::new(text))
    }

    fn show(&self, value: &Secret) -> Option<String> {
        Some(value.reveal().to_owned())
    }

    fn is_secret(&self) -> bool {
        true
    }
}

impl Parser for Broker {
    type Value = String;

    fn kind(&self) -> String {
        "host:port".to_owned()
    }

    fn parse(&self, text: &str) -> Result<String, String> {
        let parts =
            text.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        parts
            .map(|_| text.to_owned())
            .ok_or_else(|| "is no host:port: write one such as kafka-1:9092".to_owned())
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(value.clone())
    }
}

impl Parser for Topic {
    type Value = String;

    fn kind(&self) -> String {
        "name of letters, digits, `.`, `_` and `-`".to_owned()
    }

    fn parse(&self, text: &str) -> Result<String, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=249).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(text.to_owned())
        } else {
            Err("may hold 1 to 249 letters, digits, `.`, `_` and `-`".to_owned())
        }
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(value.clone())
    }
}

impl Parser for Path {
    type Value = PathBuf;

    fn kind(&self) -> String {
        "path".to_owned()
    }

    fn parse(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() || text.contains('\0') { Err("is not a path".to_owned()) } else { Ok(text.into()) }
    }

    fn show(&self, value: &PathBuf) -> Option<String> {
        Some(value.display().to_string())
    }
}

impl Parser for Address {
    type Value = SocketAddr;

    fn kind(&self) -> String {
        "address:port".to_owned()
    }

    fn parse(&self, text: &str) -> Result<SocketAddr, String> {
        text.parse().map_err(|_| {
            "is not an IP address and a port: write one such as 127.0.0.1:8080, 0.0.0.0:80 or [::]:8080"
                .to_owned()
        })
    }

    fn show(&self, value: &SocketAddr) -> Option<String> {
        Some(value.to_string())
    }
}

impl Parser for BaseUrl {
    type Value = String;

    fn kind(&self) -> String {
        "URL without a path".to_owned()
    }

    fn parse(&self, text: &str) -> Result<String, String> {
        let url = web_url(text)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("has more than scheme and host: write one such as https://sho.rt".to_owned());
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(value.clone())
    }
}

impl Parser for Page {
    type Value = String;

    fn kind(&self) -> String {
        "URL".to_owned()
    }

    fn parse(&self, text: &str) -> Result<String, String> {
        web_url(text).map(String::from)
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(value.clone())
    }
}

impl Parser for Block {
    type Value = Network;

    fn kind(&self) -> String {
        "network".to_owned()
    }

    fn parse(&self, text: &str) -> Result<Network, String> {
        text.parse().map_err(|wrong: NetworkError| wrong.to_string())
    }

    fn show(&self, value: &Network) -> Option<String> {
        Some(value.to_string())
    }
}

impl Parser for AppScheme {
    type Value = String;

    fn kind(&self) -> String {
        "scheme".to_owned()
    }

    fn parse(&self, text: &str) -> Result<String, String> {
        let scheme = text.to_ascii_lowercase();
        let first = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !first || !scheme.bytes().all(rest) {
            return Err("is not the scheme of a URL: write one such as mailto, without a colon".to_owned());
        }
        if destination::FORBIDDEN.contains(&scheme.as_str()) {
            return Err("cannot be allowed: such URLs run in or read from the visitor's browser".to_owned());
        }
        Ok(scheme)
    }

    fn show(&self, value: &String) -> Option<String> {
        Some(value.clone())
    }
}

impl Key {
    const LENGTH_MIN: usize = 1;
    const LENGTH_MAX: usize = 200;
}

impl Parser for Key {
    type Value = Secret;

    fn kind(&self) -> String {
        format!("secret of {} to {} visible ASCII characters", Key::LENGTH_MIN, Key::LENGTH_MAX)
    }

    fn parse(&self, text: &str) -> Result<Secret, String> {
        // It travels in a header. Whether it is long enough not to be guessed is said at the start, not
        // refused here: a key for trying things out need not be strong.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("may hold visible ASCII characters only".to_owned());
        }
        if text.len() < Key::LENGTH_MIN || text.len() > Key::LENGTH_MAX {
            let (least, most) = (Key::LENGTH_MIN, Key::LENGTH_MAX);
            return Err(format!(
                "must have {least} to {most} characters: `openssl rand -hex 20` makes a good one"
            ));
        }
        Ok(Secret::new(text))
    }

    fn show(&self, value: &Secret) -> Option<String> {
        Some(value.reveal().to_owned())
    }

    fn is_secret(&self) -> bool {
        true
    }
}

fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("is not a URL ({error}): write one such as https://sho.rt"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is not an http or https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user name or password".to_owned());
    }
    Ok(url)
}
