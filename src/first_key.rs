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

/// What the operator's key is called. Where a process is alone with its store there is one at a time: a
/// changed setting revokes the one before. In a fleet others still have that one in their settings.
const FROM_SETTINGS: &str = "admin_key of the settings";

/// A key of the operator's own should not be shorter.
const LENGTH_GOOD: usize = 20;

/// Sees to it that the operator's key works, or that there is a key at all. Answers where a new one was put.
pub(crate) async fn ensure(
    keys: &dyn Keys,
    admin_key: Option<&Secret>,
    folder: &Path,
    is_alone: bool,
    now: Timestamp,
) -> anyhow::Result<Option<PathBuf>> {
    if admin_key.is_some_and(|key| key.reveal().len() < LENGTH_GOOD) {
        tracing::warn!(
            "the admin key is short enough to be guessed; `openssl rand -hex 20` makes a good one"
        );
    }
    let wanted = admin_key.map(|key| hash_key(key.reveal()));
    // Looked up first, because it may refuse the start, which must not have revoked a key then.
    let wanted_id = match wanted {
        Some(hash) => Some(find_or_add(keys, hash, now).await?),
        None => None,
    };
    let all = keys.list().await?;
    let others = all
        .iter()
        .filter(|key| key.name == FROM_SETTINGS && key.revoked_at.is_none() && Some(key.id) != wanted_id);
    for old in others {
        if is_alone && wanted.is_some() {
            keys.revoke(old.id, now).await?;
        } else {
            tracing::warn!(
                id = old.id,
                "a key that admin_key had set is still valid; `curtail key revoke {}` ends it",
                old.id
            );
        }
    }
    if wanted.is_some() || !all.is_empty() {
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

/// The number of the key that the settings name, which is valid and may do everything.
async fn find_or_add(keys: &dyn Keys, hash: [u8; 32], now: Timestamp) -> anyhow::Result<u64> {
    // Found first: a disk that is full takes no key, and need not where it is known.
    let mut known = keys.find(hash).await?;
    if known.is_none() {
        if let Some(id) = keys.add(admin(FROM_SETTINGS, hash, now)).await? {
            return Ok(id);
        }
        // Another server was first.
        known = keys.find(hash).await?;
    }
    let Some(known) = known.filter(|known| known.revoked_at.is_none()) else {
        anyhow::bail!(
            "the key in admin_key (CURTAIL_ADMIN_KEY) was revoked, by `curtail key revoke` or because admin_key named another \
             one since, and is not valid again; choose a new one (openssl rand -hex 20)"
        )
    };
    anyhow::ensure!(
        known.scopes.allow(Scope::KeysAdmin) && known.expires_at.is_none(),
        "the key in admin_key (CURTAIL_ADMIN_KEY) is key {} ({:?}) already, which may not do everything for ever; \
         choose a new one (openssl rand -hex 20)",
        known.id,
        known.name
    );
    Ok(known.id)
}

fn admin(name: &str, hash: [u8; 32], now: Timestamp) -> NewApiKey {
    let scopes = Scopes::from_iter([Scope::KeysAdmin]);
    NewApiKey { name: name.to_owned(), hash, scopes, created_at: now, expires_at: None }
}
