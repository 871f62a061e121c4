//! A strict reading of a JSON object that finds all that is wrong with it, not only the first thing.
//!
//! Every value is first taken as whatever it is and checked afterwards, so one wrong type does not hide
//! another. Names that are not known or come twice are refused, because guessing what was meant loses data
//! silently. Strings without escapes are borrowed from the body: a bulk of a million lines reads without a
//! copy of its URLs.

use crate::problem::{Errors, Invalid, Kind, Problem};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The most fields that an object of the API has.
const FIELDS_MAX: usize = 16;

/// Characters of a client's own field name that an answer repeats.
const NAME_SHOWN: usize = 64;

/// Any JSON value, as far as the API looks into it.
#[derive(Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Flag(bool),
    /// However it is written. Those that no type holds are the greatest that one does, which is beyond all
    /// that is asked for.
    Whole(u64),
    /// Negative or fractional.
    Number,
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object,
}

/// The fields of an object, and what was wrong with their names.
pub(crate) struct Object<'a> {
    names: &'static [&'static str],
    values: [Option<Json<'a>>; FIELDS_MAX],
    errors: Errors,
}

impl<'a> Json<'a> {
    /// Reads a value in which, or in whose list, a number may stand that no type holds.
    fn with_care(raw: &'a RawValue) -> serde_json::Result<Json<'a>> {
        if raw.get().starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(raw.get())?;
            return items.into_iter().map(Json::item_with_care).collect::<Result<_, _>>().map(Json::List);
        }
        Json::item_with_care(raw)
    }

    fn item_with_care(raw: &'a RawValue) -> serde_json::Result<Json<'a>> {
        let text = raw.get();
        match text.parse::<f64>() {
            Ok(number) if number.is_infinite() => Ok(Json::number(number)),
            _ => serde_json::from_str(text),
        }
    }

    /// A number that is written with a fraction or an exponent, or has many digits: whole if its value is, as
    /// JSON Schema has it.
    fn number(number: f64) -> Json<'a> {
        if number >= 0.0 && (number.is_infinite() || number.fract() == 0.0) {
            Json::Whole(number as u64)
        } else {
            Json::Number
        }
    }

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
        self.errors.refuse(invalid);
    }

    /// Notes that something is wrong of which there may be any number.
    pub(crate) fn refuse_one_of_many(&mut self, invalid: Invalid) {
        self.errors.refuse_one_of_many(invalid);
    }

    /// Answers with all that is wrong, if anything is.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.errors.finish()
    }
}

/// Reads an object that may have the fields `names`.
pub(crate) fn read<'a>(body: &'a [u8], names: &'static [&'static str]) -> Result<Object<'a>, Problem> {
    debug_assert!(names.len() <= FIELDS_MAX);
    // A number that no type holds ends the reading. Read with
    // more care, it is a number of a field like any other.
    read_as(body, names, false).or_else(|error| read_as(body, names, true).map_err(|_| explain(&error)))
}

fn read_as<'a>(
    body: &'a [u8],
    names: &'static [&'static str],
    with_care: bool,
) -> serde_json::Result<Object<'a>> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let object = Object { names, values: [const { None }; FIELDS_MAX], errors: Errors::default() };
    let object = deserializer.deserialize_map(Fields { object, with_care })?;
    deserializer.end()?;
    Ok(object)
}

fn explain(error: &serde_json::Error) -> Problem {
    match error.classify() {
        // A well-formed value of another type: the only thing
        // that is asked of the whole is that it is an object.
        Category::Data => Problem::new(Kind::InvalidFields, "The body must be a JSON object."),
        _ => Problem::new(Kind::MalformedJson, format!("The body is not valid JSON: {error}.")),
    }
}

struct Fields<'a> {
    object: Object<'a>,
    with_care: bool,
}

impl<'a> Visitor<'a> for Fields<'a> {
    type Value = Object<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Object<'a>, A::Error> {
        let mut object = self.object;
        while let Some(name) = map.next_key_seed(Name)? {
            let Some(place) = object.names.iter().position(|&known| known == name) else {
                map.next_value::<IgnoredAny>()?;
                object.refuse_one_of_many(Invalid::new(shown(&name), "is not a field that can be set here"));
                continue;
            };
            let value = match self.with_care {
                false => map.next_value()?,
                true => Json::with_care(map.next_value()?).map_err(A::Error::custom)?,
            };
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

    fn visit_f64<E>(self, number: f64) -> Result<Json<'a>, E> {
        Ok(Json::number(number))
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
    fn a_number_is_what_its_value_is() {
        for (written, read_as) in [
            ("10", Json::Whole(10)),
            ("10.0", Json::Whole(10)),
            ("1e1", Json::Whole(10)),
            ("-0", Json::Whole(0)),
            ("1.5", Json::Number),
            ("-1", Json::Number),
            ("18446744073709551615", Json::Whole(u64::MAX)),
            ("18446744073709551616", Json::Whole(u64::MAX)),
            ("1e999", Json::Whole(u64::MAX)),
            ("-1e999", Json::Number),
            ("1e-999", Json::Whole(0)),
        ] {
            let body = format!("{{\"b\": [\"x\", {written}], \"a\": {written}}}");
            let mut object = read(body.as_bytes(), &["a", "b"]).ok().unwrap();
            assert_eq!(object.take("a"), Some(read_as), "{written}");
            let Some(Json::List(items)) = object.take("b") else { panic!("{written}") };
            assert_eq!(items[0], Json::Text("x".into()));
        }
        assert!(
            problem("{\"a\": 1e999, \"b\": [[1e999]]}").contains("out of range"),
            "it is no field's value"
        );
    }

    #[test]
    fn an_answer_names_a_bounded_number_of_errors() {
        let body: Vec<String> = (0..10_000).map(|n| format!("\"{n}\":0")).collect();
        assert!(problem(&format!("{{{}}}", body.join(","))).len() < 10_000);
    }
}
