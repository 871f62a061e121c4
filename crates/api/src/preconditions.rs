//! ETag, If-Match and If-None-Match (RFC 9110, section 13).
//!
//! A link's ETag is `"v<version>.<clicks>"`: its answer holds both. If-None-Match compares all of it, so that
//! a poller sees new clicks. If-Match compares the version only: a click is not an edit, and must not refuse
//! one.

use crate::number;
use crate::problem::{Invalid, Problem};
use http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

/// Entity tags that a request may name.
const TAGS_MAX: usize = 32;

/// Under which version a change may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Under any: the header was not given, or is `*`.
    Any,
    /// Under one of these; maybe none of them was ever ours.
    Versions(Vec<u64>),
}

/// The entity tag of a link with this version and this many clicks.
pub(crate) fn etag(version: u64, clicks: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"v{version}.{clicks}\""))
        .expect("digits and punctuation are visible ASCII")
}

/// Reads If-Match.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    let Some(tags) = tags(headers, &IF_MATCH)? else { return Ok(IfMatch::Any) };
    // Weak tags never match here (RFC 9110, section 13.1.1).
    Ok(IfMatch::Versions(
        tags.into_iter().filter(|tag| !tag.weak).filter_map(|tag| version(tag.opaque)).collect(),
    ))
}

/// Whether If-None-Match names the tag that an answer would have: then it need not be sent again.
pub(crate) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> Result<bool, Problem> {
    let known = match tags(headers, &IF_NONE_MATCH)? {
        None => headers.contains_key(IF_NONE_MATCH),
        Some(tags) => tags.iter().any(|tag| etag.as_bytes() == format!("\"{}\"", tag.opaque).as_bytes()),
    };
    Ok(known)
}

struct Tag<'a> {
    weak: bool,
    opaque: &'a str,
}

/// The tags that a header lists; nothing when it is not given or is `*`.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Vec<Tag<'a>>>, Problem> {
    let wrong = || {
        let field = if *name == IF_MATCH { "If-Match" } else { "If-None-Match" };
        Problem::from(Invalid::new(
            field,
            "must be * or a list of entity tags such as \"v12.0\", quotes included",
        ))
    };
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let mut rest = value.to_str().map_err(|_| wrong())?.trim();
        if rest == "*" {
            return Ok(None);
        }
        while let Some(next) = next_of(rest) {
            let (tag, after) = tag(next).ok_or_else(wrong)?;
            tags.push(tag);
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.is_empty() => after,
                None => return Err(wrong()),
            };
            if tags.len() > TAGS_MAX {
                return Err(wrong());
            }
        }
    }
    if tags.is_empty() && headers.contains_key(name) {
        Err(wrong())
    } else {
        Ok(Some(tags).filter(|tags| !tags.is_empty()))
    }
}

/// What follows the empty elements at the start of a list,
/// which mean nothing (RFC 9110, 5.6.1.2); nothing at its end.
fn next_of(list: &str) -> Option<&str> {
    Some(list.trim_start_matches([',', ' ', '\t'])).filter(|rest| !rest.is_empty())
}

fn tag(text: &str) -> Option<(Tag<'_>, &str)> {
    let (weak, text) = match text.strip_prefix("W/") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (opaque, rest) = text.strip_prefix('"')?.split_once('"')?;
    Some((Tag { weak, opaque }, rest))
}

fn version(opaque: &str) -> Option<u64> {
    let version = opaque.strip_prefix('v')?;
    number::whole(version.split_once('.').map_or(version, |(version, _)| version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_tag_that_was_answered_matches_its_version_whatever_was_clicked() {
        assert_eq!(if_match(&headers(IF_MATCH, "\"v12.7\"")).unwrap(), IfMatch::Versions(vec![12]));
        assert_eq!(
            if_match(&headers(IF_MATCH, "\"v12\", \"x\" ,\"v3.0\"")).unwrap(),
            IfMatch::Versions(vec![12, 3])
        );
        assert_eq!(if_match(&headers(IF_MATCH, "*")).unwrap(), IfMatch::Any);
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), IfMatch::Any);
        for never_ours in ["W/\"v12.7\"", "\"v+12.7\"", "\"v012.7\""] {
            assert_eq!(if_match(&headers(IF_MATCH, never_ours)).unwrap(), IfMatch::Versions(vec![]));
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for wrong in ["", "v12", "\"v12", "\"a\"\"b\"", "12", "W/v1", "\"a\" \"b\""] {
            assert!(if_match(&headers(IF_MATCH, wrong)).is_err(), "{wrong:?}");
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
