//! From what clients send to words of the domain: each check notes what is wrong and goes on to the next.

pub(crate) mod key;
pub(crate) mod link;
pub(crate) mod stats;
pub(crate) mod top;

use crate::json::{self, Json, Object};
use crate::problem::{Invalid, Problem};
use crate::time;
use curtail_model::Timestamp;
use std::borrow::Cow;

/// What was given for a field, once its type is known to be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Given<T> {
    /// Nothing.
    Absent,
    /// `null`.
    Null,
    /// Something wrong; it has been noted.
    Wrong,
    /// This.
    Value(T),
}

impl<T> Given<T> {
    /// The value; nothing given and `null` are alike.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Given::Value(value) => Some(value),
            Given::Absent | Given::Null | Given::Wrong => None,
        }
    }

    fn map<U>(self, change: impl FnOnce(T) -> Option<U>) -> Given<U> {
        match self {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Wrong => Given::Wrong,
            Given::Value(value) => change(value).map_or(Given::Wrong, Given::Value),
        }
    }
}

/// The fields of a body while they are checked.
pub(crate) struct Fields<'a>(Object<'a>);

impl<'a> Fields<'a> {
    /// Reads a body that may have the fields `names`.
    pub(crate) fn read(body: &'a [u8], names: &'static [&'static str]) -> Result<Fields<'a>, Problem> {
        json::read(body, names).map(Fields)
    }

    /// Notes that a field is wrong.
    pub(crate) fn refuse(&mut self, field: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.0.refuse(Invalid::new(field, detail));
    }

    /// Notes that an item of a list is wrong.
    pub(crate) fn refuse_item(
        &mut self,
        field: &'static str,
        place: usize,
        detail: impl Into<Cow<'static, str>>,
    ) {
        self.0.refuse_one_of_many(Invalid::new(format!("{field}[{place}]"), detail));
    }

    /// Answers with all that is wrong, if anything is.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.0.finish()
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Given<Cow<'a, str>> {
        self.typed(name, "a string", |value| match value {
            Json::Text(text) => Ok(text),
            other => Err(other),
        })
    }

    pub(crate) fn whole(&mut self, name: &'static str) -> Given<u64> {
        self.typed(name, "a whole number, not negative", |value| match value {
            Json::Whole(number) => Ok(number),
            other => Err(other),
        })
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Given<bool> {
        self.typed(name, "true or false", |value| match value {
            Json::Flag(flag) => Ok(flag),
            other => Err(other),
        })
    }

    /// A list of strings with their places in it. Every item that is none is noted.
    pub(crate) fn texts(&mut self, name: &'static str) -> Given<Vec<(usize, Cow<'a, str>)>> {
        let list = self.typed(name, "an array of strings", |value| match value {
            Json::List(items) => Ok(items),
            other => Err(other),
        });
        list.map(|items| {
            let mut texts = Vec::with_capacity(items.len());
            for (place, item) in items.into_iter().enumerate() {
                match item {
                    Json::Text(text) => texts.push((place, text)),
                    other => self.refuse_item(name, place, expected("a string", &other)),
                }
            }
            Some(texts)
        })
    }

    pub(crate) fn time(&mut self, name: &'static str) -> Given<Timestamp> {
        self.text(name).map(|text| {
            let time = time::parse(&text);
            if time.is_none() {
                self.refuse(name, "must be a time as RFC 3339 writes it, such as 2026-03-01T12:00:00Z, of the years 1970 to 9999");
            }
            time
        })
    }

    /// Text for people: bounded, without control characters
    /// other than `allowed`, and otherwise as it was given.
    pub(crate) fn prose(
        &mut self,
        name: &'static str,
        characters_max: usize,
        allowed: &[char],
    ) -> Given<String> {
        self.text(name).map(|text| {
            // A character has at most four bytes: what is longer need not be counted.
            if text.len() > 4 * characters_max || text.chars().count() > characters_max {
                self.refuse(name, format!("must not be longer than {characters_max} characters"));
                return None;
            }
            if text.chars().any(|c| c.is_control() && !allowed.contains(&c)) {
                self.refuse(name, "must not hold control characters");
                return None;
            }
            Some(text.into_owned())
        })
    }

    fn typed<T>(
        &mut self,
        name: &'static str,
        wanted: &str,
        take: impl FnOnce(Json<'a>) -> Result<T, Json<'a>>,
    ) -> Given<T> {
        match self.0.take(name) {
            None => Given::Absent,
            Some(Json::Null) => Given::Null,
            Some(value) => match take(value) {
                Ok(value) => Given::Value(value),
                Err(other) => {
                    self.refuse(name, expected(wanted, &other));
                    Given::Wrong
                }
            },
        }
    }
}

fn expected(wanted: &str, found: &Json<'_>) -> String {
    format!(
        "must be {wanted}, not {}",
        if matches!(found, Json::Number) { "this number" } else { found.kind() }
    )
}
