//! Whatever is wrong is said clearly, all at once, in one form, and changes nothing.

use crate::server::{BODY_BYTES_MAX, Server};
use axum::body::Body;
use serde_json::json;

#[tokio::test]
async fn every_invalid_field_is_named_at_once() {
    let server = Server::start().await;
    let body = json!({
        "url": "javascript:alert(1)", "code": "a b", "title": "x".repeat(513), "notes": "a\u{0}", "tags": ["ok", 5, "", "\u{7}"],
        "starts_at": "tomorrow", "expires_at": 5, "max_clicks": 0, "redirect_status": 303, "forward_query": "yes",
        "password": "", "expired_url": "https://sho.rt/loop", "reuse": 1, "clicks": 7
    });
    let refused = server.post("/api/v1/links", &body.to_string()).await;
    let mut fields = refused.problem(422, "invalid-fields");
    fields.sort();
    assert_eq!(
        fields,
        [
            "clicks",
            "code",
            "expired_url",
            "expires_at",
            "forward_query",
            "max_clicks",
            "notes",
            "password",
            "redirect_status",
            "reuse",
            "starts_at",
            "tags[1]",
            "tags[2]",
            "tags[3]",
            "title",
            "url",
        ]
    );
    assert_eq!(server.get("/api/v1/links").await.json()["links"], json!([]));
}

#[tokio::test]
async fn bad_bodies_are_refused_for_what_they_are() {
    let server = Server::start().await;
    for (body, status, kind) in [
        ("", 400, "malformed-json"),
        ("{\"url\": \"https://example.com/\"", 400, "malformed-json"),
        ("{\"url\": \"https://example.com/\"} x", 400, "malformed-json"),
        ("[]", 422, "invalid-fields"),
        ("null", 422, "invalid-fields"),
        ("{}", 422, "invalid-fields"),
        ("{\"url\": null}", 422, "invalid-fields"),
        ("{\"url\": \"https://example.com/\", \"url\": \"https://example.com/\"}", 422, "invalid-fields"),
        ("{\"url\": \"https://x/\\r\\nSet-Cookie: a\"}", 422, "invalid-fields"),
        ("{\"url\": \"data:text/html,x\"}", 422, "invalid-fields"),
        ("{\"url\": \"https://other.rt/x\"}", 422, "invalid-fields"),
    ] {
        server.post("/api/v1/links", body).await.problem(status, kind);
    }
    let invalid_utf8 = server.ask("POST", "/api/v1/links", &[], &b"{\"url\": \"https://\xff/\"}"[..]).await;
    invalid_utf8.problem(400, "malformed-json");
    let huge = format!("{{\"url\": \"https://example.com/{}\"}}", "x".repeat(BODY_BYTES_MAX));
    server.post("/api/v1/links", &huge).await.problem(413, "body-too-large");
    let long = format!("{{\"url\": \"https://example.com/{}\"}}", "x".repeat(10_000));
    assert_eq!(server.post("/api/v1/links", &long).await.problem(422, "invalid-fields"), ["url"]);
    let json = ("content-type", "application/json");
    let types = ("accept", "application/json");
    for (wrong, (header, instead)) in [
        (&[("content-type", "text/plain")][..], types),
        (&[("content-type", "application/json; charset=latin1")], types),
        (&[("content-type", "application/merge-patch+json")], types),
        (&[json, ("content-type", "text/plain")], types),
        (&[json, json], types),
        (&[("content-encoding", "gzip")], ("accept-encoding", "identity")),
    ] {
        let refused = server.ask("POST", "/api/v1/links", wrong, "{}").await;
        refused.problem(415, "unsupported-media-type");
        assert_eq!(refused.header(header), instead, "{wrong:?}");
    }
    let patch = [("content-type", "application/merge-patch+json")];
    server.ask("PATCH", "/api/v1/links/1", &patch, "{}").await.problem(404, "not-found");
}

#[tokio::test]
async fn numbers_of_a_body_are_whole_by_their_value() {
    let server = Server::start().await;
    let body =
        |field: &str, number: &str| format!(r#"{{"url": "https://example.com/", "{field}": {number}}}"#);
    for (field, ranges) in
        [("max_clicks", "from 1 to 1000000000000"), ("redirect_status", "301, 302, 307 or 308")]
    {
        for (number, wrong) in [
            ("1.5", "a whole number, not negative"),
            ("-1", "a whole number, not negative"),
            ("-0", ranges),
            ("18446744073709551616", ranges),
            ("1e999", ranges),
            ("-1e999", "a whole number, not negative"),
        ] {
            let refused = server.post("/api/v1/links", &body(field, number)).await;
            assert_eq!(refused.problem(422, "invalid-fields"), [field], "{number}");
            assert!(refused.text().contains(wrong), "{number}: {}", refused.text());
        }
    }
    for (field, number, read_as) in
        [("max_clicks", "10.0", 10), ("max_clicks", "1e3", 1_000), ("redirect_status", "3.01e2", 301)]
    {
        assert_eq!(server.make(&body(field, number)).await[field], read_as, "{number}");
    }
}

#[tokio::test]
async fn numbers_elsewhere_have_one_spelling() {
    let server = Server::start().await;
    let id = server.get("/api/v1/keys").await.json()["keys"][0]["id"].as_str().unwrap().to_owned();
    for path in ["links", "tags", "stats", "orphans", "top"].map(|path| format!("/api/v1/{path}?limit=")) {
        assert_eq!(server.get(&format!("{path}5")).await.status, 200, "{path}");
        for wrong in ["%2B5", "05", "5.0", "1e1", "-5", "0x5"] {
            let refused = server.get(&format!("{path}{wrong}")).await;
            assert_eq!(refused.problem(422, "invalid-fields"), ["limit"], "{path}{wrong}");
        }
    }
    for wrong in ["x", &format!("+{id}"), &format!("0{id}")] {
        let refused = server.ask("DELETE", &format!("/api/v1/keys/{wrong}"), &[], Body::empty()).await;
        refused.problem(404, "not-found");
        assert!(refused.text().contains("no such key"), "{}", refused.text());
    }
}

#[tokio::test]
async fn known_fields_are_named_however_much_else_is_wrong() {
    let server = Server::start().await;
    let unknown: String = (0..100).map(|n| format!("\"f{n}\": 0, ")).collect();
    let tags = vec![0; 100];
    let body =
        format!(r#"{{{unknown}"url": "x", "url": "x", "tags": {tags:?}, "title": 5, "expires_at": 5}}"#);
    let refused = server.post("/api/v1/links", &body).await;
    let fields = refused.problem(422, "invalid-fields");
    assert_eq!(fields.len(), 50);
    for known in ["url", "title", "expires_at"] {
        assert!(fields.iter().any(|field| field == known), "{known}: {fields:?}");
    }
    // 100 names, 100 tags, a name that comes twice, and three values.
    assert_eq!(refused.json()["detail"], "204 fields are invalid; 50 of them are named.");
    let query: String = (0..100).map(|n| format!("x{n}=1&")).collect();
    let refused = server.get(&format!("/api/v1/stats?{query}from=x&to=x&limit=x")).await;
    let fields = refused.problem(422, "invalid-fields");
    for known in ["from", "to", "limit"] {
        assert!(fields.iter().any(|field| field == known), "{known}: {fields:?}");
    }
    assert_eq!(refused.json()["detail"], "103 fields are invalid; 50 of them are named.");
}

#[tokio::test]
async fn the_largest_link_is_taken_however_it_is_escaped() {
    let server = Server::start().await;
    let escaped = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let url = format!("https://example.com/{}", "x".repeat(8_192 - 20));
    let tags: Vec<String> = (0..32).map(|n| format!("{}{n:02}", "🙂".repeat(62))).collect();
    let tags: Vec<String> = tags.iter().map(|tag| format!("\"{}\"", escaped(tag))).collect();
    let body = format!(
        r#"{{"url": "{url}", "expired_url": "{url}", "code": "{}", "title": "{}", "notes": "{}", "tags": [{}],
            "password": "{}", "starts_at": "{time}", "expires_at": "9999-01-01T00:00:00Z", "max_clicks": 1000000000000}}"#,
        escaped(&"a".repeat(190)),
        escaped(&"🙂".repeat(512)),
        escaped(&"🙂".repeat(4_096)),
        tags.join(", "),
        escaped(&"x".repeat(256)),
        url = escaped(&url),
        time = escaped("2030-01-01T00:00:00Z"),
    );
    assert_eq!(server.make(&body).await["url"], url);
}

#[tokio::test]
async fn a_body_that_does_not_say_its_size_is_limited_as_well() {
    let server = Server::start().await;
    let pieces = (0..1_000).map(|_| Ok::<_, std::convert::Infallible>("x".repeat(1_000)));
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    server.ask("POST", "/api/v1/links", &[], body).await.problem(413, "body-too-large");
}

#[tokio::test]
async fn text_comes_back_byte_for_byte() {
    let server = Server::start().await;
    for text in [
        "undefined",
        "null",
        "1E+02",
        "0/0",
        "';DROP TABLE links;--",
        "<script>alert(1)</script>",
        "Ω≈ç√∫˜µ≤≥÷",
        "田中さんにあげて下さい",
        "👾 🙇 💁 🙅",
        "ﺐﺒﺑ مُنَاقَشَةُ",
        "\u{202e}test",
        "Ṱ̺̺̕o͞ ̷i̲̬͇̪͙n̝̗͕v̟̜̘̦͟o̶̙̰̠kè͚̮̺̪̹̱̤",
        "$HOME %s%n {0} {{x}}",
        " spaces ",
        "",
    ] {
        let link = server
            .make(&json!({"url": "https://example.com/", "title": text, "notes": text}).to_string())
            .await;
        assert_eq!((link["title"].as_str(), link["notes"].as_str()), (Some(text), Some(text)));
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let server = Server::start().await;
    for path in [
        "/api",
        "/api/v1",
        "/api/v2/links",
        "/api/v1/links/",
        "/api/v1/links/1",
        "/api/v1/links/x",
        "/api/v1/links/%ff",
        "/api/v1/links/by-code/none",
        "/api/v1/links/by-code/%ff",
        "/api/v1/links/by-code/a%0db",
        "/api/v1/links/-1/stats",
        "/api/v1/problems/x",
        "/api/v1/problems/%ff",
    ] {
        assert_eq!(server.get(path).await.problem(404, "not-found"), [""; 0], "{path}");
    }
    let unknown = server.ask_openly("PUT", "/api/v1/links", &[], "{}").await;
    unknown.problem(401, "invalid-key");
    assert_eq!(unknown.header("allow"), "", "it is about the method");
    let refused = server.ask("PUT", "/api/v1/links", &[], "{}").await;
    refused.problem(405, "method-not-allowed");
    let mut allowed: Vec<&str> = refused.header("allow").split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "OPTIONS", "POST"]);
    let options = server.ask_openly("OPTIONS", "/api/v1/links", &[], Body::empty()).await;
    assert_eq!((options.status.as_u16(), options.body.len()), (204, 0));
    assert_eq!(options.header("allow"), refused.header("allow"));
    assert_eq!(options.header("access-control-allow-origin"), "");
    let head = server.ask("HEAD", "/api/v1/links", &[], Body::empty()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[tokio::test]
async fn no_answer_is_cached_or_sniffed() {
    let server = Server::start().await;
    for path in ["/api/v1/links", "/api/v1/links/1", "/api/v1/openapi.json", "/api/x"] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.header("cache-control"), answer.header("x-content-type-options")),
            ("no-store", "nosniff"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_kind_of_problem_is_described_where_it_says() {
    let server = Server::start().await;
    for kind in curtail_api::problem::Kind::ALL {
        let path = format!("/api/v1/problems/{}", kind.as_str());
        let described = server.ask_openly("GET", &path, &[], Body::empty()).await.json();
        assert_eq!(
            (described["type"].as_str(), described["status"].as_u64()),
            (Some(path.as_str()), Some(kind.status().as_u16().into()))
        );
    }
}
