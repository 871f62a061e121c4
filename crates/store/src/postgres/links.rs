//! The trait [`Links`] on PostgreSQL.

pub(super) mod acknowledged;
mod allowance;
mod change;
mod create;
mod custom;
mod deduplicated;
mod generated;
pub(super) mod insert;
mod list;

use super::bulkhead::Bulkhead;
use super::connections::Pool;
use super::executor::Executor;
use super::ids::Ids;
use super::lookups::Key;
use super::replicas::Servers;
use crate::{
    Create, Created, Links, ListQuery, Page, Refused, Resolved, Seen, Spent, StoreFuture, TagCount,
    UpdateRefused,
};
use acknowledged::Acknowledged;
use allowance::Allowances;
use change::{Changer, Task};
use create::{Creates, Maker};
use curtail_model::{Change, Codes, Link, LinkId, Target, Timestamp};
use std::sync::Arc;

/// Reads that choose a server by themselves, and changes, that may be under way or wait.
const READS_MAX: u32 = 16_384;
const LISTS_MAX: u32 = 256;
const CHANGES_MAX: u32 = 4_096;

/// Links on a primary and its replicas.
pub(super) struct PostgresLinks {
    servers: Arc<Servers>,
    codes: Codes,
    creates: Creates,
    allowances: Allowances,
    changer: Arc<Changer>,
    pub(super) acknowledged: Arc<Acknowledged>,
    reads: Bulkhead,
    lists: Bulkhead,
    changes: Bulkhead,
}

impl PostgresLinks {
    pub(super) fn start(
        executor: &Arc<Executor>,
        servers: Arc<Servers>,
        writes: &Pool,
        codes: &Codes,
        id_block: u32,
    ) -> PostgresLinks {
        let acknowledged = Arc::new(Acknowledged::default());
        let maker = Maker {
            pool: writes.clone(),
            ids: Arc::new(Ids::new(codes.clone(), id_block)),
            codes: codes.clone(),
            acknowledged: Arc::clone(&acknowledged),
        };
        let changer =
            Changer { pool: writes.clone(), codes: codes.clone(), acknowledged: Arc::clone(&acknowledged) };
        PostgresLinks {
            servers,
            codes: codes.clone(),
            creates: Creates::start(executor, maker),
            allowances: Allowances::start(executor, writes),
            changer: Arc::new(changer),
            acknowledged,
            reads: Bulkhead::new("look-ups", READS_MAX, executor),
            lists: Bulkhead::new("lists", LISTS_MAX, executor),
            changes: Bulkhead::new("changes", CHANGES_MAX, executor),
        }
    }

    /// Finishes what was asked for; what is asked for later is refused.
    pub(super) async fn close(&self) {
        self.creates.close().await;
        self.allowances.close().await;
        self.changes.close().await;
        self.lists.close().await;
        self.reads.close().await;
    }

    fn look_up(&self, key: Key, seen: Seen) -> StoreFuture<'static, Option<Link>> {
        let servers = Arc::clone(&self.servers);
        self.reads.run(async move { Ok(servers.find(key, seen).await?.link.map(|link| *link)) })
    }
}

impl Links for PostgresLinks {
    fn resolve<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Resolved> {
        let (servers, key) = (Arc::clone(&self.servers), Key::of_code(&self.codes, code));
        self.reads.run(async move {
            let known = servers.find(key, Seen::ANYTHING).await?;
            let record = known.link.map(|link| Target::pack(&link));
            Ok(Resolved { record, is_current: known.is_current })
        })
    }

    fn resolve_newest<'a>(&'a self, code: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        let (servers, key) = (Arc::clone(&self.servers), Key::of_code(&self.codes, code));
        self.reads.run(async move {
            let link = servers.find_on_primary(key).await?;
            Ok(link.map(|link| Target::pack(&link)))
        })
    }

    fn create(&self, links: Vec<Create>) -> StoreFuture<'_, Vec<Result<Created, Refused>>> {
        self.creates.ask(links)
    }

    fn get(&self, id: LinkId, seen: Seen) -> StoreFuture<'_, Option<Link>> {
        self.look_up(Key::Id(id), seen)
    }

    fn find<'a>(&'a self, code: &'a str, seen: Seen) -> StoreFuture<'a, Option<Link>> {
        self.look_up(Key::of_code(&self.codes, code), seen)
    }

    fn update(
        &self,
        id: LinkId,
        change: Change,
        only_if: Option<u64>,
        now: Timestamp,
    ) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        let changer = Arc::clone(&self.changer);
        self.changes.run(async move {
            changer.run(id, only_if, Task::Update { change: Box::new(change), now }).await
        })
    }

    fn delete(&self, id: LinkId, only_if: Option<u64>) -> StoreFuture<'_, Result<Link, UpdateRefused>> {
        let changer = Arc::clone(&self.changer);
        self.changes.run(async move { changer.run(id, only_if, Task::Delete).await })
    }

    fn list(&self, query: ListQuery, seen: Seen) -> StoreFuture<'_, Page> {
        let (servers, codes) = (Arc::clone(&self.servers), self.codes.clone());
        self.lists.run(async move { list::list(&servers, &codes, &query, seen).await })
    }

    fn tags(&self, after: Option<String>, limit: usize, seen: Seen) -> StoreFuture<'_, Vec<TagCount>> {
        let servers = Arc::clone(&self.servers);
        self.lists.run(async move { list::tags(&servers, after, limit, seen).await })
    }

    fn spend(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.allowances.spend(id)
    }

    fn peek(&self, id: LinkId) -> StoreFuture<'_, Spent> {
        self.allowances.peek(id)
    }

    fn seen(&self) -> Seen {
        self.acknowledged.seen()
    }
}
