//! Making links: in the writer's thread, insert first, so
//! that constraints decide and nothing is checked beforehand.

use super::super::row::{self, id_column};
use super::allowance;
use super::insert::{self, LINKS_AT_ONCE, Row};
use super::lookup;
use super::writer_state::LinkWriterState;
use crate::shape;
use crate::transfer::Retired;
use crate::{Create, Created, Idempotency, Refused, StoreError, WhenMade};
use curtail_model::{Code, DEFAULT_DOMAIN, Link, LinkId, NewLink, Timestamp, destination};
use rusqlite::OptionalExtension;

/// Expired keys that are forgotten with each one that is remembered.
const PRUNED_AT_ONCE: i64 = 4;
/// Links to one destination that are looked at for one to reuse, the newest first: who made that many that
/// lead nowhere any more gets a new one, and the writer's thread is not held up.
const REUSABLE_MAX: usize = 100;

type Outcome<T> = Result<Result<T, Refused>, StoreError>;

/// Makes links, each on its own. Those that ask for nothing special, one after the other, go many at a time.
pub(super) fn create(
    state: &mut LinkWriterState,
    links: Vec<Create>,
) -> Result<Vec<Result<Created, Refused>>, StoreError> {
    let mut outcomes = Vec::with_capacity(links.len());
    let mut plain = Vec::new();
    for create in links {
        if is_plain(&create) {
            plain.push((create.link, create.now));
            if plain.len() == LINKS_AT_ONCE {
                create_many(state, &mut plain, &mut outcomes)?;
            }
        } else {
            create_each(state, &mut plain, &mut outcomes)?;
            outcomes.push(create_one(state, create)?);
        }
    }
    create_each(state, &mut plain, &mut outcomes)?;
    Ok(outcomes)
}

/// Whether nothing that exists has a say in what becomes of it.
fn is_plain(create: &Create) -> bool {
    create.idempotency.is_none() && create.link.code.is_none() && !create.link.reuse
}

fn create_each(
    state: &mut LinkWriterState,
    links: &mut Vec<(NewLink, Timestamp)>,
    outcomes: &mut Vec<Result<Created, Refused>>,
) -> Result<(), StoreError> {
    for (link, now) in links.drain(..) {
        outcomes.push(make(state, link, now)?.map(new));
    }
    Ok(())
}

/// Makes [`LINKS_AT_ONCE`] links with one statement.
fn create_many(
    state: &mut LinkWriterState,
    links: &mut Vec<(NewLink, Timestamp)>,
    outcomes: &mut Vec<Result<Created, Refused>>,
) -> Result<(), StoreError> {
    let mut identities = Vec::with_capacity(links.len());
    while identities.len() < links.len() {
        // Without an identity for each, those that there are go unused: a few of the very last ones.
        let Some((id, code)) = next_generated(state)? else { return create_each(state, links, outcomes) };
        identities.push((id, state.next_version(), code));
        state.changed(id);
    }
    let rows: Vec<Row<'_>> = identities
        .iter()
        .zip(&*links)
        .map(|((id, version, _), (link, now))| Row {
            id: *id,
            version: *version,
            generated: true,
            code: None,
            link,
            now: *now,
        })
        .collect();
    let free = insert::many(state, &rows)?;
    drop(rows);
    for ((free, (id, version, code)), (link, now)) in free.into_iter().zip(identities).zip(links.drain(..)) {
        outcomes.push(if free {
            let link = shape::made(link, id, Code::known(code), version, now);
            complete(state, &link)?;
            Ok(new(link))
        } else {
            make(state, link, now)?.map(new)
        });
    }
    Ok(())
}

fn new(link: Link) -> Created {
    Created { link, when: WhenMade::Now }
}

fn create_one(state: &mut LinkWriterState, create: Create) -> Outcome<Created> {
    let (idempotency, now) = (create.idempotency, create.now);
    if let Some(idempotency) = &idempotency
        && let Some(outcome) = replay(state, idempotency, now)?
    {
        return Ok(outcome);
    }
    let found = if create.link.reuse { reusable(state, &create)? } else { None };
    let created = match found {
        Some(link) => Created { link, when: WhenMade::Reused },
        None => match make(state, create.link, now)? {
            Ok(link) => new(link),
            Err(refused) => return Ok(Err(refused)),
        },
    };
    if let Some(idempotency) = &idempotency {
        remember(state, idempotency, &created, now)?;
    }
    Ok(Ok(created))
}

/// The outcome of the earlier request with this key, if there was one.
fn replay(
    state: &LinkWriterState,
    idempotency: &Idempotency,
    now: Timestamp,
) -> Result<Option<Result<Created, Refused>>, StoreError> {
    let earlier = state
        .connection
        .prepare_cached(include_str!("../sql/idempotency_get.sql"))?
        .query_row((idempotency.key, now.millis()), |row| {
            Ok((row.get::<_, [u8; 32]>(0)?, row::link_id(row, 1)?, row.get(2)?))
        })
        .optional()?;
    let Some((request, id, reused)) = earlier else { return Ok(None) };
    if request != idempotency.request {
        return Ok(Some(Err(Refused::IdempotencyKeyUsed)));
    }
    Ok(Some(match state.get(id)? {
        Some(link) => Ok(Created { link, when: WhenMade::Replayed { reused } }),
        None => Err(Refused::IdempotentLinkGone),
    }))
}

fn remember(
    state: &LinkWriterState,
    idempotency: &Idempotency,
    created: &Created,
    now: Timestamp,
) -> Result<(), StoreError> {
    let expires_at = now.plus_millis(Idempotency::LIFETIME).millis();
    state.connection.prepare_cached(include_str!("../sql/idempotency_put.sql"))?.execute((
        idempotency.key,
        idempotency.request,
        id_column(created.link.id),
        expires_at,
        created.when == WhenMade::Reused,
    ))?;
    state
        .connection
        .prepare_cached(include_str!("../sql/idempotency_prune.sql"))?
        .execute((now.millis(), PRUNED_AT_ONCE))?;
    Ok(())
}

/// A link that does now what is asked for: the one with the
/// code, where one is chosen, or else of those made last.
fn reusable(state: &mut LinkWriterState, create: &Create) -> Result<Option<Link>, StoreError> {
    if let Some(code) = &create.link.code {
        let link = lookup::find(&state.connection, &state.codes, code.as_str())?;
        return Ok(link.filter(|link| create.is_done_by(link)));
    }
    let wanted = &create.link.destination;
    state.write_urls()?;
    let mut candidates = state.connection.prepare_cached(include_str!("../sql/link_same_url.sql"))?;
    let mut looked_at = 0;
    for part in (0..=state.url_part()).rev() {
        let mut rows = candidates.query((part.cast_signed(), wanted.fingerprint().cast_signed()))?;
        while let Some(row) = rows.next()? {
            looked_at += 1;
            if looked_at > REUSABLE_MAX {
                return Ok(None);
            }
            if destination::normal(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
                != wanted.normal()
            {
                continue;
            }
            if let Some(link) = state.get(row::link_id(row, 0)?)?
                && create.is_done_by(&link)
            {
                return Ok(Some(link));
            }
        }
    }
    Ok(None)
}

fn make(state: &mut LinkWriterState, link: NewLink, now: Timestamp) -> Outcome<Link> {
    let version = state.next_version();
    let made = match &link.code {
        Some(code) => insert_custom(state, code, &link, version, now)?.map(|id| (id, code.clone())),
        None => insert_generated(state, &link, version, now)?,
    };
    let (id, code) = match made {
        Ok(made) => made,
        Err(refused) => return Ok(Err(refused)),
    };
    state.changed(id);
    let link = shape::made(link, id, code, version, now);
    complete(state, &link)?;
    Ok(Ok(link))
}

/// The next id that no removed link had and whose code does not
/// offend or hide a page of our own, unless all are used up.
fn next_generated(state: &mut LinkWriterState) -> Result<Option<(LinkId, String)>, StoreError> {
    loop {
        let Some(id) = LinkId::new(state.counters.next_generated) else { return Ok(None) };
        if id.get() >= state.codes.capacity() {
            return Ok(None);
        }
        state.counters.next_generated += 1;
        if let Some(code) = state.codes.generate(id)
            && !state.is_retired(id)?
        {
            return Ok(Some((id, code)));
        }
    }
}

/// Gives the next id whose code nobody has chosen before.
fn insert_generated(
    state: &mut LinkWriterState,
    link: &NewLink,
    version: u64,
    now: Timestamp,
) -> Outcome<(LinkId, Code)> {
    while let Some((id, code)) = next_generated(state)? {
        if insert::one(state, &Row { id, version, generated: true, code: None, link, now })? {
            return Ok(Ok((id, Code::known(code))));
        }
    }
    Ok(Err(Refused::CodesUsedUp))
}

fn insert_custom(
    state: &mut LinkWriterState,
    code: &Code,
    link: &NewLink,
    version: u64,
    now: Timestamp,
) -> Outcome<LinkId> {
    if let Some(id) = state.codes.decode(code.as_str().as_bytes()) {
        match retired(state, id)? {
            None if id.get() < state.lost_before && state.get(id)?.is_none() => {}
            None => {
                let row = Row { id, version, generated: false, code: None, link, now };
                return Ok(if insert::one(state, &row)? { Ok(id) } else { Err(Refused::CodeTaken) });
            }
            Some(Retired { generated: true, .. }) => return Ok(Err(Refused::CodeTaken)),
            // The code is free, and its id was another link's, as that of a lost one may have been.
            Some(Retired { generated: false, .. }) => {}
        }
    }
    let bucket = state.codes.bucket_of(DEFAULT_DOMAIN, code.as_str().as_bytes());
    let Some(id) = LinkId::from_parts(state.counters.next_custom, bucket) else {
        return Ok(Err(Refused::CodesUsedUp));
    };
    let row = (code.as_str(), id_column(id));
    // Where the table of codes is damaged, the row of a link tells that it has the code.
    if state.connection.prepare_cached(include_str!("../sql/code_in_row.sql"))?.exists([code.as_str()])?
        || state.connection.prepare_cached(include_str!("../sql/code_insert.sql"))?.execute(row)? == 0
    {
        return Ok(Err(Refused::CodeTaken));
    }
    state.counters.next_custom += 1;
    let row = Row { id, version, generated: false, code: Some(code.as_str()), link, now };
    if !insert::one(state, &row)? {
        return Err(StoreError::Damaged(format!("the id {id} is in use before it was given")));
    }
    Ok(Ok(id))
}

/// What is left of the removed link that had this id, if there was one.
fn retired(state: &LinkWriterState, id: LinkId) -> Result<Option<Retired>, StoreError> {
    let mut find = state.connection.prepare_cached(include_str!("../sql/retired_find.sql"))?;
    Ok(find.query_row([id_column(id)], |row| Ok(Retired { id, generated: row.get(0)? })).optional()?)
}

/// Writes what belongs to a link beside its row.
fn complete(state: &mut LinkWriterState, link: &Link) -> Result<(), StoreError> {
    if link.max_clicks.is_some() {
        allowance::begin(&state.connection, link.id)?;
    }
    state.tag(link)
}
