//! A database or a topic of a test's own, on the engines that `dev/services` runs.

use curtail_servers::service;
use std::path::Path;
use std::process::Command;

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
