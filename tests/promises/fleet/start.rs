//! Settings of a fleet that cannot be.

use crate::support::server::{curtail, run};
use tempfile::tempdir;

#[test]
fn a_server_whose_settings_name_what_is_not_there_says_which_and_what_to_do() {
    let data = tempdir().unwrap();
    let mut command = curtail();
    command
        .env("CURTAIL_DATABASE_URL", "postgres://curtail:wrong@127.0.0.1:1/none")
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data"])
        .arg(data.path());
    let (code, _, said) = run(command);
    assert_ne!(code, 0);
    assert!(said.contains("database.url") && !said.contains("wrong"), "{said}");
    let mut command = curtail();
    command.args(["serve", "--role", "worker", "--data"]).arg(data.path());
    let (code, _, said) = run(command);
    assert_eq!(code, 2);
    assert!(["role", "database.url", "kafka.brokers"].iter().all(|word| said.contains(word)), "{said}");
}
