//! Starts that must not succeed, each with a message that
//! names the setting and what to do; and starts that must.

mod certificates;

use super::database::{Database, connect};
use super::{tampering, until};
use crate::engine::{at, create, make, new_link, postgres_settings};
use curtail_model::{Alphabet, Change, CodeScheme, Field};
use curtail_servers::free_port;
use curtail_servers::postgres::Cluster;
use curtail_store::StoreError;
use curtail_store::postgres::{self, OpenError, Settings};
use std::time::Duration;

const SECRET: &str = "S3cret-of-nobody";

async fn refusal(settings: Settings) -> OpenError {
    let error = postgres::open(settings).await.err().expect("opened");
    let message = error.to_string();
    assert!(!message.contains(SECRET), "a password is shown: {message}");
    assert!(!message.contains("://curtail:"), "a password is shown: {message}");
    error
}

async fn refusal_of(url: &str) -> OpenError {
    refusal(postgres_settings(url)).await
}

/// A url with parts replaced.
fn changed(url: &str, from: &str, to: &str) -> String {
    assert!(url.contains(from), "{from}");
    url.replace(from, to)
}

#[tokio::test]
async fn an_address_that_cannot_be_understood_is_refused_with_its_setting() {
    let good = format!("postgres://curtail:{SECRET}@127.0.0.1:1/curtail");
    for bad in [
        "",
        "nonsense",
        "postgres://",
        "mysql://localhost/curtail",
        &format!("{good}?sslmode=perhaps"),
        &format!("{good}?nonsense=1"),
        &format!("{good}?sslrootcert=/etc/ca.crt"),
        &format!("{good}?sslmode=prefer&sslrootcert=/etc/ca.crt"),
        &format!("postgres://curtail:{SECRET}@127.0.0.1:port/curtail"),
    ] {
        let error = refusal_of(bad).await;
        assert!(matches!(error, OpenError::Address { setting: "database.url", .. }), "{bad}: {error}");
        assert!(error.to_string().contains("postgres://user:password@host"), "{error}");
        let replica = Settings { replica_urls: vec![bad.into()], ..postgres_settings(&good) };
        let error = refusal(replica).await;
        assert!(
            matches!(error, OpenError::Address { setting: "database.replica_urls", .. }),
            "{bad}: {error}"
        );
    }
    let missing = format!("{good}?sslmode=verify-full&sslrootcert=/nowhere/at/all");
    let error = refusal_of(&missing).await;
    assert!(
        matches!(error, OpenError::Tls { .. }) && error.to_string().contains("/nowhere/at/all"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let free = format!("127.0.0.1:{}", free_port());
    let error = refusal_of(&format!("postgres://curtail:{SECRET}@{free}/curtail")).await;
    let message = error.to_string();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{message}");
    assert!(message.contains("database.url") && message.contains(&free), "{message}");
}

#[tokio::test]
async fn a_direct_address_that_leads_to_another_database_is_refused() {
    let (database, other) = (Database::make().await, Database::make().await);
    let through = Settings {
        prepared: false,
        direct_url: Some(other.url().to_owned()),
        ..postgres_settings(&database.url_through_a_pooler())
    };
    // Both where the other one is new and where there is a store of its own.
    for _ in 0..2 {
        let error = refusal(through.clone()).await;
        assert!(matches!(error, OpenError::Elsewhere { .. }), "{error}");
        assert!(error.to_string().starts_with("database.direct_url:"), "{error}");
        postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
    }
    let bad = Settings { direct_url: Some("nonsense".into()), ..postgres_settings(database.url()) };
    let error = refusal(bad).await;
    assert!(matches!(error, OpenError::Address { setting: "database.direct_url", .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_password_user_or_database_is_said() {
    let database = Database::make().await;
    let url = database.url();
    for wrong in [changed(url, ":curtail@", &format!(":{SECRET}@")), changed(url, "//curtail:", "//nobody:")]
    {
        let error = refusal_of(&wrong).await;
        assert!(matches!(error, OpenError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("Correct user and password in database.url"), "{error}");
    }
    let error = refusal_of(&format!("{url}_missing")).await;
    assert!(
        matches!(error, OpenError::NoDatabase { .. }) && error.to_string().contains("createdb"),
        "{error}"
    );
}

#[tokio::test]
async fn a_password_that_is_missing_is_asked_for_with_the_setting_and_its_variable() {
    let database = Database::make().await;
    let without = changed(database.url(), ":curtail@", "@");
    let good = postgres_settings(database.url());
    let error = refusal_of(&without).await;
    assert!(matches!(error, OpenError::NoPassword { setting: "database.url", .. }), "{error}");
    for word in ["there is none in database.url", "user:password@", "as CURTAIL_DATABASE_URL"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    let examined = postgres::examine(Settings { replica_urls: vec![without], ..good }).await;
    let error = examined.replicas[0].as_ref().unwrap_err();
    assert!(matches!(error, OpenError::NoPassword { setting: "database.replica_urls", .. }), "{error}");
    assert!(error.to_string().contains("as CURTAIL_DATABASE_REPLICA_URLS"), "{error}");
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_are_needed() {
    let database = Database::make().await;
    let client = database.connect().await;
    let role = format!("curtail_test_{}_poor", std::process::id());
    client.batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")).await.unwrap();
    let poor = changed(database.url(), "curtail:curtail@", &format!("{role}:{SECRET}@"));
    // First it may not make the tables, then not read those that are there.
    let errors = [refusal_of(&poor).await, {
        postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
        refusal_of(&poor).await
    }];
    client.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
    for error in errors {
        assert!(
            matches!(error, OpenError::Forbidden { .. }) && error.to_string().contains("GRANT"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_user_who_owns_nothing_is_refused_until_it_may_do_all_and_told_of_rights_that_it_loses() {
    let database = Database::make().await;
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
    let client = database.connect().await;
    let role = format!("curtail_test_{}_guest", std::process::id());
    client.batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")).await.unwrap();
    let url = changed(database.url(), "curtail:curtail@", &format!("{role}:{SECRET}@"));
    for (right, lacking) in [
        ("SELECT ON ALL TABLES", "read and change allowances, "),
        ("INSERT, UPDATE, DELETE ON ALL TABLES", "no right to take numbers from versions)"),
    ] {
        client.batch_execute(&format!("GRANT {right} IN SCHEMA public TO {role}")).await.unwrap();
        let examined = postgres::examine(postgres_settings(&url)).await.primary.unwrap_err();
        let error = refusal_of(&url).await;
        assert!(matches!(error, OpenError::Forbidden { .. }), "{error}");
        assert!(
            error.to_string().contains(lacking) && error.to_string().contains("ON ALL SEQUENCES"),
            "{error}"
        );
        assert_eq!(error, examined);
    }
    client
        .batch_execute(&format!("GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}"))
        .await
        .unwrap();
    let found = postgres::examine(postgres_settings(&url)).await.primary.unwrap();
    assert_eq!(found.owner_of_words.as_deref(), Some("curtail"));
    let store = postgres::open(postgres_settings(&url)).await.unwrap();
    let made = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    // What only an owner may do is not tried.
    let guest = connect(&url).await;
    guest.batch_execute(include_str!("../../../src/postgres/sql/words_flush.sql")).await.unwrap();

    client.batch_execute(&format!("REVOKE UPDATE ON links FROM {role}")).await.unwrap();
    let change = Change { title: Field::Set(Some("new".into())), ..Change::default() };
    let refused = store.links.update(made.id, change, None, at(1)).await;
    assert!(matches!(&refused, Err(StoreError::Forbidden(what)) if what.contains("links")), "{refused:?}");
    store.close().await;
    drop(guest);
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn a_start_waits_for_another_one_that_brings_the_schema_up_to_date() {
    let database = Database::make().await;
    let client = database.connect().await;
    client.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(4920851300917213)").await.unwrap();
    let start = tokio::spawn(postgres::open(postgres_settings(database.url())));
    // Within its transaction the other one would see the same again and again.
    let watcher = database.connect().await;
    // Longer than it waits for those who use what it is to change.
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
        AND query_start < clock_timestamp() - interval '6 seconds'";
    until("it has waited for long", async || {
        watcher.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 1 || start.is_finished()
    })
    .await;
    client.batch_execute("COMMIT").await.unwrap();
    start.await.unwrap().unwrap().close().await;
}

#[tokio::test]
async fn whoever_keeps_a_migration_from_what_it_changes_is_to_be_ended() {
    let database = Database::make().await;
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
    let client = database.connect().await;
    client.batch_execute("DROP TABLE leases; ALTER TABLE idempotency DROP COLUMN reused; DELETE FROM curtail_schema WHERE version > 1").await.unwrap();
    client.batch_execute("BEGIN; LOCK TABLE curtail_schema IN EXCLUSIVE MODE").await.unwrap();
    let error = refusal_of(database.url()).await;
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("pg_terminate_backend"), "{error}");
    client.batch_execute("COMMIT").await.unwrap();
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
}

#[tokio::test]
async fn behind_a_pooler_the_server_gives_up_what_takes_too_long_as_well() {
    let database = Database::make().await;
    let usual = postgres_settings(&database.url_through_a_pooler());
    let store = postgres::open(Settings { prepared: false, ..usual.clone() }).await.unwrap();
    let made = make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link;
    store.close().await;
    let settings = Settings { prepared: false, statement_timeout: Duration::from_millis(500), ..usual };
    let store = postgres::open(settings).await.unwrap();
    let client = database.connect().await;
    client.batch_execute("BEGIN; SELECT FROM links FOR UPDATE").await.unwrap();
    let change = Change { title: Field::Set(Some("new".into())), ..Change::default() };
    // A server that does not get to it in time is given up by the store itself.
    let mut refusals = Vec::new();
    let is_said = |refusals: &[String]| refusals.iter().any(|what| what.contains("statement timeout"));
    while !is_said(&refusals) {
        assert!(refusals.len() < 10, "{refusals:?}");
        match store.links.update(made.id, change.clone(), None, at(1)).await {
            Err(StoreError::Unavailable(what)) => refusals.push(what),
            other => panic!("{other:?}"),
        }
    }
    client.batch_execute("COMMIT").await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_before_anything_is_done() {
    let database = Database::make().await;
    let client = database.connect().await;
    let asked =
        "SELECT current_setting('server_version_num'), host(inet_server_addr()) || ':' || inet_server_port()";
    let row = client.query_one(asked, &[]).await.unwrap();
    let (number, server): (String, String) = (row.get(0), row.get(1));
    let address = tampering::with_words_changed(server.clone(), String::leak(number), "120017").await;
    let old = changed(database.url(), &server, &address.to_string());
    let error = refusal_of(&old).await;
    assert!(
        matches!(error, OpenError::TooOld { .. }) && error.to_string().contains("15.0 is the oldest"),
        "{error}"
    );
    let tables: i64 = client
        .query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_left_alone() {
    let database = Database::make().await;
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
    let client = database.connect().await;
    client.batch_execute("INSERT INTO curtail_schema (version) VALUES (99)").await.unwrap();
    let error = refusal_of(database.url()).await;
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_database_that_would_lose_or_change_what_it_is_given_is_refused() {
    let database = Database::make().await;
    let client = database.connect().await;
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    client.batch_execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await.unwrap();
    let error = refusal_of(database.url()).await;
    assert!(matches!(error, OpenError::NotDurable { .. }), "{error}");

    let latin = format!("{name}_latin");
    let make = format!("CREATE DATABASE {latin} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    client.batch_execute(&make).await.unwrap();
    let error = refusal_of(&format!("{}_latin", database.url())).await;
    client.batch_execute(&format!("DROP DATABASE {latin} WITH (FORCE)")).await.unwrap();
    assert!(matches!(error, OpenError::Encoding { .. }) && error.to_string().contains("UTF8"), "{error}");
}

#[tokio::test]
async fn a_replica_is_not_taken_for_a_primary() {
    let cluster = Cluster::start(1, &[]);
    let error = refusal_of(&cluster.replicas[0].url()).await;
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("database.replica_urls"), "{error}");
}

#[tokio::test]
async fn other_settings_of_codes_are_refused_with_what_the_store_was_made_with() {
    let database = Database::make().await;
    postgres::open(postgres_settings(database.url())).await.unwrap().close().await;
    let good = postgres_settings(database.url());
    for settings in [
        Settings { scheme: CodeScheme::Sequential, ..good.clone() },
        Settings { alphabet: Alphabet::Unambiguous, ..good },
    ] {
        let message = refusal(settings).await.to_string();
        assert!(message.contains("\"permuted\"") && message.contains("\"base62\""), "{message}");
    }
}

#[tokio::test]
async fn processes_that_start_first_at_once_make_one_store() {
    let database = Database::make().await;
    let opened = (0..6).map(|_| tokio::spawn(postgres::open(postgres_settings(database.url()))));
    let opened: Vec<_> = opened.collect();
    let mut secrets = Vec::new();
    let mut codes = Vec::new();
    for store in opened {
        let store = store.await.unwrap().unwrap();
        secrets.push(store.secret);
        // Ids come in blocks: no two processes ever give one code.
        for _ in 0..20 {
            codes
                .push(make(&*store.links, create(new_link("https://example.com/"))).await.unwrap().link.code);
        }
        store.close().await;
    }
    secrets.dedup();
    assert_eq!(secrets.len(), 1);
    codes.sort_by_key(ToString::to_string);
    codes.dedup();
    assert_eq!(codes.len(), 120);
}
