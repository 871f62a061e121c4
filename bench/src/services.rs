//! The servers that `dev/services` starts, for what is measured on them.

use anyhow::{Context, Result, ensure};
use curtail_servers::service;
use std::process::Command;

/// A database of a measurement's own, for as long as this is there.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes an empty one.
    pub(crate) fn make(purpose: &str) -> Result<Database> {
        let server = service("CURTAIL_TEST_POSTGRES");
        let database = Database { server, name: format!("curtail_bench_{purpose}_{}", std::process::id()) };
        database.run("DROP DATABASE IF EXISTS", "WITH (FORCE)")?;
        database.run("CREATE DATABASE", "")?;
        Ok(database)
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        named(&self.server, &self.name)
    }

    /// Its address on each replica.
    pub(crate) fn replica_urls(&self) -> Vec<String> {
        let servers = service("CURTAIL_TEST_REPLICAS");
        servers.split(',').map(|server| named(server, &self.name)).collect()
    }

    /// Runs statements in it, as `psql` takes them; answers what they give, as text.
    pub(crate) fn ask(&self, statements: &str) -> Result<String> {
        ask(&self.url(), statements)
    }

    fn run(&self, what: &str, how: &str) -> Result<()> {
        ask(&self.server, &format!("{what} {} {how}", self.name)).map(drop)
    }
}

/// Runs statements in a database, as `psql` takes them; answers what they give, as text.
pub(crate) fn ask(database: &str, statements: &str) -> Result<String> {
    let how =
        ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--command"];
    let psql = Command::new("psql").args(how).args([statements, database]).output();
    let output = psql.context("psql does not run; it comes with PostgreSQL")?;
    ensure!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The address of another database on the same server.
fn named(server: &str, name: &str) -> String {
    let (server, _) = server.rsplit_once('/').unwrap_or((server, ""));
    format!("{server}/{name}")
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(error) = self.run("DROP DATABASE IF EXISTS", "WITH (FORCE)") {
            eprintln!("{error:#}");
        }
    }
}
