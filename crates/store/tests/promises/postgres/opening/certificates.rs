//! Who a server has to be, as its address asks for, and what is said when it does not prove it.

use super::{changed, refusal_of};
use crate::engine::{create, make, new_link, postgres_settings};
use curtail_servers::postgres::Cluster;
use curtail_servers::service;
use curtail_store::postgres::{self, OpenError};
use std::process::Command;

#[tokio::test]
async fn a_server_that_does_not_prove_who_it_is_is_refused_with_what_to_do() {
    let (server, authority) = (service("CURTAIL_TEST_POSTGRES_TLS"), service("CURTAIL_TEST_POSTGRES_CA"));
    let folder = tempfile::tempdir().unwrap();
    // An authority that was made anew under the name that it
    // had, with a key of the same kind or of another one.
    let namesake = |file: &str, key: &[&str]| {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=Curtail test authority"])
            .args(["-keyout", "namesake.key", "-out", file, "-newkey"])
            .args(key)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        folder.path().join(file).display().to_string()
    };
    let same_kind = namesake("ec.crt", &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    let other_kind = namesake("rsa.crt", &["rsa:2048"]);
    for parameters in [
        "sslmode=verify-full".to_owned(),
        "sslmode=verify-ca".to_owned(),
        format!("sslmode=verify-full&sslrootcert={same_kind}"),
        format!("sslmode=verify-full&sslrootcert={other_kind}"),
        format!("sslmode=require&sslrootcert={same_kind}"),
    ] {
        let error = refusal_of(&format!("{server}?{parameters}")).await;
        assert!(
            matches!(error, OpenError::Untrusted { setting: "database.url", .. }),
            "{parameters}: {error}"
        );
        assert!(error.to_string().contains("in database.url, as sslrootcert=FILE"), "{error}");
    }
    let elsewhere = changed(&server, "@localhost", "@db.example");
    let trusting =
        |mode: &str| format!("{elsewhere}?hostaddr=127.0.0.1&sslmode={mode}&sslrootcert={authority}");
    let error = refusal_of(&trusting("verify-full")).await;
    assert!(matches!(error, OpenError::OtherName { setting: "database.url", .. }), "{error}");
    for word in ["db.example", "only valid for", "localhost", "sslmode=verify-ca in database.url"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    // It is as good as the error says.
    let found = postgres::examine(postgres_settings(&trusting("verify-ca"))).await.primary;
    found.unwrap();
}

#[tokio::test]
async fn connections_are_encrypted_and_the_server_proves_its_name_when_asked_to() {
    let cluster = Cluster::start(0, &[]);
    let (certificate, key) = ("server.crt", "server.key");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", key, "-out", certificate])
        .current_dir(cluster.primary.data())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let owner = std::fs::metadata(cluster.primary.data().join("PG_VERSION")).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&owner);
    for file in [certificate, key] {
        std::os::unix::fs::chown(cluster.primary.data().join(file), Some(owner), Some(owner)).unwrap();
    }
    let plain = format!("postgres://curtail@localhost:{}/postgres", cluster.primary.port());
    let error = refusal_of(&format!("{plain}?sslmode=require")).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    cluster.primary.ask("ALTER SYSTEM SET ssl = on");
    cluster.primary.crash();
    cluster.primary.start();

    let root = cluster.primary.data().join(certificate);
    let verified = format!("{plain}?sslmode=verify-full&sslrootcert={}", root.display());
    let encoded = verified.replace(root.to_str().unwrap(), &root.to_str().unwrap().replace('/', "%2F"));
    let elsewhere = |mode: &str| changed(&verified, "@localhost", "@127.0.0.1").replace("verify-full", mode);
    for url in [
        format!("{plain}?sslmode=require"),
        verified.clone(),
        encoded,
        elsewhere("verify-ca"),
        elsewhere("require"),
    ] {
        let store = postgres::open(postgres_settings(&url)).await.unwrap();
        make(&*store.links, create(new_link("https://example.com/"))).await.unwrap();
        let encrypted = "SELECT bool_and(ssl)::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'curtail'";
        assert_eq!(cluster.primary.ask(encrypted), "true");
        store.close().await;
    }
    // Another name than the certificate has, no certificate that
    // anybody trusts, and one that somebody else has signed.
    let stranger = cluster.primary.data().join("stranger.crt");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stranger"])
        .args(["-keyout", "stranger.key", "-out", "stranger.crt"])
        .current_dir(cluster.primary.data())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for wrong in [
        elsewhere("verify-full"),
        format!("{plain}?sslmode=verify-full"),
        format!("{plain}?sslmode=verify-ca"),
        format!("{plain}?sslmode=require&sslrootcert={}", stranger.display()),
    ] {
        let error = refusal_of(&wrong).await;
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    // One that signs others, which openssl makes unless it is told not to, does not prove a server's name.
    for file in ["stranger.crt", "stranger.key"] {
        std::os::unix::fs::chown(cluster.primary.data().join(file), Some(owner), Some(owner)).unwrap();
    }
    cluster.primary.ask("ALTER SYSTEM SET ssl_cert_file = 'stranger.crt'");
    cluster.primary.ask("ALTER SYSTEM SET ssl_key_file = 'stranger.key'");
    cluster.primary.crash();
    cluster.primary.start();
    let error = refusal_of(&format!("{plain}?sslmode=verify-ca&sslrootcert={}", stranger.display())).await;
    assert!(
        matches!(error, OpenError::BadCertificate { .. }) && error.to_string().contains("CA:FALSE"),
        "{error}"
    );
}
