//! The real engines that `dev/services` runs: where they are, and a database or a topic of a test's own.

use std::path::Path;
use std::process::Command;

/// What a variable of `dev/services env` says.
pub(crate) fn service(name: &str) -> String {
    let told = std::env::var(name).ok();
    told.or_else(|| written(name)).unwrap_or_else(|| panic!("{name} is not set: run dev/services start"))
}

/// The same, as `dev/services start` left it in the tree.
fn written(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/services/env");
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(line.trim_matches(['"', '\'']).to_owned())
}

/// The URL of a new database on the primary.
pub(crate) fn database(name: &str) -> String {
    dev_services(&["database", name]);
    let url = service("CURTAIL_TEST_POSTGRES");
    let (server, _) = url.rsplit_once('/').expect("it names a database");
    format!("{server}/{name}")
}

/// A new topic with some partitions.
pub(crate) fn topic(name: &str, partitions: u32) -> String {
    dev_services(&["topic", name, &partitions.to_string()]);
    name.to_owned()
}

fn dev_services(arguments: &[&str]) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/services");
    let output = Command::new(program).args(arguments).output().expect("dev/services runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "dev/services {arguments:?}: {said}");
}
