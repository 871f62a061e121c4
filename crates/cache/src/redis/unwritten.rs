//! Links that a process has acknowledged and not written to the store yet, for the others to find whole.

use super::Redis;
use ::redis::cmd;
use curtail_model::LinkId;
use std::time::Duration;

/// They are removed when the store has them. One whose removal was lost goes by itself; a store that is away
/// for longer is waited for by its owner alone.
const LIFE: Duration = Duration::from_secs(86_400);

impl Redis {
    /// Leaves the record of a link for the others. Answers whether it arrived within the budget.
    pub(crate) async fn put_unwritten(&self, store: u64, id: LinkId, record: &[u8]) -> bool {
        let (key, life) = (self.key_of_unwritten(store, id), LIFE.as_millis() as u64);
        let command = cmd("SET").arg(key).arg(record).arg("PX").arg(life).to_owned();
        self.ask(|connection| async move { connection.query::<()>(&command).await }).await.is_ok()
    }

    /// The record that another process left of a link.
    pub(crate) async fn unwritten(&self, store: u64, id: LinkId) -> Option<Vec<u8>> {
        let command = cmd("GET").arg(self.key_of_unwritten(store, id)).to_owned();
        let found = self.ask(|connection| async move { connection.query(&command).await }).await;
        found.unwrap_or(None)
    }

    /// The store has these.
    pub(crate) async fn forget_unwritten(&self, store: u64, ids: &[LinkId]) {
        let mut command = cmd("UNLINK");
        ids.iter().for_each(|&id| {
            command.arg(self.key_of_unwritten(store, id));
        });
        let _ = self.ask(|connection| async move { connection.query::<()>(&command).await }).await;
    }

    /// Ids are small numbers, which stores have in common.
    fn key_of_unwritten(&self, store: u64, id: LinkId) -> Vec<u8> {
        self.keys.named(&format!("new:{store:x}:{id}"))
    }
}
