//! Where a server is and how to connect to it, from what the settings say.
//!
//! tokio-postgres reads the address; `sslmode` and `sslrootcert`,
//! which it does not know as libpq has them, are taken out before.

use super::hosts::{Hosts, host_name};
use super::presence::Presence;
use super::tls::{self, Trust};
use super::{OpenError, Settings};
use curtail_runtime::retry::Budget;
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection whose peer has gone without a word is found out after so long, by the kernel.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What a parameter of a connection is called, and what stands before the parameters of a URL.
const SSL_MODE: &str = "sslmode";
const SSL_ROOT: &str = "sslrootcert";
/// The certificates that the system trusts, which are taken without `sslrootcert` too.
const SYSTEM_ROOTS: &str = "system";

/// A server.
#[derive(Clone)]
pub(super) struct Address {
    /// The setting that it comes from.
    pub(super) setting: &'static str,
    /// Host, port and database, for people; never the password.
    pub(super) name: String,
    pub(super) config: Config,
    /// Which of its hosts to talk to.
    pub(super) hosts: Arc<Hosts>,
    pub(super) tls: Option<MakeRustlsConnect>,
    /// Whether it is there, where somebody looks.
    pub(super) presence: Option<Arc<Presence>>,
    /// What may be tried again there.
    pub(super) retry_budget: Arc<Budget>,
}

impl Address {
    /// The server that changes are written to.
    pub(super) fn primary(settings: &Settings) -> Result<Address, OpenError> {
        let mut address = Address::read("database.url", &settings.url, settings, settings.prepared)?;
        address.presence = Some(Arc::new(Presence::new()));
        Ok(address.where_writes_are_taken())
    }

    /// The server that changes are written to, past whatever stands between; nothing where nothing does.
    pub(super) fn direct(settings: &Settings) -> Result<Option<Address>, OpenError> {
        let read = |url: &String| Address::read("database.direct_url", url, settings, true);
        Ok(settings.direct_url.as_ref().map(read).transpose()?.map(Address::where_writes_are_taken))
    }

    /// The servers that only read.
    pub(super) fn replicas(settings: &Settings) -> Result<Vec<Address>, OpenError> {
        let read = |url: &String| Address::read("database.replica_urls", url, settings, settings.prepared);
        settings.replica_urls.iter().map(read).collect()
    }

    /// Of several hosts, the one that takes writes: after a failover that is another one.
    fn where_writes_are_taken(mut self) -> Address {
        if self.config.get_hosts().len() > 1 {
            self.config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        self
    }

    fn read(
        setting: &'static str,
        url: &str,
        settings: &Settings,
        has_sessions: bool,
    ) -> Result<Address, OpenError> {
        let (mut config, trust) = understand(url).map_err(|error| OpenError::Address { setting, error })?;
        config.application_name("curtail").connect_timeout(CONNECT_TIMEOUT).keepalives_idle(SILENCE_MAX);
        config.tcp_user_timeout(SILENCE_MAX);
        if has_sessions {
            config.options(session_options(config.get_options(), settings.statement_timeout));
        }
        let tls = trust.map(|trust| tls::connector(setting, &trust)).transpose()?;
        let retry_budget = Arc::new(Budget::full());
        let (name, hosts) = (name_of(&config), Arc::default());
        Ok(Address { setting, name, config, hosts, tls, presence: None, retry_budget })
    }
}

/// Whether a URL can be understood; nothing is connected to, and
/// no file is read. An error says what is wrong, for people.
pub fn check_url(url: &str) -> Result<(), String> {
    understand(url).map(drop)
}

/// What a URL says: where to connect to, and whom to trust there; nobody, where nothing is encrypted.
fn understand(url: &str) -> Result<(Config, Option<Trust>), String> {
    if let Some((_, rest)) = url.split_once("://")
        && rest.split(['/', '?']).next().is_some_and(|authority| authority.matches('@').count() > 1)
    {
        // Else the end of the password would be taken for a host, and told.
        return Err(
            "a user or password with @ : / ? # or % in it has them written as %40 %3A %2F %3F %23 %25".into(),
        );
    }
    let (rest, mode) = take_parameter(url, SSL_MODE);
    let (rest, root) = take_parameter(&rest, SSL_ROOT);
    let mut config: Config = rest.parse().map_err(|error| with_causes(&error))?;
    if config.get_hosts().is_empty() {
        return Err("it names no host".into());
    }
    let names_root = root.is_some();
    let root = root.filter(|root| root != SYSTEM_ROOTS).map(PathBuf::from);
    let (ssl_mode, trust) = match mode.as_deref() {
        Some("disable") => (SslMode::Disable, None),
        None | Some("prefer") if names_root => {
            let modes = "sslmode=verify-full, or verify-ca where its name is another one";
            return Err(format!(
                "sslrootcert says whom to trust, and nobody is asked to prove it without {modes}"
            ));
        }
        None | Some("prefer") => (SslMode::Prefer, Some(Trust::Anyone)),
        Some("require") if !names_root => (SslMode::Require, Some(Trust::Anyone)),
        Some("require" | "verify-ca") => (SslMode::Require, Some(Trust::Signed(root))),
        Some("verify-full") => (SslMode::Require, Some(Trust::Named(root))),
        Some(other) => {
            let known = "disable, prefer, require, verify-ca and verify-full";
            return Err(format!("sslmode={other} is not known; there are {known}"));
        }
    };
    config.ssl_mode(ssl_mode);
    Ok((config, trust))
}

/// What every session is told when it starts. A pooler in transaction mode would not hand it on. Plans are
/// small and made once, so compiling them never pays.
fn session_options(given: Option<&str>, statement_timeout: Duration) -> String {
    let timeout = statement_timeout.as_millis();
    let ours =
        format!("-c statement_timeout={timeout} -c idle_in_transaction_session_timeout={timeout} -c jit=off");
    given.map_or_else(|| ours.clone(), |given| format!("{ours} {given}"))
}

/// The text without a parameter, which stands in a URL's
/// query or as a word of its own, and the parameter's value.
fn take_parameter(text: &str, name: &str) -> (String, Option<String>) {
    let is_url = text.contains("://");
    let (head, parameters, between) = match text.split_once('?') {
        Some((head, query)) if is_url => (format!("{head}?"), query, '&'),
        _ if is_url => return (text.to_owned(), None),
        _ => (String::new(), text, ' '),
    };
    let mut value = None;
    let kept: Vec<&str> = parameters
        .split(between)
        .filter(|pair| match pair.split_once('=') {
            Some((found, given)) if found == name => {
                let decoded = || percent_decode_str(given).decode_utf8_lossy().into_owned();
                value = Some(if is_url { decoded() } else { given.to_owned() });
                false
            }
            _ => true,
        })
        .collect();
    let head = if kept.is_empty() { head.trim_end_matches('?').to_owned() } else { head };
    (format!("{head}{}", kept.join(&between.to_string())), value)
}

fn name_of(config: &Config) -> String {
    let hosts = (0..config.get_hosts().len()).map(|place| host_name(config, place));
    let hosts: Vec<String> = hosts.collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().or(config.get_user()).unwrap_or_default())
}

/// An error and what caused it, in one line: tokio-postgres
/// says what it was about first, and why only in the causes.
pub(super) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{take_parameter, understand};

    #[test]
    fn a_password_that_is_not_escaped_is_refused_and_no_part_of_it_told() {
        let refused = understand("postgres://user:p@ss@127.0.0.1:5432/curtail").err().unwrap();
        assert!(refused.contains("%40") && !refused.contains("ss@"), "{refused}");
        assert!(understand("postgres://user:p%40ss@127.0.0.1:5432/curtail?options=a@b@c").is_ok());
    }

    #[test]
    fn a_parameter_is_taken_out_of_urls_and_of_words_alike() {
        let some = |text: &str| Some(text.to_owned());
        for (text, rest, value) in [
            ("postgres://h/d?sslmode=require", "postgres://h/d", some("require")),
            ("postgres://h/d?a=b&sslmode=require&c=d", "postgres://h/d?a=b&c=d", some("require")),
            ("postgres://h/d?asslmode=b", "postgres://h/d?asslmode=b", None),
            ("postgres://h/d", "postgres://h/d", None),
            ("host=h sslmode=verify-full dbname=d", "host=h dbname=d", some("verify-full")),
            ("host=h", "host=h", None),
            ("postgres://h/d?sslmode=%2Fetc%2Fa%20b", "postgres://h/d", some("/etc/a b")),
            ("host=h sslmode=100%25", "host=h", some("100%25")),
        ] {
            assert_eq!(take_parameter(text, "sslmode"), (rest.to_owned(), value), "{text}");
        }
    }
}
