//! PostgreSQL: the primary and its replicas.

use super::Secret;
use super::finding::Finding;
use crate::config::Settings;
use crate::data_folder;
use crate::engines;
use curtail_store::postgres::{self, Behind, LAG_MAX_MILLIS, OpenError, Primary, Replica, SCHEMA_KNOWN};
use curtail_store::rollups::Positions;
use tokio::sync::oneshot;

/// How far clocks may be apart, in milliseconds.
const APART_MAX: i64 = 1_000;

/// Looks at all servers, and tells up to where clicks have been counted and what only the store knows.
pub(super) async fn look(
    settings: &Settings,
    positions: oneshot::Sender<Positions>,
    secret: oneshot::Sender<Secret>,
) -> Vec<Finding> {
    let Some(url) = &settings.database.url else { return Vec::new() };
    let found = postgres::examine(engines::postgres_settings(settings, url)).await;
    let mut findings = match found.primary {
        Ok(found) => {
            let findings = primary(&found, settings);
            // Whoever wants to know may have ended without it.
            let _ = positions.send(found.positions);
            let _ = found.secret.map(|found| secret.send(found));
            findings
        }
        Err(error) => vec![Finding::refused("PostgreSQL", &error)],
    };
    findings.extend(found.direct.map(direct));
    findings.extend(found.replicas.into_iter().map(replica));
    findings
}

fn primary(found: &Primary, settings: &Settings) -> Vec<Finding> {
    const CHECK: &str = "PostgreSQL";
    let schema = match found.schema {
        None => "an empty database, in which the first start makes a store".to_owned(),
        Some(SCHEMA_KNOWN) => format!("schema {SCHEMA_KNOWN}"),
        Some(schema) => format!("schema {schema}, which the next start brings to {SCHEMA_KNOWN}"),
    };
    let mut findings =
        vec![Finding::ok(CHECK, format!("{} is version {}, with {schema}", found.server, found.version))];
    if !found.syncs {
        findings.push(Finding::warning(
            CHECK,
            "fsync is off: a loss of power can destroy the database",
            "ALTER SYSTEM SET fsync = on, and reload",
        ));
    }
    if let Some(owner) = &found.owner_of_words {
        findings.push(Finding::warning(
            CHECK,
            format!("only {owner} may bring new words into their index: until autovacuum does, lists by words take longer"),
            &format!("Run as a superuser, with the user of database.url: GRANT {owner} TO user"),
        ));
    }
    let (room, used) = found.sessions;
    let wanted = engines::sessions_on_primary(settings);
    let is_running = data_folder::owner(&settings.server.data).is_some();
    if room < wanted || (!is_running && room.saturating_sub(used) < wanted) {
        findings.push(Finding::warning(
            CHECK,
            format!(
                "it has room for {room} sessions, {used} are in use, and each process takes up to {wanted}"
            ),
            "Raise max_connections there, lower database.connections here, or put a pooler between",
        ));
    }
    findings.extend(pooler(found, settings));
    if !settings.database.prepared && !found.ends_what_hangs {
        findings.push(Finding::warning(
            "pooler",
            "sessions behind it have no statement_timeout or no idle_in_transaction_session_timeout, and cannot be given them \
             one by one: what is given up here goes on there",
            "ALTER ROLE the user of database.url SET statement_timeout = '5s', and the same with \
             idle_in_transaction_session_timeout",
        ));
    }
    findings.extend(clock(found));
    findings
}

/// Whether its clock and ours agree: one of them may be far from those of all other servers too.
fn clock(found: &Primary) -> Option<Finding> {
    let ahead = found.clock_ahead_millis;
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    (ahead.abs() > APART_MAX).then(|| {
        Finding::warning(
            "clock",
            format!("the clock of {} is {} ms {way} ours", found.server, ahead.abs()),
            "Keep all clocks with NTP: by those of the servers links start and end, and clicks have their minute",
        )
    })
}

/// Whether what stands between suits the settings.
fn pooler(found: &Primary, settings: &Settings) -> Option<Finding> {
    const CHECK: &str = "pooler";
    let between = format!("something stands between us and {}, a pooler or a forwarded port", found.server);
    match (settings.database.prepared, found.is_behind_another_port) {
        (true, _) if !found.keeps_settings => Some(Finding::warning(
            CHECK,
            format!("{between}, and sessions are not as we set them up"),
            "Set database.prepared to false, which is made for poolers in transaction mode",
        )),
        (true, true) => Some(Finding::ok(CHECK, format!("{between}; it keeps sessions as we set them up"))),
        (true, false) => None,
        (false, true) if settings.redis.urls.is_empty() && settings.database.direct_url.is_none() => {
            Some(Finding::warning(
                CHECK,
                format!(
                    "{between}; in transaction mode it carries no messages, by which servers hear of changes"
                ),
                "Name PostgreSQL itself in database.direct_url, or set redis.url, where several servers share the store",
            ))
        }
        (false, true) => Some(Finding::ok(CHECK, between)),
        (false, false) => Some(Finding::warning(
            CHECK,
            "database.prepared is false, and there seems to be no pooler: every statement is planned anew",
            "Set database.prepared to true, unless there is one in transaction mode",
        )),
    }
}

/// The way past a pooler.
fn direct(found: Result<String, OpenError>) -> Finding {
    const CHECK: &str = "direct_url";
    match found {
        Ok(server) => Finding::ok(CHECK, format!("{server} is the same database, past what stands between")),
        Err(error) => Finding::refused(CHECK, &error),
    }
}

fn replica(found: Result<Replica, OpenError>) -> Finding {
    const CHECK: &str = "replica";
    let Replica { server, behind, problem } = match found {
        Ok(found) => found,
        Err(error) => return Finding::refused(CHECK, &error),
    };
    match (problem, behind) {
        (Some(problem), _) => Finding::wrong(
            CHECK,
            format!("{server} is not read from: {problem}"),
            "Correct database.replica_urls, or make the replica anew from its primary",
        ),
        (None, Behind::NoBeatYet) => Finding::warning(
            CHECK,
            format!("{server} has not replayed the first heartbeat, and is not read from until it has"),
            "Wait a moment and look again; if it stays so, look at pg_stat_replication on the primary",
        ),
        (None, Behind::Millis(lag)) if lag > LAG_MAX_MILLIS => Finding::warning(
            CHECK,
            format!("{server} is {lag} ms behind, and is not read from until it has caught up"),
            "Look at its load, its disk and the network (pg_stat_replication on the primary)",
        ),
        (None, Behind::Millis(lag)) => Finding::ok(CHECK, format!("{server} is {lag} ms behind")),
        (None, Behind::Unknown) => Finding::ok(CHECK, format!("{server} answers")),
    }
}
