//! Changing and removing links: the row is locked before
//! anything is decided, and the version is taken while it is.

use super::acknowledged::{Acknowledged, WAL_POSITION};
use super::allowance;
use super::create::version_in;
use crate::postgres::connections::{Pool, Session, Sql, sql};
use crate::postgres::failure::{Failure, Remedy};
use crate::postgres::row::{self, bucket_column, id_column, text};
use crate::postgres::words;
use crate::{InDoubt, StoreError, UpdateRefused, packed, shape};
use curtail_model::{Change, Codes, Field, Link, LinkId, Timestamp};
use futures_util::future::try_join;
use std::sync::{Arc, OnceLock};
use tokio::time::sleep;

static LOCK: Sql = sql!("link_lock", INT2, INT8);
static UPDATE: Sql = sql!(
    "link_update",
    INT2,
    INT8,
    TEXT,
    INT8,
    INT8,
    BOOL,
    INT2,
    BOOL,
    INT8,
    INT8,
    INT8,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT
);
static DELETE: Sql = sql!("link_delete", INT2, INT8);
static RETIRE: Sql = sql!("link_retire", INT2, INT8);
static TAG: Sql = sql!("tags_add", TEXT_ARRAY, BOOL, INT8, INT8);
static UNTAG: Sql = sql!("tags_take", TEXT_ARRAY, BOOL, INT8, INT8);
static PRUNE_TAGS: Sql = sql!("tags_prune", TEXT_ARRAY);

type Outcome = Result<Link, UpdateRefused>;

/// What changes are made with.
pub(super) struct Changer {
    pub(super) pool: Pool,
    pub(super) codes: Codes,
    pub(super) acknowledged: Arc<Acknowledged>,
}

/// What to do with a link.
#[derive(Clone)]
pub(super) enum Task {
    Update { change: Box<Change>, now: Timestamp },
    Delete,
}

impl Changer {
    /// Changes or removes a link, if it has the expected version.
    pub(super) async fn run(
        &self,
        id: LinkId,
        only_if: Option<u64>,
        task: Task,
    ) -> Result<Outcome, StoreError> {
        let mut retries = self.pool.retries();
        loop {
            let session = self.pool.session().await?;
            let committing = OnceLock::new();
            let attempt = self.attempt(&session, id, only_if, task.clone(), &committing);
            let outcome = session.within(attempt).await;
            let outcome = session.end::<_, Failure>(outcome);
            let Some(pause) = retries.pause_after(&outcome) else {
                return outcome.map_err(|failure| in_doubt(failure, committing.into_inner()));
            };
            sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        session: &Session,
        id: LinkId,
        only_if: Option<u64>,
        task: Task,
        committing: &OnceLock<InDoubt>,
    ) -> Result<Outcome, Failure> {
        let lock = session.ready(&LOCK).await?;
        let (bucket, column) = (bucket_column(id), id_column(id));
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&bucket, &column];
        let ((), rows) = try_join(session.begin(""), session.send(&lock, &parameters)).await?;
        let old = rows.first().map(|row| row::link(row, 0, &self.codes)).transpose()?;
        let refused = match old {
            None => UpdateRefused::Missing,
            Some(old) if only_if.is_some_and(|version| version != old.version) => {
                UpdateRefused::Changed(Box::new(old))
            }
            Some(old) => {
                let before = old.version;
                let link = match task {
                    Task::Update { change, now } => update(session, &old, *change, now).await?,
                    Task::Delete => delete(session, old, &self.codes).await?,
                };
                let position = session.ready(&WAL_POSITION).await?;
                if link.version != before {
                    let (code, after) = (link.code.clone(), link.version);
                    committing.get_or_init(|| InDoubt { code, before, after, why: String::new() });
                }
                let ((), position) =
                    try_join(session.command("COMMIT"), session.send(&position, &[])).await?;
                self.acknowledged.note(&position)?;
                return Ok(Ok(link));
            }
        };
        session.command("ROLLBACK").await?;
        Ok(Err(refused))
    }
}

/// What callers are told of a failure. From when the commit is under way, one may mean anything, unless the
/// server says that it has undone the change.
fn in_doubt(failure: Failure, committing: Option<InDoubt>) -> StoreError {
    match committing {
        Some(doubt) if failure.remedy() != Remedy::Again && failure.error != StoreError::Full => {
            StoreError::InDoubt(Box::new(InDoubt { why: failure.error.to_string(), ..doubt }))
        }
        _ => failure.error,
    }
}

async fn update(session: &Session, old: &Link, change: Change, now: Timestamp) -> Result<Link, Failure> {
    let fingerprint = match &change.destination {
        Field::Keep => None,
        Field::Set(destination) => Some(destination.fingerprint().cast_signed()),
    };
    let mut link = shape::changed(old.clone(), change);
    if link == *old {
        return Ok(link);
    }
    link.updated_at = now;
    let words = words::of_link(link.code.as_str(), &link.url, link.title.as_deref(), link.notes.as_deref());
    let tags = packed::pack(&link.tags).map(|tags| text(&tags).into_owned());
    let time = |time: Option<Timestamp>| time.map(Timestamp::millis);
    let rows = session
        .query(
            &UPDATE,
            &[
                &bucket_column(link.id),
                &id_column(link.id),
                &text(&link.url),
                &fingerprint,
                &now.millis(),
                &link.archived,
                &link.redirect_status.code().cast_signed(),
                &link.forward_query,
                &time(link.starts_at),
                &time(link.expires_at),
                &link.max_clicks.map(u64::cast_signed),
                &link.title.as_deref().map(text),
                &link.notes.as_deref().map(text),
                &tags,
                &link.password_hash,
                &link.expired_url.as_deref().map(text),
                &words,
            ],
        )
        .await?;
    link.version = version_in(&rows)?.ok_or_else(not_there)?;
    if old.tags != link.tags || old.archived != link.archived {
        untag(session, old).await?;
        tag(session, &link).await?;
    }
    if old.max_clicks != link.max_clicks {
        allowance::set(session, link.id, link.max_clicks).await?;
    }
    Ok(link)
}

async fn delete(session: &Session, mut link: Link, codes: &Codes) -> Result<Link, Failure> {
    untag(session, &link).await?;
    allowance::forget(session, link.id).await?;
    let (bucket, id) = (bucket_column(link.id), id_column(link.id));
    let names_its_id = codes.decode(link.code.as_str().as_bytes()) == Some(link.id);
    let statement = if names_its_id { &RETIRE } else { &DELETE };
    let rows = session.query(statement, &[&bucket, &id]).await?;
    link.version = version_in(&rows)?.ok_or_else(not_there)?;
    Ok(link)
}

fn not_there() -> StoreError {
    StoreError::Damaged("a link went although its row was locked".into())
}

async fn tag(session: &Session, link: &Link) -> Result<(), Failure> {
    if !link.tags.is_empty() {
        let tags: Vec<_> = link.tags.iter().map(|tag| text(tag)).collect();
        let created_at = link.created_at.millis();
        session.query(&TAG, &[&tags, &link.archived, &created_at, &id_column(link.id)]).await?;
    }
    Ok(())
}

async fn untag(session: &Session, link: &Link) -> Result<(), Failure> {
    if !link.tags.is_empty() {
        let tags: Vec<_> = link.tags.iter().map(|tag| text(tag)).collect();
        let created_at = link.created_at.millis();
        session.query(&UNTAG, &[&tags, &link.archived, &created_at, &id_column(link.id)]).await?;
        session.query(&PRUNE_TAGS, &[&tags]).await?;
    }
    Ok(())
}
