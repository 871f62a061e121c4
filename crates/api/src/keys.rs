//! API keys: how they look, what they may do, and what of them is remembered.
//!
//! A key is `ct_` and 27 random letters and digits, which is 160 bits; of it only the SHA-256 is stored, so a stolen
//! store gives no keys away (a fast hash is enough for that many random bits: ASVS 5.0, 11.4.2). A key that somebody
//! chose, such as one from a secret store, works the same and need not have this form.

use sha2::{Digest, Sha256};
use std::fmt;

/// What all generated keys begin with, so that secret scanners can find one that leaked.
pub const PREFIX: &str = "ct_";

const RANDOM_LENGTH: usize = 27;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a key may do. Each scope stands alone, except that [`Scope::KeysAdmin`] holds all: who can make keys could
/// make one with any scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Read links and tags.
    LinksRead,
    /// Make, change and remove links.
    LinksWrite,
    /// Read what was counted.
    StatsRead,
    /// Everything, and list, make and revoke keys.
    KeysAdmin,
}

/// The set of scopes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Scopes(u8);

/// A text names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// There is no such scope.
    #[error("{0:?} is not a scope: scopes are links:read, links:write, stats:read and keys:admin")]
    Unknown(String),
    /// A key without a scope could do nothing.
    #[error("a key needs at least one scope: links:read, links:write, stats:read or keys:admin")]
    None,
}

/// The system has no random numbers to give.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gave no random numbers: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 4] = [Scope::LinksRead, Scope::LinksWrite, Scope::StatsRead, Scope::KeysAdmin];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::LinksRead => "links:read",
            Scope::LinksWrite => "links:write",
            Scope::StatsRead => "stats:read",
            Scope::KeysAdmin => "keys:admin",
        }
    }

    /// The scope with this name.
    pub fn from_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Scopes {
    /// The scopes with these names, as the store keeps them. A name that is not known (any more) grants nothing.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Scopes {
        names.into_iter().filter_map(Scope::from_name).collect()
    }

    /// Whether what needs `scope` may be done.
    pub const fn allow(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8 | 1 << Scope::KeysAdmin as u8) != 0
    }

    /// The names of the scopes, for the store.
    pub fn names(self) -> Vec<String> {
        let held = Scope::ALL.into_iter().filter(|&scope| self.0 & (1 << scope as u8) != 0);
        held.map(|scope| scope.as_str().to_owned()).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }
}

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

/// What is remembered of a key. It is looked up by this, so that no comparison of secrets takes a time that tells.
pub fn hash_key(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Reads scopes as a command line names them: separated by commas or spaces, at least one.
pub fn parse_scopes(text: &str) -> Result<Scopes, ScopeError> {
    let names = text.split([',', ' ']).filter(|name| !name.is_empty());
    let scopes: Scopes = names
        .map(|name| Scope::from_name(name).ok_or_else(|| ScopeError::Unknown(name.to_owned())))
        .collect::<Result<_, _>>()?;
    if scopes == Scopes::default() { Err(ScopeError::None) } else { Ok(scopes) }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn scopes_stand_alone_except_admin_which_holds_all() {
        for held in Scope::ALL {
            for wanted in Scope::ALL {
                let allowed = Scopes::from_names([held.as_str()]).allow(wanted);
                assert_eq!(allowed, held == wanted || held == Scope::KeysAdmin, "{held} for {wanted}");
            }
        }
        assert!(!Scopes::from_names(["links:everything"]).allow(Scope::LinksRead));
    }

    #[test]
    fn scopes_are_read_as_they_are_named() {
        let scopes = parse_scopes("stats:read, links:read").unwrap();
        assert_eq!(scopes.names(), ["links:read", "stats:read"]);
        assert_eq!(parse_scopes("links"), Err(ScopeError::Unknown("links".into())));
        assert_eq!(parse_scopes(" ,"), Err(ScopeError::None));
    }
}
