//! Packed records of links of which only what is told apart matters. Tests inside the crate use it too.

use curtail_model::{Code, Link, LinkId, RedirectStatus, Target, Timestamp};

const MADE_AT: Timestamp = Timestamp::from_seconds(1_000_000);

/// The record of the link with this id, in a version that leads to `url`.
pub(crate) fn packed(id: u64, version: u64, url: &str) -> Vec<u8> {
    Target::pack(&Link {
        id: LinkId::new(id).expect("an id"),
        code: Code::known("code"),
        url: url.to_owned(),
        title: None,
        notes: None,
        tags: Vec::new(),
        created_at: MADE_AT,
        updated_at: MADE_AT,
        version,
        starts_at: None,
        expires_at: None,
        max_clicks: None,
        redirect_status: RedirectStatus::Found,
        forward_query: false,
        password_hash: None,
        archived: false,
        expired_url: None,
    })
}
