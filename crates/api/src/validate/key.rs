//! Checks a key to make.

use super::{Fields, Given};
use crate::problem::Problem;
use curtail_model::{Scope, Scopes, Timestamp};

/// The fields of a key to make.
pub(crate) const NEW: &[&str] = &["name", "scopes", "expires_at"];

/// Characters of a key's name.
const NAME_CHARACTERS_MAX: usize = 100;

/// A key to make.
pub(crate) struct WantedKey {
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Reads and checks the body of a key to make.
pub(crate) fn wanted_key(body: &[u8], now: Timestamp) -> Result<WantedKey, Problem> {
    let mut fields = Fields::read(body, NEW)?;
    let name = match fields.prose("name", NAME_CHARACTERS_MAX, &[]) {
        Given::Value(name) if !name.trim().is_empty() => name,
        Given::Wrong => String::new(),
        Given::Value(_) | Given::Absent | Given::Null => {
            fields.refuse("name", "is required: say what the key is for");
            String::new()
        }
    };
    let scopes = scopes(&mut fields);
    let expires_at = fields.time("expires_at").value();
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        fields.refuse("expires_at", "must be in the future");
    }
    fields.finish()?;
    Ok(WantedKey { name, scopes, expires_at })
}

fn scopes(fields: &mut Fields<'_>) -> Scopes {
    const NAMES: &str = "links:read, links:write, stats:read or keys:admin";
    let given = match fields.texts("scopes") {
        Given::Value(given) if !given.is_empty() => given,
        Given::Wrong => return Scopes::default(),
        Given::Value(_) | Given::Absent | Given::Null => {
            fields.refuse("scopes", format!("is required: at least one of {NAMES}"));
            return Scopes::default();
        }
    };
    let mut scopes = Vec::with_capacity(given.len().min(Scope::ALL.len()));
    for (place, name) in &given {
        match Scope::from_name(name) {
            Some(scope) => scopes.push(scope),
            None => fields.refuse(format!("scopes[{place}]"), format!("must be {NAMES}")),
        }
    }
    scopes.into_iter().collect()
}
