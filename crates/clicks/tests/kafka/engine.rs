//! The stores that the promises are asked of: each test has one of its own.

use crate::topic::wait;
use curtail_model::{Alphabet, CodeScheme};
use curtail_servers::service;
use curtail_store::Rollups;
use curtail_store::postgres;
use curtail_store::sqlite;
use std::any::Any;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Asks promises of every engine that a store can have.
macro_rules! on_each_engine {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $promise() { super::$promise(crate::engine::Engine::Sqlite); })+
        }
        mod postgres {
            $(#[test] fn $promise() { super::$promise(crate::engine::Engine::Postgres); })+
        }
    };
}
pub(crate) use on_each_engine;

/// Databases of processes that are gone are swept away by
/// the tests of the store, which give theirs such names too.
const PREFIX: &str = "curtail_test";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// What remembers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A folder, and a store that is in it or in a database.
pub(crate) struct Place {
    folder: TempDir,
    database: Option<String>,
}

/// An open store.
pub(crate) struct Store {
    pub(crate) rollups: Arc<dyn Rollups>,
    /// The engine itself: what is under way ends with it.
    _engine: Box<dyn Any>,
}

impl Place {
    pub(crate) fn new(engine: Engine) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let database = matches!(engine, Engine::Postgres).then(|| {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("{PREFIX}_{}_kafka{number}", std::process::id());
            sql(&format!("CREATE DATABASE {name}"));
            name
        });
        Place { folder, database }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder().join("journal")
    }

    /// The address of the database, if the store is in one.
    pub(crate) fn url(&self) -> Option<String> {
        let (server, _) =
            server().rsplit_once('/').map(|(server, name)| (server.to_owned(), name.to_owned()))?;
        self.database.as_ref().map(|name| format!("{server}/{name}"))
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(self.folder(), self.url())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(name) = &self.database {
            sql(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

impl Store {
    /// The store in the database with this address, or else in this folder.
    pub(crate) fn open(folder: &Path, url: Option<String>) -> Store {
        let (scheme, alphabet) = (CodeScheme::Permuted, Alphabet::Base62);
        if let Some(url) = url {
            let store = wait(postgres::open(postgres::Settings::of(url, scheme, alphabet))).unwrap();
            return Store { rollups: Arc::clone(&store.rollups), _engine: Box::new(store) };
        }
        let settings = sqlite::Settings { scheme, alphabet, readers: 1, page_cache_bytes: 4 << 20 };
        let store = sqlite::open(folder, settings).unwrap();
        Store { rollups: Arc::clone(&store.rollups), _engine: Box::new(store) }
    }
}

fn server() -> String {
    service("CURTAIL_TEST_POSTGRES")
}

/// Has the server do something, with its own client.
fn sql(statement: &str) {
    sql_in(&server(), statement);
}

/// The same in the database at this address.
pub(crate) fn sql_in(url: &str, statement: &str) {
    let mut psql = Command::new("psql");
    let output = psql.args(["--quiet", "--command", statement, url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
