//! What every engine promises, one suite for each trait, and what
//! each does beside. An engine is added by one line for each suite.

mod engine;
mod keys;
mod links;
mod lists;
mod postgres;
mod removal;
mod reuse;
mod rollups;
mod sqlite;

/// Makes a test of each promise, on a new store of an engine.
macro_rules! suite {
    ($name:ident, $open:path, $suite:ident: $($promise:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test(flavor = "current_thread")]
                async fn $promise() {
                    crate::$suite::$promise($open().await).await;
                }
            )+
        }
    };
}
pub(crate) use suite;

links::promises!(links_on_sqlite, crate::engine::sqlite);
removal::promises!(removal_on_sqlite, crate::engine::sqlite);
reuse::promises!(reuse_on_sqlite, crate::engine::sqlite);
lists::promises!(lists_on_sqlite, crate::engine::sqlite);
keys::promises!(keys_on_sqlite, crate::engine::sqlite);
rollups::promises!(rollups_on_sqlite, crate::engine::sqlite);

links::promises!(links_on_postgres, crate::engine::postgres);
removal::promises!(removal_on_postgres, crate::engine::postgres);
reuse::promises!(reuse_on_postgres, crate::engine::postgres);
lists::promises!(lists_on_postgres, crate::engine::postgres);
keys::promises!(keys_on_postgres, crate::engine::postgres);
rollups::promises!(rollups_on_postgres, crate::engine::postgres);

links::promises!(links_on_postgres_through_a_pooler, crate::engine::postgres_through_a_pooler);
removal::promises!(removal_on_postgres_through_a_pooler, crate::engine::postgres_through_a_pooler);
reuse::promises!(reuse_on_postgres_through_a_pooler, crate::engine::postgres_through_a_pooler);
lists::promises!(lists_on_postgres_through_a_pooler, crate::engine::postgres_through_a_pooler);
rollups::promises!(rollups_on_postgres_through_a_pooler, crate::engine::postgres_through_a_pooler);
