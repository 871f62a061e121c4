//! API keys: how they look, and what of them is remembered.
//!
//! A key is `ct_` and 27 random letters and digits, which is 160 bits; of it only the SHA-256 is stored, so a
//! stolen store gives no keys away (a fast hash is enough for that many random bits: ASVS 5.0, 11.4.2). A key
//! that somebody chose, such as one from a secret store, works the same and need not have this form.

use curtail_model::Alphabet;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// What all generated keys begin with, so that secret scanners can find one that leaked.
pub const PREFIX: &str = "ct_";

const RANDOM_LENGTH: usize = 27;
const BASE62: &[u8] = Alphabet::Base62.characters();

/// Characters of a key's name.
pub const NAME_CHARACTERS_MAX: usize = 100;

/// What is wrong with a key that would end before it begins.
pub const EXPIRED: &str = "must be in the future";

/// The name of a key as it is kept, without spaces around it, or what is wrong with it.
pub fn name_of(text: &str) -> Result<&str, Cow<'static, str>> {
    let name = text.trim();
    if name.is_empty() {
        return Err("is required: say what the key is for".into());
    }
    if name.chars().nth(NAME_CHARACTERS_MAX).is_some() {
        return Err(format!("must not be longer than {NAME_CHARACTERS_MAX} characters").into());
    }
    if name.chars().any(char::is_control) {
        return Err("must not hold control characters".into());
    }
    Ok(name)
}

/// The system has no random numbers to give.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gave no random numbers: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

/// A new random key, to be shown once, and its hash, to be stored.
pub fn generate_key() -> Result<(String, [u8; 32]), NoRandomness> {
    let mut key = String::with_capacity(PREFIX.len() + RANDOM_LENGTH);
    key.push_str(PREFIX);
    let mut random = [0; 64];
    while key.len() < PREFIX.len() + RANDOM_LENGTH {
        getrandom::fill(&mut random)?;
        // 248 is the greatest multiple of 62 in a byte: what lies above would favour the first letters.
        let fair =
            random.iter().filter(|&&byte| byte < 248).map(|&byte| char::from(BASE62[usize::from(byte) % 62]));
        key.extend(fair.take(PREFIX.len() + RANDOM_LENGTH - key.len()));
    }
    let hash = hash_key(&key);
    Ok((key, hash))
}

/// What is remembered of a key. It is looked up by this, so
/// that no comparison of secrets takes a time that tells.
pub fn hash_key(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_name_that_people_can_read() {
        assert_eq!(name_of(" grün "), Ok("grün"));
        assert!(name_of(&"ü".repeat(NAME_CHARACTERS_MAX)).is_ok());
        for wrong in ["", " ", "a\nb", "\u{1b}[2J", &"x".repeat(NAME_CHARACTERS_MAX + 1)] {
            assert!(name_of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn keys_have_one_form_and_never_repeat() {
        let keys: std::collections::HashSet<String> = (0..1_000).map(|_| generate_key().unwrap().0).collect();
        assert_eq!(keys.len(), 1_000);
        for key in keys {
            let random = key.strip_prefix(PREFIX).unwrap();
            assert!(
                random.len() == RANDOM_LENGTH && random.bytes().all(|byte| BASE62.contains(&byte)),
                "{key}"
            );
        }
    }
}
