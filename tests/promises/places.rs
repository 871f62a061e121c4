//! Places of visitors: from a geo file that the operator
//! provides, by the address that a trusted proxy hands on.

use crate::support::mmdb::database;
use crate::support::server::{KEY, Server};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::tempdir;

const FULDA: &str = "Fulda, Hesse, DE";
const LYON: &str = "Lyon, Auvergne-Rhône-Alpes, FR";

fn geo_file(folder: &Path) -> String {
    let named = |name: &str| json!({ "names": { "en": name } });
    let place = |city: &str, region: &str, country: &str| json!({ "city": named(city), "subdivisions": [named(region)], "country": { "iso_code": country } });
    let file = folder.join("city.mmdb");
    let networks = [
        ("192.0.2.0/24", place("Fulda", "Hesse", "DE")),
        ("2001:db8:5::/48", place("Lyon", "Auvergne-Rhône-Alpes", "FR")),
        ("198.51.100.0/24", json!({ "country": { "iso_code": "BR" } })),
    ];
    std::fs::write(&file, database(&networks)).unwrap();
    file.to_str().expect("a plain path").to_owned()
}

/// Visits a link through proxies that say each of these, and answers where its clicks came from.
fn visit(server: &Server, forwarded: &[&str]) -> (Value, Value) {
    let link = server.link(&json!({ "url": "https://example.com/", "code": "here" }));
    let id = link["id"].as_str().unwrap();
    for forwarded in forwarded {
        let answer = server.client().request("GET", "/here", &[("x-forwarded-for", forwarded)], b"");
        assert_eq!(answer.status, 302);
    }
    let total = forwarded.len();
    server.eventually(|server| (server.clicks(id)["total"] == total).then_some(()));
    let groups = |group_by: &str| {
        let path = format!("/api/v1/links/{id}/stats?class=all&group_by={group_by}");
        server.api("GET", &path, None).json()["groups"].clone()
    };
    (groups("country"), groups("city"))
}

/// The clicks from one place.
fn from(groups: &Value, place: &str) -> u64 {
    let groups = groups.as_array().expect("a list");
    groups.iter().filter(|group| group["value"] == place).map(|group| group["clicks"].as_u64().unwrap()).sum()
}

#[test]
fn visitors_behind_a_trusted_proxy_are_counted_by_country_region_and_city() {
    let data = tempdir().unwrap();
    let geo = format!("geo.path={}", geo_file(data.path()));
    let server =
        Server::start(data.path(), &["--set", &geo, "--set", "trusted_proxies=127.0.0.0/8,10.0.0.0/8"]);
    let visits = [
        "192.0.2.77",
        // What the visitor sent himself stands first and is not believed; the second proxy is trusted.
        "2001:db8:5::1, 192.0.2.1, 10.1.2.3",
        "2001:db8:5:1::9",
        "198.51.100.9",
        "203.0.113.9",
    ];
    let (countries, cities) = visit(&server, &visits);
    assert_eq!(
        [from(&countries, "DE"), from(&countries, "FR"), from(&countries, "BR")],
        [2, 1, 1],
        "{countries}"
    );
    assert_eq!([from(&cities, FULDA), from(&cities, LYON)], [2, 1], "{cities}");
}

#[test]
fn what_others_than_trusted_proxies_say_of_a_visitor_is_not_believed() {
    let data = tempdir().unwrap();
    let geo = format!("geo.path={}", geo_file(data.path()));
    let server = Server::start(data.path(), &["--set", &geo, "--set", "trusted_proxies=10.0.0.0/8"]);
    let (countries, cities) = visit(&server, &["192.0.2.77", "198.51.100.9"]);
    assert_eq!(
        [from(&countries, "DE"), from(&countries, "BR"), from(&cities, FULDA)],
        [0, 0, 0],
        "{countries} {cities}"
    );
}

#[test]
fn short_links_begin_with_https_where_a_trusted_proxy_says_that_visitors_come_by_it() {
    for (trusted, scheme) in [("127.0.0.0/8", "https"), ("10.0.0.0/8", "http")] {
        let data = tempdir().unwrap();
        let server = Server::start(data.path(), &["--set", &format!("trusted_proxies={trusted}")]);
        let authorization = format!("Bearer {KEY}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("x-forwarded-proto", "https"),
        ];
        let body = br#"{"url": "https://example.com/", "code": "a"}"#;
        let made = server.client().request("POST", "/api/v1/links", &headers, body);
        assert_eq!(made.json()["short_url"], format!("{scheme}://sho.rt/a"));
    }
}
