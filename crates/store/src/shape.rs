//! What a link becomes when it is made or changed, whatever the engine.

use curtail_model::{
    Change, Code, Decision, Destination, Field, Link, LinkId, NewLink, Target, Timestamp, decide,
};

/// A link that has just been made.
pub(crate) fn made(link: NewLink, id: LinkId, code: Code, version: u64, now: Timestamp) -> Link {
    Link {
        id,
        code,
        url: link.destination.into_given(),
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

/// What a link was made of that has not changed since: the opposite of [`made`].
pub(crate) fn given(link: Link) -> NewLink {
    NewLink {
        code: None,
        destination: Destination::known(link.url),
        title: link.title,
        notes: link.notes,
        tags: link.tags,
        starts_at: link.starts_at,
        expires_at: link.expires_at,
        max_clicks: link.max_clicks,
        redirect_status: link.redirect_status,
        forward_query: link.forward_query,
        password_hash: link.password_hash,
        expired_url: link.expired_url,
        reuse: false,
    }
}

/// Whether a link redirects now, and asks for no password.
pub(crate) fn leads_on(link: &Link, now: Timestamp) -> bool {
    let packed = Target::pack(link);
    let decision = Target::unpack(&packed).map(|target| decide(&target, now, false));
    matches!(decision, Some(Decision::Redirect { .. }))
}

/// A link with a change. Its version and the time of the change are for the engine to set.
pub(crate) fn changed(link: Link, change: Change) -> Link {
    fn pick<T>(field: Field<T>, kept: T) -> T {
        match field {
            Field::Keep => kept,
            Field::Set(value) => value,
        }
    }
    Link {
        url: match change.destination {
            Field::Keep => link.url,
            Field::Set(destination) => destination.into_given(),
        },
        title: pick(change.title, link.title),
        notes: pick(change.notes, link.notes),
        tags: pick(change.tags, link.tags),
        starts_at: pick(change.starts_at, link.starts_at),
        expires_at: pick(change.expires_at, link.expires_at),
        max_clicks: pick(change.max_clicks, link.max_clicks),
        redirect_status: pick(change.redirect_status, link.redirect_status),
        forward_query: pick(change.forward_query, link.forward_query),
        password_hash: pick(change.password_hash, link.password_hash),
        archived: pick(change.archived, link.archived),
        expired_url: pick(change.expired_url, link.expired_url),
        ..link
    }
}
