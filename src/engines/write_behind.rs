//! What stands before the store: nothing, or with `cache.strategy = "write-behind"` a journal of new links.

use super::{Fleet, Store};
use crate::config::Settings;
use anyhow::bail;
use curtail_cache::write_behind::Config;
use curtail_cache::{Strategy, WriteBehind};
use curtail_store::Links;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The folder of the journal, in the data folder.
const FOLDER: &str = "write-behind";

/// The store as the process sees it.
#[derive(Clone)]
pub(crate) struct WriteBehindLinks {
    pub(crate) links: Arc<dyn Links>,
    pub(crate) journal: Option<WriteBehind>,
}

impl WriteBehindLinks {
    /// Opens the journal where the strategy wants one. What an earlier process left in it is flushed to the
    /// store whatever the strategy is now.
    pub(crate) async fn open(
        settings: &Settings,
        folder: &Path,
        store: &Store,
        fleet: &Fleet,
    ) -> anyhow::Result<WriteBehindLinks> {
        left_behind(settings, folder)?;
        let folder = folder.join(FOLDER);
        let links = store.links.clone();
        let Some((backing, codes)) = store.write_behind.clone() else {
            return Ok(WriteBehindLinks { links, journal: None });
        };
        let config =
            Config { folder, budget: settings.cache.write_behind_bytes, secret: store.secret, codes };
        if settings.cache.strategy != Strategy::WriteBehind {
            let written = WriteBehind::finish(config, links.clone(), backing).await?;
            if written > 0 {
                tracing::info!(written, "links that an earlier process had acknowledged are written");
            }
            return Ok(WriteBehindLinks { links, journal: None });
        }
        let journal = WriteBehind::open(config, links, backing, fleet.peers()).await?;
        Ok(WriteBehindLinks { links: Arc::new(journal.clone()), journal: Some(journal) })
    }

    /// Brings what waits to the store, as far as there is time before `end`.
    pub(crate) async fn close(&self, end: Instant) {
        if let Some(journal) = &self.journal {
            journal.close(end.saturating_duration_since(Instant::now())).await;
        }
    }
}

/// Whether an earlier process left links in a data folder that it had acknowledged. Without the store that
/// they are for, that is an error.
pub(crate) fn left_behind(settings: &Settings, folder: &Path) -> anyhow::Result<bool> {
    let folder = folder.join(FOLDER);
    let is_left = WriteBehind::has_backlog(&folder);
    if is_left && settings.database.url.is_none() {
        bail!(
            "links that were acknowledged wait in {} for PostgreSQL: start with the database.url of then, so that it gets \
             them; or move the folder away, which gives them up",
            folder.display()
        );
    }
    Ok(is_left)
}
