//! SQLite's own command line as a peer: what the engine under Curtail does without Curtail.

use anyhow::{Context, Result, ensure};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A database file that `sqlite3` works on.
pub(crate) struct Database {
    path: PathBuf,
}

/// Its name and version; an error where it is not installed.
pub(crate) fn version() -> Result<String> {
    let output = Command::new("sqlite3")
        .arg("--version")
        .output()
        .context("sqlite3 is not installed (package sqlite3)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(format!("sqlite3 {}", text.split_whitespace().next().unwrap_or_default()))
}

impl Database {
    /// A new one with these tables, in the mode that Curtail uses: a write-ahead log, synced at every commit.
    pub(crate) fn create(path: PathBuf, tables: &str) -> Result<Database> {
        let database = Database { path };
        database.run(|input| write!(input, "PRAGMA journal_mode=WAL;\n{tables}\n"))?;
        Ok(database)
    }

    /// Runs the statements that `write` gives, each a transaction of its own, and answers how long it took.
    pub(crate) fn run(&self, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<Duration> {
        let begun = Instant::now();
        let mut child = Command::new("sqlite3")
            .args(["-bail", "-batch"])
            .arg(&self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("sqlite3 does not start")?;
        let stdin = child.stdin.take().context("sqlite3 has no input")?;
        let mut input = BufWriter::with_capacity(1 << 20, stdin);
        writeln!(input, "PRAGMA synchronous=FULL;")?;
        write(&mut input).context("sqlite3 has stopped reading")?;
        input.flush()?;
        drop(input);
        ensure!(child.wait()?.success(), "sqlite3 has refused a statement");
        Ok(begun.elapsed())
    }

    /// Takes the rows of a CSV file into a table by `.import`,
    /// in one transaction, and answers how long it took.
    pub(crate) fn import(&self, rows: &Path, table: &str) -> Result<Duration> {
        self.run(|input| writeln!(input, "BEGIN;\n.import --csv '{}' {table}\nCOMMIT;", rows.display()))
    }
}
