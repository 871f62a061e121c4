//! How a database is that a store is in or will be: what [`super::open`] would say of it, and what only
//! operators want to know. It changes nothing.

use super::address::Address;
use super::connections::{Plans, Pool, Session, Sql, sql};
use super::failure::Failure;
use super::import::state;
use super::replicas::{OTHER_STORE, read_state};
use super::row::column;
use super::{OpenError, Settings, identity, migrations, opening};
use crate::rollups::Positions;
use curtail_runtime::clock;
use futures_util::future::{join_all, join3};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

static ABOUT: Sql = sql!("examine_server");
static POSITIONS: Sql = sql!("positions_list");
static STATE: Sql = sql!("replica_state");

/// How long a server works on one question.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(3_000);
/// How long all questions to a server may take together;
/// connections are given up earlier, with what is wrong with them.
const ANSWER_MAX: Duration = Duration::from_secs(6);

/// The servers of a store.
#[derive(Debug)]
pub struct Examination {
    /// The one that changes are written to.
    pub primary: Result<Primary, OpenError>,
    /// Its name past whatever stands between, where the settings name a way past that.
    pub direct: Option<Result<String, OpenError>>,
    /// Those that only read, in the order of the settings.
    pub replicas: Vec<Result<Replica, OpenError>>,
}

/// A primary that a store could be opened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Host, port and database.
    pub server: String,
    /// Of PostgreSQL.
    pub version: String,
    /// The version of the schema; nothing where no store has been made yet.
    pub schema: Option<usize>,
    /// How far its clock is ahead of ours, in milliseconds.
    pub clock_ahead_millis: i64,
    /// Sessions that it has room for, and those that there are.
    pub sessions: (u64, u64),
    /// Whether it makes what it acknowledges durable at all (`fsync`).
    pub syncs: bool,
    /// Whether it says that it listens on another port than the one that was asked: something stands between.
    pub is_behind_another_port: bool,
    /// Whether sessions are as they were set up, where they were.
    pub keeps_settings: bool,
    /// Up to where the streams of the log have been counted.
    pub positions: Positions,
    /// Whether sessions end statements that take too long, and transactions that nobody goes on with.
    pub ends_what_hangs: bool,
    /// Who owns the index of words, where the user has not its rights.
    pub owner_of_words: Option<String>,
    /// What only the store knows; nothing where none has been made yet.
    pub secret: Option<[u8; 16]>,
}

/// A server that only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Host, port and database.
    pub server: String,
    /// How far it is behind.
    pub behind: Behind,
    /// Why it is not read from, if it is not.
    pub problem: Option<String>,
}

/// How far a replica is behind its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// Nobody can tell: there is no store yet, or the primary is away.
    Unknown,
    /// It has not replayed the first heartbeat.
    NoBeatYet,
    /// So many milliseconds, by the heartbeats of the primary.
    Millis(i64),
}

/// The heartbeat of a store that nobody has served from yet (`migrations/0001.sql`).
const NO_BEAT: i64 = 0;

/// The last version of the schema that is known here.
pub const SCHEMA_KNOWN: usize = migrations::KNOWN;

/// Asks all servers, side by side. Each has a few seconds.
pub async fn examine(settings: Settings) -> Examination {
    let settings = Settings { statement_timeout: STATEMENT_TIMEOUT, ..settings };
    let primary = async {
        let address = Address::primary(&settings)?;
        in_time(&address, look_at_primary(&address, &settings)).await
    };
    let replicas = async {
        match Address::replicas(&settings) {
            Ok(addresses) => {
                let look = |address| in_time(address, look_at_replica(address, &settings));
                join_all(addresses.iter().map(look)).await
            }
            Err(error) => vec![Err(error)],
        }
    };
    let direct = async {
        match Address::direct(&settings).transpose()? {
            Ok(address) => Some(in_time(&address, look_past(&address, &settings)).await),
            Err(error) => Some(Err(error)),
        }
    };
    let (primary, direct, replicas) = join3(primary, direct, replicas).await;
    let direct = direct.map(|looked| same(looked?, primary.as_ref().ok()));
    let replicas = replicas
        .into_iter()
        .map(|looked| looked.map(|looked| beside(looked, primary.as_ref().ok())))
        .collect();
    Examination { primary: primary.map(|looked| looked.found), direct, replicas }
}

/// What was seen of a server, and what tells whose copy it is and how old.
struct Looked<T> {
    found: T,
    key: Option<Vec<u8>>,
    beat_at: Option<i64>,
}

async fn in_time<T>(
    address: &Address,
    look: impl Future<Output = Result<T, OpenError>>,
) -> Result<T, OpenError> {
    timeout(ANSWER_MAX, look).await.unwrap_or_else(|_| {
        Err(OpenError::Unreachable {
            setting: address.setting,
            server: address.name.clone(),
            error: "it takes connections and does not answer".into(),
        })
    })
}

async fn connect(address: &Address, settings: &Settings) -> Result<Session, OpenError> {
    let pool = Pool::new(address, 1, Plans::Free, settings.prepared, settings.statement_timeout)?;
    pool.first(address).await
}

async fn look_at_primary(address: &Address, settings: &Settings) -> Result<Looked<Primary>, OpenError> {
    let session = connect(address, settings).await?;
    opening::check(&session, address).await?;
    let schema = migrations::version(&session).await?;
    if schema > migrations::KNOWN {
        return Err(OpenError::Newer { found: schema, known: migrations::KNOWN });
    }
    let asked = clock::coarse_millis();
    let rows = session.query(&ABOUT, &[]).await?;
    // It was read somewhere between.
    let clock_here = asked.midpoint(clock::coarse_millis());
    let row = rows.first().ok_or_else(|| OpenError::io("it says nothing of itself"))?;
    opening::check_rights(&session).await?;
    let made = schema > 0;
    let (key, positions, beat_at) = if made {
        state::check(&session).await?;
        let key = identity::find(&session, settings).await?.map(|identity| identity.key.to_vec());
        let positions = session.query(&POSITIONS, &[]).await?;
        let number = |row, place| value::<i64>(row, place).map(i64::cast_unsigned);
        let position = |row| Ok::<_, OpenError>((number(row, 0)?, number(row, 1)?));
        let positions = positions.iter().map(position).collect::<Result<Positions, _>>();
        (key, positions?, read_beat(&session).await?)
    } else {
        (None, Positions::new(), None)
    };
    let secret = key.as_deref().and_then(|key| key.try_into().ok());
    let ports = address.config.get_ports();
    let port = value::<Option<i32>>(row, 5)?.and_then(|port| u16::try_from(port).ok());
    let timeout: String = value(row, 6)?;
    let found = Primary {
        server: address.name.clone(),
        version: value(row, 0)?,
        schema: made.then_some(schema),
        clock_ahead_millis: value::<i64>(row, 4)? - clock_here,
        sessions: (value::<i64>(row, 1)?.cast_unsigned(), value::<i64>(row, 2)?.cast_unsigned()),
        syncs: value(row, 3)?,
        is_behind_another_port: port.is_some_and(|port| !ports.contains(&port)),
        keeps_settings: !settings.prepared || timeout == settings.statement_timeout.as_millis().to_string(),
        positions,
        secret,
        owner_of_words: value(row, 8)?,
        ends_what_hangs: timeout != "0" && value::<String>(row, 7)? != "0",
    };
    session.end::<_, Failure>(Ok(()))?;
    Ok(Looked { found, key, beat_at })
}

/// What is at the address that leads past a pooler.
async fn look_past(address: &Address, settings: &Settings) -> Result<Looked<String>, OpenError> {
    let session = connect(address, settings).await?;
    let is_made = migrations::version(&session).await? > 0;
    let key = if is_made { identity::key(&session).await? } else { None };
    session.end::<_, Failure>(Ok(()))?;
    Ok(Looked { found: address.name.clone(), key, beat_at: None })
}

/// The name of what is past a pooler, unless it is another database than the primary.
fn same(direct: Looked<String>, primary: Option<&Looked<Primary>>) -> Result<String, OpenError> {
    match primary {
        Some(primary) if primary.key != direct.key => {
            Err(OpenError::Elsewhere { direct: direct.found, server: primary.found.server.clone() })
        }
        _ => Ok(direct.found),
    }
}

async fn look_at_replica(address: &Address, settings: &Settings) -> Result<Looked<Replica>, OpenError> {
    let session = connect(address, settings).await?;
    let server = address.name.clone();
    let mut found = Replica { server, behind: Behind::Unknown, problem: None };
    let (mut key, mut beat_at) = (None, None);
    if migrations::version(&session).await? > 0 {
        match read_state(&session.query(&STATE, &[]).await?) {
            Ok((_, beat)) => beat_at = Some(beat),
            Err((_, problem)) => found.problem = Some(problem),
        }
        key = identity::key(&session).await?;
    } else {
        found.problem = Some("it has no store: it is no replica of this database, or not yet".into());
    }
    session.end::<_, Failure>(Ok(()))?;
    Ok(Looked { found, key, beat_at })
}

/// What a replica comes to beside its primary, where that is known.
fn beside(replica: Looked<Replica>, primary: Option<&Looked<Primary>>) -> Replica {
    let mut found = replica.found;
    let Some(primary) = primary else { return found };
    if primary.found.schema.is_none() {
        // Nobody has made a store yet, so there is nothing that it could have.
        found.problem = None;
    } else if found.problem.is_none() && replica.key != primary.key {
        found.problem = Some(OTHER_STORE.into());
    }
    if let (Some(here), Some(there)) = (primary.beat_at, replica.beat_at) {
        found.behind = match there {
            NO_BEAT if here != NO_BEAT => Behind::NoBeatYet,
            _ => Behind::Millis((here - there).max(0)),
        };
    }
    found
}

async fn read_beat(session: &Session) -> Result<Option<i64>, OpenError> {
    let rows = session.query(&STATE, &[]).await?;
    rows.first().map(|row| value(row, 2)).transpose()
}

fn value<T: FromSqlOwned>(row: &Row, place: usize) -> Result<T, OpenError> {
    column(row, place).map_err(|error| Failure::from(error).into())
}
