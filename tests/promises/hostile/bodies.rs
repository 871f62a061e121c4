//! Bodies that are no links.

use super::{Besieged, MARKER};
use crate::support::server::KEY;
use serde_json::{Value, json};

/// A body, the status of its refusal and, for a field, its name.
type Refusal<'a> = (&'a [u8], u16, &'a str);

const MALFORMED: &[Refusal<'_>] = &[
    (b" ", 400, ""),
    (b"{", 400, ""),
    (b"}", 400, ""),
    (b"nul", 400, ""),
    (b"{\"url\":}", 400, ""),
    (b"{\"url\":\"https://example.com/\"", 400, ""),
    (b"{\"url\":\"https://example.com/\"}}", 400, ""),
    (b"{\"url\":\"https://example.com/\"}{}", 400, ""),
    (b"{\"url\":\"https://example.com/\",}", 400, ""),
    (b"{'url':'https://example.com/'}", 400, ""),
    (b"{url:\"https://example.com/\"}", 400, ""),
    (b"{\"url\":\"https://example.com/\"/**/}", 400, ""),
    (b"{\"url\":\"https://example.com/\xff\"}", 400, ""),
    (b"{\"url\":\"https://example.com/\xc0\xaf\"}", 400, ""),
    (b"{\"url\":\"https://example.com/\xed\xa0\x80\"}", 400, ""),
    (b"{\"url\":\"https://example.com/\\ud800\"}", 400, ""),
    (b"{\"url\":\"https://example.com/\\x41\"}", 400, ""),
    (b"{\"url\":\"https://example.com/\n\"}", 400, ""),
    (b"{\"url\":\"https://example.com/\0\"}", 400, ""),
    (b"{\"url\":\"https://example.com/\",\"max_clicks\":01}", 400, ""),
    (b"{\"url\":\"https://example.com/\",\"max_clicks\":NaN}", 400, ""),
    (b"{\"url\":\"https://example.com/\",\"max_clicks\":1e999}", 422, "max_clicks"),
    (b"null", 422, ""),
    (b"[]", 422, ""),
    (b"[{\"url\":\"https://example.com/\"}]", 422, ""),
    (b"\"https://example.com/\"", 422, ""),
    (b"1", 422, ""),
    (b"{}", 422, "url"),
    (b"{\"url\":\"https://example.com/\",\"url\":\"https://example.com/\"}", 422, "url"),
    (b"{\"url\":\"https://example.com/\",\"\\u0075rl\":\"https://example.com/\"}", 422, "url"),
    (b"{\"URL\":\"https://example.com/\"}", 422, "URL"),
    (b"{\"url\":\"https://example.com/\",\"\":1}", 422, ""),
    (b"{\"url\":\"https://example.com/\",\"<m4rk>\":1}", 422, "<m4rk>"),
];

/// What runs in a browser, reads files, splits headers or hides where it leads, in many spellings.
const URLS: &[&str] = &[
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://example.com/%0aalert(1)",
    " javascript:alert(1)",
    "\u{1}javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "java\r\nscript:alert(1)",
    "javascript\t:alert(1)",
    "javascript&colon;alert(1)",
    "javascript%3aalert(1)",
    "jav\u{ad}ascript:alert(1)",
    "\u{feff}javascript:alert(1)",
    "ｊavascript:alert(1)",
    "data:text/html,<m4rk>",
    "DATA:text/html;base64,PHNjcmlwdD4=",
    "data:,",
    "vbscript:x",
    "file:///etc/passwd",
    "FILE://localhost/etc/passwd",
    "blob:https://example.com/x",
    "about:blank",
    "filesystem:https://example.com/x",
    "view-source:https://example.com/",
    "ws://example.com/",
    "ftp://example.com/",
    "gopher://example.com/",
    "jar:https://example.com/!/",
    "chrome://settings",
    "urn:x:y",
    "x",
    "",
    " ",
    "//example.com/",
    "/canary",
    "\\\\example.com\\",
    "http:",
    "http://",
    "https:///",
    "http://:80/",
    "https://exa mple.com/",
    "https://example.com:99999/",
    "https://[::1/",
    "https://%00/",
    "https://example.com\0/",
    "https://<m4rk>/",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://@example.com@evil.example/",
    "https://example.com/\r\nSet-Cookie: m4rk=1",
    "https://example.com/\nx",
    "https://example.com/\0",
    "https://example.com/\u{7f}",
    "https://example.com/\u{85}",
    " https://example.com/",
    "https://example.com/ ",
    "https://example.com/\t",
    "http://sho.rt/canary",
    "HTTP://SHO.RT/canary",
    "http://sho.rt./canary",
    "http://sho.rt:80/../canary",
];

const CODES: &[&str] = &[
    "",
    " ",
    "/",
    "//",
    "a//b",
    "/a",
    "a/",
    ".",
    "..",
    "a/..",
    "../a",
    "./a",
    "a/./b",
    "a\\b",
    "a b",
    "a%20b",
    "a%2fb",
    "%61",
    "a?b",
    "a#b",
    "a+",
    "a+b",
    "a\0",
    "a\r\nb",
    "a\n",
    "\u{7f}",
    "a\u{85}",
    "\u{202e}abc",
    "\u{200b}",
    "\u{feff}",
    "<m4rk>",
    "a\"b",
    "a'b",
    "a;b",
    "a:b",
    "a@b",
    "a&b",
    "api",
    "API",
    "api/v1/x",
    "Dashboard",
    "livez",
    "robots.txt",
    "favicon.ico",
    ".well-known/x",
    "canary",
];

#[test]
fn bodies_that_are_not_an_object_of_known_fields_are_refused() {
    let besieged = Besieged::start(&[]);
    for &(body, status, field) in MALFORMED {
        is_refused(&besieged, "POST", "/api/v1/links", body, status, field);
    }
    for (opening, status) in [("[", 422), ("{\"url\":", 400), ("{\"x\":[", 400), ("{\"tags\":[", 400)] {
        let deep = opening.repeat(20_000);
        is_refused(
            &besieged,
            "POST",
            "/api/v1/links",
            &deep.as_bytes()[..60_000.min(deep.len())],
            status,
            "",
        );
    }
    let many: String = (0..5_000).map(|number| format!("\"x{number}\":0,")).collect();
    let many = format!("{{{many}\"url\":\"https://example.com/\"}}");
    is_refused(&besieged, "POST", "/api/v1/links", many.as_bytes(), 422, "x0");
    besieged.is_unharmed("malformed bodies");
}

#[test]
fn bodies_and_urls_of_200_kilobytes_are_refused() {
    let besieged = Besieged::start(&[]);
    let url = format!("https://example.com/{}", "y".repeat(200_000));
    let body = json!({ "url": url }).to_string();
    is_refused(&besieged, "POST", "/api/v1/links", body.as_bytes(), 413, "");
    let chunked = format!(
        "POST /api/v1/links HTTP/1.1\r\nHost: sho.rt\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    assert_eq!(besieged.send(chunked.as_bytes()).statuses(), [413]);
    for field in ["url", "expired_url"] {
        let mut long = json!({ "url": "https://example.com/" });
        long[field] = json!(&url[..9_000]);
        is_refused(&besieged, "POST", "/api/v1/links", long.to_string().as_bytes(), 422, field);
    }
    besieged.is_unharmed("long bodies");

    let large = Besieged::start(&["--set", "api.body_bytes=1MiB"]);
    is_refused(&large, "POST", "/api/v1/links", body.as_bytes(), 422, "url");
    large.is_unharmed("long urls");
}

#[test]
fn destinations_that_run_in_browsers_or_hide_where_they_lead_are_refused() {
    let besieged = Besieged::start(&[]);
    let id = besieged.links["links"][0]["id"].as_str().unwrap().to_owned();
    for url in URLS {
        let made = json!({ "url": url }).to_string();
        is_refused(&besieged, "POST", "/api/v1/links", made.as_bytes(), 422, "url");
        let expired = json!({ "url": "https://example.com/", "expired_url": url }).to_string();
        is_refused(&besieged, "POST", "/api/v1/links", expired.as_bytes(), 422, "expired_url");
        is_refused(&besieged, "PATCH", &format!("/api/v1/links/{id}"), made.as_bytes(), 422, "url");
    }
    besieged.is_unharmed("urls");
}

#[test]
fn codes_that_browsers_or_servers_would_read_differently_are_refused() {
    let besieged = Besieged::start(&[]);
    for code in CODES {
        let body = json!({ "url": "https://example.com/", "code": code }).to_string();
        let status = if *code == "canary" { 409 } else { 422 };
        is_refused(&besieged, "POST", "/api/v1/links", body.as_bytes(), status, "code");
    }
    let long = json!({ "url": "https://example.com/", "code": "a".repeat(191) }).to_string();
    is_refused(&besieged, "POST", "/api/v1/links", long.as_bytes(), 422, "code");
    besieged.is_unharmed("codes");
}

#[test]
fn values_of_other_types_are_refused_field_by_field() {
    let besieged = Besieged::start(&[]);
    let wrong = json!({
        "url": [1, true, {}, ["https://example.com/"], { "$ne": "" }], "code": [1, false, []], "title": [1, {}, []],
        "notes": [1, {}, []], "tags": ["a", 1, {}, { "0": "a" }, [1], [null], [[]], [""]],
        "starts_at": [1, "now", "2026-13-01T00:00:00Z", "2026-01-01", "99999-01-01T00:00:00Z", {}],
        "expires_at": [0, -1, "", "0000-00-00T00:00:00Z", []],
        "max_clicks": ["1", -1, 1.5, 0, 0.0, 1e30, u64::MAX, true, [], {}],
        "redirect_status": ["302", 200, 300, 303, 304, 99_999, -1, 302.5, true], "forward_query": ["true", 1, 0, [], {}],
        "password": [1, "", [], {}, true], "expired_url": [1, [], {}, ""], "reuse": ["yes", 1, []],
    });
    for (field, values) in wrong.as_object().unwrap() {
        for value in values.as_array().unwrap() {
            let mut body = json!({ "url": "https://example.com/" });
            body[field] = value.clone();
            is_refused(&besieged, "POST", "/api/v1/links", body.to_string().as_bytes(), 422, field);
        }
    }
    besieged.is_unharmed("wrong types");
}

#[test]
fn fields_that_are_not_for_clients_are_refused() {
    let besieged = Besieged::start(&[]);
    let id = besieged.links["links"][0]["id"].as_str().unwrap().to_owned();
    for field in [
        "id",
        "clicks",
        "created_at",
        "updated_at",
        "version",
        "domain",
        "short_url",
        "generated",
        "bucket",
        "password_hash",
        "has_password",
        "scopes",
        "__proto__",
        "constructor",
        "url_hash",
    ] {
        let mut body = json!({ "url": "https://example.com/" });
        body[field] = json!(1);
        is_refused(&besieged, "POST", "/api/v1/links", body.to_string().as_bytes(), 422, field);
        let change = json!({ field: 1 }).to_string();
        is_refused(&besieged, "PATCH", &format!("/api/v1/links/{id}"), change.as_bytes(), 422, field);
    }
    besieged.is_unharmed("fields of our own");
}

#[test]
fn in_a_bulk_each_of_them_fails_alone() {
    let besieged = Besieged::start(&[]);
    let mut body = Vec::new();
    let mut expected = Vec::new();
    for &(line, status, _) in MALFORMED.iter().filter(|(line, ..)| line != b" " && !line.contains(&b'\n')) {
        body.extend_from_slice(line);
        body.push(b'\n');
        expected.push(u64::from(status));
    }
    body.extend_from_slice(
        format!("{{\"url\":\"https://example.com/{}\"}}\n", "y".repeat(100_000)).as_bytes(),
    );
    expected.push(413);
    let answers = besieged.post("POST", "/api/v1/links/bulk", &body).text();
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<u64> = answers.iter().map(|answer| answer["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, expected, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["error"]["type"].is_string() && answer["link"].is_null()));
    besieged.is_unharmed("a bulk");
}

/// A problem with this status that names the field, if there
/// is one to name, and that no browser takes for a page.
fn is_refused(besieged: &Besieged, method: &str, path: &str, body: &[u8], status: u16, field: &str) {
    let response = besieged.post(method, path, body);
    let shown = body[..body.len().min(100)].escape_ascii();
    assert_eq!(response.status, status, "{shown}: {}", response.text());
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{shown}");
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{shown}");
    let problem = response.json();
    assert!(
        problem["detail"].as_str().is_some_and(|detail| !detail.is_empty() && !detail.contains(MARKER)),
        "{problem}"
    );
    if !field.is_empty() {
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{shown}: {problem}"));
        let named = |error: &Value| {
            error["field"]
                .as_str()
                .is_some_and(|name| name == field || name.starts_with(&format!("{field}[")))
        };
        assert!(errors.iter().any(named), "{field} in {problem}");
    }
}
