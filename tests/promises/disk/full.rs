//! A disk that is full, for real: the server has its data on
//! a small file system of its own, and the test fills it.

use crate::support::http::Client;
use crate::support::server::{KEY, Server, curtail};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::tempdir;

const SMALL_JOURNAL: &[&str] = &[
    "--admin-listen",
    "127.0.0.1:0",
    "--set",
    "threads=2",
    "--set",
    "clicks.segment_bytes=1MiB",
    "--set",
    "clicks.journal_bytes=16MiB",
];

/// A file system of a few megabytes in a mount namespace. It lasts as long as the process that holds it.
struct SmallDisk {
    holder: Child,
    mounted_at: PathBuf,
    is_root: bool,
}

impl SmallDisk {
    /// Mounts it on a folder.
    fn mount(on: &Path, size: &str) -> SmallDisk {
        let is_root = rustix::process::geteuid().is_root();
        let script = "mount -t tmpfs -o mode=700,size=$1 tmpfs \"$0\" && echo mounted && exec cat";
        let mut holder = Command::new("unshare");
        holder.arg(if is_root { "-m" } else { "-rm" }).args(["sh", "-c", script]).arg(on).arg(size);
        let mut holder =
            holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare is there");
        let mut said = [0; 8];
        holder
            .stdout
            .as_mut()
            .expect("it was piped")
            .read_exact(&mut said)
            .expect("it may mount a file system");
        SmallDisk { holder, mounted_at: on.to_owned(), is_root }
    }

    /// Starts a server that sees it.
    fn start(&self) -> Server {
        self.try_start().unwrap_or_else(|said| panic!("the server did not start:\n{said}"))
    }

    /// Starts one that may refuse to: then answers what it said.
    fn try_start(&self) -> Result<Server, String> {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.id().to_string(), "-m"]);
        if !self.is_root {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.arg(curtail().get_program());
        for (name, _) in curtail().get_envs() {
            command.env_remove(name);
        }
        let flags = SMALL_JOURNAL.iter().map(|&flag| flag.to_owned()).collect();
        Server::try_launch(command, &self.mounted_at, flags)
    }

    /// A file on it, as this process reaches it.
    fn path(&self, name: &str) -> PathBuf {
        let inside = self.mounted_at.strip_prefix("/").expect("it is absolute");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside).join(name)
    }

    /// Writes a file until there is no room for one more byte.
    fn fill(&self) {
        let mut file = File::options().append(true).create(true).open(self.path("fill")).unwrap();
        for piece in [&[0; 65_536][..], &[0; 4_096], &[0; 1]] {
            while file.write_all(piece).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path("fill")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Without its input it ends, and takes the file system with it once no server is left.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

#[test]
fn a_full_disk_refuses_new_links_and_nothing_else_and_recovers_by_itself() {
    let folder = tempdir().unwrap();
    let disk = SmallDisk::mount(folder.path(), "64m");
    let server = disk.start();
    let mut links: Vec<Value> =
        (0..20).map(|n| server.link(&json!({ "url": format!("https://example.com/{n}") }))).collect();
    let mut clicked = click_all(&server, &links, 5);

    disk.fill();
    links.extend(create_until_refused(&server, &disk));
    clicked += click_all(&server, &links, 3);
    for link in &links {
        let read = server.api("GET", &path_of(link), None);
        assert_eq!((read.status, &read.json()["url"]), (200, &link["url"]), "reads go on");
    }
    assert_eq!(server.api("GET", "/api/v1/links?limit=100", None).status, 200);
    assert_eq!(server.client().get("/livez").status, 200);
    let change = server.api(
        "PATCH",
        &path_of(&links[0]),
        Some(&json!({ "title": "x".repeat(200), "notes": "y".repeat(2000) })),
    );
    assert!(matches!(change.status, 200 | 503), "{}", change.text());
    let bulk = bulk(&server, "{\"url\":\"https://example.com/bulk\"}\n".repeat(300).as_bytes());
    for answer in bulk {
        match answer["status"].as_u64() {
            Some(201) => links.push(answer["link"].clone()),
            status => assert_eq!(
                (status, &answer["error"]["type"]),
                (Some(503), &json!("/api/v1/problems/disk-full"))
            ),
        }
    }
    clicked += click_all(&server, &links[..20], 200);

    disk.make_room();
    let after = server.eventually(|server| {
        let made = server.api("POST", "/api/v1/links", Some(&json!({ "url": "https://example.com/after" })));
        (made.status == 201).then(|| made.json())
    });
    links.push(after);
    clicked += click_all(&server, &links, 1);
    let counted = server.eventually(|server| {
        let [produced, counted, dropped, waiting] =
            ["clicks_produced", "clicks_counted", "clicks_dropped", "clicks_waiting"]
                .map(|name| metric(server, name));
        assert_eq!(produced, clicked, "every click is produced once");
        (waiting == 0 && counted + dropped == produced).then_some(counted)
    });
    let before: Vec<u64> = links.iter().map(|link| total(&server, link)).collect();
    assert_eq!(before.iter().sum::<u64>(), counted, "what was counted is what the links show");
    assert_eq!((metric(&server, "clicks_damaged"), metric(&server, "rollups_damaged")), (0, 0));

    server.kill();
    let server = disk.start();
    all_lead_where_they_should(&server, &links);
    server.eventually(|server| {
        let now: Vec<u64> = links.iter().map(|link| total(server, link)).collect();
        now.iter().zip(&before).all(|(now, before)| *now == before + 1).then_some(())
    });
    assert!(!server.logged().iter().any(|line| line.contains("damaged") || line.contains("panicked")));
    server.link(&json!({ "url": "https://example.com/", "title": "after the restart" }));
    assert!(server.terminate().success());
}

#[test]
fn a_server_that_starts_on_a_full_disk_says_so_or_serves_what_there_is() {
    let folder = tempdir().unwrap();
    let disk = SmallDisk::mount(folder.path(), "64m");
    let server = disk.start();
    let links: Vec<Value> =
        (0..5).map(|n| server.link(&json!({ "url": format!("https://example.com/{n}") }))).collect();
    server.kill();
    disk.fill();
    let server = disk.start();
    let clicked = click_all(&server, &links, 10);
    all_lead_where_they_should(&server, &links);
    disk.make_room();
    server.eventually(|server| {
        let made = server.api("POST", "/api/v1/links", Some(&json!({ "url": "https://example.com/after" })));
        (made.status == 201).then_some(())
    });
    server.eventually(|server| {
        let [produced, counted, dropped] =
            ["clicks_produced", "clicks_counted", "clicks_dropped"].map(|name| metric(server, name));
        assert_eq!(produced, clicked + links.len() as u64);
        (counted + dropped == produced).then_some(())
    });
}

#[test]
fn a_first_start_on_a_full_disk_says_that_it_is_full_and_what_to_do() {
    let folder = tempdir().unwrap();
    let disk = SmallDisk::mount(folder.path(), "64m");
    disk.fill();
    let said = disk.try_start().err().expect("there is no room for a store");
    assert!(said.contains("disk is full") && said.contains("Make room"), "{said}");
    disk.make_room();
    disk.start().link(&json!({ "url": "https://example.com/" }));
}

/// Makes links until the disk has no room for one more, and answers those that were acknowledged.
fn create_until_refused(server: &Server, disk: &SmallDisk) -> Vec<Value> {
    let mut made = Vec::new();
    for number in 0..20_000 {
        let body = json!({ "url": format!("https://example.com/full/{number}/{}", "x".repeat(4_000)) });
        let answer = server.api("POST", "/api/v1/links", Some(&body));
        if answer.status == 201 {
            made.push(answer.json());
            // The journal may have given something back meanwhile.
            disk.fill();
            continue;
        }
        assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/problem+json")));
        assert!(answer.header("retry-after").is_some());
        let problem = answer.json();
        assert_eq!(problem["type"], "/api/v1/problems/disk-full");
        assert!(problem["detail"].as_str().unwrap().contains("disk is full"), "{problem}");
        return made;
    }
    panic!("links are acknowledged although the disk is full");
}

fn bulk(server: &Server, lines: &[u8]) -> Vec<Value> {
    let authorization = format!("Bearer {KEY}");
    let answer =
        server.client().request("POST", "/api/v1/links/bulk", &[("authorization", &authorization)], lines);
    assert_eq!(answer.status, 200);
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Follows each link so often, and answers how many clicks that were.
fn click_all(server: &Server, links: &[Value], times: u64) -> u64 {
    let mut client = server.client();
    for link in links {
        for _ in 0..times {
            leads_where_it_should(&mut client, link);
        }
    }
    links.len() as u64 * times
}

fn all_lead_where_they_should(server: &Server, links: &[Value]) {
    click_all(server, links, 1);
}

fn leads_where_it_should(client: &mut Client, link: &Value) {
    let answer = client.visit(&format!("/{}", link["code"].as_str().unwrap()));
    assert_eq!((answer.status, answer.header("location")), (302, link["url"].as_str()), "redirects go on");
}

fn path_of(link: &Value) -> String {
    format!("/api/v1/links/{}", link["id"].as_str().unwrap())
}

fn total(server: &Server, link: &Value) -> u64 {
    server.clicks(link["id"].as_str().unwrap())["total"].as_u64().unwrap()
}

/// The sum of a metric over its labels.
fn metric(server: &Server, name: &str) -> u64 {
    let shown = Client::connect(server.admin.expect("it was asked for")).get("/metrics").text();
    let lines = shown.lines().filter(|line| !line.starts_with('#') && line.contains(name));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
