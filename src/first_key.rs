//! The keys that a server starts with: the operator's own from the settings, or, where there is none at all,
//! a new one.

use crate::config::Secret;
use anyhow::Context;
use curtail_api::keys::{generate_key, hash_key};
use curtail_model::{Scope, Scopes, Timestamp};
use curtail_store::{Keys, NewApiKey};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What the operator's key is called; there is one at a time, so a changed setting revokes the one before.
const FROM_SETTINGS: &str = "admin_key of the settings";

/// A key of the operator's own should not be shorter.
const LENGTH_GOOD: usize = 20;

/// Sees to it that the operator's key works, or that there is a key at all. Answers where a new one was put.
pub(crate) async fn ensure(
    keys: &dyn Keys,
    admin_key: Option<&Secret>,
    folder: &Path,
    now: Timestamp,
) -> anyhow::Result<Option<PathBuf>> {
    if admin_key.is_some_and(|key| key.reveal().len() < LENGTH_GOOD) {
        tracing::warn!(
            "the admin key is short enough to be guessed; `openssl rand -hex 20` makes a good one"
        );
    }
    let wanted = admin_key.map(|key| hash_key(key.reveal()));
    let wanted_id = match wanted {
        Some(hash) => keys.find(hash).await?.filter(|key| key.revoked_at.is_none()).map(|key| key.id),
        None => None,
    };
    let all = keys.list().await?;
    for old in all.iter().filter(|key| key.name == FROM_SETTINGS && key.revoked_at.is_none()) {
        if wanted.is_none() {
            // Another server of the fleet may have it in its settings.
            tracing::warn!(
                id = old.id,
                "a key that admin_key had set is still valid; `curtail key revoke {}` ends it",
                old.id
            );
        } else if Some(old.id) != wanted_id {
            keys.revoke(old.id, now).await?;
        }
    }
    if let Some(hash) = wanted {
        if wanted_id.is_none() && keys.add(admin(FROM_SETTINGS, hash, now)).await?.is_none() {
            anyhow::bail!("the key in admin_key (CURTAIL_ADMIN_KEY) was revoked before; choose another one");
        }
        return Ok(None);
    }
    if !all.is_empty() {
        return Ok(None);
    }
    let (key, hash) = generate_key()?;
    let path = folder.join("admin.key");
    // Kept before it is known to the store: a key that works and that nobody has would lock everybody out.
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| writeln!(file, "{key}").and_then(|()| file.sync_all()))
        .with_context(|| format!("cannot write the first API key to {}", path.display()))?;
    keys.add(admin("first key", hash, now)).await?;
    Ok(Some(path))
}

fn admin(name: &str, hash: [u8; 32], now: Timestamp) -> NewApiKey {
    let scopes = Scopes::from_iter([Scope::KeysAdmin]);
    NewApiKey { name: name.to_owned(), hash, scopes, created_at: now, expires_at: None }
}
