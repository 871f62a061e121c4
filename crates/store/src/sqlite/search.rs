//! Finding links by their words, in `search.db`, which follows `links.db` by itself.
//!
//! The index is derived: one thread reads the feed of changes and writes it,
//! so that making links never waits for it. Searching waits instead, for a
//! bounded time, until what was there when it was asked has been indexed.

mod document;
mod expression;
mod feed;
mod index;
mod indexer;

use super::OpenError;
use super::file::{LINKS, SEARCH};
use super::identity::Identity;
use super::links::list::readable;
use super::links::lookup;
use super::links::writer_state::LinkWriterState;
use super::readers::Readers;
use super::row;
use super::writer::Writer;
use crate::{ListQuery, Page, Sort, StoreError, StoreFuture};
use curtail_model::{Codes, Link, LinkId};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::timeout;

pub(super) use feed::Feed;

/// How long a search waits for the index to catch up. Then it answers from what there is.
const INDEX_TIMEOUT: Duration = Duration::from_secs(1);
const READERS: usize = 2;

/// A handle on the index and what keeps it up to date.
pub(super) struct Search {
    feed: Arc<Feed>,
    readers: Readers<Source>,
    indexer: Mutex<Option<JoinHandle<()>>>,
}

/// What one thread searches with.
struct Source {
    directory: PathBuf,
    cache_bytes: usize,
    feed: Arc<Feed>,
    codes: Codes,
    links: Connection,
    /// With the generation of the file that it has open: a file that was made anew has another.
    words: Option<(u64, Connection)>,
}

impl Search {
    /// Opens the index, begins it anew where it is missing or of no use, and starts to follow the links.
    pub(super) fn start(
        directory: &Path,
        identity: &Identity,
        feed: Arc<Feed>,
        writer: &Arc<Writer<LinkWriterState>>,
        cache_bytes: usize,
    ) -> Result<Search, OpenError> {
        let io =
            |error: std::io::Error| OpenError::Io { path: directory.to_owned(), error: error.to_string() };
        let sources = (0..READERS)
            .map(|_| {
                Ok(Source {
                    directory: directory.to_owned(),
                    cache_bytes,
                    feed: Arc::clone(&feed),
                    codes: identity.codes.clone(),
                    links: LINKS.open_to_read(directory, cache_bytes)?,
                    words: None,
                })
            })
            .collect::<Result<Vec<_>, OpenError>>()?;
        let thread = indexer::start(directory, identity, Arc::clone(&feed), Arc::clone(writer), cache_bytes)?;
        let readers = Readers::start("links-search", sources).map_err(io)?;
        Ok(Search { feed, readers, indexer: Mutex::new(Some(thread)) })
    }

    /// A page of the links with these words.
    pub(super) fn list(&self, query: ListQuery) -> StoreFuture<'_, Page> {
        Box::pin(async move {
            // What was committed before the question was asked is in the answer, unless that takes too long.
            let _ = timeout(INDEX_TIMEOUT, self.feed.indexed(self.feed.latest())).await;
            self.readers.read(move |source| source.list(&query)).await
        })
    }

    /// Ends all threads. What is not indexed yet will be after the next start.
    pub(super) fn close(&self) {
        // The indexer goes last: only who may write can bring what was written into the file.
        self.readers.close();
        self.feed.close();
        if let Some(indexer) = self.indexer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic has been printed already, and the index is only derived.
            let _ = indexer.join();
        }
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.close();
    }
}

/// Up to which version the index follows the links of a store, if there is one and it is of that store.
pub(super) fn indexed_version(directory: &Path, store: [u8; 16]) -> Option<u64> {
    let words = SEARCH.open_to_look(directory).ok()??;
    let progress = index::Progress::read(&words).ok()??;
    (progress.store == store).then_some(progress.seq)
}

impl Source {
    fn list(&mut self, query: &ListQuery) -> Result<Page, StoreError> {
        let answer = self.try_list(query);
        if matches!(answer, Err(StoreError::Damaged(_))) {
            // The truth is elsewhere: it is made anew, and until then there are no answers.
            self.words = None;
            self.feed.suspect();
            return Err(StoreError::Unavailable("the search index is damaged and is being made anew".into()));
        }
        answer
    }

    fn try_list(&mut self, query: &ListQuery) -> Result<Page, StoreError> {
        let Some(expression) = expression::of(query) else {
            return Ok(Page { links: Vec::new(), more: false });
        };
        self.reopen()?;
        let Some((_, words)) = &self.words else {
            return Err(StoreError::Unavailable("no search index".into()));
        };
        let sql = match query.sort {
            Sort::Newest => include_str!("sql/search_newest.sql"),
            Sort::Oldest => include_str!("sql/search_oldest.sql"),
        };
        let mut statement = words.prepare_cached(sql)?;
        let mut after = match (query.after, query.sort) {
            (Some((created_at, id)), _) => index::position(words, created_at, id)?,
            (None, Sort::Newest) => i64::MAX,
            (None, Sort::Oldest) => i64::MIN,
        };
        let wanted = query.limit.saturating_add(1);
        let mut links = Vec::new();
        // The index may be a little behind: what is gone or has changed is left out, and the page filled up.
        loop {
            let found: Vec<(LinkId, i64)> = statement
                .query_map((&expression, after, i64::try_from(wanted).unwrap_or(i64::MAX)), |row| {
                    Ok((row::link_id(row, 0)?, row.get(1)?))
                })?
                .collect::<Result<_, _>>()?;
            for &(id, _) in &found {
                let link = lookup::get(&self.links, &self.codes, id);
                links.extend(readable(row::id_column(id), link)?.filter(|link| still_wanted(query, link)));
            }
            match found.last() {
                Some(&(_, document)) if found.len() == wanted && links.len() < wanted => after = document,
                _ => break,
            }
        }
        let more = links.len() > query.limit;
        links.truncate(query.limit);
        Ok(Page { links, more })
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        let generation = self.feed.generation();
        if self.words.as_ref().is_some_and(|(opened, _)| *opened == generation) {
            return Ok(());
        }
        let opened = SEARCH.open_to_read(&self.directory, self.cache_bytes);
        let words = opened.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.words = Some((generation, words));
        Ok(())
    }
}

fn still_wanted(query: &ListQuery, link: &Link) -> bool {
    query.archived.is_none_or(|archived| archived == link.archived)
        && query.tag.as_ref().is_none_or(|tag| link.tags.contains(tag))
}
