//! What `deploy/` hands to operators fits the binary: its configurations are accepted, and name nothing that
//! does not exist. (`deploy/check` looks at it with the tools of others.)

use super::workspace::{files, read, root};
use crate::support::server::{curtail, run};
use curtail_cache::redis;
use curtail_store::postgres;
use serde_json::Value;
use std::collections::BTreeSet;

const STAGES: &[&str] = &["stage-1", "stage-2", "stage-3"];

#[test]
fn the_configuration_of_each_stage_is_accepted() {
    for stage in STAGES {
        let mut command = curtail();
        command.args(["config", "--config"]).arg(root().join("deploy").join(stage).join("curtail.toml"));
        let (code, _, said) = run(command);
        assert_eq!(code, 0, "{stage}: {said}");
    }
}

#[test]
fn containers_units_and_stages_set_only_what_can_be_set() {
    let mut command = curtail();
    command.args(["config", "--json"]);
    let (code, shown, said) = run(command);
    assert_eq!(code, 0, "{said}");
    let settings: Value = serde_json::from_str(&shown).unwrap();
    let known: BTreeSet<String> = settings
        .as_array()
        .expect("a list of settings")
        .iter()
        .map(|setting| setting["variable"].as_str().expect("a name").to_owned())
        .collect();
    let mut seen = 0;
    for (name, text) in files(&["deploy"], "").into_iter().chain(files(&["dev"], "stage")) {
        for variable in variables(&text) {
            seen += 1;
            assert!(known.contains(&variable), "{name} sets {variable}, which is not a setting");
        }
    }
    assert!(seen > 10, "only {seen} variables were found");
}

#[test]
fn documents_ask_for_the_oldest_servers_that_the_binary_takes_and_stages_start_those() {
    let oldest = [("PostgreSQL", postgres::VERSION_MIN / 10_000), ("Redis", redis::VERSION_MIN)];
    let scaling = read("docs/scaling.md");
    for (server, version) in oldest {
        let section = scaling.split("\n## ").find(|section| section.starts_with(server)).expect("it has one");
        assert!(
            section.contains(&format!("Version {version} or newer")),
            "docs/scaling.md, {server}: {version}"
        );
    }
    let [postgres, redis] = oldest.map(|(_, version)| version);
    let images = [format!("image: postgres:{postgres}"), format!("image: redis:{redis}")];
    for stage in ["stage-2", "stage-3"] {
        let compose = read(format!("deploy/{stage}/compose.yaml"));
        assert!(images.iter().all(|image| compose.contains(image)), "{stage} starts other than {images:?}");
    }
}

#[test]
fn units_try_to_start_for_as_long_as_postgresql_is_away() {
    for (name, unit) in files(&["deploy/systemd"], ".service") {
        let (before, service) = unit.split_once("\n[Service]\n").expect("a unit of a service");
        assert!(before.lines().any(|line| line == "StartLimitIntervalSec=0"), "{name} gives up");
        assert!(service.lines().any(|line| line == "Restart=on-failure"), "{name} does not try again");
    }
}

/// All servers answer 503 for what they do not have in memory while the database is away.
#[test]
fn nginx_takes_no_server_for_dead_that_says_it_is_unavailable() {
    let front = read("deploy/stage-3/nginx.conf");
    let retried = front.lines().map(str::trim).find(|line| line.starts_with("proxy_next_upstream "));
    assert_eq!(retried, Some("proxy_next_upstream error timeout;"));
}

/// The sessions of a process are those that `curtail doctor` counts with (`engines::sessions_on_primary`), at
/// the default setting.
#[test]
fn the_primary_of_stage_3_has_room_for_twice_the_processes_that_are_there() {
    const SESSIONS: usize = 2 * 6 + 2 * 3 + 3;
    let compose = read("deploy/stage-3/compose.yaml");
    let processes = compose.matches(":/var/lib/curtail\"]").count();
    assert_eq!(processes, 4);
    let primary = read("deploy/stage-3/primary.sh");
    let room = primary.lines().find_map(|line| line.strip_prefix("max_connections = "));
    let room: usize = room.and_then(|room| room.parse().ok()).expect("it is set");
    assert!(room >= 2 * processes * SESSIONS, "{room} sessions for {processes} processes");
}

/// The settings that a text sets by their variables; `CURTAIL_TEST_` is what tests read.
fn variables(text: &str) -> Vec<String> {
    let is_part = |character: char| character.is_ascii_uppercase() || character == '_';
    text.match_indices("CURTAIL_")
        .map(|(at, _)| text[at..].chars().take_while(|&character| is_part(character)).collect())
        .filter(|variable: &String| !variable.starts_with("CURTAIL_TEST_"))
        .collect()
}
