//! A strict reading of a JSON object that finds all that is wrong with it, not only the first thing.
//!
//! Every value is first taken as whatever it is and checked afterwards, so one wrong type does not hide another. Names
//! that are not known or come twice are refused, because guessing what was meant loses data silently. Strings without
//! escapes are borrowed from the body: a bulk of a million lines reads without a copy of its URLs.

use crate::problem::{Invalid, Kind, Problem};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::borrow::Cow;
use std::fmt;

/// The most fields that an object of the API has.
const FIELDS_MAX: usize = 16;

/// The most errors that one answer names: a body can hold more unknown fields than anybody would read.
pub(crate) const ERRORS_MAX: usize = 50;

/// Characters of a client's own field name that an answer repeats.
const NAME_SHOWN: usize = 64;

/// Any JSON value, as far as the API looks into it.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Null,
    Flag(bool),
    Whole(u64),
    /// Negative, fractional or huge.
    Number,
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object,
}

/// The fields of an object, and what was wrong with their names.
pub(crate) struct Object<'a> {
    names: &'static [&'static str],
    values: [Option<Json<'a>>; FIELDS_MAX],
    errors: Vec<Invalid>,
}

impl Json<'_> {
    /// What it is, for saying what was expected instead.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Flag(_) => "a boolean",
            Json::Whole(_) | Json::Number => "a number",
            Json::Text(_) => "a string",
            Json::List(_) => "an array",
            Json::Object => "an object",
        }
    }
}

impl<'a> Object<'a> {
    /// Takes the value of a field out.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Json<'a>> {
        let place = self.names.iter().position(|&known| known == name);
        self.values[place.expect("only fields that were asked for when reading are taken")].take()
    }

    /// Notes that something is wrong.
    pub(crate) fn refuse(&mut self, invalid: Invalid) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(invalid);
        }
    }

    /// Answers with all that is wrong, if anything is.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// Reads an object that may have the fields `names`.
pub(crate) fn read<'a>(body: &'a [u8], names: &'static [&'static str]) -> Result<Object<'a>, Problem> {
    debug_assert!(names.len() <= FIELDS_MAX);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let object = Object { names, values: [const { None }; FIELDS_MAX], errors: Vec::new() };
    let object = deserializer.deserialize_map(Fields(object)).map_err(|error| explain(&error))?;
    deserializer.end().map_err(|error| explain(&error))?;
    Ok(object)
}

fn explain(error: &serde_json::Error) -> Problem {
    match error.classify() {
        // A well-formed value of another type: the only thing that is asked of the whole is that it is an object.
        Category::Data => Problem::new(Kind::InvalidFields, "The body must be a JSON object."),
        _ => Problem::new(Kind::MalformedJson, format!("The body is not valid JSON: {error}.")),
    }
}

struct Fields<'a>(Object<'a>);

impl<'a> Visitor<'a> for Fields<'a> {
    type Value = Object<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Object<'a>, A::Error> {
        let mut object = self.0;
        while let Some(name) = map.next_key_seed(Name)? {
            let Some(place) = object.names.iter().position(|&known| known == name) else {
                map.next_value::<IgnoredAny>()?;
                object.refuse(Invalid::new(shown(&name), "is not a field that can be set here"));
                continue;
            };
            let value = map.next_value()?;
            if object.values[place].replace(value).is_some() {
                object.refuse(Invalid::new(object.names[place], "is given more than once"));
            }
        }
        Ok(object)
    }
}

/// A name that a client made up, short enough to repeat.
pub(crate) fn shown(name: &str) -> String {
    if name.chars().nth(NAME_SHOWN).is_none() {
        name.to_owned()
    } else {
        name.chars().take(NAME_SHOWN).chain(['…']).collect()
    }
}

/// Reads a string, borrowed where it can be. (`Cow` itself always copies.)
struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Cow<'a, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

impl<'a> Deserialize<'a> for Json<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Json<'a>, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'a> Visitor<'a> for AnyValue {
    type Value = Json<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json<'a>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json<'a>, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'a>, E> {
        Ok(Json::Whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<'a>, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'a>, E> {
        Ok(Json::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'a>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Json<'a>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Json<'a>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Json::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        let error = read(body.as_bytes(), &["a", "b"]).and_then(Object::finish).unwrap_err();
        serde_json::to_string(&error.json()).unwrap()
    }

    #[test]
    fn all_names_that_are_wrong_are_told_at_once() {
        let told = problem(r#"{"a":1,"x":{"deep":[1,2]},"a":2,"y":null}"#);
        for part in [
            r#""field":"x""#,
            r#""field":"y""#,
            r#""field":"a","detail":"is given more than once""#,
            "3 fields",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn malformed_json_is_told_with_its_place() {
        assert!(problem("{\"a\":1,\n\"b\" 2}").contains("line 2 column"));
        for body in [
            "",
            "{",
            "{\"a\":1}}",
            "{\"a\":01}",
            "{'a':1}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":1,}",
        ] {
            assert!(problem(body).contains("malformed-json"), "{body}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(problem(&deep).contains("malformed-json"));
    }

    #[test]
    fn only_an_object_is_an_object() {
        for body in ["1", "null", "[]", "\"a\"", "true"] {
            assert!(problem(body).contains("must be a JSON object"), "{body}");
        }
    }

    #[test]
    fn an_answer_names_a_bounded_number_of_errors() {
        let body: Vec<String> = (0..10_000).map(|n| format!("\"{n}\":0")).collect();
        assert!(problem(&format!("{{{}}}", body.join(","))).len() < 10_000);
    }
}
