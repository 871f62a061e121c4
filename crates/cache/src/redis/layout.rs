//! The layout of the keys, and whether what is in a Redis has it.
//!
//! All keys begin with the prefix. A code follows it directly: that is an entry. Codes hold no `!`, so names
//! with one are free for the rest:
//!
//! | key | what |
//! |---|---|
//! | prefix, code | an entry: 3 bytes of time and what is known (see [`super::value`]); or 8 bytes, a fill lock |
//! | `!layout` | the number of this layout |
//! | `!server` | the identity of the server that the entries were given to |
//! | `!floor` | entries from before it are not believed; eighths of a second since the epoch |
//! | `!bus` | the channel of the bus |
//! | `!new:STORE:ID` | a link that is acknowledged and may not be in the store yet: a record of the journal of new links |
//! | `!rate:KEY` | the rate of an API key: when its next request would be evenly spaced, in microseconds |
//! | `!salt:DAY` | the salt by which visitors of that day are told apart |
//! | `!top:h:N`, `!top:d:N` | clicks per link in the hour or day number N since the epoch: a sorted set |

use super::OpenError;
use super::server::{Connection, Failure};
use ::redis::{FromRedisValue, RedisError, cmd};

/// Another number means that versions on either side of it must not share keys.
const LAYOUT: &str = "1";

/// The keys of one prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Keys {
        Keys { prefix: prefix.to_owned() }
    }

    pub(super) fn entry(&self, code: &str) -> Vec<u8> {
        [self.prefix.as_bytes(), code.as_bytes()].concat()
    }

    pub(super) fn named(&self, name: &str) -> Vec<u8> {
        format!("{}!{name}", self.prefix).into_bytes()
    }
}

/// Leaves the number of the layout where there is none, and refuses another one.
pub(super) async fn check(connection: &Connection, keys: &Keys) -> Result<(), Failure> {
    let key = keys.named("layout");
    let _: Option<String> = connection.query(cmd("SET").arg(&key).arg(LAYOUT).arg("NX")).await?;
    look(connection, keys).await
}

/// Refuses another layout than this one. Leaves nothing.
pub(super) async fn look(connection: &Connection, keys: &Keys) -> Result<(), Failure> {
    // Bytes, because what another program left there need not be text.
    let found: Option<Vec<u8>> = read(connection, keys, "layout").await?;
    match found.filter(|found| found != LAYOUT.as_bytes()) {
        None => Ok(()),
        Some(found) => {
            let found = String::from_utf8_lossy(&found).into_owned();
            Err(Failure::Refused(OpenError::Layout { found, ours: LAYOUT, prefix: keys.prefix.clone() }))
        }
    }
}

/// What one of the named keys holds.
pub(super) async fn read<T: FromRedisValue>(
    connection: &Connection,
    keys: &Keys,
    name: &str,
) -> Result<Option<T>, Failure> {
    let key = keys.named(name);
    connection.query(cmd("GET").arg(&key)).await.map_err(|error| explain(error, &key))
}

/// What is wrong where one of the named keys could not be read. All that are read so
/// hold strings; what is of another type was left by another program.
pub(super) fn explain(error: RedisError, key: &[u8]) -> Failure {
    match error.code() {
        Some("WRONGTYPE") => {
            Failure::Refused(OpenError::OtherType { key: String::from_utf8_lossy(key).into_owned() })
        }
        _ => error.into(),
    }
}
