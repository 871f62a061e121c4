//! A store moves from SQLite to PostgreSQL: the real command, beside a real server that goes on, broken off
//! and run again.

use crate::support::http::Client;
use crate::support::limited::Given;
use crate::support::run::{Ending, until};
use crate::support::server::{KEY, Server, curtail, random_seed, run};
use crate::support::services::database;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use tempfile::tempdir;

/// Enough for several pieces, so that there is a middle to be killed in.
const LINKS: usize = 20_000;
const LIMIT: u64 = 10;

fn migrate(data: &Path, url: &str) -> Command {
    let mut command = curtail();
    command.args(["migrate-store", "--to", "postgres:", "--from"]);
    command.arg(format!("sqlite:{}", data.display())).env("CURTAIL_DATABASE_URL", url);
    command
}

/// A pass to its end. Answers what it said on both outputs.
fn pass(data: &Path, url: &str) -> (String, String) {
    let (code, out, errors) = run(migrate(data, url));
    assert_eq!(code, 0, "{out}\n{errors}");
    (out, errors)
}

/// Starts a pass and kills it when the first links have gone over.
fn pass_killed_in_the_middle(data: &Path, url: &str) {
    let mut child = migrate(data, url).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push(line.unwrap());
        if said.last().is_some_and(|line| line.starts_with("links: ") && line.contains(" of ")) {
            break;
        }
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was done before it was killed: {said:?}");
}

fn on_postgres(data: &Path, url: &str) -> Server {
    let mut command = curtail();
    // A busy machine may take longer than redirects wait, and here every answer counts.
    command.env("CURTAIL_DATABASE_URL", url).env("CURTAIL_DATABASE_BUDGET_MILLISECONDS", "10000");
    Server::launch(command, data, Vec::new())
}

/// Starts a server that must not start. Answers what it said.
fn refused_start(data: &Path, url: Option<&str>) -> String {
    let mut command = curtail();
    command.envs(url.map(|url| ("CURTAIL_DATABASE_URL", url)));
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data"]).arg(data);
    let (code, _, said) = run(command);
    assert_eq!(code, 1, "{said}");
    said
}

/// Makes many links at once. Answers their codes.
fn bulk(server: &Server, count: usize) -> Vec<String> {
    let line = |n| format!("{{\"url\":\"https://example.com/{n}\",\"tags\":[\"tag {}\"]}}\n", n % 7);
    let lines: Vec<u8> = (0..count).flat_map(|n| line(n).into_bytes()).collect();
    let authorization = format!("Bearer {KEY}");
    let headers = [("authorization", authorization.as_str())];
    let answer = server.client().request("POST", "/api/v1/links/bulk", &headers, &lines).text();
    let code = |line: &str| {
        let made: Value = serde_json::from_str(line).unwrap();
        made["link"]["code"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    };
    answer.lines().map(code).collect()
}

fn key(data: &Path, arguments: &[&str]) -> Value {
    let mut command = curtail();
    command.arg("key").args(arguments).arg("--json").arg("--data").arg(data);
    let (code, out, errors) = run(command);
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str(&out).unwrap()
}

/// What the API answers to whoever has this key.
fn status_for(server: &Server, key: &Value) -> u16 {
    let authorization = format!("Bearer {}", key["key"].as_str().unwrap());
    server.client().request("GET", "/api/v1/links", &[("authorization", &authorization)], b"").status
}

/// Clicks on a link until it is told to stop. Every click must be redirected; all are added up.
fn click(server: &Server, path: &str, clicks: &AtomicU64, stop: &AtomicBool) {
    let mut client = server.client();
    while !stop.load(Ordering::Relaxed) {
        assert_eq!(client.visit(path).status, 302, "a redirect failed during the move");
        clicks.fetch_add(1, Ordering::Relaxed);
    }
}

/// Asks for a click on the limited link. Answers whether it is used up.
fn spend(client: &mut Client, spent: &Given) -> bool {
    let asked = Instant::now();
    spent.is_used_up_by(client.get("/limited").status, asked)
}

fn tags(server: &Server) -> Value {
    server.api("GET", "/api/v1/tags", None).json()
}

fn path_of(link: &Value) -> String {
    format!("/api/v1/links/{}", link["id"].as_str().unwrap())
}

fn delete(server: &Server, link: &Value) {
    assert_eq!(server.api("DELETE", &path_of(link), None).status, 204);
}

/// A link as the API shows it, but for its clicks, which may go on.
fn shown(server: &Server, link: &Value) -> Value {
    let mut shown = server.api("GET", &path_of(link), None).json();
    shown.as_object_mut().unwrap().remove("clicks");
    shown
}

/// What is in the store, and what was asked of it so far.
struct Held {
    codes: Vec<String>,
    clicked: Value,
    clicks: AtomicU64,
    custom: Value,
    limited: Value,
    spent: Given,
    removed: Value,
    given_anew: Value,
    reader: Value,
    revoked: Value,
}

impl Held {
    /// Makes some of everything, and clicks that are counted.
    fn make(server: &Server, data: &Path) -> Held {
        let codes = bulk(server, LINKS);
        let clicked = server.link(&json!({ "url": "https://example.com/clicked", "code": "clicked" }));
        let custom = server.link(&json!({
            "url": "https://example.com/ä", "code": "größe/🚀", "tags": ["tag 1", "other"], "title": "A title",
            "notes": "Notes", "expires_at": "2999-01-01T00:00:00Z", "redirect_status": 301, "forward_query": true,
        }));
        let limited =
            server.link(&json!({ "url": "https://example.com/", "code": "limited", "max_clicks": LIMIT }));
        let removed = server.link(&json!({ "url": "https://example.com/removed" }));
        let given_anew = server.link(&json!({ "url": "https://example.com/old", "code": "anew" }));
        delete(server, &removed);
        let mut client = server.client();
        let spent = Given::default();
        (0..4).for_each(|_| _ = spend(&mut client, &spent));
        (0..50).for_each(|_| assert_eq!(client.get("/clicked").status, 302));
        let reader = key(data, &["create", "--name", "reader", "--scopes", "links:read"]);
        let revoked = key(data, &["create", "--name", "revoked"]);
        key(data, &["revoke", &revoked["id"].to_string()]);
        let clicks = AtomicU64::new(50);
        let held =
            Held { codes, clicked, clicks, custom, limited, spent, removed, given_anew, reader, revoked };
        held.is_counted(server);
        held
    }

    /// Waits until all clicks are counted.
    fn is_counted(&self, server: &Server) {
        let (id, clicks) = (self.clicked["id"].as_str().unwrap(), self.clicks.load(Ordering::Relaxed));
        server.eventually(|server| (server.clicks(id)["total"] == clicks).then_some(()));
    }

    fn click(&self, server: &Server) {
        assert_eq!(server.client().visit("/clicked").status, 302);
        self.clicks.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes what comes with the last pass only.
    fn change(&mut self, server: &Server) {
        delete(server, &self.given_anew);
        server.link(&json!({ "url": "https://example.com/new", "code": "anew" }));
        let change = json!({ "title": "Another", "tags": ["other"] });
        let changed = server.api("PATCH", &path_of(&self.custom), Some(&change));
        assert_eq!(changed.status, 200, "{}", changed.text());
        self.codes.extend(bulk(server, 10));
        (0..2).for_each(|_| _ = spend(&mut server.client(), &self.spent));
    }

    /// Everything is there, as it was.
    fn is_there(&self, server: &Server, links_before: &[Value; 2], tags_before: &Value) {
        let mut client = server.client();
        for code in self.codes.iter().step_by(20).chain(&self.codes[LINKS..]) {
            assert_eq!(client.visit(&format!("/{code}+")).status, 200, "/{code}");
        }
        assert_eq!(&self.links(server), links_before);
        assert_eq!(client.visit("/anew").header("location"), Some("https://example.com/new"));
        assert_eq!(&tags(server), tags_before);
        assert_eq!((status_for(server, &self.reader), status_for(server, &self.revoked)), (200, 401));
    }

    fn links(&self, server: &Server) -> [Value; 2] {
        [shown(server, &self.custom), shown(server, &self.limited)]
    }

    /// The limit goes on where it was, and no code or id is given again.
    fn goes_on(&self, server: &Server) {
        let mut client = server.client();
        until("the limit is reached", || spend(&mut client, &self.spent));
        (0..LIMIT).for_each(|_| _ = spend(&mut client, &self.spent));
        self.spent.is_all_of(LIMIT);
        let link = json!({ "url": "https://x.example", "code": self.removed["code"] });
        let taken = server.api("POST", "/api/v1/links", Some(&link));
        assert_eq!(taken.status, 409, "{}", taken.text());
        let all: HashSet<&String> = self.codes.iter().collect();
        let new = bulk(server, 500);
        assert!(new.iter().all(|code| !all.contains(code)));
        assert_eq!(new.iter().collect::<HashSet<_>>().len(), 500);
    }
}

#[test]
fn a_store_moves_while_it_serves_though_the_move_is_killed_and_is_the_same_store_afterwards() {
    let data = tempdir().unwrap();
    let data = data.path();
    let url = database(&format!("moves_{:x}", random_seed()));
    let server = Server::start(data, &[]);
    let mut held = Held::make(&server, data);
    server.terminate();

    // From here on clicks stay in the journal, and the move finds them there.
    let server = Server::start(data, &["--set", "clicks.commit_milliseconds=60000"]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ending = Ending(&stop);
        let clicker = scope.spawn(|| click(&server, "/clicked", &held.clicks, &stop));
        pass_killed_in_the_middle(data, &url);
        let (out, said) = pass(data, &url);
        assert!(said.contains("Going on where an earlier pass was broken off"), "{said}");
        assert!(out.contains("To finish") && out.contains("20,004 links"), "{out}");
        assert!(!out.contains("curtail:curtail") && !said.contains("curtail:curtail"), "a password is shown");
        assert!(refused_start(tempdir().unwrap().path(), Some(&url)).contains("migrate-store"));
        stop.store(true, Ordering::Relaxed);
        clicker.join().unwrap();
    });
    held.change(&server);
    let (links_before, tags_before) = (held.links(&server), tags(&server));
    server.kill();
    let (out, said) = pass(data, &url);
    assert!(
        said.contains("this is the last pass") && out.contains("All of the store is there"),
        "{said}{out}"
    );
    assert!(refused_start(data, None).contains("has moved to PostgreSQL"));

    let server = on_postgres(data, &url);
    held.is_there(&server, &links_before, &tags_before);
    held.goes_on(&server);
    // Clicks that were counted before the move, and those that were not, are counted once.
    held.click(&server);
    held.is_counted(&server);
    server.terminate();
    let (code, _, said) = run(migrate(data, &url));
    assert!(code == 1 && said.contains("has been used here since"), "{said}");
    let server = on_postgres(data, &url);
    held.click(&server);
    held.is_counted(&server);
}

/// A last pass that ends when the database has been told that it has all, and before the folder has.
fn pass_broken_off_at_its_very_end(data: &Path, url: &str) {
    // No file can be put there.
    fs::create_dir(data.join("moved")).unwrap();
    let (code, _, said) = run(migrate(data, url));
    assert!(code == 1 && said.contains("moved"), "{said}");
    fs::remove_dir(data.join("moved")).unwrap();
    let said = refused_start(data, None);
    assert!(said.contains("broken off at its very end") && said.contains("migrate-store"), "{said}");
}

#[test]
fn a_move_that_is_broken_off_at_its_very_end_leaves_no_two_stores_to_be_opened() {
    let data = tempdir().unwrap();
    let data = data.path();
    let server = Server::start(data, &[]);
    let link = server.link(&json!({ "url": "https://example.com/first" }));
    let path = format!("/{}", link["code"].as_str().unwrap());
    assert!(server.terminate().success());

    // Nobody has opened the database since: the pass is made again.
    let url = database(&format!("broken_off_{:x}", random_seed()));
    pass_broken_off_at_its_very_end(data, &url);
    let (out, _) = pass(data, &url);
    assert!(out.contains("All of the store is there"), "{out}");
    assert!(refused_start(data, None).contains("has moved to PostgreSQL"));

    // Somebody has: there is nothing to be done but to note it.
    fs::remove_file(data.join("moved")).unwrap();
    let url = database(&format!("broken_off_{:x}", random_seed()));
    pass_broken_off_at_its_very_end(data, &url);
    let server = on_postgres(data, &url);
    assert_eq!(server.client().visit(&path).status, 302);
    let (out, _) = pass(data, &url);
    assert!(out.contains("is used there"), "{out}");
    assert!(server.terminate().success());
    assert!(refused_start(data, None).contains("has moved to PostgreSQL"));
    let (code, _, said) = run(migrate(data, &url));
    assert!(code == 1 && said.contains("has been used here since"), "{said}");
}

#[test]
fn a_move_that_cannot_be_is_refused_with_all_that_is_wrong_and_what_to_do() {
    let data = tempdir().unwrap();
    let refused = |from: &str, to: &str, expected: i32| {
        let mut command = curtail();
        command.args(["migrate-store", "--from", from, "--to", to]);
        let (code, out, said) = run(command);
        assert_eq!((code, out.as_str()), (expected, ""), "{said}");
        assert!(!said.contains("secret"), "a password is shown: {said}");
        said
    };
    let said = refused("postgres://u:secret@h/d", "sqlite:/x", 2);
    assert!(said.contains("--from") && said.contains("--to") && said.contains("one way"), "{said}");
    let said = refused(&format!("sqlite:{}", data.path().display()), "mysql://u:secret@h/d", 2);
    assert!(said.contains("links.db") && said.contains("postgres://user@host"), "{said}");

    Server::start(data.path(), &[]).terminate();
    let from = format!("sqlite:{}", data.path().display());
    let said = refused(&from, "postgres://u:secret@127.0.0.1:1/none", 1);
    assert!(said.contains("127.0.0.1:1/none cannot be reached"), "{said}");
    let url = database(&format!("taken_{:x}", random_seed()));
    let other = tempdir().unwrap();
    on_postgres(other.path(), &url).terminate();
    let said = refused(&from, &url, 1);
    assert!(said.contains("another store") && said.contains("move to an empty database"), "{said}");
    assert!(!said.contains("curtail:curtail@"), "a password is shown: {said}");
    // Nothing of it keeps the store from being served where it is.
    Server::start(data.path(), &[]).terminate();
}

/// Changes one byte of a text, wherever it stands in a file.
fn spoil(path: &Path, text: &str) {
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<usize> = bytes
        .windows(text.len())
        .enumerate()
        .filter(|(_, found)| *found == text.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "{text} is not in {}", path.display());
    places.into_iter().for_each(|at| bytes[at + text.len() - 1] ^= 1);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_link_is_set_aside_by_name_and_keeps_no_other_from_moving() {
    let data = tempdir().unwrap();
    let data = data.path();
    let server = Server::start(data, &[]);
    let links: Vec<Value> =
        (0..5).map(|n| server.link(&json!({ "url": format!("https://example.com/number-{n}") }))).collect();
    assert!(server.terminate().success());
    spoil(&data.join("links.db"), "https://example.com/number-3");
    let url = database(&format!("damaged_{:x}", random_seed()));
    let (code, out, said) = run(migrate(data, &url));
    let id = links[3]["id"].as_str().unwrap();
    assert!(code == 1 && said.contains("one damaged link was set aside"), "{said}");
    assert!(
        out.contains("4 links") && out.contains(&format!("link {id}\n")) && out.contains("make them anew"),
        "{out}"
    );
    let server = on_postgres(data, &url);
    for (number, link) in links.iter().enumerate() {
        let answer = server.client().visit(&format!("/{}", link["code"].as_str().unwrap()));
        assert_eq!(answer.status, if number == 3 { 404 } else { 302 });
    }
}
