//! The trait [`Links`] on SQLite: writes go to the writer's thread, look-ups and lists to readers of their
//! own, so that a long list never stands before a redirect.

pub(super) mod allowance;
mod change;
mod create;
mod insert;
pub(super) mod list;
pub(super) mod lookup;
mod rows;
mod urls;
pub(super) mod writer_state;

use super::readers::Readers;
use super::search::Search;
use super::writer::Writer;
use crate::{
    Create, Created, Links, ListQuery, Page, Refused, Resolved, Seen, Spent, StoreError, StoreFuture,
    TagCount, UpdateRefused,
};
use curtail_model::{Change, Codes, Link, LinkId, Target, Timestamp};
use rusqlite::Connection;
use std::sync::Arc;
use writer_state::LinkWriterState;

/// Links in `links.db` and `search.db`.
pub(super) struct SqliteLinks {
    pub(super) writer: Arc<Writer<LinkWriterState>>,
    pub(super) lookups: Arc<Readers<Connection>>,
    pub(super) lists: Readers<Connection>,
    pub(super) search: Search,
    pub(super) codes: Codes,
}

impl Links for SqliteLinks {
    fn resolve<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Resolved> {
        let found = self.look_up(code, |link| Target::pack(&link));
        Box::pin(async move { Ok(Resolved::current(found.await?)) })
    }

    fn create(&self, links: Vec<Create>) -> StoreFuture<'_, Vec<Result<Created, Refused>>> {
        self.writer.submit(links.len(), move |state| create::create(state, links))
    }

    fn get(&self, id: LinkId, _: Seen) -> StoreFuture<'_, Option<Link>> {
        let codes = self.codes.clone();
        self.lookups.read(move |connection| lookup::get(connection, &codes, id))
    }

    fn find<'a>(&'a self, code: &'a str, _: Seen) -> StoreFuture<'a, Option<Link>> {
        self.look_up(code, |link| link)
    }

    fn update(
        &self,
        id: LinkId,
        change: Change,
        only_if: Option<u64>,
        now: Timestamp,
    ) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        self.writer.submit(1, move |state| change::update(state, id, change, only_if, now))
    }

    fn delete(&self, id: LinkId, only_if: Option<u64>) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        self.writer.submit(1, move |state| change::delete(state, id, only_if))
    }

    fn list(&self, query: ListQuery, _: Seen) -> StoreFuture<'_, Page> {
        if query.words.as_deref().is_some_and(|words| !words.trim().is_empty()) {
            return self.search.list(query);
        }
        let codes = self.codes.clone();
        self.lists.read(move |connection| list::list(connection, &codes, &query))
    }

    fn tags(&self, after: Option<String>, limit: usize, _: Seen) -> StoreFuture<'_, Vec<TagCount>> {
        self.lists.read(move |connection| tags(connection, after.as_deref(), limit))
    }

    fn spend(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.writer.submit(1, move |state| allowance::spend(state, id))
    }

    fn peek(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        let codes = self.codes.clone();
        self.lookups.read(move |connection| allowance::peek(connection, &codes, id))
    }
}

impl SqliteLinks {
    fn look_up<T: Send + 'static>(
        &self,
        code: &str,
        view: impl FnOnce(Link) -> T + Send + 'static,
    ) -> StoreFuture<'static, Option<T>> {
        let (codes, code) = (self.codes.clone(), code.to_owned());
        self.lookups.read(move |connection| Ok(lookup::find(connection, &codes, &code)?.map(view)))
    }
}

fn tags(connection: &Connection, after: Option<&str>, limit: usize) -> Result<Vec<TagCount>, StoreError> {
    let mut statement = connection.prepare_cached(include_str!("sql/tags_list.sql"))?;
    // Every tag comes after the empty text, which is none.
    let (after, limit) = (after.unwrap_or_default(), i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = statement.query_map((after, limit), |row| {
        Ok(TagCount { tag: row.get(0)?, links: row.get::<_, i64>(1)?.cast_unsigned() })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
