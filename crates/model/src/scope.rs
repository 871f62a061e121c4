//! What API keys may do.

use std::fmt;
use std::str::FromStr;

/// What a key may do. Each scope stands alone, except that [`Scope::KeysAdmin`] holds all: who can make keys
/// could make one with any scope.
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

/// A text names no scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// There is no such scope.
    #[error("{0:?} is not a scope: scopes are links:read, links:write, stats:read and keys:admin")]
    Unknown(String),
    /// A key without a scope could do nothing.
    #[error("a key needs at least one scope: links:read, links:write, stats:read or keys:admin")]
    None,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 4] = [Scope::LinksRead, Scope::LinksWrite, Scope::StatsRead, Scope::KeysAdmin];

    /// Its name, on the wire and in the store.
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
    /// The scopes with these names, as the store keeps them.
    /// A name that is not known (any more) grants nothing.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Scopes {
        names.into_iter().filter_map(Scope::from_name).collect()
    }

    /// Whether what needs `scope` may be done.
    pub const fn allow(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8 | 1 << Scope::KeysAdmin as u8) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the scopes, in the order of [`Scope::ALL`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Scope::ALL.into_iter().filter(move |&scope| self.0 & (1 << scope as u8) != 0).map(Scope::as_str)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }
}

/// Reads scopes as a command line names them: separated by commas or spaces, at least one.
impl FromStr for Scopes {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Scopes, ScopeError> {
        let names = text.split([',', ' ']).filter(|name| !name.is_empty());
        let scopes: Scopes = names
            .map(|name| Scope::from_name(name).ok_or_else(|| ScopeError::Unknown(name.to_owned())))
            .collect::<Result<_, _>>()?;
        if scopes.is_empty() { Err(ScopeError::None) } else { Ok(scopes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let scopes: Scopes = "stats:read, links:read".parse().unwrap();
        assert!(scopes.names().eq(["links:read", "stats:read"]));
        assert_eq!("links".parse::<Scopes>(), Err(ScopeError::Unknown("links".into())));
        assert_eq!(" ,".parse::<Scopes>(), Err(ScopeError::None));
    }
}
