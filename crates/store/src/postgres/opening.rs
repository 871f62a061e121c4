//! Whether a database can be used, and if not, what to do about it; then its schema and its identity.

mod error;

pub use error::OpenError;

use super::address::Address;
use super::connections::{Pool, Session, Sql, sql};
use super::failure::Failure;
use super::identity::{self, Identity};
use super::import::state;
use super::migrations::{self, Schema};
use super::row::column;
use super::timeline;
use super::{Settings, VERSION_MIN};
use crate::StoreError;
use tokio_postgres::error::SqlState;

static ABOUT: Sql = sql!("server_about");
static RIGHTS_LACKING: Sql = sql!("rights_lacking");

/// Checks the primary, brings its schema up to date and reads its identity.
pub(super) async fn prepare(
    pool: Pool,
    address: Address,
    settings: Settings,
    moves: Option<[u8; 16]>,
) -> Result<Identity, OpenError> {
    let session = pool.first(&address).await?;
    let outcome = async {
        check(&session, &address).await?;
        check_rights(&session).await?;
        match migrations::migrate(&session).await? {
            Schema::Current => {}
            Schema::Newer { found } => return Err(OpenError::Newer { found, known: migrations::KNOWN }),
        }
        let identity = identity::establish(&session, &settings, moves).await?;
        match moves {
            None => {
                state::begin_use(&session).await?;
                timeline::keep(&session).await?;
            }
            Some(_) => state::begin(&session).await?,
        }
        Ok(identity)
    };
    let identity = outcome.await.map_err(|error: OpenError| error.at(&address))?;
    session.end::<_, Failure>(Ok(()))?;
    Ok(identity)
}

/// Checks that a database is the one that was prepared by way of another address.
pub(super) async fn confirm(
    pool: Pool,
    address: Address,
    direct: Address,
    identity: Identity,
) -> Result<Identity, OpenError> {
    let session = pool.first(&address).await?;
    let found = identity::key(&session).await;
    match &found {
        Ok(Some(key)) if key[..] == identity.key => {
            check_rights(&session).await?;
            session.end::<_, Failure>(found)?;
            Ok(identity)
        }
        Err(failure) if failure.state != Some(SqlState::UNDEFINED_TABLE) => Err(failure.clone().into()),
        Ok(_) | Err(_) => Err(OpenError::Elsewhere { direct: direct.name, server: address.name }),
    }
}

/// Whether a server can be the primary of a store.
pub(super) async fn check(session: &Session, address: &Address) -> Result<(), OpenError> {
    let (setting, server) = (address.setting, address.name.clone());
    let rows = session.query(&ABOUT, &[]).await?;
    let row = rows.first().ok_or_else(|| OpenError::io("it says nothing of itself"))?;
    let text = |place| column::<String>(row, place).map_err(|error| OpenError::from(Failure::from(error)));
    let (number, version, encoding, synchronous, replica) =
        (text(0)?, text(1)?, text(2)?, text(3)?, text(4)?);
    if number.parse::<u32>().is_ok_and(|number| number < VERSION_MIN) {
        return Err(OpenError::TooOld { setting, server, found: version });
    }
    if replica == "true" {
        return Err(OpenError::ReadOnly { setting, server });
    }
    if encoding != "UTF8" {
        return Err(OpenError::Encoding { setting, server, found: encoding });
    }
    if synchronous == "off" {
        return Err(OpenError::NotDurable { setting, server });
    }
    Ok(())
}

/// Whether there is a whole store that this version can read.
pub(super) async fn check_made(session: &Session) -> Result<(), OpenError> {
    match migrations::version(session).await? {
        0 => Err(OpenError::NoStore),
        found if found > migrations::KNOWN => Err(OpenError::Newer { found, known: migrations::KNOWN }),
        _ => state::check(session).await,
    }
}

/// Whether the user may do all that a process must: what
/// is refused while links are made is found out too late.
pub(super) async fn check_rights(session: &Session) -> Result<(), OpenError> {
    let rows = session.query(&RIGHTS_LACKING, &[]).await?;
    let row = rows.first().ok_or_else(|| OpenError::io("it says nothing of rights"))?;
    let lacking: String = column(row, 0).map_err(Failure::from)?;
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Failure::from(StoreError::Forbidden(format!("it has no right to {lacking}"))).into())
}
