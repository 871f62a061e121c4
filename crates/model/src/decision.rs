//! What becomes of a request for a link: a pure function of the link and the time.

use crate::link::RedirectStatus;
use crate::target::Target;
use crate::timestamp::Timestamp;

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Send the visitor on.
    Redirect {
        /// The status of the answer.
        status: RedirectStatus,
        /// Where it sends visitors, fit for a `Location` header.
        location: &'a str,
    },
    /// Send the visitor on if one of the link's clicks is still to be had: ask the store, it alone knows.
    Spend {
        /// How many redirects the link gives in all.
        max_clicks: u64,
    },
    /// Ask for the password first.
    AskPassword {
        /// What it is checked against (a PHC string).
        hash: &'a str,
    },
    /// It leads nowhere, not yet or not any more.
    Inactive {
        /// Why.
        why: Inactive,
        /// Where its owner sends visitors instead, if anywhere.
        instead: Option<&'a str>,
    },
}

/// Why a link leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inactive {
    /// It starts later.
    NotStarted,
    /// Its time is over.
    Expired,
    /// It has given all its redirects.
    UsedUp,
    /// Its owner put it away.
    Archived,
}

/// Decides about a request, `unlocked` being whether the visitor has given the password.
#[inline]
pub fn decide<'a>(target: &Target<'a>, now: Timestamp, unlocked: bool) -> Decision<'a> {
    let instead = target.conditions.and_then(|conditions| conditions.expired_url);
    if target.archived {
        return Decision::Inactive { why: Inactive::Archived, instead: None };
    }
    if let Some(conditions) = target.conditions {
        if conditions.starts_at.is_some_and(|start| now < start) {
            return Decision::Inactive { why: Inactive::NotStarted, instead: None };
        }
        if conditions.expires_at.is_some_and(|end| now >= end) {
            return Decision::Inactive { why: Inactive::Expired, instead };
        }
        if let Some(hash) = conditions.password_hash
            && !unlocked
        {
            return Decision::AskPassword { hash };
        }
        if let Some(max_clicks) = conditions.max_clicks {
            return Decision::Spend { max_clicks };
        }
    }
    Decision::Redirect { status: target.status, location: target.location }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::LinkId;
    use crate::target::Conditions;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn target(conditions: Conditions<'static>) -> Target<'static> {
        Target {
            id: LinkId::new(1).unwrap(),
            version: 1,
            status: RedirectStatus::Found,
            forward_query: false,
            archived: false,
            location: "https://example.com/",
            conditions: Some(conditions),
        }
    }

    const FREE: Conditions<'static> = Conditions {
        starts_at: None,
        expires_at: None,
        max_clicks: None,
        password_hash: None,
        expired_url: None,
    };

    #[test]
    fn a_link_lives_from_its_start_to_just_before_its_end() {
        let end = target(Conditions { expires_at: Some(NOW), expired_url: Some("https://x/"), ..FREE });
        assert_eq!(
            decide(&end, NOW, false),
            Decision::Inactive { why: Inactive::Expired, instead: Some("https://x/") }
        );
        assert!(matches!(decide(&end, NOW.plus_millis(-1), false), Decision::Redirect { .. }));
        let start = target(Conditions { starts_at: Some(NOW), ..FREE });
        assert!(matches!(decide(&start, NOW, false), Decision::Redirect { .. }));
        assert!(matches!(
            decide(&start, NOW.plus_millis(-1), false),
            Decision::Inactive { why: Inactive::NotStarted, .. }
        ));
    }

    #[test]
    fn nothing_is_spent_before_the_password_is_known() {
        let both = target(Conditions { password_hash: Some("hash"), max_clicks: Some(1), ..FREE });
        assert_eq!(decide(&both, NOW, false), Decision::AskPassword { hash: "hash" });
        assert_eq!(decide(&both, NOW, true), Decision::Spend { max_clicks: 1 });
    }

    #[test]
    fn an_archived_link_says_nothing_of_its_destination() {
        let archived =
            Target { archived: true, ..target(Conditions { expired_url: Some("https://x/"), ..FREE }) };
        assert_eq!(
            decide(&archived, NOW, true),
            Decision::Inactive { why: Inactive::Archived, instead: None }
        );
    }
}
