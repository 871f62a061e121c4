//! What every measurement is told, and where it finds and leaves things.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Options that all subcommands have.
#[derive(clap::Args)]
pub(crate) struct Settings {
    /// The server to measure instead of the one that is built from this tree
    #[arg(long, global = true, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Measure one of the two alone
    #[arg(long, global = true)]
    only: Option<Only>,
    /// Short rounds and few links: shows that everything works, not how fast
    #[arg(long, global = true)]
    pub(crate) quick: bool,
    /// Rounds of each, alternating; a figure is their median
    #[arg(long, global = true, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load in each round
    #[arg(long, global = true, default_value_t = 3.0)]
    seconds: f64,
    /// The core that servers run on
    #[arg(long, global = true, default_value_t = 0)]
    pub(crate) server_core: usize,
    /// The core that the client runs on
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) client_core: usize,
    /// Where result files go
    #[arg(long, global = true, value_name = "FOLDER")]
    results: Option<PathBuf>,
}

/// One side of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Only {
    /// Curtail.
    Ours,
    /// What it is compared with.
    Peer,
}

impl Settings {
    /// Whether Curtail is measured.
    pub(crate) fn ours(&self) -> bool {
        self.only != Some(Only::Peer)
    }

    /// Whether the peer is measured.
    pub(crate) fn peer(&self) -> bool {
        self.only != Some(Only::Ours)
    }

    /// Rounds of each side.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    /// The length of a round.
    pub(crate) fn round(&self) -> Duration {
        if self.quick { Duration::from_millis(500) } else { Duration::from_secs_f64(self.seconds.max(0.1)) }
    }

    /// The folder for result files. A quick run proves nothing, so that it does not replace what a full one
    /// has found.
    pub(crate) fn results(&self) -> PathBuf {
        match &self.results {
            Some(folder) => folder.clone(),
            None if self.quick => target().join("bench-quick"),
            None => workspace().join("bench/results"),
        }
    }

    /// The folder for what a run found that took some figures only: it replaces no whole run either.
    pub(crate) fn results_of_some(&self) -> PathBuf {
        self.results.clone().unwrap_or_else(|| target().join("bench-some"))
    }

    /// The program to measure: given, or built now.
    pub(crate) fn binary(&self) -> Result<PathBuf> {
        if let Some(path) = &self.server {
            return path.canonicalize().with_context(|| format!("no server at {}", path.display()));
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--release", "--package", "curtail"]).current_dir(workspace());
        ensure!(build.status().context("cargo does not run")?.success(), "the server does not build");
        Ok(target().join("release/curtail"))
    }
}

/// A folder for one run, on the disk that holds the tree:
/// what is durable on a memory file system proves nothing.
pub(crate) fn scratch() -> Result<tempfile::TempDir> {
    let parent = kept_data();
    std::fs::create_dir_all(&parent)?;
    tempfile::Builder::new().prefix("run-").tempdir_in(&parent).context("no folder for this run")
}

/// Where data that takes long to make is kept from run to run.
pub(crate) fn kept_data() -> PathBuf {
    target().join("bench-data")
}

/// The root of the source tree.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}
