//! Two installations with one Redis.

use crate::support::server::{KEY, Server, curtail, random_seed};
use crate::support::services::database;
use curtail_servers::service;
use serde_json::json;
use std::path::Path;
use tempfile::tempdir;

fn start(name: &str, data: &Path) -> Server {
    let mut command = curtail();
    command
        .env("CURTAIL_DATABASE_URL", database(&format!("neighbours_{name}_{:x}", random_seed())))
        .env("CURTAIL_REDIS_URL", service("CURTAIL_TEST_REDIS"))
        .env("CURTAIL_CACHE_STRATEGY", "write-through")
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
            let found = server.client().get("/same-code");
            assert_eq!(found.header("location"), Some(url(name, round).as_str()), "{}", found.text());
        }
    }
    // Nothing of the one is found by the other, not even in Redis.
    servers[0].link(&json!({ "code": "mine-alone", "url": url("one", 0) }));
    assert_eq!(servers[1].client().get("/mine-alone").status, 404);
}
