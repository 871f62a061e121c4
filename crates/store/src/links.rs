//! The memory of links.

use crate::{StoreFuture, shape};
use curtail_model::{Change, Code, Link, LinkId, NewLink, Timestamp, destination};
use std::cmp::Reverse;

/// Remembers links. A link that was answered is durable: it survives `kill -9` and the loss of power.
pub trait Links: Send + Sync {
    /// What a code leads to, maybe as it was a moment ago.
    fn resolve<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Resolved>;

    /// The packed [`curtail_model::Target`] that a code leads to
    /// now, or nothing: for who has just heard that it changed.
    fn resolve_newest<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.resolve(code).await?.record) })
    }

    /// The packed [`curtail_model::Target`] of a link that is acknowledged and not in the store yet, from
    /// wherever that is known: for who cannot ask the store.
    fn unwritten<'a>(&'a self, _code: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Makes links, in order, each on its own: one refused leaves
    /// the others untouched. All that is answered is durable.
    fn create(&self, links: Vec<Create>) -> StoreFuture<'_, Vec<Result<Created, Refused>>>;

    /// The link with this id.
    fn get(&self, id: LinkId, seen: Seen) -> StoreFuture<'_, Option<Link>>;

    /// The link with this code.
    fn find<'a>(&'a self, code: &'a str, seen: Seen) -> StoreFuture<'a, Option<Link>>;

    /// Changes a link, if it still has the version in `only_if` (where given). What changes nothing leaves
    /// its version and the time of its last change as they are.
    fn update(
        &self,
        id: LinkId,
        change: Change,
        only_if: Option<u64>,
        now: Timestamp,
    ) -> StoreFuture<'_, Result<Link, UpdateRefused>>;

    /// Removes a link, if it still has the version in `only_if` (where given), and
    /// answers what was removed with the version of the removal. A generated code is
    /// never given again; a custom code is free to be chosen anew, by a link with another
    /// id: clicks of the removed link that are counted later are none of the new one's.
    fn delete(&self, id: LinkId, only_if: Option<u64>) -> StoreFuture<'_, Result<Link, UpdateRefused>>;

    /// A page of links.
    fn list(&self, query: ListQuery, seen: Seen) -> StoreFuture<'_, Page>;

    /// At most `limit` of the tags in use, with how many links have each: by name, in the order of its bytes
    /// (whatever order an engine has for texts), those that come after `after`, or the first ones.
    fn tags(&self, after: Option<String>, limit: usize, seen: Seen) -> StoreFuture<'_, Vec<TagCount>>;

    /// Takes one of the clicks that a link limited by `max_clicks` may give, durably before it answers.
    /// However many ask at once and whatever dies, no more are granted than the link has.
    fn spend(&self, id: LinkId) -> StoreFuture<'_, Spent>;

    /// What [`Links::spend`] would answer now; takes nothing.
    fn peek(&self, id: LinkId) -> StoreFuture<'_, Spent>;

    /// Whoever has seen this sees everything that was answered to a write so far.
    fn seen(&self) -> Seen {
        Seen::ANYTHING
    }
}

/// What a code leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The packed [`curtail_model::Target`], or nothing where there is no link.
    pub record: Option<Vec<u8>>,
    /// Whether it is known to be as it was a moment ago at most. If not, whoever could tell is away: it is
    /// better than nothing, and not to be remembered.
    pub is_current: bool,
}

impl Resolved {
    /// What is known to be so.
    pub const fn current(record: Option<Vec<u8>>) -> Resolved {
        Resolved { record, is_current: true }
    }
}

/// How much of what was written a reader has seen, and must find again: a position in the log of whatever
/// copies what is written to where it is read. A store that is read where it is written has only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen(u64);

impl Seen {
    /// Nothing yet: any state will do.
    pub const ANYTHING: Seen = Seen(0);
    /// Only the newest state will do.
    pub const NEWEST: Seen = Seen(u64::MAX);

    /// From what [`Links::seen`] gave.
    pub const fn at(wal_position: u64) -> Seen {
        Seen(wal_position)
    }

    /// The position, to be carried elsewhere.
    pub const fn wal_position(self) -> u64 {
        self.0
    }
}

/// A link to make.
#[derive(Clone, Debug)]
pub struct Create {
    /// What it shall be.
    pub link: NewLink,
    /// The time it is made at.
    pub now: Timestamp,
    /// Makes repeating the same request harmless, for [`Idempotency::LIFETIME`] milliseconds.
    pub idempotency: Option<Idempotency>,
}

impl Create {
    /// The link that this becomes with an id, its code and a version.
    pub fn made(self, id: LinkId, code: Code, version: u64) -> Link {
        shape::made(self.link, id, code, version, self.now)
    }

    /// Whether a link does what a new one would: it leads to the same place in the same way, does so now,
    /// asks for no password, and has no end.
    pub(crate) fn is_done_by(&self, link: &Link) -> bool {
        let NewLink { destination, redirect_status, forward_query, .. } = &self.link;
        destination::normal(&link.url) == destination.normal()
            && link.redirect_status == *redirect_status
            && link.forward_query == *forward_query
            && link.expires_at.is_none()
            && link.max_clicks.is_none()
            && shape::leads_on(link, self.now)
    }
}

/// What tells a repeated request from a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// SHA-256 of the caller's identity and the `Idempotency-Key`.
    pub key: [u8; 32],
    /// SHA-256 of the request's body: the same key with another body is a mistake.
    pub request: [u8; 32],
}

impl Idempotency {
    /// How long a key is remembered, in milliseconds: one day.
    pub const LIFETIME: i64 = Timestamp::DAY;
}

/// A link that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The link.
    pub link: Link,
    /// When it came to be.
    pub when: WhenMade,
}

/// When a link that was asked for came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenMade {
    /// By this very request.
    Now,
    /// Before: `reuse` was asked for, and it does now what was asked for, without a password.
    Reused,
    /// Before, and this is the answer to an earlier request with the same idempotency key.
    Replayed {
        /// Whether that request did not make it either.
        reused: bool,
    },
}

/// Why a link was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another link has the code.
    CodeTaken,
    /// The idempotency key was used for a different request.
    IdempotencyKeyUsed,
    /// The link that this idempotency key made is gone.
    IdempotentLinkGone,
    /// There are no more codes to generate.
    CodesUsedUp,
}

/// Why a link was not changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateRefused {
    /// There is no such link.
    Missing,
    /// It has changed since: this is what it is now.
    Changed(Box<Link>),
}

/// Which links to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Words to find in code, destination, title and notes: all of them, each as the beginning of a word.
    pub words: Option<String>,
    /// Only links with this tag.
    pub tag: Option<String>,
    /// Only links that are, or are not, archived.
    pub archived: Option<bool>,
    /// The order.
    pub sort: Sort,
    /// Begin after the link with this time of creation and id.
    pub after: Option<(Timestamp, LinkId)>,
    /// At most so many.
    pub limit: usize,
}

impl ListQuery {
    pub(crate) fn put_in_order(&self, links: &mut [Link]) {
        let place = |link: &Link| (link.created_at, link.id);
        match self.sort {
            Sort::Newest => links.sort_by_key(|link| Reverse(place(link))),
            Sort::Oldest => links.sort_by_key(place),
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sort {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

/// Some links and whether there are more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order that was asked for.
    pub links: Vec<Link>,
    /// Whether more follow the last one.
    pub more: bool,
}

/// A tag and the number of links that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCount {
    /// Its name.
    pub tag: String,
    /// How many links have it.
    pub links: u64,
}

/// Whether a limited link gave one more redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It did.
    Granted {
        /// So many are left.
        left: u64,
    },
    /// None was left.
    UsedUp,
    /// It has no limit any more: redirect freely.
    Unlimited,
    /// There is no such link.
    Missing,
}
