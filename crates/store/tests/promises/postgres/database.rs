//! Databases to test on: each test has one of its own, on the server that `dev/services` started.

use curtail_servers::service;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::{Client, NoTls};

const SERVER: &str = "CURTAIL_TEST_POSTGRES";
const POOLER: &str = "CURTAIL_TEST_PGBOUNCER";
const PREFIX: &str = "curtail_test_";

static SWEPT: Once = Once::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database that goes away with this.
pub(crate) struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    pub(crate) async fn make() -> Database {
        let server = service(SERVER);
        let client = connect(&server).await;
        let mut sweeps = false;
        SWEPT.call_once(|| sweeps = true);
        if sweeps {
            sweep(&client).await;
        }
        let name = format!("{PREFIX}{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let url = with_database(&server, &name);
        Database { server, name, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn url_through_a_pooler(&self) -> String {
        with_database(&service(POOLER), &self.name)
    }

    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A runtime of its own: the one of the test may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                connect(&server).await.batch_execute(&drop).await
            })
        });
        // Whatever stays behind, the next run sweeps away.
        let _ = dropped.join();
    }
}

/// The address of another database on the same server.
fn with_database(server: &str, name: &str) -> String {
    let (head, _) = server.rsplit_once('/').expect("an address ends in the name of a database");
    format!("{head}/{name}")
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap_or_else(|error| {
        panic!("no connection to the PostgreSQL to test on ({error}): run dev/services start")
    });
    tokio::spawn(connection);
    client
}

/// Removes what runs left behind that were killed.
async fn sweep(client: &Client) {
    let names = client
        .query("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", &[&PREFIX])
        .await
        .unwrap();
    for name in names.iter().map(|row| row.get::<_, String>(0)) {
        let process = name[PREFIX.len()..].split('_').next().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            // Another run may be sweeping too.
            let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}
