//! The settings in words: what `curtail config` prints, and the table in `docs/operations.md`.

use super::environment::variable;
use super::reader::Row;
use serde_json::{Value, json};
use std::fmt::Write;

/// The effective settings as a TOML file that would give them again (but for secrets), each with where it
/// came from.
pub(crate) fn toml(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut section = "";
    for row in rows {
        let (of, key) = row.name.split_once('.').unwrap_or(("", row.name));
        if of != section {
            section = of;
            let _ = writeln!(text, "\n[{section}]");
        }
        let line = match &row.value {
            // A mask in the place of a secret would be taken for the secret.
            Some(value) if row.secret => format!("# {key} = {value}"),
            Some(value) if row.quoted => format!("{key} = {}", quoted(value)),
            Some(value) => format!("{key} = {value}"),
            None => format!("{key} = \"off\""),
        };
        let _ = writeln!(text, "{line:<44} # {}", row.origin);
    }
    text
}

/// The effective settings for machines: a list of objects, in the order of the table.
pub(crate) fn json(rows: &[Row]) -> String {
    let list: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "variable": variable(row.name),
                "value": row.value,
                "from": row.origin.to_string(),
                "default": row.default,
                "takes": row.kind,
                "help": row.help,
            })
        })
        .collect();
    format!("{:#}\n", Value::Array(list))
}

/// The reference of all settings, as a Markdown table. The same on every machine.
#[cfg(test)]
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text =
        "| setting | variable | takes | default | what it is |\n|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let default = match row.default {
            "" => "(empty)".to_owned(),
            words if words.contains(' ') => words.to_owned(),
            value => format!("`{}`", value.replace(',', ", ")),
        };
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {default} | {} |",
            row.name,
            variable(row.name),
            row.kind,
            row.help
        );
    }
    text
}

/// A TOML basic string.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}
