//! Links are made and read as asked.

use crate::server::{Server, settings};
use axum::body::Body;
use curtail_store::Seen;
use serde_json::json;

#[tokio::test]
async fn a_link_is_answered_with_all_that_it_is() {
    let server = Server::start().await;
    let body = json!({
        "url": "HTTPS://Example.com/a?b=ü", "code": "größe/a", "title": "T <b>\"'", "notes": "n\n\tm", "tags": [" b ", "a", "b"],
        "starts_at": "2030-01-01T01:00:00+01:00", "expires_at": "2031-01-01T00:00:00Z", "max_clicks": 5, "redirect_status": 301,
        "forward_query": true, "password": "secret", "expired_url": "https://example.com/over", "reuse": false
    });
    let made = server.post("/api/v1/links", &body.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let link = made.json();
    let id = link["id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/api/v1/links/{id}"));
    let expected = json!({
        "id": id, "code": "größe/a", "domain": "sho.rt", "short_url": "https://sho.rt/gr%C3%B6%C3%9Fe/a",
        "url": "HTTPS://Example.com/a?b=ü", "title": "T <b>\"'", "notes": "n\n\tm", "tags": ["a", "b"],
        "created_at": link["created_at"], "updated_at": link["created_at"], "starts_at": "2030-01-01T00:00:00Z",
        "expires_at": "2031-01-01T00:00:00Z", "max_clicks": 5, "redirect_status": 301, "forward_query": true,
        "has_password": true, "archived": false, "expired_url": "https://example.com/over",
        "clicks": {"total": 0, "human": 0, "bot": 0, "other": 0}
    });
    assert_eq!(link, expected);
    assert!(!made.text().contains("secret") && !made.text().contains("argon2"));
    let stored = server.store.links.get(id.parse().unwrap(), Seen::ANYTHING).await.unwrap().unwrap();
    assert!(stored.password_hash.unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let paths = [
        format!("/api/v1/links/{id}"),
        "/api/v1/links/by-code/gr%C3%B6%C3%9Fe/a".into(),
        "/api/v1/links/by-code/gro%CC%88%C3%9Fe%2Fa".into(),
    ];
    for path in paths {
        let read = server.get(&path).await;
        assert_eq!((read.status.as_u16(), read.json()), (200, expected.clone()), "{path}");
        assert_eq!(read.header("etag"), made.header("etag"));
    }
}

#[tokio::test]
async fn a_link_needs_only_a_url() {
    let server = Server::start().await;
    let link = server.make(r#"{"url": "https://example.com/", "title": null, "tags": null}"#).await;
    assert_eq!(link["redirect_status"], 302);
    assert_eq!(link["code"].as_str().unwrap().len(), 6);
    for unset in ["title", "notes", "starts_at", "expires_at", "max_clicks", "expired_url"] {
        assert!(link[unset].is_null() && link.as_object().unwrap().contains_key(unset), "{unset}");
    }
}

#[tokio::test]
async fn two_cannot_have_one_code() {
    let server = Server::start().await;
    server.make(r#"{"url": "https://example.com/1", "code": "one"}"#).await;
    let second = server.post("/api/v1/links", r#"{"url": "https://example.com/2", "code": "one"}"#).await;
    assert_eq!(second.problem(409, "code-taken"), ["code"]);
}

#[tokio::test]
async fn reuse_answers_the_link_that_is_there() {
    let server = Server::start().await;
    let first = server.make(r#"{"url": "https://example.com/1"}"#).await;
    let again = server.post("/api/v1/links", r#"{"url": "HTTPS://EXAMPLE.com/1", "reuse": true}"#).await;
    assert_eq!((again.status.as_u16(), again.json()["id"].clone()), (200, first["id"].clone()));
    assert_eq!(again.header("location"), "");
}

#[tokio::test]
async fn reuse_answers_only_what_was_asked_for() {
    let server = Server::start().await;
    let ask = async |more: &str| {
        let body = format!(r#"{{"url": "https://example.com/1", "reuse": true{more}}}"#);
        let answer = server.post("/api/v1/links", &body).await;
        let link = answer.json();
        (answer.status.as_u16(), link["code"].clone(), link["redirect_status"].clone())
    };
    for more in ["", r#", "code": "c""#, r#", "redirect_status": 301"#, r#", "forward_query": true"#] {
        let made = ask(more).await;
        assert_eq!(made.0, 201, "{more}");
        assert_eq!(ask(more).await, (200, made.1, made.2), "{more}");
    }
    let other = r#"{"url": "https://example.com/2", "reuse": true, "code": "c"}"#;
    assert_eq!(server.post("/api/v1/links", other).await.problem(409, "code-taken"), ["code"]);
}

#[tokio::test]
async fn repeating_a_request_makes_nothing_twice() {
    let server = Server::start().await;
    let body = r#"{"url": "https://example.com/1", "password": "x"}"#;
    let ask = async |key: &str, body: &str| {
        server.ask("POST", "/api/v1/links", &[("idempotency-key", key)], body.to_owned()).await
    };
    let first = ask("k-1", body).await;
    let again = ask("k-1", body).await;
    assert_eq!((first.status.as_u16(), first.header("idempotent-replayed")), (201, ""));
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(first.body, again.body);
    ask("k-1", r#"{"url": "https://example.com/2"}"#).await.problem(422, "idempotency-key-used");
    assert_ne!(ask("k-2", body).await.json()["id"], first.json()["id"]);
    let path = format!("/api/v1/links/{}", first.json()["id"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &path, &[], Body::empty()).await.status, 204);
    ask("k-1", body).await.problem(410, "idempotent-link-gone");
    for wrong in ["", "a b", &"x".repeat(256)] {
        assert_eq!(ask(wrong, body).await.problem(422, "invalid-fields"), ["Idempotency-Key"]);
    }
}

#[tokio::test]
async fn a_repetition_is_answered_as_the_first_request_was() {
    let server = Server::start().await;
    let body = r#"{"url": "https://example.com/1", "reuse": true}"#;
    for (key, status, has_location) in [("made", 201, true), ("found", 200, false)] {
        for replayed in ["", "true"] {
            let answer = server.ask("POST", "/api/v1/links", &[("idempotency-key", key)], body).await;
            assert_eq!(
                (answer.status.as_u16(), answer.headers.contains_key("location")),
                (status, has_location),
                "{key}"
            );
            assert_eq!(answer.header("idempotent-replayed"), replayed);
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_who_gave_it() {
    let server = Server::start().await;
    let other = format!("Bearer {}", server.add_key("links:write").await);
    let body = r#"{"url": "https://example.com/1"}"#;
    let first = server.ask("POST", "/api/v1/links", &[("idempotency-key", "k")], body).await;
    let headers = [("authorization", other.as_str()), ("idempotency-key", "k")];
    let second = server.ask_openly("POST", "/api/v1/links", &headers, body).await;
    assert_ne!(first.json()["id"], second.json()["id"]);
}

#[tokio::test]
async fn without_a_base_url_the_host_of_the_request_is_ours() {
    let server = Server::with(curtail_api::Settings { base_url: None, ..settings() }).await;
    let host = [("host", "Localhost:8080"), ("x-forwarded-host", "evil.example")];
    let made = server
        .ask("POST", "/api/v1/links", &host, r#"{"url": "https://example.com/1", "code": "one"}"#)
        .await;
    assert_eq!(made.json()["short_url"], "http://localhost:8080/one");
    assert_eq!(made.json()["domain"], "localhost:8080");
    let looped = server.ask("POST", "/api/v1/links", &host, r#"{"url": "http://localhost:8080/one"}"#).await;
    assert_eq!(looped.problem(422, "invalid-fields"), ["url"]);
    let odd = [("host", "a\"><script>")];
    assert_eq!(
        server.ask("GET", "/api/v1/links", &odd, Body::empty()).await.problem(422, "invalid-fields"),
        ["Host"]
    );
}
