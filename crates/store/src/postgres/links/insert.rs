//! Rows of new links, many in one statement; the keys of the table decide who gets an id or a code.

use super::super::connections::{Session, Sql, sql};
use super::super::failure::Failure;
use super::super::row::{column, id_column, link_id, text};
use super::super::words;
use crate::packed;
use curtail_model::{LinkId, NewLink, Timestamp};
use std::borrow::Cow;
use std::collections::HashMap;
use tokio_postgres::types::ToSql;

pub(in super::super) static INSERT: Sql = sql!(
    "links_insert",
    INT8_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    INT8_ARRAY,
    INT8_ARRAY,
    BOOL_ARRAY,
    INT2_ARRAY,
    BOOL_ARRAY,
    INT8_ARRAY,
    INT8_ARRAY,
    INT8_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    TEXT_ARRAY,
    INT8_ARRAY,
    INT8_ARRAY
);
pub(super) static RENEW: Sql = sql!("links_renew", INT8_ARRAY);

type Texts<'a> = Vec<Option<Cow<'a, str>>>;

/// Columns of rows to insert.
#[derive(Default)]
pub(in super::super) struct Rows<'a> {
    ids: Vec<i64>,
    codes: Texts<'a>,
    urls: Vec<Cow<'a, str>>,
    url_hashes: Vec<i64>,
    created_at: Vec<i64>,
    generated: Vec<bool>,
    statuses: Vec<i16>,
    forward_query: Vec<bool>,
    starts_at: Vec<Option<i64>>,
    expires_at: Vec<Option<i64>>,
    max_clicks: Vec<Option<i64>>,
    titles: Texts<'a>,
    notes: Texts<'a>,
    tags: Vec<Option<String>>,
    password_hashes: Texts<'a>,
    expired_urls: Texts<'a>,
    words: Vec<String>,
    tag_names: Vec<Cow<'a, str>>,
    tag_ids: Vec<i64>,
    versions: Vec<i64>,
}

impl<'a> Rows<'a> {
    /// Adds a link with an id. `code` is its code, which is
    /// kept where it is not the one that the id stands for.
    pub(in super::super) fn push(
        &mut self,
        id: LinkId,
        code: &'a str,
        keeps_code: bool,
        generated: bool,
        link: &'a NewLink,
        now: Timestamp,
    ) {
        let (title, notes) = (link.title.as_deref().map(text), link.notes.as_deref().map(text));
        let url = text(link.destination.as_given());
        self.words.push(words::of_link(code, &url, title.as_deref(), notes.as_deref()));
        self.ids.push(id_column(id));
        self.codes.push(keeps_code.then(|| text(code)));
        self.urls.push(url);
        self.url_hashes.push(link.destination.fingerprint().cast_signed());
        self.created_at.push(now.millis());
        self.generated.push(generated);
        self.statuses.push(link.redirect_status.code().cast_signed());
        self.forward_query.push(link.forward_query);
        self.starts_at.push(link.starts_at.map(Timestamp::millis));
        self.expires_at.push(link.expires_at.map(Timestamp::millis));
        self.max_clicks.push(link.max_clicks.map(u64::cast_signed));
        self.titles.push(title);
        self.notes.push(notes);
        self.tags.push(packed::pack(&link.tags).map(|tags| text(&tags).into_owned()));
        self.password_hashes.push(link.password_hash.as_deref().map(text));
        self.expired_urls.push(link.expired_url.as_deref().map(text));
        for tag in &link.tags {
            self.tag_names.push(text(tag));
            self.tag_ids.push(id_column(id));
        }
    }

    /// Gives the row that was added last a version that was taken before;
    /// then all rows have one. Without any, they are given new ones.
    pub(in super::super) fn push_version(&mut self, version: u64) {
        self.versions.push(version.cast_signed());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Ids, and codes where they are kept.
    pub(in super::super) fn ids_and_codes(&self) -> [&(dyn ToSql + Sync); 2] {
        [&self.ids, &self.codes]
    }

    /// What a link is made of, whichever statement takes it.
    pub(in super::super) fn columns(&self) -> [&(dyn ToSql + Sync); 17] {
        [
            &self.ids,
            &self.codes,
            &self.urls,
            &self.url_hashes,
            &self.created_at,
            &self.generated,
            &self.statuses,
            &self.forward_query,
            &self.starts_at,
            &self.expires_at,
            &self.max_clicks,
            &self.titles,
            &self.notes,
            &self.tags,
            &self.password_hashes,
            &self.expired_urls,
            &self.words,
        ]
    }

    /// The parameters of [`INSERT`].
    pub(in super::super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut parameters = self.columns().to_vec();
        parameters.extend([&self.tag_names as &(dyn ToSql + Sync), &self.tag_ids, &self.versions]);
        parameters
    }

    /// Inserts the rows. Answers the versions of those that there was room for, by id.
    pub(super) async fn insert(&self, session: &Session) -> Result<HashMap<LinkId, u64>, Failure> {
        versions(&session.query(&INSERT, &self.parameters()).await?)
    }
}

/// Rows of an id and a version.
pub(in super::super) fn versions(rows: &[tokio_postgres::Row]) -> Result<HashMap<LinkId, u64>, Failure> {
    let pair = |row| Ok((link_id(column(row, 0)?)?, column::<i64>(row, 1)?.cast_unsigned()));
    rows.iter().map(pair).collect()
}
