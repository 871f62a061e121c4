//! What every engine promises, one suite for each trait, and what only the embedded engine does. An engine is added by
//! one line for each suite.

mod crash;
mod damage;
mod engine;
mod keys;
mod links;
mod lists;
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
lists::promises!(lists_on_sqlite, crate::engine::sqlite);
keys::promises!(keys_on_sqlite, crate::engine::sqlite);
rollups::promises!(rollups_on_sqlite, crate::engine::sqlite);
