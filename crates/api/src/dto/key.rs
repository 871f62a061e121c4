//! API keys in JSON.

use super::words;
use crate::time::Time;
use curtail_store::ApiKey;
use serde::Serialize;
use utoipa::ToSchema;

/// An API key. The key itself is only in the answer that made it.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct KeyJson<'a> {
    #[schema(example = "3")]
    pub(crate) id: String,
    #[schema(example = "newsletter")]
    pub(crate) name: &'a str,
    #[schema(schema_with = words::scopes)]
    pub(crate) scopes: Vec<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Time,
    /// It is refused from then on.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub(crate) expires_at: Option<Time>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub(crate) revoked_at: Option<Time>,
}

/// All API keys.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeys)]
pub(crate) struct KeysJson<'a> {
    /// The oldest first.
    pub(crate) keys: Vec<KeyJson<'a>>,
}

/// An API key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub(crate) struct NewKeyJson<'a> {
    /// The key. It is shown this once and never again.
    #[schema(example = "ct_0Zq8mXk2Vb7Tn4Rc9Ld1Hs6Wf3G")]
    pub(crate) key: &'a str,
    #[serde(flatten)]
    pub(crate) about: KeyJson<'a>,
}

impl<'a> From<&'a ApiKey> for KeyJson<'a> {
    fn from(key: &'a ApiKey) -> KeyJson<'a> {
        KeyJson {
            id: key.id.to_string(),
            name: &key.name,
            scopes: key.scopes.names().collect(),
            created_at: Time(key.created_at),
            expires_at: key.expires_at.map(Time),
            revoked_at: key.revoked_at.map(Time),
        }
    }
}

/// An API key to make.
#[derive(ToSchema)]
#[schema(as = WantedApiKey)]
#[schema(example = json!({"name": "newsletter", "scopes": ["links:write"], "expires_at": "2030-01-01T00:00:00Z"}))]
#[expect(
    dead_code,
    reason = "it describes what validate::key reads, which takes wrong types to name all that are wrong"
)]
pub(crate) struct NewKeyBody {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(schema_with = words::wanted_scopes)]
    scopes: Vec<String>,
    /// It is refused from then on; without it never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}
