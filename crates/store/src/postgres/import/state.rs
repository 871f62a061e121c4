//! How far a store is that has moved here: moving, moved, or in use. Nobody opens one that is moving, for it
//! lacks links; and none moves into one that is in use, for that would undo what was changed since.

use crate::postgres::OpenError;
use crate::postgres::connections::{Session, Sql, sql};
use crate::postgres::failure::Failure;
use crate::postgres::row::column;

static GET: Sql = sql!("meta_get", TEXT);
static BEGIN: Sql = sql!("import_begin");
static END: Sql = sql!("import_end");
static USE: Sql = sql!("import_use");

const NAME: &str = "import.state";
const MOVING: &[u8] = b"moving";
const MOVED: &[u8] = b"moved";

/// A pass begins.
pub(in crate::postgres) async fn begin(session: &Session) -> Result<(), OpenError> {
    if session.query(&BEGIN, &[]).await?.is_empty() { Err(OpenError::InUse) } else { Ok(()) }
}

/// All is here.
pub(super) async fn end(session: &Session) -> Result<(), Failure> {
    session.query(&END, &[]).await.map(drop)
}

/// Somebody opens the store, to use it.
pub(in crate::postgres) async fn begin_use(session: &Session) -> Result<(), OpenError> {
    if get(session).await?.as_deref() == Some(MOVED) {
        // A pass may begin at this very moment: then it is moving again.
        session.query(&USE, &[]).await?;
    }
    check(session).await
}

/// Whether nothing is on its way here.
pub(in crate::postgres) async fn check(session: &Session) -> Result<(), OpenError> {
    if get(session).await?.as_deref() == Some(MOVING) { Err(OpenError::Moving) } else { Ok(()) }
}

async fn get(session: &Session) -> Result<Option<Vec<u8>>, Failure> {
    let rows = session.query(&GET, &[&NAME]).await?;
    Ok(rows.first().map(|row| column(row, 0)).transpose()?)
}
