//! The servers that `dev/services` starts, for what is measured on them.

use crate::settings::workspace;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// The address of a server, by the name that `dev/services env` gives it.
pub(crate) fn service(name: &str) -> Result<String> {
    let written = std::fs::read_to_string(workspace().join("target/services/env")).unwrap_or_default();
    let of_file =
        written.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
    let found = std::env::var(name).ok().or(of_file);
    found.with_context(|| format!("there is no {name}: run dev/services start"))
}

/// A database of a measurement's own, for as long as this is there.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes an empty one.
    pub(crate) fn make(purpose: &str) -> Result<Database> {
        let server = service("CURTAIL_TEST_POSTGRES")?;
        let database = Database { server, name: format!("curtail_bench_{purpose}_{}", std::process::id()) };
        database.run("DROP DATABASE IF EXISTS", "WITH (FORCE)")?;
        database.run("CREATE DATABASE", "")?;
        Ok(database)
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap_or((&self.server, ""));
        format!("{server}/{}", self.name)
    }

    fn run(&self, what: &str, how: &str) -> Result<()> {
        let statement = format!("{what} {} {how}", self.name);
        let psql = Command::new("psql").args(["--quiet", "--command", &statement]).arg(&self.server).output();
        let output = psql.context("psql does not run; it comes with PostgreSQL")?;
        ensure!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(error) = self.run("DROP DATABASE IF EXISTS", "WITH (FORCE)") {
            eprintln!("{error:#}");
        }
    }
}
