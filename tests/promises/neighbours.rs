//! What stands beside links in Redis: those of another installation, and what servers keep for themselves.

use crate::support::server::{KEY, Server, curtail, random_seed};
use crate::support::services::database;
use curtail_servers::{RedisServer, service};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use tempfile::tempdir;

fn start(name: &str, data: &Path) -> Server {
    let mut command = curtail();
    command
        .env("CURTAIL_DATABASE_URL", database(&format!("neighbours_{name}_{:x}", random_seed())))
        .env("CURTAIL_REDIS_URL", service("CURTAIL_TEST_REDIS"))
        .env("CURTAIL_CACHE_STRATEGY", "write-through")
        // A busy machine may take longer than redirects wait, and here every answer counts.
        .env("CURTAIL_DATABASE_BUDGET_MILLISECONDS", "10000")
        .env("CURTAIL_ADMIN_KEY", KEY);
    Server::launch(command, data, Vec::new())
}

#[test]
fn neighbours_on_one_redis_never_get_each_others_links() {
    let folders = [tempdir().unwrap(), tempdir().unwrap()];
    let servers =
        [("one", &folders[0]), ("other", &folders[1])].map(|(name, folder)| start(name, folder.path()));
    let url = |name: &str, round: u32| format!("https://{name}.example/{round}");
    let links = [("one", &servers[0]), ("other", &servers[1])].map(|(name, server)| {
        server.link(&json!({ "code": "same-code", "url": url(name, 0) }))["id"].as_str().unwrap().to_owned()
    });
    // Changes travel by the bus, which knows of no databases; versions rise on one side only.
    for round in 1..50 {
        let path = format!("/api/v1/links/{}", links[0]);
        assert_eq!(servers[0].api("PATCH", &path, Some(&json!({ "url": url("one", round) }))).status, 200);
        for (name, round, server) in [("one", round, &servers[0]), ("other", 0, &servers[1])] {
            let found = server.client().visit("/same-code");
            assert_eq!(found.header("location"), Some(url(name, round).as_str()), "{}", found.text());
        }
    }
    // Nothing of the one is found by the other, not even in Redis.
    servers[0].link(&json!({ "code": "mine-alone", "url": url("one", 0) }));
    assert_eq!(servers[1].client().visit("/mine-alone").status, 404);
}

/// What a Redis answers to a command, as it sends it.
fn told(redis: &RedisServer, command: &str) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    connection.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn no_path_leads_to_what_servers_keep_beside_links() {
    let (redis, data) = (RedisServer::start(), tempdir().unwrap());
    let mut command = curtail();
    command
        .env("CURTAIL_DATABASE_URL", database(&format!("beside_{:x}", random_seed())))
        .env("CURTAIL_REDIS_URL", redis.url())
        .env("CURTAIL_DATABASE_BUDGET_MILLISECONDS", "10000");
    let server = Server::launch(command, data.path(), Vec::new());
    let own = server.eventually(|_| {
        let keys = told(&redis, "KEYS *!*");
        let mut names: Vec<String> =
            keys.lines().filter_map(|line| Some(line.split_once('!')?.1.to_owned())).collect();
        names.sort();
        names.contains(&"server".to_owned()).then_some(names)
    });
    assert!(own.contains(&"layout".to_owned()), "{own:?}");
    let before: Vec<String> = own.iter().map(|name| kept(&redis, name)).collect();
    for name in own.iter().map(String::as_str).chain(["floor", "rate:1", "new:1:1", "top:h:1"]) {
        for path in [format!("/!{name}"), format!("/%21{name}"), format!("/!{name}+")] {
            assert_eq!(server.client().visit(&path).status, 404, "{path}");
        }
    }
    assert_eq!(own.iter().map(|name| kept(&redis, name)).collect::<Vec<_>>(), before);
    let after = told(&redis, "KEYS *!*");
    assert!(
        ["floor", "new:1:1", "top:h:1"].iter().all(|name| !after.contains(&format!("!{name}"))),
        "{after}"
    );
}

/// What servers keep under a name.
fn kept(redis: &RedisServer, name: &str) -> String {
    let keys = told(redis, &format!("KEYS *!{name}"));
    let key = keys.lines().find(|line| line.contains('!')).unwrap_or_else(|| panic!("{name}: {keys}"));
    told(redis, &format!("GET {key}"))
}
