//! From what somebody looks for to an expression of FTS5, whose syntax nothing from outside reaches.

use super::document::{ARCHIVED, tag_label};
use crate::ListQuery;

/// Words that are looked for at once; more are ignored.
const WORDS_MAX: usize = 16;

/// The expression for a query, or nothing when it holds no word that could be found.
pub(super) fn of(query: &ListQuery) -> Option<String> {
    let words: Vec<String> = query
        .words
        .as_deref()?
        .split(|c: char| c.is_whitespace() || c.is_control())
        // The scheme of a URL is in no index: a pasted address is found by the rest of it.
        .map(|word| word.split_once("://").map_or(word, |(_, rest)| rest))
        // A word of nothing but punctuation has no token in the index.
        .filter(|word| word.chars().any(|c| c.is_alphanumeric() || !c.is_ascii()))
        .take(WORDS_MAX)
        .map(|word| format!("{}*", quoted(word)))
        .collect();
    if words.is_empty() {
        return None;
    }
    let mut expression = format!("({{text}} : ({}))", words.join(" AND "));
    if let Some(tag) = &query.tag {
        expression = format!("({expression} AND {})", label(&tag_label(tag)));
    }
    Some(match query.archived {
        None => expression,
        Some(true) => format!("{expression} AND {}", label(ARCHIVED)),
        Some(false) => format!("{expression} NOT {}", label(ARCHIVED)),
    })
}

fn label(token: &str) -> String {
    format!("({{labels}} : {})", quoted(token))
}

/// A string of FTS5: whatever it holds is text.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}
