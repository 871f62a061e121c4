//! Making links: in the writer's thread, insert first, so that constraints decide and nothing is checked beforehand.

use super::super::row::{self, id_column, words_column};
use super::book::LinkBook;
use crate::{Create, Created, Idempotency, Refused, StoreError, WhenMade};
use curtail_model::code::RESERVED;
use curtail_model::offensive::is_offensive;
use curtail_model::{Code, Destination, Link, LinkId, NewLink, Timestamp, destination};
use rusqlite::OptionalExtension;

/// Expired keys that are forgotten with each one that is remembered.
const PRUNED_AT_ONCE: i64 = 4;

type Outcome<T> = Result<Result<T, Refused>, StoreError>;

/// What identifies a link that is being made.
struct Identity {
    id: LinkId,
    version: u64,
    generated: bool,
}

/// Makes links, each on its own.
pub(super) fn create(
    book: &mut LinkBook,
    links: Vec<Create>,
) -> Result<Vec<Result<Created, Refused>>, StoreError> {
    links.into_iter().map(|create| create_one(book, create)).collect()
}

fn create_one(book: &mut LinkBook, create: Create) -> Outcome<Created> {
    let Create { link, now, idempotency } = create;
    if let Some(idempotency) = &idempotency
        && let Some(outcome) = replay(book, idempotency, now)?
    {
        return Ok(outcome);
    }
    let reusable =
        if link.reuse && link.code.is_none() { same_destination(book, &link.destination)? } else { None };
    let created = match reusable {
        Some(link) => Created { link, when: WhenMade::Reused },
        None => match make(book, link, now)? {
            Ok(link) => Created { link, when: WhenMade::Now },
            Err(refused) => return Ok(Err(refused)),
        },
    };
    if let Some(idempotency) = &idempotency {
        remember(book, idempotency, created.link.id, now)?;
    }
    Ok(Ok(created))
}

/// The outcome of the earlier request with this key, if there was one.
fn replay(
    book: &LinkBook,
    idempotency: &Idempotency,
    now: Timestamp,
) -> Result<Option<Result<Created, Refused>>, StoreError> {
    let earlier = book
        .connection
        .prepare_cached(include_str!("../sql/idempotency_get.sql"))?
        .query_row((idempotency.key, now.millis()), |row| {
            Ok((row.get::<_, [u8; 32]>(0)?, row::link_id(row, 1)?))
        })
        .optional()?;
    let Some((request, id)) = earlier else { return Ok(None) };
    if request != idempotency.request {
        return Ok(Some(Err(Refused::IdempotencyKeyUsed)));
    }
    Ok(Some(match book.get(id)? {
        Some(link) => Ok(Created { link, when: WhenMade::Replayed }),
        None => Err(Refused::IdempotentLinkGone),
    }))
}

fn remember(
    book: &LinkBook,
    idempotency: &Idempotency,
    id: LinkId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let expires_at = now.plus_millis(Idempotency::LIFETIME).millis();
    book.connection.prepare_cached(include_str!("../sql/idempotency_put.sql"))?.execute((
        idempotency.key,
        idempotency.request,
        id_column(id),
        expires_at,
    ))?;
    book.connection
        .prepare_cached(include_str!("../sql/idempotency_prune.sql"))?
        .execute((now.millis(), PRUNED_AT_ONCE))?;
    Ok(())
}

/// A link that is not archived and leads to the same destination, of those made last.
fn same_destination(book: &LinkBook, wanted: &Destination) -> Result<Option<Link>, StoreError> {
    let mut candidates = book.connection.prepare_cached(include_str!("../sql/link_same_url.sql"))?;
    for part in (0..=book.url_part()).rev() {
        let mut rows = candidates.query((part.cast_signed(), wanted.fingerprint().cast_signed()))?;
        while let Some(row) = rows.next()? {
            if destination::normal(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
                == wanted.normal()
            {
                return book.get(row::link_id(row, 0)?);
            }
        }
    }
    Ok(None)
}

fn make(book: &mut LinkBook, link: NewLink, now: Timestamp) -> Outcome<Link> {
    let version = book.next_version();
    let made = match &link.code {
        Some(code) => insert_custom(book, code, &link, version, now)?.map(|id| (id, code.clone())),
        None => insert_generated(book, &link, version, now)?,
    };
    let (id, code) = match made {
        Ok(made) => made,
        Err(refused) => return Ok(Err(refused)),
    };
    book.changed(id);
    let link = whole(link, id, code, version, now);
    book.tag(&link)?;
    Ok(Ok(link))
}

/// Gives the next id whose code nobody has chosen before and that does not offend or hide a page of our own.
fn insert_generated(
    book: &mut LinkBook,
    link: &NewLink,
    version: u64,
    now: Timestamp,
) -> Outcome<(LinkId, Code)> {
    loop {
        let next = LinkId::new(book.counters.next_generated);
        let Some((id, code)) = next.and_then(|id| Some((id, book.codes.encode(id)?))) else {
            return Ok(Err(Refused::CodesUsedUp));
        };
        book.counters.next_generated += 1;
        if is_offensive(&code) || RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(&code)) {
            continue;
        }
        if insert(book, &Identity { id, version, generated: true }, None, link, now)? {
            return Ok(Ok((id, Code::known(code))));
        }
    }
}

fn insert_custom(
    book: &mut LinkBook,
    code: &Code,
    link: &NewLink,
    version: u64,
    now: Timestamp,
) -> Outcome<LinkId> {
    if let Some(id) = book.codes.decode(code.as_str().as_bytes()) {
        let mut retired = book.connection.prepare_cached(include_str!("../sql/retired_find.sql"))?;
        let free = !retired.exists([id_column(id)])?;
        drop(retired);
        let inserted = free && insert(book, &Identity { id, version, generated: false }, None, link, now)?;
        return Ok(if inserted { Ok(id) } else { Err(Refused::CodeTaken) });
    }
    let bucket = book.codes.bucket_of(0, code.as_str().as_bytes());
    let Some(id) = LinkId::from_parts(book.counters.next_custom, bucket) else {
        return Ok(Err(Refused::CodesUsedUp));
    };
    let row = (code.as_str(), id_column(id));
    if book.connection.prepare_cached(include_str!("../sql/code_insert.sql"))?.execute(row)? == 0 {
        return Ok(Err(Refused::CodeTaken));
    }
    book.counters.next_custom += 1;
    if !insert(book, &Identity { id, version, generated: false }, Some(code), link, now)? {
        return Err(StoreError::Damaged(format!("the id {id} is in use before it was given")));
    }
    Ok(Ok(id))
}

/// Whether the id was free.
fn insert(
    book: &LinkBook,
    identity: &Identity,
    code: Option<&Code>,
    link: &NewLink,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (starts_at, expires_at) =
        (link.starts_at.map(Timestamp::millis), link.expires_at.map(Timestamp::millis));
    let (max_clicks, version) = (link.max_clicks.map(u64::cast_signed), identity.version.cast_signed());
    let (url, status, tags) =
        (link.destination.as_given(), link.redirect_status.code(), words_column(&link.tags));
    let numbers = [
        Some(id_column(identity.id)),
        Some(now.millis()),
        Some(now.millis()),
        Some(version),
        Some(0),
        Some(status.into()),
        Some(link.forward_query.into()),
        starts_at,
        expires_at,
        max_clicks,
    ];
    let texts =
        [&link.title, &link.notes, &tags, &link.password_hash, &link.expired_url].map(Option::as_deref);
    let [title, notes, tags, password_hash, expired_url] = texts;
    let checksum = row::checksum(numbers, [Some(url), title, notes, tags, password_hash, expired_url]);
    let mut statement = book.connection.prepare_cached(include_str!("../sql/link_insert.sql"))?;
    let inserted = statement.execute(rusqlite::params![
        id_column(identity.id),
        code.map(Code::as_str),
        url,
        link.destination.fingerprint().cast_signed(),
        book.url_part().cast_signed(),
        now.millis(),
        version,
        identity.generated,
        status,
        link.forward_query,
        starts_at,
        expires_at,
        max_clicks,
        title,
        notes,
        tags,
        password_hash,
        expired_url,
        checksum,
    ])?;
    Ok(inserted > 0)
}

fn whole(link: NewLink, id: LinkId, code: Code, version: u64, now: Timestamp) -> Link {
    Link {
        id,
        code,
        url: link.destination.as_given().to_owned(),
        title: link.title,
        notes: link.notes,
        tags: link.tags,
        created_at: now,
        updated_at: now,
        version,
        starts_at: link.starts_at,
        expires_at: link.expires_at,
        max_clicks: link.max_clicks,
        redirect_status: link.redirect_status,
        forward_query: link.forward_query,
        password_hash: link.password_hash,
        archived: false,
        expired_url: link.expired_url,
    }
}
