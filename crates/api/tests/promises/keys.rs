//! Keys open what they should, and nothing more, and no longer.

use crate::server::{Answer, Server, with_rate};
use axum::body::Body;
use curtail_api::ClientAddress;
use curtail_runtime::rates::{Rates, Spending, Spent};
use http::Request;
use serde_json::json;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tower::ServiceExt;

async fn with(server: &Server, authorization: &str) -> Answer {
    server.ask_openly("GET", "/api/v1/links", &[("authorization", authorization)], Body::empty()).await
}

#[tokio::test]
async fn nothing_is_open_without_a_valid_key() {
    let server = Server::start().await;
    let none = server.ask_openly("GET", "/api/v1/links", &[], Body::empty()).await;
    none.problem(401, "invalid-key");
    assert_eq!(none.header("www-authenticate"), "Bearer realm=\"curtail\"");
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        "Basic eA==",
        &server.key,
        "Bearer 0",
        "Bearer null",
        "Bearer []",
        "Bearer ct_wrong",
    ] {
        let refused = with(&server, wrong).await;
        refused.problem(401, "invalid-key");
        assert!(refused.header("www-authenticate").starts_with("Bearer "), "{wrong}");
    }
    for good in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(with(&server, &format!("{good} {}", server.key)).await.status, 200);
    }
    let twice = [("authorization", format!("Bearer {}", server.key)), ("authorization", "Bearer x".into())];
    let twice: Vec<_> = twice.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.ask_openly("GET", "/api/v1/links", &twice, Body::empty()).await.problem(401, "invalid-key");
}

#[tokio::test]
async fn a_key_is_made_listed_used_and_revoked() {
    let server = Server::start().await;
    let body = json!({"name": "mail", "scopes": ["links:read"], "expires_at": "2099-01-01T00:00:00Z"});
    let made = server.post("/api/v1/keys", &body.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let key = made.json();
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    assert_eq!(with(&server, &bearer).await.status, 200);
    let listed = server.get("/api/v1/keys").await;
    assert!(
        listed.json()["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|listed| listed["id"] == key["id"] && listed["name"] == "mail")
    );
    assert!(!listed.text().contains(key["key"].as_str().unwrap()));
    let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &path, &[], Body::empty()).await.status, 204);
    with(&server, &bearer).await.problem(401, "invalid-key");
    server.ask("DELETE", &path, &[], Body::empty()).await.problem(404, "not-found");
    let once = [("idempotency-key", "once")];
    let refused = server.ask("POST", "/api/v1/keys", &once, body.to_string()).await;
    assert_eq!(refused.problem(422, "invalid-fields"), ["Idempotency-Key"]);
    assert_eq!(server.get("/api/v1/keys").await.text().matches("\"mail\"").count(), 1, "none was made");
    let wrong = server
        .post("/api/v1/keys", r#"{"scopes": ["links:read", "root"], "expires_at": "2001-01-01T00:00:00Z"}"#)
        .await;
    assert_eq!(wrong.problem(422, "invalid-fields"), ["name", "scopes[1]", "expires_at"]);
}

#[tokio::test]
async fn a_key_revoked_by_another_process_stops_working_within_two_seconds() {
    let mut took = Vec::new();
    for _ in 0..3 {
        let server = Server::start().await;
        let bearer = format!("Bearer {}", server.key);
        assert_eq!(with(&server, &bearer).await.status, 200);
        let id = server.store.keys.list().await.unwrap()[0].id;
        assert!(server.store.keys.revoke(id, curtail_model::Timestamp::from_millis(1)).await.unwrap());
        let revoked = Instant::now();
        while with(&server, &bearer).await.status == 200 {
            assert!(revoked.elapsed() < Duration::from_secs(60), "it still works");
            tokio::task::yield_now().await;
        }
        // On a machine that stalls one may work for longer.
        let worked_on = revoked.elapsed();
        if worked_on < Duration::from_secs(2) {
            return;
        }
        took.push(worked_on);
    }
    panic!("revoked keys worked on for {took:?}");
}

#[tokio::test]
async fn a_rate_is_kept_and_told() {
    let server = Server::with(with_rate(3)).await;
    let first = server.get("/api/v1/tags").await;
    assert_eq!(
        (first.header("ratelimit-policy"), first.header("ratelimit")),
        ("\"key\";q=3;w=1", "\"key\";r=2;t=1")
    );
    let mut last = first;
    for _ in 0..1_000 {
        last = server.get("/api/v1/tags").await;
        if last.status == 429 {
            break;
        }
    }
    last.problem(429, "too-many-requests");
    assert_eq!((last.header("retry-after"), last.header("ratelimit")), ("1", "\"key\";r=0;t=1"));
}

/// Rates that other processes have used up, as long as whoever keeps them answers.
#[derive(Default)]
struct UsedUpElsewhere(AtomicBool);

impl Rates for UsedUpElsewhere {
    fn spend(&self, _: u64, _: NonZeroU32) -> Spending<'_> {
        let spent = Spent { allowed: false, remaining: 0 };
        let answer = (!self.0.load(Ordering::SeqCst)).then_some(spent);
        Box::pin(async move { answer })
    }
}

#[tokio::test]
async fn rates_hold_over_all_processes_and_each_keeps_its_own_while_those_are_away() {
    let elsewhere = Arc::new(UsedUpElsewhere::default());
    let settings = with_rate(1_000);
    let server = Server::with_rates(settings, Some(elsewhere.clone())).await;
    server.get("/api/v1/tags").await.problem(429, "too-many-requests");
    elsewhere.0.store(true, Ordering::SeqCst);
    let alone = server.get("/api/v1/tags").await;
    assert_eq!((alone.status.as_u16(), alone.header("ratelimit")), (200, "\"key\";r=999;t=1"));
}

#[tokio::test]
async fn a_key_has_a_name_of_at_most_a_hundred_characters_and_scopes_that_there_are() {
    let server = Server::start().await;
    let make = |name: &str, scopes: serde_json::Value| json!({ "name": name, "scopes": scopes }).to_string();
    let named = server.post("/api/v1/keys", &make(" grün ", json!(["links:read", "links:read"]))).await;
    assert_eq!((named.status.as_u16(), &named.json()["name"]), (201, &json!("grün")));
    assert_eq!(server.post("/api/v1/keys", &make(&"ü".repeat(100), json!(["stats:read"]))).await.status, 201);
    for wrong in ["", "  ", "a\nb", "\u{1b}[2J", &"x".repeat(101)] {
        let refused = server.post("/api/v1/keys", &make(wrong, json!(["links:read"]))).await;
        assert_eq!(refused.problem(422, "invalid-fields"), ["name"], "{wrong:?}");
    }
    for (scopes, field) in [(json!([]), "scopes"), (json!(null), "scopes"), (json!(["links"]), "scopes[0]")] {
        let refused = server.post("/api/v1/keys", &make("mail", scopes)).await;
        assert_eq!(refused.problem(422, "invalid-fields"), [field]);
        assert!(
            refused.text().contains("links:read, links:write, stats:read"),
            "it names those that there are"
        );
    }
}

#[tokio::test]
async fn who_tries_many_bad_keys_does_not_make_the_server_forget_good_ones() {
    let server = Server::start().await;
    let ask = async |from: [u8; 4], key: &str| {
        let request = Request::get("/api/v1/tags").header("authorization", format!("Bearer {key}"));
        let request = request.extension(ClientAddress(from.into())).body(Body::empty()).unwrap();
        server.router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let shared = [192, 0, 2, 1];
    assert_eq!(ask(shared, &server.key).await, 200);
    let mut guess = 0;
    for neighbour in 0..90 {
        for _ in 0..100 {
            ask([198, 51, 100, neighbour], &format!("bad{guess}")).await;
            guess += 1;
        }
    }
    for _ in 0..100 {
        ask(shared, &format!("bad{guess}")).await;
        guess += 1;
    }
    assert_eq!(ask(shared, "bad").await, 429);
    assert_eq!(ask(shared, &server.key).await, 200, "a key that was good goes on beside those who guess");
}

#[tokio::test]
async fn an_address_that_tries_many_bad_keys_is_slowed_and_good_keys_still_work() {
    let server = Server::start().await;
    let ask = async |key: &str| {
        let request = Request::get("/api/v1/tags").header("authorization", format!("Bearer {key}"));
        let request = request.extension(ClientAddress([192, 0, 2, 1].into())).body(Body::empty()).unwrap();
        server.router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!(ask(&server.key).await, 200);
    let mut answers = Vec::new();
    for n in 0..101 {
        answers.push(ask(&format!("bad{n}")).await);
    }
    assert_eq!((answers[0], answers[99], answers[100]), (401, 401, 429));
    assert_eq!(ask(&server.key).await, 200);
}
