//! `curtail doctor` against real servers, and with everything wrong that operators meet.

use crate::support::server::{KEY, Server, curtail, random_seed, run};
use crate::support::services::{database, topic};
use curtail_cache::redis::Config;
use curtail_model::{Alphabet, CodeScheme};
use curtail_servers::{PATIENCE, service};
use curtail_store::postgres;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::tempdir;

const PASSWORD: &str = "Very-secret-1";

/// The least that is waited for a server: what took no longer was not taken for dead.
const SWIFT: Duration = Duration::from_secs(1);

type Environment = Vec<(&'static str, String)>;
/// The name of a check, its verdict, and words that it says.
type Wanted<'a> = (&'a str, &'a str, &'a [&'a str]);

/// What it finds, for machines, and its exit code.
fn doctor(environment: &Environment, flags: &[&str]) -> (i32, Value) {
    let mut command = curtail();
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let (code, out, errors) = run({
        command.args(["doctor", "--json"]).args(flags);
        command
    });
    assert!(!out.contains(PASSWORD) && !errors.contains(PASSWORD), "a password is shown: {out}{errors}");
    let found: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{errors}"));
    assert_eq!(found["verdict"] == "wrong", code == 1, "{found:#}");
    (code, found)
}

/// What the checks of a name found: verdict and words, with what to do.
fn of<'a>(found: &'a Value, check: &str) -> Vec<(&'a str, String)> {
    let checks = found["checks"].as_array().unwrap().iter().filter(|found| found["check"] == check);
    checks
        .map(|found| {
            let text = |name: &str| found[name].as_str().unwrap_or_default();
            (text("verdict"), format!("{} {}", text("said"), text("remedy")))
        })
        .collect()
}

/// Whether some check of the name has this verdict, and says this.
fn is_found(found: &Value, (check, verdict, words): Wanted<'_>) -> bool {
    let is_so = |(is, said): &(&str, String)| *is == verdict && words.iter().all(|word| said.contains(word));
    of(found, check).iter().any(is_so)
}

/// Some check of the name has this verdict, and says this.
fn assert_found(found: &Value, check: &str, verdict: &str, words: &[&str]) {
    let is_found = is_found(found, (check, verdict, words));
    assert!(is_found, "no {check} is {verdict} with {words:?}: {found:#}");
}

/// All of this is found at once: at the third try at the latest, where a server had too little time.
fn assert_finds(environment: &Environment, flags: &[&str], wanted: &[Wanted<'_>]) {
    for tries_left in (0..3).rev() {
        let begun = Instant::now();
        let (_, found) = doctor(environment, flags);
        if wanted.iter().all(|&wanted| is_found(&found, wanted)) {
            return;
        }
        if tries_left == 0 || begun.elapsed() < SWIFT {
            wanted.iter().for_each(|&(check, verdict, words)| assert_found(&found, check, verdict, words));
        }
    }
}

/// Everything that can be set, on real servers.
fn everything(name: &str) -> Environment {
    let name = format!("{name}_{:x}", random_seed());
    let url = database(&name);
    let replicas: Vec<String> = service("CURTAIL_TEST_REPLICAS")
        .split(',')
        .map(|url| format!("{}/{name}", url.rsplit_once('/').unwrap().0))
        .collect();
    vec![
        ("CURTAIL_DATABASE_URL", url),
        ("CURTAIL_DATABASE_REPLICA_URLS", replicas.join(",")),
        ("CURTAIL_REDIS_URL", service("CURTAIL_TEST_REDIS")),
        ("CURTAIL_KAFKA_BROKERS", service("CURTAIL_TEST_KAFKA")),
        ("CURTAIL_KAFKA_TOPIC", topic(&name.replace('_', "-"), 3)),
        ("CURTAIL_LIMITS_CONNECTIONS", "100".to_owned()),
        ("CURTAIL_CLICKS_JOURNAL_BYTES", "64MiB".to_owned()),
        ("CURTAIL_CLICKS_SEGMENT_BYTES", "1MiB".to_owned()),
    ]
}

/// How it is when replicas have caught up.
fn settled(environment: &Environment, flags: &[&str]) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let (code, found) = doctor(environment, flags);
        if code == 0 && of(&found, "replica").iter().all(|(verdict, _)| *verdict == "ok") {
            return found;
        }
        assert!(Instant::now() < end, "{found:#}");
    }
}

#[test]
fn real_servers_are_found_well_before_the_first_start_and_beside_a_running_server_and_nothing_changes() {
    let environment = everything("doctor");
    let data = tempdir().unwrap();
    let folder = data.path().join("new");
    let place = ["--data", folder.to_str().unwrap(), "--listen", "127.0.0.1:0", "--admin-listen", "off"];
    for _ in 0..2 {
        let found = settled(&environment, &place);
        assert_found(&found, "PostgreSQL", "ok", &["an empty database"]);
        assert_found(&found, "Redis", "ok", &["version", "allkeys-lru"]);
        assert_found(&found, "Kafka", "ok", &["3 partitions"]);
        assert_found(&found, "Kafka", "warning", &["one copy", "replication factor"]);
        assert_found(&found, "data folder", "ok", &["not there yet"]);
        assert_eq!(of(&found, "replica").len(), 2);
        assert!(!folder.exists(), "it made the data folder");
    }

    let mut command = curtail();
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.env("CURTAIL_ADMIN_KEY", KEY);
    let flags = ["--admin-listen", "127.0.0.1:0"].map(str::to_owned);
    let server = Server::launch(command, &folder, flags.into());
    let (listen, admin) = (server.address.to_string(), server.admin.unwrap().to_string());
    let place = ["--data", folder.to_str().unwrap(), "--listen", &listen, "--admin-listen", &admin];
    let found = settled(&environment, &place);
    let running = &["a running Curtail"];
    assert_found(&found, "data folder", "ok", &[running[0], &server.process().as_raw_nonzero().to_string()]);
    assert_found(&found, "listen", "ok", running);
    assert_found(&found, "admin_listen", "ok", running);
    assert_found(&found, "PostgreSQL", "ok", &["with schema "]);
    assert_found(&found, "replica", "ok", &["ms behind"]);
    // From another data folder it is somebody else's.
    let other = tempdir().unwrap();
    let elsewhere = ["--data", other.path().to_str().unwrap(), "--listen", &listen, "--admin-listen", "off"];
    assert_finds(&environment, &elsewhere, &[("listen", "wrong", &["another Curtail"])]);

    // Topics with other partitions than are counted from.
    for (partitions, verdict, said) in [
        (5, "warning", ["2 partitions of", "stay empty"]),
        (2, "wrong", ["has 2 partitions", "--partitions 3"]),
    ] {
        let mut other = environment.clone();
        let name = format!("doctor-{partitions}-{:x}", random_seed());
        other.push(("CURTAIL_KAFKA_TOPIC", topic(&name, partitions)));
        assert_finds(&other, &place, &[("Kafka", "wrong", &["kafka.replaces", &name])]);
        let before = environment.iter().find(|(name, _)| *name == "CURTAIL_KAFKA_TOPIC");
        other.push(("CURTAIL_KAFKA_REPLACES", before.expect("it is set").1.clone()));
        assert_finds(&other, &place, &[("Kafka", verdict, &said)]);
    }
    // Other codes than the store was made with, and a replica of another database.
    let mut other = environment.clone();
    other.push(("CURTAIL_CODES_SCHEME", "sequential".to_owned()));
    assert_finds(&other, &place, &[("PostgreSQL", "wrong", &["codes.scheme", "set them back"])]);
    let mut stranger = environment.clone();
    stranger.push(("CURTAIL_DATABASE_REPLICA_URLS", service("CURTAIL_TEST_POSTGRES")));
    assert_finds(&stranger, &place, &[("replica", "wrong", &["is not read from", "database.replica_urls"])]);
}

#[test]
fn what_is_dead_hung_or_refuses_is_named_with_what_to_do() {
    let data = tempdir().unwrap();
    let place = ["--data", data.path().to_str().unwrap(), "--listen", "127.0.0.1:0", "--admin-listen", "off"];
    let url = database(&format!("doctor_wrong_{:x}", random_seed()));
    let with_password = url.replace(":curtail@", &format!(":{PASSWORD}@"));
    let dead = "127.0.0.1:1";
    // It takes connections, and nobody ever answers on them.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let hung = hung.local_addr().unwrap().to_string();

    let refusing = vec![
        ("CURTAIL_DATABASE_URL", with_password),
        ("CURTAIL_DATABASE_REPLICA_URLS", url.replace("127.0.0.1:15432", dead)),
        ("CURTAIL_REDIS_URL", format!("redis://:{PASSWORD}@{dead}")),
        ("CURTAIL_KAFKA_BROKERS", service("CURTAIL_TEST_KAFKA")),
        ("CURTAIL_KAFKA_TOPIC", "doctor-no-such-topic".to_owned()),
    ];
    let wanted: &[Wanted<'_>] = &[
        ("PostgreSQL", "wrong", &["refuses the user", "Correct user and password"]),
        ("replica", "wrong", &["cannot be reached", "Start it", "database.replica_urls"]),
        ("Redis", "wrong", &["redis.url", dead, "does not answer", "Start it"]),
        ("Kafka", "wrong", &["there is no topic", "--create"]),
    ];
    assert_finds(&refusing, &place, wanted);

    let hanging = vec![
        ("CURTAIL_DATABASE_URL", format!("postgres://u:{PASSWORD}@{hung}/none")),
        ("CURTAIL_DATABASE_REPLICA_URLS", format!("postgres://u:{PASSWORD}@{hung}/none")),
        ("CURTAIL_REDIS_URL", format!("redis://{hung}")),
        ("CURTAIL_KAFKA_BROKERS", hung.clone()),
    ];
    let (_, found) = doctor(&hanging, &place);
    for (check, setting) in [
        ("PostgreSQL", "database.url"),
        ("replica", "database.replica_urls"),
        ("Redis", "redis.url"),
        ("Kafka", "kafka.brokers"),
    ] {
        assert_found(&found, check, "wrong", &[setting, &hung]);
    }

    let missing = vec![("CURTAIL_DATABASE_URL", format!("{url}_missing"))];
    assert_finds(&missing, &place, &[("PostgreSQL", "wrong", &["no such database", "createdb"])]);
    let pooler = service("CURTAIL_TEST_PGBOUNCER");
    let (server, _) = pooler.rsplit_once('/').unwrap();
    let pooler = format!("{server}/{}", url.rsplit('/').next().unwrap());
    let refused = vec![("CURTAIL_DATABASE_URL", pooler.replace(":curtail@", &format!(":{PASSWORD}@")))];
    let refused = [refused, vec![("CURTAIL_DATABASE_PREPARED", "false".to_owned())]].concat();
    assert_finds(&refused, &place, &[("PostgreSQL", "wrong", &["refuses the user"])]);
    let pooled = vec![("CURTAIL_DATABASE_URL", pooler)];
    assert_finds(&pooled, &place, &[("PostgreSQL", "wrong", &["pooler", "Set database.prepared to false"])]);
    let unprepared = vec![pooled[0].clone(), ("CURTAIL_DATABASE_PREPARED", "false".to_owned())];
    let wanted: &[Wanted<'_>] = &[
        ("PostgreSQL", "ok", &["an empty database"]),
        ("pooler", "warning", &["database.direct_url", "redis.url"]),
        ("pooler", "warning", &["statement_timeout", "ALTER ROLE"]),
    ];
    assert_finds(&unprepared, &place, wanted);
}

#[test]
fn what_is_wrong_with_the_machine_and_the_settings_is_named_with_what_to_do() {
    let data = tempdir().unwrap();
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let flags = [
        "--data",
        file.to_str().unwrap(),
        "--listen",
        &taken,
        "--admin-listen",
        "off",
        "--base-url",
        "https://nowhere.invalid",
        "--set",
        "geo.path=/nowhere.mmdb",
    ];
    let (code, found) = doctor(&Vec::new(), &flags);
    assert_eq!(code, 1);
    assert_found(&found, "data folder", "wrong", &["no folder"]);
    assert_eq!(of(&found, "new links"), [], "what is in it cannot be told");
    assert_found(&found, "listen", "wrong", &[&taken, "in use by another process", "stop that one"]);
    assert_found(&found, "base_url", "warning", &["nowhere.invalid", "DNS"]);
    assert_found(&found, "base_url", "warning", &["trusted_proxies"]);
    assert_found(&found, "geo database", "wrong", &["/nowhere.mmdb", "geo.path"]);

    let (code, found) = doctor(&vec![("CURTAIL_NONSENSE", "1".to_owned())], &["--set", "cache.bytes=much"]);
    assert_eq!(code, 1);
    assert_found(&found, "settings", "wrong", &["CURTAIL_NONSENSE"]);
    assert_found(&found, "settings", "wrong", &["cache.bytes"]);

    // For people: the verdict in words, and what to do under it.
    let mut command = curtail();
    command.args(["doctor", "--listen", &taken, "--admin-listen", "off", "--data"]).arg(data.path());
    let (code, out, _) = run(command);
    let lines: Vec<&str> = out.lines().collect();
    let at =
        lines.iter().position(|line| line.starts_with("wrong    listen")).unwrap_or_else(|| panic!("{out}"));
    assert!(code == 1 && lines[at + 1].trim_start().starts_with("do: stop that one"), "{out}");
    assert!(lines.last().unwrap().contains("1 wrong"), "{out}");
    assert!(!Path::new(data.path()).join("lock").exists(), "it left something in the data folder");
}

/// Sets a key in the Redis that tests are given.
fn set_in_redis(key: &str, value: &str) {
    let url = service("CURTAIL_TEST_REDIS");
    let mut redis = TcpStream::connect(url.trim_start_matches("redis://").trim_end_matches('/')).unwrap();
    let words = ["SET", key, value, "EX", "600"];
    let command: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    redis.write_all(format!("*{}\r\n{command}", words.len()).as_bytes()).unwrap();
    let mut answer = [0; 5];
    redis.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+OK\r\n");
}

#[test]
fn a_redis_with_another_layout_under_the_keys_of_this_store_is_named() {
    let url = database(&format!("doctor_layout_{:x}", random_seed()));
    let data = tempdir().unwrap();
    let place = ["--data", data.path().to_str().unwrap(), "--listen", "127.0.0.1:0", "--admin-listen", "off"];
    let environment =
        vec![("CURTAIL_REDIS_URL", service("CURTAIL_TEST_REDIS")), ("CURTAIL_DATABASE_URL", url.clone())];
    let mut command = curtail();
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Server::launch(command, data.path(), Vec::new()).terminate();
    settled(&environment, &place);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = postgres::Settings::of(url, CodeScheme::Permuted, Alphabet::Base62);
    let primary = runtime.block_on(postgres::examine(settings)).primary.unwrap();
    let prefix = Config::prefix_of(&primary.secret.unwrap());
    set_in_redis(&format!("{prefix}!layout"), "99");
    assert_finds(&environment, &place, &[("Redis", "wrong", &["99", &prefix])]);
}

#[test]
fn the_way_past_a_pooler_is_asked_whether_it_leads_to_the_same_database() {
    let data = tempdir().unwrap();
    let place = ["--data", data.path().to_str().unwrap(), "--listen", "127.0.0.1:0", "--admin-listen", "off"];
    let [url, other] =
        ["direct", "other"].map(|name| database(&format!("doctor_{name}_{:x}", random_seed())));
    for url in [&url, &other] {
        let mut command = curtail();
        command.env("CURTAIL_DATABASE_URL", url);
        Server::launch(command, tempdir().unwrap().path(), Vec::new()).terminate();
    }
    let dead = url.replace("127.0.0.1:15432", "127.0.0.1:1");
    for (direct, verdict, words) in [
        (&url, "ok", ["the same database", ""]),
        (&other, "wrong", ["is another database", "database.direct_url without the pooler"]),
        (&dead, "wrong", ["database.direct_url", "cannot be reached"]),
    ] {
        let environment =
            vec![("CURTAIL_DATABASE_URL", url.clone()), ("CURTAIL_DATABASE_DIRECT_URL", direct.clone())];
        assert_finds(&environment, &place, &[("direct_url", verdict, &words)]);
    }
}

#[test]
fn links_that_were_written_behind_and_are_not_written_yet_are_told_of() {
    let data = tempdir().unwrap();
    fs::create_dir(data.path().join("write-behind")).unwrap();
    fs::write(data.path().join("write-behind/1.links"), "").unwrap();
    let place = ["--data", data.path().to_str().unwrap(), "--listen", "127.0.0.1:0", "--admin-listen", "off"];
    let (_, found) = doctor(&Vec::new(), &place);
    assert_found(&found, "new links", "wrong", &["wait in", "database.url of then"]);
    let environment = vec![("CURTAIL_DATABASE_URL", database(&format!("doctor_left_{:x}", random_seed())))];
    let wanted: &[Wanted<'_>] =
        &[("new links", "warning", &["not write-behind any more", "Start the server once"])];
    assert_finds(&environment, &place, wanted);
}
