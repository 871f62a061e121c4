//! Several words in one column: each as its length in bytes,
//! a colon and itself. Whatever is in them, they come back.

/// Words as a column holds them; none are no value.
pub(crate) fn pack(words: &[String]) -> Option<String> {
    if words.is_empty() {
        return None;
    }
    Some(words.iter().map(|word| format!("{}:{word}", word.len())).collect())
}

/// What [`pack`] wrote.
pub(crate) fn unpack(mut text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    while !text.is_empty() {
        let (length, rest) = text.split_once(':')?;
        let (word, rest) = rest.split_at_checked(length.parse().ok()?)?;
        words.push(word.to_owned());
        text = rest;
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_come_back_as_they_were(words in proptest::collection::vec("\\PC{0,8}|[0-9:]{0,4}", 0..5)) {
            let column = pack(&words);
            prop_assert_eq!(unpack(column.as_deref().unwrap_or_default()), Some(words));
        }

        #[test]
        fn no_column_makes_it_panic(text: String) {
            let _ = unpack(&text);
        }
    }
}
