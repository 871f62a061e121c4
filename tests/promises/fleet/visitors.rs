//! Whoever comes to several servers on one day is one visitor.

use super::FIRST;
use crate::support::server::{Server, curtail, random_seed};
use crate::support::services::database;
use curtail_servers::RedisServer;
use serde_json::json;
use tempfile::tempdir;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";

#[test]
fn whoever_comes_to_several_servers_on_one_day_is_one_visitor() {
    let (redis, folders) = (RedisServer::start(), [tempdir().unwrap(), tempdir().unwrap()]);
    let url = database(&format!("visitors_{:x}", random_seed()));
    let start = |folder| {
        let mut command = curtail();
        command.env("CURTAIL_DATABASE_URL", &url).env("CURTAIL_REDIS_URL", redis.url());
        // A busy machine may take longer than redirects wait, and here every answer counts.
        command.env("CURTAIL_DATABASE_BUDGET_MILLISECONDS", "10000");
        Server::launch(command, folder, Vec::new())
    };
    let mut servers = folders.each_ref().map(|folder| start(folder.path()));
    let id = servers[0].link(&json!({ "url": FIRST, "code": "own" }))["id"].as_str().unwrap().to_owned();
    for server in &servers {
        for browser in [FIREFOX, CHROME] {
            let answer = server.client().visit_with("/own", &[("user-agent", browser)]);
            assert_eq!(answer.status, 302);
        }
    }
    let told = |server: &Server, clicks: u64| {
        server.eventually(|server| {
            let stats = server.api("GET", &format!("/api/v1/links/{id}/stats"), None).json();
            (stats["total"] == clicks).then(|| stats["unique"].clone())
        })
    };
    assert_eq!(told(&servers[0], 4), 2);
    // One that starts anew has what they have in common.
    let [one, other] = servers;
    one.kill();
    servers = [start(folders[0].path()), other];
    let answer = servers[0].client().visit_with("/own", &[("user-agent", FIREFOX)]);
    assert_eq!(answer.status, 302);
    assert_eq!(told(&servers[1], 5), 2);
}
