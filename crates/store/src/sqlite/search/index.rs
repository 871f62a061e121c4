//! Documents in `search.db`: adding, replacing and removing them, and how far the index has got.

use super::super::row;
use super::document;
use curtail_model::{Link, LinkId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result};

/// The only row of the table `progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// The key of the store whose links are indexed.
    pub(super) store: [u8; 16],
    /// Changes up to this one are in the index.
    pub(super) seq: u64,
    /// While all links are taken over: the last id that was. Changes are followed after that.
    pub(super) scanned: Option<i64>,
}

impl Progress {
    pub(super) fn read(connection: &Connection) -> Result<Option<Progress>> {
        connection
            .query_row(include_str!("../sql/progress_read.sql"), [], |row| {
                let seq: i64 = row.get(1)?;
                Ok(Progress { store: row.get(0)?, seq: seq.cast_unsigned(), scanned: row.get(2)? })
            })
            .optional()
    }

    pub(super) fn write(&self, connection: &Connection) -> Result<()> {
        let row = (self.store, self.seq.cast_signed(), self.scanned);
        connection.prepare_cached(include_str!("../sql/progress_write.sql"))?.execute(row)?;
        Ok(())
    }
}

/// Adds the document of a link, in place of the one it had.
pub(super) fn put(connection: &Connection, link: &Link) -> Result<()> {
    let number = match place(connection, link.created_at, link.id)? {
        Place::Taken(number) => {
            connection.prepare_cached(include_str!("../sql/words_delete.sql"))?.execute([number])?;
            number
        }
        Place::Free(number) => {
            let row = [number, row::id_column(link.id)];
            connection.prepare_cached(include_str!("../sql/document_insert.sql"))?.execute(row)?;
            number
        }
    };
    let row = (number, document::text(link), document::labels(link));
    connection.prepare_cached(include_str!("../sql/words_insert.sql"))?.execute(row)?;
    Ok(())
}

/// Removes the document of a link, if it has one.
pub(super) fn remove(connection: &Connection, created_at: Timestamp, id: LinkId) -> Result<()> {
    if let Place::Taken(number) = place(connection, created_at, id)? {
        connection.prepare_cached(include_str!("../sql/words_delete.sql"))?.execute([number])?;
        connection.prepare_cached(include_str!("../sql/document_delete.sql"))?.execute([number])?;
    }
    Ok(())
}

/// The number of a link's document, or the one it would have.
pub(super) fn position(connection: &Connection, created_at: Timestamp, id: LinkId) -> Result<i64> {
    Ok(match place(connection, created_at, id)? {
        Place::Taken(number) | Place::Free(number) => number,
    })
}

enum Place {
    /// The link's document is here.
    Taken(i64),
    /// It has none; this would be its number.
    Free(i64),
}

fn place(connection: &Connection, created_at: Timestamp, id: LinkId) -> Result<Place> {
    let mut find = connection.prepare_cached(include_str!("../sql/document_find.sql"))?;
    let mut free = None;
    let mut last = 0;
    // Each is looked at, also after a free one: what stood there before may have gone since.
    for number in document::numbers(created_at, id) {
        match find.query_row([number], |row| row::link_id(row, 0)).optional()? {
            Some(there) if there == id => return Ok(Place::Taken(number)),
            Some(_) => {}
            None => free = free.or(Some(number)),
        }
        last = number;
    }
    // The last number is the link's alone, so one is always free.
    Ok(Place::Free(free.unwrap_or(last)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curtail_model::{Code, RedirectStatus};

    fn link(id: u64, title: &str) -> Link {
        Link {
            id: LinkId::new(id).unwrap(),
            code: Code::known("code"),
            url: "https://example.com/".into(),
            title: Some(title.into()),
            notes: None,
            tags: Vec::new(),
            created_at: Timestamp::from_millis(1_800_000_000_000),
            updated_at: Timestamp::from_millis(1_800_000_000_000),
            version: 1,
            starts_at: None,
            expires_at: None,
            max_clicks: None,
            redirect_status: RedirectStatus::Found,
            forward_query: false,
            password_hash: None,
            archived: false,
            expired_url: None,
        }
    }

    fn found(connection: &Connection, words: &str) -> Vec<i64> {
        let sql = "SELECT link_id FROM words JOIN documents ON document = words.rowid WHERE words MATCH ?1 ORDER BY 1";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([words], |row| row.get(0)).unwrap().collect::<Result<_>>().unwrap()
    }

    #[test]
    fn links_that_want_one_number_are_all_kept_replaced_and_removed() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../migrations/search-0001.sql")).unwrap();
        // The same slot of the same millisecond: more of them than slots are tried.
        let ids = [1, 1 + (1 << 21), 1 + (2 << 21), 1 + (3 << 21), 1 + (4 << 21)];
        for id in ids {
            put(&connection, &link(id, "first")).unwrap();
            put(&connection, &link(id, "second")).unwrap();
        }
        assert_eq!(found(&connection, "second"), ids.map(u64::cast_signed));
        assert_eq!(found(&connection, "first"), []);
        for (gone, id) in ids.into_iter().enumerate() {
            remove(&connection, link(id, "").created_at, LinkId::new(id).unwrap()).unwrap();
            // What is left stays findable and replaceable where another was before it.
            for &id in &ids[gone + 1..] {
                put(&connection, &link(id, "second")).unwrap();
            }
            assert_eq!(found(&connection, "second").len(), ids.len() - gone - 1);
        }
        let left: i64 = connection.query_row("SELECT count(*) FROM documents", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }
}
