//! `curtail key`: makes, lists and revokes API keys, also while a server runs on the same data folder.

use super::flags::CommonFlags;
use super::output;
use super::table::lay_out;
use crate::config::Settings;
use crate::engines::{list_keys, open_keys};
use anyhow::{Context, bail};
use curtail_api::keys::{self, generate_key};
use curtail_api::time;
use curtail_clicks::clock::now;
use curtail_model::{Scopes, Timestamp};
use curtail_store::{ApiKey, Keys, NewApiKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// What `curtail key` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a key and show it, this once
    Create {
        /// What it is for, so that you know it again
        #[arg(long, value_name = "TEXT", value_parser = parse_name)]
        name: String,
        /// What it may do: links:read, links:write, stats:read, keys:admin (everything)
        #[arg(long, value_name = "LIST", default_value = "links:read,links:write,stats:read")]
        scopes: Scopes,
        /// Until when it works: days (90d), a day (2027-01-31, from its start in UTC) or a time
        /// (2027-01-31T12:00:00Z)
        #[arg(long, value_name = "WHEN", value_parser = parse_expiry)]
        expires: Option<Timestamp>,
        #[command(flatten)]
        shared: Shared,
    },
    /// List all keys, without the keys themselves, which nobody keeps
    List {
        #[command(flatten)]
        shared: Shared,
    },
    /// Make a key worthless for ever, within a second for a server that runs
    Revoke {
        /// Its number in the list
        id: u64,
        #[command(flatten)]
        shared: Shared,
    },
}

#[derive(clap::Args)]
struct Shared {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

/// Does it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Create { name, scopes, expires, shared } => create(name, *scopes, *expires, shared),
        Command::List { shared } => list(shared),
        Command::Revoke { id, shared } => revoke(*id, shared),
    }
}

fn create(name: &str, scopes: Scopes, expires_at: Option<Timestamp>, shared: &Shared) -> anyhow::Result<()> {
    let keys = open(shared)?;
    let (key, hash) = generate_key()?;
    let created_at = now();
    let new = NewApiKey { name: name.to_owned(), hash, scopes, created_at, expires_at };
    // Two equal keys of 160 random bits mean that the randomness is broken: better no key than a shared one.
    let id =
        answer(keys.add(new))?.context("the key that was made exists already: do not trust this machine")?;
    let not_shown = || format!("key {id} is made and could not be shown: `curtail key revoke {id}` ends it");
    if shared.json {
        let expires_at = expires_at.map(show_time);
        let shown =
            json!({ "id": id, "name": name, "key": key, "scopes": names(scopes), "expires_at": expires_at });
        return output::print(&format!("{shown:#}\n")).with_context(not_shown);
    }
    output::print(&format!("{key}\n")).with_context(not_shown)?;
    output::tell(format_args!("This is key {id}. It is not kept and cannot be shown again."));
    Ok(())
}

fn list(shared: &Shared) -> anyhow::Result<()> {
    let keys = with_settings(shared, list_keys)?;
    if shared.json {
        let list: Vec<Value> = keys.iter().map(object).collect();
        return output::print(&format!("{:#}\n", Value::Array(list)));
    }
    if keys.is_empty() {
        output::tell(format_args!("There are no keys. `curtail key create --name ...` makes one."));
        return Ok(());
    }
    let now = now();
    output::print(&lay_out(
        ["ID", "NAME", "SCOPES", "CREATED", "STATE"],
        keys.iter()
            .map(|key| {
                let created = show_time(key.created_at);
                [key.id.to_string(), key.name.clone(), names(key.scopes).join(","), created, state(key, now)]
            })
            .collect(),
    ))
}

fn revoke(id: u64, shared: &Shared) -> anyhow::Result<()> {
    if !answer(open(shared)?.revoke(id, now()))? {
        bail!("there is no key {id} that could be revoked: `curtail key list` shows those there are");
    }
    if shared.json { output::print(&format!("{}\n", json!({ "id": id, "revoked": true }))) } else { Ok(()) }
}

fn open(shared: &Shared) -> anyhow::Result<Arc<dyn Keys>> {
    with_settings(shared, open_keys)
}

/// Opens keys, or reads them, where the settings say they are.
fn with_settings<T>(
    shared: &Shared,
    open: impl AsyncFnOnce(&Settings) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let settings = shared.common.load()?.settings;
    let data = settings.server.data.display();
    if settings.database.url.is_none() && !settings.server.data.is_dir() {
        bail!(
            "there is no data folder {data}: name it with --data, or start `curtail serve` once to make it"
        );
    }
    let opened =
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(open(&settings));
    opened.with_context(|| match &settings.database.url {
        Some(_) => "cannot open the keys in PostgreSQL".to_owned(),
        None => format!("cannot open the keys in {data}"),
    })
}

/// Waits for the store. There is nothing else to do here meanwhile.
fn answer<T>(answer: curtail_store::StoreFuture<'_, T>) -> anyhow::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(answer)?)
}

fn object(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "scopes": names(key.scopes),
        "created_at": show_time(key.created_at),
        "expires_at": key.expires_at.map(show_time),
        "revoked_at": key.revoked_at.map(show_time),
    })
}

fn names(scopes: Scopes) -> Vec<&'static str> {
    scopes.names().collect()
}

fn state(key: &ApiKey, now: Timestamp) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(when), _) => format!("revoked {}", show_time(when)),
        (None, Some(when)) if when <= now => format!("expired {}", show_time(when)),
        (None, Some(when)) => format!("works until {}", show_time(when)),
        (None, None) => "works".to_owned(),
    }
}

/// A time as people and programs read it: RFC 3339, in UTC, to the second.
pub(super) fn show_time(time: Timestamp) -> String {
    time::format(Timestamp::from_seconds(time.seconds()))
}

fn parse_name(text: &str) -> Result<String, String> {
    keys::name_of(text).map(str::to_owned).map_err(Into::into)
}

fn parse_expiry(text: &str) -> Result<Timestamp, String> {
    let days = || text.strip_suffix('d')?.parse::<u16>().ok();
    let time = if let Some(days) = days() {
        now().plus_millis(i64::from(days) * Timestamp::DAY)
    } else {
        time::parse(text).or_else(|| time::parse_date(text)).ok_or(
            "write days such as 90d, a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z",
        )?
    };
    if time <= now() { Err(keys::EXPIRED.to_owned()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_visible_text() {
        assert_eq!(parse_name(" grün "), Ok("grün".to_owned()));
        for wrong in ["", " ", "a\nb", "\u{1b}[2J", &"x".repeat(keys::NAME_CHARACTERS_MAX + 1)] {
            assert!(parse_name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_expiry_is_days_a_day_or_a_time_to_come() {
        let day = parse_expiry("2999-01-31").unwrap();
        assert_eq!(show_time(day), "2999-01-31T00:00:00Z");
        assert_eq!(parse_expiry("2999-01-31T01:00:00+01:00"), Ok(day));
        assert_eq!(parse_expiry("9999-12-31"), parse_expiry("9999-12-31T23:59:59.999Z"));
        let in_days = parse_expiry("90d").unwrap().millis() - now().millis();
        assert!((in_days - 90 * Timestamp::DAY).abs() < Timestamp::MINUTE);
        for wrong in
            ["", "d", "0d", "-1d", "99999d", "soon", "2020-01-01", "2999-02-30", "2999-01-31T12:00:00"]
        {
            assert!(parse_expiry(wrong).is_err(), "{wrong:?}");
        }
    }
}
