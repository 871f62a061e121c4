//! Checks a link to make and a change to one.

use super::{Fields, Given};
use crate::problem::Problem;
use curtail_model::{Change, Code, Destination, Field, Limits, NewLink, RedirectStatus, Timestamp};
use std::borrow::Cow;

/// The fields of a link to make.
pub(crate) const NEW: &[&str] = &[
    "url",
    "code",
    "title",
    "notes",
    "tags",
    "starts_at",
    "expires_at",
    "max_clicks",
    "redirect_status",
    "forward_query",
    "password",
    "expired_url",
    "reuse",
];

/// The fields of a change. The code is among them to say why it cannot be one.
pub(crate) const CHANGE: &[&str] = &[
    "url",
    "title",
    "notes",
    "tags",
    "starts_at",
    "expires_at",
    "max_clicks",
    "redirect_status",
    "forward_query",
    "password",
    "expired_url",
    "archived",
    "code",
];

/// What a destination is checked against.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// See [`crate::Settings::app_schemes`].
    pub(crate) app_schemes: &'a [String],
    /// See [`crate::Settings::own_hosts`].
    pub(crate) own_hosts: &'a [String],
    /// The host that answers stand for, which is ours as well.
    pub(crate) domain: &'a str,
}

/// A link to make. Its password is not hashed yet, because that takes long.
pub(crate) struct WantedLink {
    pub(crate) link: NewLink,
    pub(crate) password: Option<String>,
}

/// A change. Its password is not hashed yet, because that takes long.
pub(crate) struct WantedChange {
    pub(crate) change: Change,
    pub(crate) password: Field<Option<String>>,
}

/// Reads and checks the body of a link to make. A field that is `null` is as one that is not given.
pub(crate) fn wanted_link(body: &[u8], rules: Rules<'_>) -> Result<WantedLink, Problem> {
    let mut fields = Fields::read(body, NEW)?;
    let destination = destination(&mut fields, rules);
    if matches!(destination, Given::Absent | Given::Null) {
        fields.refuse("url", "is required");
    }
    let code = code(&mut fields);
    let title = title(&mut fields).value();
    let notes = notes(&mut fields).value();
    let tags = tags(&mut fields).value().unwrap_or_default();
    let starts_at = fields.time("starts_at").value();
    let expires_at = fields.time("expires_at").value();
    if !is_in_order(starts_at, expires_at) {
        fields.refuse("expires_at", OUT_OF_ORDER);
    }
    let max_clicks = max_clicks(&mut fields).value();
    let redirect_status = redirect_status(&mut fields).value().unwrap_or_default();
    let forward_query = fields.flag("forward_query").value().unwrap_or_default();
    let password = password(&mut fields).value();
    let expired_url = expired_url(&mut fields, rules).value();
    let reuse = fields.flag("reuse").value().unwrap_or_default();
    if reuse {
        let given = [
            ("password", password.is_some()),
            ("starts_at", starts_at.is_some()),
            ("expires_at", expires_at.is_some()),
            ("max_clicks", max_clicks.is_some()),
            ("expired_url", expired_url.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            fields.refuse(
                field,
                "cannot be asked for together with reuse, which may answer an existing link as it is",
            );
        }
    }
    fields.finish()?;
    let destination = destination.value().expect("a link without a destination has been refused");
    let link = NewLink {
        code,
        destination,
        title,
        notes,
        tags,
        starts_at,
        expires_at,
        max_clicks,
        redirect_status,
        forward_query,
        password_hash: None,
        expired_url,
        reuse,
    };
    Ok(WantedLink { link, password })
}

/// Reads and checks the body of a change. What is not given stays; `null` puts a field back to what it is
/// without one.
pub(crate) fn wanted_change(body: &[u8], rules: Rules<'_>) -> Result<WantedChange, Problem> {
    let mut fields = Fields::read(body, CHANGE)?;
    if fields.text("code") != Given::Absent {
        fields.refuse("code", "cannot be changed: make another link for another code");
    }
    let destination = destination(&mut fields, rules);
    if destination == Given::Null {
        fields.refuse("url", "cannot be removed");
    }
    let change = Change {
        destination: destination.value().map_or(Field::Keep, Field::Set),
        title: optional(title(&mut fields)),
        notes: optional(notes(&mut fields)),
        tags: or_default(tags(&mut fields)),
        starts_at: optional(fields.time("starts_at")),
        expires_at: optional(fields.time("expires_at")),
        max_clicks: optional(max_clicks(&mut fields)),
        redirect_status: or_default(redirect_status(&mut fields)),
        forward_query: or_default(fields.flag("forward_query")),
        password_hash: Field::Keep,
        archived: or_default(fields.flag("archived")),
        expired_url: optional(expired_url(&mut fields, rules)),
    };
    let password = optional(password(&mut fields));
    if let (Field::Set(starts_at), Field::Set(expires_at)) = (&change.starts_at, &change.expires_at)
        && !is_in_order(*starts_at, *expires_at)
    {
        fields.refuse("expires_at", OUT_OF_ORDER);
    }
    fields.finish()?;
    Ok(WantedChange { change, password })
}

/// What is wrong when [`is_in_order`] says no.
pub(crate) const OUT_OF_ORDER: &str = "must be after starts_at";

/// Whether there is a time at which the link leads somewhere.
pub(crate) fn is_in_order(starts_at: Option<Timestamp>, expires_at: Option<Timestamp>) -> bool {
    starts_at.zip(expires_at).is_none_or(|(starts_at, expires_at)| starts_at < expires_at)
}

fn optional<T>(given: Given<T>) -> Field<Option<T>> {
    match given {
        Given::Absent | Given::Wrong => Field::Keep,
        Given::Null => Field::Set(None),
        Given::Value(value) => Field::Set(Some(value)),
    }
}

fn or_default<T: Default>(given: Given<T>) -> Field<T> {
    match given {
        Given::Absent | Given::Wrong => Field::Keep,
        Given::Null => Field::Set(T::default()),
        Given::Value(value) => Field::Set(value),
    }
}

fn destination(fields: &mut Fields<'_>, rules: Rules<'_>) -> Given<Destination> {
    let text = fields.text("url");
    text.map(|text| checked_destination(fields, "url", &text, rules))
}

fn expired_url(fields: &mut Fields<'_>, rules: Rules<'_>) -> Given<String> {
    let text = fields.text("expired_url");
    text.map(|text| {
        checked_destination(fields, "expired_url", &text, rules).map(|url| url.as_given().to_owned())
    })
}

fn checked_destination(
    fields: &mut Fields<'_>,
    name: &'static str,
    text: &str,
    rules: Rules<'_>,
) -> Option<Destination> {
    let own_hosts = rules.own_hosts.iter().map(String::as_str).chain([rules.domain]);
    Destination::new(text, rules.app_schemes, own_hosts)
        .map_err(|error| fields.refuse(name, error.to_string()))
        .ok()
}

fn code(fields: &mut Fields<'_>) -> Option<Code> {
    let text = fields.text("code");
    text.map(|text| Code::custom(&text).map_err(|error| fields.refuse("code", error.to_string())).ok())
        .value()
}

fn title(fields: &mut Fields<'_>) -> Given<String> {
    fields.prose("title", Limits::TITLE, &[])
}

fn notes(fields: &mut Fields<'_>) -> Given<String> {
    fields.prose("notes", Limits::NOTES, &['\n', '\r', '\t'])
}

fn tags(fields: &mut Fields<'_>) -> Given<Vec<String>> {
    let given = fields.texts("tags");
    given.map(|given| {
        let mut tags = Vec::with_capacity(given.len().min(Limits::TAGS));
        for (place, tag) in given.iter().map(|(place, tag)| (place, tag.trim())) {
            if let Some(wrong) = wrong_with_tag(tag) {
                fields.refuse_item("tags", *place, wrong);
            } else {
                tags.push(tag.to_owned());
            }
        }
        if given.len() > Limits::TAGS {
            fields.refuse("tags", format!("must not be more than {}", Limits::TAGS));
        }
        tags.sort_unstable();
        tags.dedup();
        Some(tags)
    })
}

/// What keeps a text from being a tag.
pub(crate) fn wrong_with_tag(tag: &str) -> Option<Cow<'static, str>> {
    if tag.is_empty() {
        return Some("must not be empty".into());
    }
    if tag.chars().nth(Limits::TAG).is_some() {
        return Some(format!("must not be longer than {} characters", Limits::TAG).into());
    }
    tag.chars().any(char::is_control).then(|| "must not hold control characters".into())
}

fn max_clicks(fields: &mut Fields<'_>) -> Given<u64> {
    let clicks = fields.whole("max_clicks");
    clicks.map(|clicks| {
        let fits = (1..=Limits::MAX_CLICKS).contains(&clicks);
        if !fits {
            fields.refuse("max_clicks", format!("must be from 1 to {}", Limits::MAX_CLICKS));
        }
        fits.then_some(clicks)
    })
}

fn redirect_status(fields: &mut Fields<'_>) -> Given<RedirectStatus> {
    let status = fields.whole("redirect_status");
    status.map(|status| {
        let status = u16::try_from(status).ok().and_then(RedirectStatus::from_code);
        if status.is_none() {
            fields.refuse("redirect_status", "must be 301, 302, 307 or 308");
        }
        status
    })
}

fn password(fields: &mut Fields<'_>) -> Given<String> {
    let password = fields.text("password");
    password.map(|password| {
        if password.is_empty() || password.len() > Limits::PASSWORD {
            fields.refuse("password", format!("must have from 1 to {} bytes of UTF-8", Limits::PASSWORD));
            return None;
        }
        if password.chars().any(char::is_control) {
            fields.refuse("password", "must not hold control characters");
            return None;
        }
        Some(password.into_owned())
    })
}
