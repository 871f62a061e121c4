//! Starting and being configured.

use crate::support::http::Client;
use crate::support::run::until;
use crate::support::server::{KEY, Server, curtail, random_seed, run};
use crate::support::services::database;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use tempfile::tempdir;

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let (data, full) = (tempdir().unwrap(), File::options().write(true).open("/dev/full").unwrap());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = curtail();
    command
        .args(["serve", "--listen", &address.to_string(), "--admin-listen", "off", "--data"])
        .arg(data.path());
    let mut server = command.stderr(full).spawn().unwrap();
    until("it serves", || TcpStream::connect(address).is_ok());
    assert_eq!(Client::connect(address).get("/livez").status, 200);
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(server.wait().unwrap().success(), "it ends well, and has said so to nobody");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_and_told_why() {
    let data = tempdir().unwrap();
    let _server = Server::start(data.path(), &[]);
    let mut second = curtail();
    second.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data"]).arg(data.path());
    let (code, _, errors) = run(second);
    assert_eq!(code, 1);
    assert!(errors.contains("in use by another Curtail") && errors.contains("--data"), "{errors}");
}

#[test]
fn a_second_server_on_the_same_port_is_refused_and_told_why() {
    let (data, other) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::start(data.path(), &[]);
    let mut second = curtail();
    let address = server.address.to_string();
    second.args(["serve", "--listen", &address, "--admin-listen", "off", "--data"]).arg(other.path());
    let (code, _, errors) = run(second);
    assert_eq!(code, 1);
    assert!(errors.contains(&address) && errors.contains("in use"), "{errors}");
}

#[test]
fn without_a_key_the_first_start_makes_one_that_only_its_owner_can_read() {
    let data = tempdir().unwrap();
    let folder = data.path().join("new");
    let mut first = curtail();
    first.env_remove("CURTAIL_ADMIN_KEY");
    let path = folder.join("admin.key");
    let server = Server::launch_without_key(first, &folder);
    let key = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let authorization = format!("Bearer {}", key.trim());
    let listed = server.client().request("GET", "/api/v1/links", &[("authorization", &authorization)], b"");
    assert_eq!(listed.status, 200);
    let logged = server.logged().join("\n");
    assert!(!logged.contains(key.trim()), "a key is never logged: {logged}");
    server.terminate();
    let server = Server::launch_without_key(curtail(), &folder);
    assert_eq!(fs::read_to_string(&path).unwrap(), key, "only the first start makes one");
    drop(server);
}

/// Whether a server takes a key.
fn takes(server: &Server, key: &str) -> bool {
    let authorization = format!("Bearer {key}");
    server.client().request("GET", "/api/v1/tags", &[("authorization", &authorization)], b"").status == 200
}

#[test]
fn a_start_that_is_refused_for_its_old_admin_key_ends_no_other() {
    const NEW: &str = "another-key-0123456789abcdef";
    let data = tempdir().unwrap();
    Server::start(data.path(), &[]).terminate();
    let with_new_key = || {
        let mut command = curtail();
        command.env("CURTAIL_ADMIN_KEY", NEW);
        Server::launch_without_key(command, data.path())
    };
    let server = with_new_key();
    assert!(takes(&server, NEW) && !takes(&server, KEY), "a key that is changed ends the one before");
    server.terminate();
    let said = Server::try_start(data.path(), &[]).err().expect("it started with a key that was revoked");
    assert!(said.contains("admin_key"), "{said}");
    assert!(takes(&with_new_key(), NEW));
}

#[test]
fn a_key_that_may_do_less_does_not_become_the_operators() {
    let data = tempdir().unwrap();
    Server::start(data.path(), &[]).terminate();
    let mut create = curtail();
    create
        .args(["key", "create", "--name", "reader", "--scopes", "links:read"])
        .arg("--data")
        .arg(data.path());
    let (code, reader, errors) = run(create);
    assert_eq!(code, 0, "{errors}");
    let mut command = curtail();
    command.env("CURTAIL_ADMIN_KEY", reader.trim());
    let said = Server::try_launch_without_key(command, data.path()).err().expect("it started");
    assert!(said.contains("\"reader\""), "{said}");
    assert!(
        takes(&Server::start(data.path(), &[]), KEY),
        "the one before is not ended by a start that is none"
    );
}

#[test]
fn servers_with_different_admin_keys_do_not_end_each_others() {
    const NEW: &str = "another-key-0123456789abcdef";
    let folders = [tempdir().unwrap(), tempdir().unwrap()];
    let url = database(&format!("admin_keys_{:x}", random_seed()));
    let command = |key: &str| {
        let mut command = curtail();
        command.env("CURTAIL_DATABASE_URL", &url).env("CURTAIL_ADMIN_KEY", key);
        command
    };
    let old = Server::launch(command(KEY), folders[0].path(), Vec::new());
    let new = Server::launch_without_key(command(NEW), folders[1].path());
    for server in [&old, &new] {
        assert!(takes(server, KEY) && takes(server, NEW));
    }
    // One that still has the old key in its settings starts anew.
    old.kill();
    let old = Server::launch(command(KEY), folders[0].path(), Vec::new());
    for server in [&old, &new] {
        assert!(takes(server, KEY) && takes(server, NEW));
    }
}

#[test]
fn a_variable_that_is_empty_is_none() {
    let data = tempdir().unwrap();
    let file = data.path().join("curtail.toml");
    let mut config = curtail();
    fs::write(&file, "[database]\nurl = \"postgres://nobody@127.0.0.1:9/none\"\n").unwrap();
    config.env("CURTAIL_DATABASE_URL", "").arg("config").arg("--config").arg(&file);
    let (code, out, errors) = run(config);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("# url = (secret)"), "what the file says holds: {out}");
}

/// Makes, uses, lists and revokes a key by the command line, beside a server with the same environment.
fn keys_work(environment: &[(&str, String)]) {
    let data = tempdir().unwrap();
    let command = || {
        let mut command = curtail();
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
    };
    let server = Server::launch(command(), data.path(), Vec::new());
    let key_command = |arguments: &[&str]| {
        let mut command = command();
        command.arg("key").args(arguments).arg("--data").arg(data.path());
        let (code, out, errors) = run(command);
        assert_eq!(code, 0, "{errors}");
        out
    };
    let made: serde_json::Value = serde_json::from_str(&key_command(&[
        "create",
        "--name",
        "reader",
        "--scopes",
        "links:read",
        "--json",
    ]))
    .unwrap();
    let authorization = format!("Bearer {}", made["key"].as_str().unwrap());
    let ask = |method: &str| {
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let body: &[u8] = if method == "POST" { br#"{"url":"https://example.com/"}"# } else { b"" };
        server.client().request(method, "/api/v1/links", &headers, body).status
    };
    assert_eq!((ask("GET"), ask("POST")), (200, 403), "a key does what its scopes say");
    assert!(!key_command(&["list"]).contains(made["key"].as_str().unwrap()), "a key is shown once");
    key_command(&["revoke", &made["id"].to_string()]);
    server.eventually(|_| (ask("GET") == 401).then_some(()));
}

#[test]
fn keys_are_made_and_revoked_while_the_server_runs() {
    keys_work(&[]);
}

#[test]
fn keys_in_postgres_are_made_and_revoked_while_the_server_runs() {
    let url = database(&format!("keys_{:x}", random_seed()));
    keys_work(&[("CURTAIL_DATABASE_URL", url)]);
}

#[test]
fn all_mistakes_in_the_settings_are_told_at_once() {
    let data = tempdir().unwrap();
    let file = data.path().join("curtail.toml");
    fs::write(&file, "listen = \"nowhere\"\n[cache]\nbytess = \"1GiB\"\n").unwrap();
    let mut command = curtail();
    command
        .args(["config", "--config"])
        .arg(&file)
        .env("CURTAIL_CODES_SCHEME", "magic")
        .env("CURTAIL_NONSENSE", "1");
    let (code, _, errors) = run(command);
    assert_eq!(code, 2);
    for part in ["listen", "bytess", "cache.bytes", "CURTAIL_CODES_SCHEME", "CURTAIL_NONSENSE"] {
        assert!(errors.contains(part), "{part} in {errors}");
    }
}

#[test]
fn the_settings_in_effect_say_where_they_came_from_and_hide_secrets() {
    let data = tempdir().unwrap();
    let file = data.path().join("curtail.toml");
    fs::write(&file, "[cache]\nbytes = \"64MiB\"\n[log]\nlevel = \"warn\"\n").unwrap();
    let mut command = curtail();
    command.args(["config", "--listen", "127.0.0.1:1234", "--config"]).arg(&file);
    command.env("CURTAIL_ADMIN_KEY", "very-secret-0123456789").env("CURTAIL_LOG_LEVEL", "error");
    let (code, out, errors) = run(command);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("127.0.0.1:1234") && out.contains("64MiB") && !out.contains("very-secret"), "{out}");
    assert!(out.contains("error") && out.contains("CURTAIL_LOG_LEVEL") && out.contains("--listen"), "{out}");
}
