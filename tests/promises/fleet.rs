//! Promises of several processes on the engines that people run in production: PostgreSQL, Redis, Kafka and a worker, all of
//! them real.

use crate::support::server::{KEY, Server, curtail, random_seed};
use crate::support::services::{database, service, topic};
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::{TempDir, tempdir};

const FIRST: &str = "https://example.com/first";
const SECOND: &str = "https://example.com/second";
/// How long a change may be unseen elsewhere.
const SEEN_WITHIN: Duration = Duration::from_secs(2);
/// How long clicks may take through servers that have just been killed.
const COUNTED_WITHIN: Duration = Duration::from_secs(60);

/// Processes that share a database and Redis.
struct Fleet {
    environment: Vec<(&'static str, String)>,
    folders: Vec<TempDir>,
}

/// A worker; it ends with the test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Fleet {
    fn new(name: &str) -> Fleet {
        let url = database(&format!("fleet_{name}_{:x}", random_seed()));
        let environment =
            vec![("CURTAIL_DATABASE_URL", url), ("CURTAIL_REDIS_URL", service("CURTAIL_TEST_REDIS"))];
        Fleet { environment, folders: Vec::new() }
    }

    /// The same with Kafka between servers and workers.
    fn with_kafka(name: &str) -> Fleet {
        let mut fleet = Fleet::new(name);
        let topic = topic(&format!("fleet-{name}-{:x}", random_seed()), 3);
        fleet.environment.push(("CURTAIL_KAFKA_BROKERS", service("CURTAIL_TEST_KAFKA")));
        fleet.environment.push(("CURTAIL_KAFKA_TOPIC", topic));
        fleet
    }

    fn folder(&mut self) -> usize {
        self.folders.push(tempdir().unwrap());
        self.folders.len() - 1
    }

    fn command(&self, role: &str) -> Command {
        let mut command = curtail();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("CURTAIL_ROLE", role).env("CURTAIL_ADMIN_KEY", KEY);
        command
    }

    /// A server on a folder; one that was killed there goes on.
    fn server(&self, folder: usize) -> Server {
        Server::launch(self.command("app"), self.folders[folder].path(), Vec::new())
    }

    fn worker(&self, folder: usize) -> Worker {
        let mut command = self.command("worker");
        command.env("CURTAIL_ADMIN_LISTEN", "off").args(["serve", "--data"]).arg(self.folders[folder].path());
        Worker(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }
}

fn location(server: &Server, path: &str) -> Option<String> {
    server.client().get(path).header("location").map(str::to_owned)
}

#[test]
fn servers_that_share_a_store_serve_each_others_links_and_see_each_others_changes() {
    let mut fleet = Fleet::new("changes");
    let folders = [fleet.folder(), fleet.folder(), fleet.folder()];
    let servers = folders.map(|folder| fleet.server(folder));
    let made = servers[0].link(&json!({ "url": FIRST, "code": "shared" }));
    let path = format!("/api/v1/links/{}", made["id"].as_str().unwrap());
    for server in &servers {
        server.eventually(SEEN_WITHIN, |server| {
            (location(server, "/shared").as_deref() == Some(FIRST)).then_some(())
        });
    }
    let changed = servers[1].api("PATCH", &path, Some(&json!({ "url": SECOND })));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(location(&servers[1], "/shared").as_deref(), Some(SECOND), "where it was changed, at once");
    for server in &servers {
        server.eventually(SEEN_WITHIN, |server| {
            (location(server, "/shared").as_deref() == Some(SECOND)).then_some(())
        });
    }
    assert_eq!(servers[2].api("DELETE", &path, None).status, 204);
    for server in &servers {
        server.eventually(SEEN_WITHIN, |server| (location(server, "/shared").is_none()).then_some(()));
    }
}

#[test]
fn a_limited_link_gives_exactly_its_clicks_over_three_servers_to_64_clients() {
    const LIMIT: u32 = 300;
    let mut fleet = Fleet::new("limit");
    let folders = [fleet.folder(), fleet.folder(), fleet.folder()];
    let servers = folders.map(|folder| fleet.server(folder));
    servers[0].link(&json!({ "url": FIRST, "code": "few", "max_clicks": LIMIT }));
    let (given, asked) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for client in 0..64 {
            let (servers, given, asked) = (&servers, &given, &asked);
            scope.spawn(move || {
                let mut client = servers[client % servers.len()].client();
                while asked.fetch_add(1, Ordering::Relaxed) < 2 * LIMIT {
                    if client.get("/few").status == 302 {
                        given.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(given.into_inner(), LIMIT);
}

#[test]
fn every_answered_redirect_is_counted_once_through_kafka_though_server_and_worker_are_killed() {
    let mut fleet = Fleet::with_kafka("clicks");
    let [first, second, worker] = [fleet.folder(), fleet.folder(), fleet.folder()];
    let (mut killed, other) = (fleet.server(first), fleet.server(second));
    let mut counting = fleet.worker(worker);
    let made = other.link(&json!({ "url": FIRST, "code": "counted" }));
    let id = made["id"].as_str().unwrap();
    let mut answered = 0;
    for round in 0..4 {
        for server in [&killed, &other] {
            let mut client = server.client();
            for _ in 0..250 {
                answered += u64::from(client.get("/counted").status == 302);
            }
        }
        if round % 2 == 0 {
            killed.kill();
            killed = fleet.server(first);
        } else {
            drop(counting);
            counting = fleet.worker(worker);
        }
    }
    assert_eq!(answered, 4 * 2 * 250, "a warm redirect was refused");
    other.eventually(COUNTED_WITHIN, |server| (server.clicks(id)["total"] == answered).then_some(()));
    // What comes late would come now: all that was produced has been counted by then.
    let pipeline = other.api("GET", "/api/v1/pipeline", None).json();
    assert_eq!(pipeline["lag"]["clicks"], 0, "{pipeline}");
    assert_eq!(other.clicks(id)["total"], answered);
}

#[test]
fn a_server_whose_settings_name_what_is_not_there_says_which_and_what_to_do() {
    let data = tempdir().unwrap();
    let mut command = curtail();
    command
        .env("CURTAIL_DATABASE_URL", "postgres://curtail:wrong@127.0.0.1:1/none")
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data"])
        .arg(data.path());
    let (code, _, said) = crate::support::server::run(command);
    assert_ne!(code, 0);
    assert!(said.contains("database.url") && !said.contains("wrong"), "{said}");
    let mut command = curtail();
    command.args(["serve", "--set", "role=worker", "--data"]).arg(data.path());
    let (code, _, said) = crate::support::server::run(command);
    assert_eq!(code, 2);
    assert!(["role", "database.url", "kafka.brokers"].iter().all(|word| said.contains(word)), "{said}");
}
