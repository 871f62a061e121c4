//! A strict reading of the query of a request: unknown,
//! repeated and undecodable parameters are named, all at once.

use crate::json::shown;
use crate::number;
use crate::problem::{Errors, Invalid, Problem};
use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The parameters of a request while they are checked.
pub(crate) struct Query<'a> {
    given: Vec<(&'static str, Cow<'a, str>)>,
    errors: Errors,
}

impl<'a> Query<'a> {
    /// Reads a query that may have the parameters `names`. An empty one is as one that is not given.
    pub(crate) fn read(query: Option<&'a str>, names: &[&'static str]) -> Query<'a> {
        let mut read = Query { given: Vec::with_capacity(names.len()), errors: Errors::default() };
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let known = decode(name).and_then(|name| names.iter().copied().find(|&known| known == name));
            let Some(name) = known else {
                let name = shown(&percent_decode_str(name).decode_utf8_lossy());
                read.errors.refuse_one_of_many(Invalid::new(name, "is not a parameter here"));
                continue;
            };
            if read.given.iter().any(|&(given, _)| given == name) {
                read.refuse(name, "is given more than once");
                continue;
            }
            match decode(value) {
                Some(value) => read.given.push((name, value)),
                None => read.refuse(name, "is not UTF-8"),
            }
        }
        read
    }

    /// Takes the value of a parameter out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let place = self.given.iter().position(|&(given, _)| given == name)?;
        Some(self.given.swap_remove(place).1).filter(|value| !value.is_empty())
    }

    /// Takes the value of a parameter out and reads it; what cannot be read is noted with `wanted`.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.take(name)?;
        let value = read(&text);
        if value.is_none() {
            self.refuse(name, format!("must be {wanted}"));
        }
        value
    }

    /// Takes a parameter out that is a whole number from `least` to `most`.
    pub(crate) fn number(&mut self, name: &'static str, least: usize, most: usize) -> Option<usize> {
        self.parsed(name, &format!("from {least} to {most}"), |text| {
            let number = number::whole(text).and_then(|number| usize::try_from(number).ok());
            number.filter(|number| (least..=most).contains(number))
        })
    }

    /// Notes that a parameter is wrong.
    pub(crate) fn refuse(&mut self, name: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.errors.refuse(Invalid::new(name, detail));
    }

    /// Answers with all that is wrong, if anything is.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.errors.finish()
    }
}

/// That a request has no parameters, for routes that take none: they too refuse what they would ignore.
pub(crate) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<NoQuery, Problem> {
        Query::read(parts.uri.query(), &[]).finish().map(|()| NoQuery)
    }
}

/// Decodes as browsers encode forms: `+` is a space.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn parameters_are_decoded() {
        let mut query = Query::read(Some("q=a+b%2B%C3%BC&tag=&limit=5"), &["q", "tag", "limit"]);
        assert_eq!(query.take("q").as_deref(), Some("a b+ü"));
        assert_eq!(query.take("tag"), None);
        assert_eq!(query.number("limit", 1, 5), Some(5));
        assert!(query.finish().is_ok());
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut query = Query::read(Some("x=1&limit=5&limit=6&q=%ff&sort=up"), &["q", "limit", "sort"]);
        assert_eq!(query.parsed("sort", "up or down", |_| None::<()>), None);
        let told = serde_json::to_string(&query.finish().unwrap_err().json()).unwrap();
        for part in ["\"x\"", "\"limit\"", "\"q\"", "\"sort\",\"detail\":\"must be up or down\"", "4 fields"]
        {
            assert!(told.contains(part), "{told}");
        }
    }
}
