//! What the writer of `links.db` keeps in memory: the counters and what a group of changes has in common.

use super::super::losses::lost_before;
use super::super::row::id_column;
use super::super::search::Feed;
use super::super::writer::WriterState;
use super::lookup;
use super::urls::Urls;
use crate::StoreError;
use curtail_model::{Codes, Link, LinkId, Timestamp};
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;

/// Links whose urls were set at versions that agree in all but
/// the last so many bits share a part of the index by url.
pub(super) const URL_PART_BITS: u32 = 16;
/// Ids that were skipped do not end a range of changes unless there are more of them.
const GAP_MAX: u64 = 16;

/// The writer's side of `links.db`.
pub(in super::super) struct LinkWriterState {
    pub(super) connection: Connection,
    pub(super) codes: Codes,
    pub(super) counters: Counters,
    before: Counters,
    changes: Vec<ChangedRange>,
    tag_counts: HashMap<String, i64>,
    pub(super) urls: Urls,
    /// The first id of a removed link that the generator has yet to step over, as far as that is known.
    pub(super) retired_ahead: Option<LinkId>,
    /// A generated id below this number that no link has may be that of a link that was lost.
    pub(super) lost_before: u64,
    feed: Arc<Feed>,
}

/// The only row of the table `counters`. Kept exact in each commit, so that a restart loses no ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Counters {
    pub(in super::super) version: u64,
    pub(in super::super) next_generated: u64,
    pub(in super::super) next_custom: u64,
    pub(in super::super) trimmed: u64,
}

/// A row of the table `changes`.
struct ChangedRange {
    seq: u64,
    first: LinkId,
    last: LinkId,
    removed_created_at: Option<Timestamp>,
}

impl Counters {
    pub(in super::super) fn read(connection: &Connection) -> rusqlite::Result<Counters> {
        connection.query_row(include_str!("../sql/counters_read.sql"), [], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok(Counters {
                version: number(0)?,
                next_generated: number(1)?,
                next_custom: number(2)?,
                trimmed: number(3)?,
            })
        })
    }

    pub(in super::super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Counters { version, next_generated, next_custom, trimmed } = *self;
        let row = [version, next_generated, next_custom, trimmed].map(u64::cast_signed);
        connection.prepare_cached(include_str!("../sql/counters_write.sql"))?.execute(row).map(drop)
    }
}

impl LinkWriterState {
    pub(in super::super) fn new(
        connection: Connection,
        codes: Codes,
        feed: Arc<Feed>,
    ) -> rusqlite::Result<LinkWriterState> {
        let counters = Counters::read(&connection)?;
        let lost_before = lost_before(&connection)?;
        Ok(LinkWriterState {
            lost_before,
            connection,
            codes,
            counters,
            before: counters,
            changes: Vec::new(),
            tag_counts: HashMap::new(),
            urls: Urls::default(),
            retired_ahead: None,
            feed,
        })
    }

    /// The link with this id.
    pub(super) fn get(&self, id: LinkId) -> Result<Option<Link>, StoreError> {
        lookup::get(&self.connection, &self.codes, id)
    }

    /// Whether a removed link had this id, which the generator
    /// has come to. Nearly always known without a question.
    pub(super) fn is_retired(&mut self, id: LinkId) -> Result<bool, StoreError> {
        let ahead = match self.retired_ahead {
            Some(ahead) if ahead >= id => ahead,
            _ => self.first_retired(id)?,
        };
        self.retired_ahead = Some(ahead);
        Ok(ahead == id)
    }

    fn first_retired(&self, from: LinkId) -> Result<LinkId, StoreError> {
        let mut statement = self.connection.prepare_cached(include_str!("../sql/retired_from.sql"))?;
        let first: Option<i64> = statement.query_row([id_column(from)], |row| row.get(0))?;
        Ok(first.and_then(|id| LinkId::new(id.cast_unsigned())).unwrap_or(LinkId::MAX))
    }

    /// The version that the next change gets.
    pub(super) fn next_version(&self) -> u64 {
        self.counters.version + 1
    }

    /// The part of the index by url that is written to now.
    pub(super) fn url_part(&self) -> u64 {
        self.counters.version >> URL_PART_BITS
    }

    /// Brings the index by url up to date, for who reads or changes it in the middle of a group.
    pub(super) fn write_urls(&mut self) -> rusqlite::Result<()> {
        self.urls.write(&self.connection)
    }

    /// Notes that a link was made or changed, which takes a version.
    pub(super) fn changed(&mut self, id: LinkId) {
        let seq = self.next_version();
        self.counters.version = seq;
        if let Some(range) = self.changes.last_mut()
            && range.removed_created_at.is_none()
            && id > range.last
            && id.get() - range.last.get() <= GAP_MAX
        {
            range.last = id;
            range.seq = seq;
            return;
        }
        self.changes.push(ChangedRange { seq, first: id, last: id, removed_created_at: None });
    }

    /// Notes that a link was removed, which takes a version.
    pub(super) fn removed(&mut self, link: &Link) {
        let seq = self.next_version();
        self.counters.version = seq;
        let removed_created_at = Some(link.created_at);
        self.changes.push(ChangedRange { seq, first: link.id, last: link.id, removed_created_at });
    }

    /// Adds a link to the lists of its tags.
    pub(super) fn tag(&mut self, link: &Link) -> Result<(), StoreError> {
        self.change_tags(link, include_str!("../sql/link_tag_insert.sql"), 1)
    }

    /// Takes a link from the lists of its tags.
    pub(super) fn untag(&mut self, link: &Link) -> Result<(), StoreError> {
        self.change_tags(link, include_str!("../sql/link_tag_delete.sql"), -1)
    }

    /// Takes a link from all lists of tags, whatever its row says. It looks through all of them.
    pub(super) fn untag_all(&mut self, id: LinkId) -> Result<(), StoreError> {
        let mut delete = self.connection.prepare(include_str!("../sql/tags_of_link_delete.sql"))?;
        let tags = delete.query_map([id_column(id)], |row| row.get::<_, String>(0))?;
        for tag in tags {
            *self.tag_counts.entry(tag?).or_default() -= 1;
        }
        Ok(())
    }

    fn change_tags(&mut self, link: &Link, sql: &'static str, count: i64) -> Result<(), StoreError> {
        for tag in &link.tags {
            let row = (tag, link.archived, link.created_at.millis(), id_column(link.id));
            if self.connection.prepare_cached(sql)?.execute(row)? > 0 {
                *self.tag_counts.entry(tag.clone()).or_default() += count;
            }
        }
        Ok(())
    }

    /// Forgets changes that everybody who follows them has seen.
    pub(in super::super) fn trim(&mut self, seq: u64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(include_str!("../sql/changes_trim.sql"))?
            .execute([seq.cast_signed()])?;
        self.counters.trimmed = self.counters.trimmed.max(seq);
        Ok(())
    }

    fn write_changes(&self) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(include_str!("../sql/change_insert.sql"))?;
        for range in &self.changes {
            let removed = range.removed_created_at.map(Timestamp::millis);
            insert.execute((
                range.seq.cast_signed(),
                id_column(range.first),
                id_column(range.last),
                removed,
            ))?;
        }
        Ok(())
    }

    fn write_tag_counts(&self) -> rusqlite::Result<()> {
        let mut add = self.connection.prepare_cached(include_str!("../sql/tag_count_add.sql"))?;
        let mut prune = self.connection.prepare_cached(include_str!("../sql/tag_count_prune.sql"))?;
        for (tag, count) in &self.tag_counts {
            add.execute((tag, count))?;
            if *count < 0 {
                prune.execute([tag])?;
            }
        }
        Ok(())
    }
}

impl WriterState for LinkWriterState {
    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn begin(&mut self) {
        self.before = self.counters;
        self.changes.clear();
        self.tag_counts.clear();
        self.urls.clear();
    }

    fn seal(&mut self) -> Result<(), StoreError> {
        self.write_urls()?;
        self.write_changes()?;
        self.write_tag_counts()?;
        if self.counters != self.before {
            self.counters.write(&self.connection)?;
        }
        Ok(())
    }

    fn committed(&mut self) {
        if self.counters.version != self.before.version {
            self.feed.publish(self.counters.version);
        }
    }

    fn rolled_back(&mut self) {
        self.counters = self.before;
        self.retired_ahead = None;
    }
}
