//! The memory of API keys. The keys themselves are never stored, only their hashes.

use crate::StoreFuture;
use curtail_model::{Scopes, Timestamp};

/// Remembers API keys.
pub trait Keys: Send + Sync {
    /// Adds a key. Answers its number, or nothing when there
    /// is one with the same hash (then nothing changes).
    fn add(&self, key: NewApiKey) -> StoreFuture<'_, Option<u64>>;

    /// The key with this SHA-256, revoked or not.
    fn find(&self, hash: [u8; 32]) -> StoreFuture<'_, Option<ApiKey>>;

    /// All keys, the oldest first.
    fn list(&self) -> StoreFuture<'_, Vec<ApiKey>>;

    /// Revokes a key for ever. Answers whether there was one to revoke.
    fn revoke(&self, id: u64, now: Timestamp) -> StoreFuture<'_, bool>;
}

/// A key to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// What it is for, in its owner's words.
    pub name: String,
    /// SHA-256 of the key. Keys hold 160 random bits, so a fast hash is enough (ASVS 5.0, 11.4).
    pub hash: [u8; 32],
    /// What it may do; kept by name.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// It is refused from then on.
    pub expires_at: Option<Timestamp>,
}

/// A key as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its number, to revoke it by.
    pub id: u64,
    /// See [`NewApiKey::name`].
    pub name: String,
    /// See [`NewApiKey::scopes`].
    pub scopes: Scopes,
    /// See [`NewApiKey::created_at`].
    pub created_at: Timestamp,
    /// See [`NewApiKey::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
