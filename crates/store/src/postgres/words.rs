//! The words of links, and of who looks for them: the same as the embedded engine's
//! tokenizer makes, so that both find the same (FTS5's `unicode61` without
//! diacritics, with letters, marks, numbers and pictures as parts of words).
//!
//! Tokens are kept without their places, because an index with places would
//! have to be checked against the row anyway. A word that has several tokens,
//! such as an address, is checked for their order where links are read.

use curtail_model::Link;
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Words that are looked for at once; more are ignored.
const WORDS_MAX: usize = 16;
/// Characters of a token; PostgreSQL takes 2 KiB, and nobody types as many.
const TOKEN_CHARACTERS_MAX: usize = 64;

/// What a link can be found by, as a `tsvector` in text.
pub(super) fn of_link(code: &str, url: &str, title: Option<&str>, notes: Option<&str>) -> String {
    let mut tokens = BTreeSet::new();
    for part in [Some(code), Some(without_scheme(url)), title, notes].into_iter().flatten() {
        tokens.extend(tokens_of(part));
    }
    let mut vector = String::new();
    for token in &tokens {
        vector.push_str(&quoted(token));
        vector.push(' ');
    }
    vector
}

/// What somebody looks for: all of the words, each as the beginning of a word.
pub(super) struct Wanted(Vec<Vec<String>>);

impl Wanted {
    /// Nothing when it holds no word that could be found.
    pub(super) fn read(words: &str) -> Option<Wanted> {
        let words = words
            .split(|c: char| c.is_whitespace() || c.is_control())
            // The scheme of a URL is in no index: a pasted address is found by the rest of it.
            .map(|word| tokens_of(word.split_once("://").map_or(word, |(_, rest)| rest)).collect())
            .filter(|tokens: &Vec<String>| !tokens.is_empty())
            .take(WORDS_MAX);
        let words: Vec<_> = words.collect();
        (!words.is_empty()).then_some(Wanted(words))
    }

    /// As a `tsquery` in text, which nothing from outside can change the meaning of.
    pub(super) fn query(&self) -> String {
        let terms = self.0.iter().flat_map(|word| {
            let last = word.len() - 1;
            word.iter().enumerate().map(move |(place, token)| {
                let prefix = if place == last { ":*" } else { "" };
                format!("{}{prefix}", quoted(token))
            })
        });
        terms.collect::<Vec<_>>().join(" & ")
    }

    /// Whether a link has the tokens of each word one after the other.
    pub(super) fn is_in(&self, link: &Link) -> bool {
        if self.0.iter().all(|word| word.len() == 1) {
            return true;
        }
        let parts = [Some(link.code.as_str()), Some(without_scheme(&link.url))];
        let parts = parts.into_iter().chain([link.title.as_deref(), link.notes.as_deref()]).flatten();
        let tokens: Vec<String> = parts.flat_map(tokens_of).collect();
        self.0.iter().all(|word| tokens.windows(word.len()).any(|found| starts(found, word)))
    }
}

fn starts(found: &[String], word: &[String]) -> bool {
    let (Some((last, whole)), Some((found_last, found_whole))) = (word.split_last(), found.split_last())
    else {
        return false;
    };
    whole == found_whole && found_last.starts_with(last.as_str())
}

/// Everybody's "https" would be the longest list of the index and find nothing.
fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

fn tokens_of(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !is_of_words(c)).filter(|word| !word.is_empty());
    words.map(folded).filter(|token| !token.is_empty())
}

fn is_of_words(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let by_group = matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark | GeneralCategoryGroup::Number
    );
    by_group || matches!(c.general_category(), GeneralCategory::OtherSymbol | GeneralCategory::PrivateUse)
}

fn folded(word: &str) -> String {
    if word.is_ascii() {
        return word.bytes().take(TOKEN_CHARACTERS_MAX).map(|b| b.to_ascii_lowercase() as char).collect();
    }
    let plain = word.nfd().filter(|c| c.general_category() != GeneralCategory::NonspacingMark);
    plain.flat_map(char::to_lowercase).take(TOKEN_CHARACTERS_MAX).collect()
}

fn quoted(token: &str) -> String {
    // No token holds a quote or a backslash: neither is of words.
    format!("'{token}'")
}

#[cfg(test)]
mod tests {
    use super::{Wanted, of_link, quoted, tokens_of};
    use proptest::prelude::*;

    #[test]
    fn words_lose_case_and_diacritics_and_addresses_their_scheme() {
        let vector =
            of_link("spring-sale", "https://Shop.example/Neue", Some("Übersicht 🚀"), Some("Марина"));
        assert_eq!(vector, "'example' 'neue' 'sale' 'shop' 'spring' 'ubersicht' 'марина' '🚀' ");
        let wanted = Wanted::read("HTTPS://shop.Example  übers - '*'").unwrap();
        assert_eq!(wanted.query(), "'shop' & 'example':* & 'ubers':*");
        assert!(Wanted::read(" - '' \0 — ").is_none());
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_quotes(text: String) {
            for token in tokens_of(&text) {
                prop_assert!(!token.contains(['\'', '\\', '\0']) && !token.is_empty());
                prop_assert!(quoted(&token).len() < 2_000);
            }
        }
    }
}
