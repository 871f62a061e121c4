//! ETag, If-Match and If-None-Match (RFC 9110, section 13).
//!
//! A link's ETag is `"v<version>.<clicks>"`: its answer holds both. If-None-Match of a request that reads
//! compares all of it, so that a poller sees new clicks. Everything else compares the version only: a click
//! is not an edit, and must not refuse one.

use crate::number;
use crate::problem::{Invalid, Problem};
use http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use std::borrow::Cow;

/// Entity tags that a request may name.
const TAGS_MAX: usize = 32;

/// Under which versions of a link a request is to do what it asks for.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// Of If-Match; nothing where any will do. Maybe none of them was ever ours.
    only: Option<Vec<u64>>,
    /// Of If-None-Match.
    never: Never,
}

#[derive(Debug)]
enum Never {
    /// Under any version, `*`.
    Any,
    /// Under one of these.
    Versions(Vec<u64>),
}

impl Conditions {
    /// Those of a request that changes something.
    pub(crate) fn of_change(headers: &HeaderMap) -> Result<Conditions, Problem> {
        let never = match named(headers, &IF_NONE_MATCH)? {
            Named::Nothing => Never::Versions(Vec::new()),
            Named::Any => Never::Any,
            Named::Tags(tags) => Never::Versions(versions(&tags, Comparison::Weak)),
        };
        Ok(Conditions { never, ..Conditions::of_read(headers)? })
    }

    /// Those of a request that reads, for which If-None-Match is no condition but a way to save an answer.
    pub(crate) fn of_read(headers: &HeaderMap) -> Result<Conditions, Problem> {
        let only = match named(headers, &IF_MATCH)? {
            Named::Nothing | Named::Any => None,
            Named::Tags(tags) => Some(versions(&tags, Comparison::Strong)),
        };
        Ok(Conditions { only, never: Never::Versions(Vec::new()) })
    }

    /// Whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        self.only.is_none() && matches!(&self.never, Never::Versions(never) if never.is_empty())
    }

    /// Refuses a link with a version under which nothing is to be done.
    pub(crate) fn check(&self, version: u64) -> Result<(), Problem> {
        let is_wanted = self.only.as_ref().is_none_or(|only| only.contains(&version));
        let is_refused = match &self.never {
            Never::Any => true,
            Never::Versions(never) => never.contains(&version),
        };
        if is_wanted && !is_refused { Ok(()) } else { Err(Problem::changed()) }
    }
}

/// The entity tag of a link with this version and this many clicks.
pub(crate) fn etag(version: u64, clicks: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"v{version}.{clicks}\""))
        .expect("digits and punctuation are visible ASCII")
}

/// Whether If-None-Match names the tag that an answer would have: then it need not be sent again.
pub(crate) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> Result<bool, Problem> {
    Ok(match named(headers, &IF_NONE_MATCH)? {
        Named::Nothing => false,
        Named::Any => true,
        Named::Tags(tags) => {
            tags.iter().any(|tag| etag.as_bytes() == format!("\"{}\"", tag.opaque).as_bytes())
        }
    })
}

/// What a header names.
enum Named<'a> {
    /// It was not given.
    Nothing,
    /// `*`
    Any,
    Tags(Vec<Tag<'a>>),
}

struct Tag<'a> {
    weak: bool,
    opaque: Cow<'a, str>,
}

/// How tags are compared (RFC 9110, section 8.8.3.2).
#[derive(Clone, Copy, PartialEq)]
enum Comparison {
    /// A weak tag matches nothing.
    Strong,
    Weak,
}

/// The versions that tags stand for; of tags that were never ours, none.
fn versions(tags: &[Tag<'_>], comparison: Comparison) -> Vec<u64> {
    let comparable = tags.iter().filter(|tag| comparison == Comparison::Weak || !tag.weak);
    comparable.filter_map(|tag| version(&tag.opaque)).collect()
}

fn named<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Named<'a>, Problem> {
    let wrong = || {
        let field = if *name == IF_MATCH { "If-Match" } else { "If-None-Match" };
        Problem::from(Invalid::new(
            field,
            "must be * or a list of entity tags such as \"v12.0\", quotes included",
        ))
    };
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let mut rest = value.as_bytes().trim_ascii();
        if rest == b"*" {
            return Ok(Named::Any);
        }
        while let Some(next) = next_of(rest) {
            let (tag, after) = tag(next).ok_or_else(wrong)?;
            tags.push(tag);
            let after = after.trim_ascii_start();
            rest = match after.strip_prefix(b",") {
                Some(more) => more,
                None if after.is_empty() => after,
                None => return Err(wrong()),
            };
            if tags.len() > TAGS_MAX {
                return Err(wrong());
            }
        }
    }
    match (tags.is_empty(), headers.contains_key(name)) {
        (true, false) => Ok(Named::Nothing),
        (true, true) => Err(wrong()),
        (false, _) => Ok(Named::Tags(tags)),
    }
}

/// What follows the empty elements at the start of a list,
/// which mean nothing (RFC 9110, 5.6.1.2); nothing at its end.
fn next_of(list: &[u8]) -> Option<&[u8]> {
    let start = list.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
    Some(&list[start..])
}

/// The tag at the start of a list, and what follows it. A tag may hold bytes that are no
/// text (RFC 9110, 8.8.3), which none of ours does.
fn tag(list: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let (weak, quoted) = match list.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, list),
    };
    let opaque = quoted.strip_prefix(b"\"")?;
    let end = opaque.iter().position(|&byte| byte == b'"')?;
    Some((Tag { weak, opaque: String::from_utf8_lossy(&opaque[..end]) }, &opaque[end + 1..]))
}

fn version(opaque: &str) -> Option<u64> {
    let version = opaque.strip_prefix('v')?;
    number::whole(version.split_once('.').map_or(version, |(version, _)| version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    /// Whether a change is made to a link with version 12.
    fn changes(name: HeaderName, value: &'static str) -> bool {
        Conditions::of_change(&headers(name, value)).unwrap().check(12).is_ok()
    }

    #[test]
    fn a_tag_that_was_answered_matches_its_version_whatever_was_clicked() {
        for (value, matches) in
            [("\"v12.7\"", true), ("\"v11\", \"x\" ,\"v12.0\"", true), ("*", true), ("\"v3.0\"", false)]
        {
            assert_eq!(changes(IF_MATCH, value), matches, "{value}");
            assert_eq!(changes(IF_NONE_MATCH, value), !matches, "{value}");
        }
        assert!(Conditions::of_change(&HeaderMap::new()).unwrap().are_none());
        for never_ours in ["\"v+12.7\"", "\"v012.7\"", "\"\u{e4}\""] {
            assert!(!changes(IF_MATCH, never_ours) && changes(IF_NONE_MATCH, never_ours));
        }
        assert!(!changes(IF_MATCH, "W/\"v12.7\"") && !changes(IF_NONE_MATCH, "W/\"v12.7\""));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for wrong in ["", "v12", "\"v12", "\"a\"\"b\"", "12", "W/v1", "\"a\" \"b\""] {
            for name in [IF_MATCH, IF_NONE_MATCH] {
                assert!(Conditions::of_change(&headers(name, wrong)).is_err(), "{wrong:?}");
            }
        }
    }

    #[test]
    fn an_answer_that_is_known_is_not_sent_again() {
        let etag = etag(12, 7);
        for (value, known) in
            [("\"v12.7\"", true), ("W/\"v12.7\"", true), ("*", true), ("\"v12.8\"", false), ("\"x\"", false)]
        {
            assert_eq!(is_known(&headers(IF_NONE_MATCH, value), &etag).unwrap(), known, "{value}");
        }
        assert!(!is_known(&HeaderMap::new(), &etag).unwrap());
    }
}
