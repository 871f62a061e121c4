//! Settings from the TOML file: a setting `cache.bytes` is `bytes` in the section `[cache]`.

use super::mistake::{Mistake, Origin};
use super::reader::{Given, GivenValue};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Larger files are not settings.
const BYTES_MAX: u64 = 1024 * 1024;

/// Reads the file that `named_by` names. What is wrong in it is added to the mistakes.
pub(crate) fn read(path: &Path, named_by: &Origin, mistakes: &mut Vec<Mistake>) -> Vec<Given> {
    let text = match contents(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot read the settings from {}: {error}", path.display());
            mistakes.push(Mistake::new(named_by.clone(), message));
            return Vec::new();
        }
    };
    let origin = |at: usize| Origin::File { path: path.to_owned(), line: line_of(&text, at) };
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut broken = HashSet::new();
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        broken.insert(line_of(&text, at));
        mistakes.push(Mistake::new(origin(at), format!("is not TOML: {}", error.message())));
    }
    let mut found = Vec::new();
    flatten("", table.get_ref(), &mut |name, value, at| {
        // What a broken line seems to say is a guess, and would be one mistake more.
        if !broken.contains(&line_of(&text, at)) {
            found.push((at, Given { name, value, origin: origin(at) }));
        }
    });
    found.sort_by_key(|&(at, _)| at);
    found.into_iter().map(|(_, given)| given).collect()
}

fn contents(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count()
}

/// Hands out every key of a table and of the tables in it, with its full name and where it stands.
fn flatten(section: &str, table: &DeTable<'_>, each: &mut dyn FnMut(String, GivenValue, usize)) {
    for (key, value) in table.iter() {
        let name = if section.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{section}.{}", key.get_ref())
        };
        if let DeValue::Table(inner) = value.get_ref() {
            if inner.is_empty() {
                each(name.clone(), GivenValue::Section, key.span().start);
            }
            flatten(&name, inner, each);
            continue;
        }
        each(name, given(value.get_ref()), key.span().start);
    }
}

fn given(value: &DeValue<'_>) -> GivenValue {
    let DeValue::Array(items) = value else {
        return scalar(value).map_or(GivenValue::Unsuitable, GivenValue::Text);
    };
    let items: Option<Vec<String>> = items.iter().map(|item| scalar(item.get_ref())).collect();
    items.map_or(GivenValue::Unsuitable, GivenValue::List)
}

/// A plain value as the text that the environment would hold for it.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let value = i128::from_str_radix(number.as_str(), number.radix());
            Some(value.map_or_else(|_| number.to_string(), |value| value.to_string()))
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
