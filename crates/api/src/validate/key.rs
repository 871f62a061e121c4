//! Checks a key to make.

use super::{Fields, Given};
use crate::json::shown;
use crate::keys::{EXPIRED, name_of};
use crate::problem::Problem;
use curtail_model::{Scope, ScopeError, Scopes, Timestamp};

/// The fields of a key to make.
pub(crate) const NEW: &[&str] = &["name", "scopes", "expires_at"];

/// A key to make.
pub(crate) struct WantedKey {
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Reads and checks the body of a key to make.
pub(crate) fn wanted_key(body: &[u8], now: Timestamp) -> Result<WantedKey, Problem> {
    let mut fields = Fields::read(body, NEW)?;
    let name = match fields.text("name") {
        Given::Wrong => None,
        given => name_of(&given.value().unwrap_or_default())
            .map(str::to_owned)
            .map_err(|wrong| fields.refuse("name", wrong))
            .ok(),
    };
    let scopes = scopes(&mut fields);
    let expires_at = fields.time("expires_at").value();
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        fields.refuse("expires_at", EXPIRED);
    }
    fields.finish()?;
    let name = name.expect("a key without a name has been refused");
    Ok(WantedKey { name, scopes, expires_at })
}

fn scopes(fields: &mut Fields<'_>) -> Scopes {
    let given = match fields.texts("scopes") {
        Given::Value(given) if !given.is_empty() => given,
        Given::Wrong => return Scopes::default(),
        Given::Value(_) | Given::Absent | Given::Null => {
            fields.refuse("scopes", ScopeError::None.to_string());
            return Scopes::default();
        }
    };
    let mut scopes = Vec::with_capacity(given.len().min(Scope::ALL.len()));
    for (place, name) in &given {
        match Scope::from_name(name) {
            Some(scope) => scopes.push(scope),
            None => fields.refuse_item("scopes", *place, ScopeError::Unknown(shown(name)).to_string()),
        }
    }
    scopes.into_iter().collect()
}
