//! What visitors of a short link get.

use crate::support::server::Server;
use serde_json::json;
use tempfile::tempdir;

const NO_STORE: Option<&str> = Some("private, no-store");

#[test]
fn a_link_redirects_to_its_destination_as_it_was_given() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let link = server.link(&json!({ "url": "https://Example.com/a/../b?x=1#f" }));
    let path = format!("/{}", link["code"].as_str().unwrap());
    let mut client = server.client();
    for _ in 0..3 {
        let response = client.get(&path);
        assert_eq!(response.status, 302);
        assert_eq!(response.header("location"), Some("https://Example.com/a/../b?x=1#f"));
        assert_eq!(response.header("cache-control"), NO_STORE);
        assert_eq!(response.header("content-length"), Some("0"));
        assert!(response.header("date").is_some_and(|date| date.ends_with(" GMT")));
    }
    let head = client.request("HEAD", &path, &[], b"");
    assert_eq!((head.status, head.header("location")), (302, Some("https://Example.com/a/../b?x=1#f")));
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for number in 0..5 {
        server.link(&json!({ "url": format!("https://example.com/{number}"), "code": format!("p{number}") }));
    }
    let mut client = server.client();
    let mut bytes = Vec::new();
    for number in [0, 1, 2, 3, 4, 2, 9] {
        bytes.extend_from_slice(format!("GET /p{number} HTTP/1.1\r\nHost: sho.rt\r\n\r\n").as_bytes());
    }
    // The last one goes to hyper, after the answers to those before it.
    bytes.extend_from_slice(
        b"GET /livez HTTP/1.1\r\nHost: sho.rt\r\n\r\nGET /p1 HTTP/1.1\r\nHost: sho.rt\r\n\r\n",
    );
    client.send(&bytes).unwrap();
    for number in [0, 1, 2, 3, 4, 2] {
        let location = format!("https://example.com/{number}");
        assert_eq!(client.receive(false).unwrap().header("location"), Some(location.as_str()));
    }
    assert_eq!(client.receive(false).unwrap().status, 404);
    assert_eq!(client.receive(false).unwrap().text(), "ok\n");
    assert_eq!(client.receive(false).unwrap().header("location"), Some("https://example.com/1"));
}

#[test]
fn custom_codes_may_be_words_of_any_script_in_several_segments() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for (code, path) in
        [("summer", "/summer"), ("a/b/c", "/a/b/c"), ("größe", "/gr%C3%B6%C3%9Fe"), ("🚀", "/%F0%9F%9A%80")]
    {
        server.link(&json!({ "url": format!("https://example.com/{}", path.len()), "code": code }));
        let location = format!("https://example.com/{}", path.len());
        assert_eq!(server.client().get(path).header("location"), Some(location.as_str()), "{code}");
    }
    let taken = server.api(
        "POST",
        "/api/v1/links",
        Some(&json!({ "url": "https://example.com/", "code": "summer" })),
    );
    assert_eq!(taken.status, 409);
    // The longest of the widest characters: 760 bytes, and three times as many in the path.
    let longest = "🚀".repeat(190);
    server.link(&json!({ "url": "https://example.com/longest", "code": longest }));
    let mut client = server.client();
    for ending in ["", "", "+"] {
        let answer = client.get(&format!("/{}{ending}", "%F0%9F%9A%80".repeat(190)));
        assert_eq!(answer.status, if ending.is_empty() { 302 } else { 200 });
    }
    let body = json!({ "url": "https://example.com/", "code": "🚀".repeat(191) });
    assert_eq!(server.api("POST", "/api/v1/links", Some(&body)).status, 422);
    let reserved =
        server.api("POST", "/api/v1/links", Some(&json!({ "url": "https://example.com/", "code": "api/x" })));
    assert_eq!(reserved.status, 422);
}

#[test]
fn what_is_not_a_link_gets_a_friendly_page_and_other_methods_are_refused() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client();
    let unknown = client.visit("/nothing-here");
    assert_eq!((unknown.status, unknown.header("cache-control")), (404, NO_STORE));
    assert!(unknown.text().contains("<!doctype html>"));
    assert!(
        unknown.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    server.link(&json!({ "url": "https://example.com/", "code": "here" }));
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "POST"] {
        let response = client.request(method, "/here", &[], b"");
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert_eq!(client.get("/robots.txt").status, 200);
    assert_eq!(client.get("/favicon.ico").status, 200);
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn a_link_leads_nowhere_before_its_start_after_its_end_and_when_archived() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let make = |code: &str, extra: serde_json::Value| {
        let mut body = json!({ "url": "https://example.com/", "code": code });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        server.link(&body)
    };
    make("later", json!({ "starts_at": "2999-01-01T00:00:00Z" }));
    make("over", json!({ "starts_at": "2001-01-01T00:00:00Z", "expires_at": "2002-01-01T00:00:00Z" }));
    make("moved", json!({ "expires_at": "2002-01-01T00:00:00Z", "expired_url": "https://example.com/new" }));
    let archived = make("away", json!({}));
    assert_eq!(server.client().get("/away").status, 302);
    let id = archived["id"].as_str().unwrap();
    assert_eq!(
        server.api("PATCH", &format!("/api/v1/links/{id}"), Some(&json!({ "archived": true }))).status,
        200
    );
    let mut client = server.client();
    assert_eq!(client.get("/later").status, 404);
    assert_eq!(client.get("/over").status, 410);
    let moved = client.get("/moved");
    assert_eq!((moved.status, moved.header("location")), (302, Some("https://example.com/new")));
    let away = client.get("/away");
    assert_eq!((away.status, away.header("location")), (410, None));
    assert!(!away.text().contains("example.com"), "an archived link says nothing of its destination");
}

#[test]
fn a_change_is_seen_by_the_very_next_request_on_every_core() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--set", "threads=3"]);
    let link = server.link(&json!({ "url": "https://example.com/0", "code": "moving" }));
    let path = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    let mut clients: Vec<_> = (0..12).map(|_| server.client()).collect();
    for version in 1..40 {
        let url = format!("https://example.com/{version}");
        assert_eq!(server.api("PATCH", &path, Some(&json!({ "url": url }))).status, 200);
        for client in &mut clients {
            assert_eq!(client.get("/moving").header("location"), Some(url.as_str()));
        }
    }
    assert_eq!(server.api("DELETE", &path, None).status, 204);
    assert!(clients.iter_mut().all(|client| client.visit("/moving").status == 404));
    server.link(&json!({ "url": "https://example.com/again", "code": "moving" }));
    assert!(
        clients.iter_mut().all(|client| client.get("/moving").status == 302),
        "a free code can be taken anew"
    );
}

#[test]
fn the_status_and_the_query_are_as_the_link_says() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client();
    for status in [301, 302, 307, 308] {
        let body = json!({ "url": "https://example.com/?a=1#f", "code": format!("s{status}"), "redirect_status": status,
                           "forward_query": true });
        server.link(&body);
        let response = client.get(&format!("/s{status}?b=2&utm_source=mail"));
        assert_eq!(response.status, status);
        assert_eq!(response.header("location"), Some("https://example.com/?a=1&b=2&utm_source=mail#f"));
        let expected = if matches!(status, 301 | 308) { Some("private, max-age=90") } else { NO_STORE };
        assert_eq!(response.header("cache-control"), expected);
    }
    server.link(&json!({ "url": "https://example.com/", "code": "plain" }));
    assert_eq!(client.get("/plain?b=2").header("location"), Some("https://example.com/"));
}

#[test]
fn a_preview_shows_the_destination_without_going_there() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let link = server
        .link(&json!({ "url": "https://example.com/where", "code": "look", "title": "<b>A title</b>" }));
    let preview = server.client().get("/look+");
    assert_eq!((preview.status, preview.header("location")), (200, None));
    assert!(preview.text().contains("https://example.com/where") && preview.text().contains("example.com"));
    assert!(!preview.text().contains("<b>A title"), "what people typed is never markup");
    let clicks = server.clicks(link["id"].as_str().unwrap());
    assert_eq!(clicks["total"], 0, "a preview is no click");
}

#[test]
fn a_preview_takes_the_query_along_as_the_link_would() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    server.link(&json!({ "url": "https://example.com/?a=1#f", "code": "on", "forward_query": true }));
    server.link(&json!({ "url": "https://example.com/?a=1#f", "code": "off" }));
    let query = "utm_source=x&b=%22%3E";
    let shown = |code: &str| server.client().get(&format!("/{code}+?{query}")).text();
    let (on, off) = (shown("on"), shown("off"));
    assert!(on.contains("https://example.com/?a=1&#38;utm_source=x&#38;b=%22%3E#f"), "{on}");
    assert!(off.contains(">https://example.com/?a=1#f<"), "{off}");
    for (code, page) in [("on", on), ("off", off)] {
        let onward = format!("href=\"/{code}?utm_source=x&#38;b=%22%3E\"");
        assert!(page.contains(&onward), "whoever goes on is counted for the source as well: {page}");
    }
    assert!(server.client().get("/on+").text().contains("href=\"/on\""));
}

#[test]
fn what_is_no_form_is_refused_for_what_it_is() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let body = json!({ "url": "https://example.com/secret", "code": "locked", "password": "open sesame" });
    server.link(&body);
    server.link(&json!({ "url": "https://example.com/", "code": "open" }));
    let password = b"password=open+sesame";
    let post = |path: &str, content_type: &str, body: &[u8]| {
        server.client().request("POST", path, &[("content-type", content_type)], body).status
    };
    for (content_type, status) in [
        ("application/x-www-form-urlencoded", 303),
        ("Application/X-WWW-Form-URLEncoded; charset=utf-8", 303),
        ("application/x-www-form-urlencoded-not", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json", 415),
    ] {
        assert_eq!(post("/locked", content_type, password), status, "{content_type}");
        // A form that was read before the password went is answered with the link itself, everything else is
        // no business of it.
        let is_form = status == 303;
        assert_eq!(post("/open", content_type, password), if is_form { 303 } else { 405 }, "{content_type}");
        assert_eq!(post("/open", content_type, b"name=x"), 405, "{content_type}");
        assert_eq!(post("/nothing", content_type, password), 405, "{content_type}");
    }
    let untyped = server.client().request("POST", "/locked", &[], password);
    assert_eq!((untyped.status, untyped.header("accept")), (415, Some("application/x-www-form-urlencoded")));
    assert_eq!(post("/locked", "application/x-www-form-urlencoded", &[b'x'; 5_000]), 413);
    let mut client = server.client();
    let broken = "POST /locked HTTP/1.1\r\nHost: sho.rt\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                  Transfer-Encoding: chunked\r\n\r\nzz\r\npassword=x\r\n0\r\n\r\n";
    client.send(broken.as_bytes()).unwrap();
    assert_eq!(client.receive(false).unwrap().status, 400);
}

#[test]
fn a_password_is_asked_for_and_cannot_be_guessed_quickly() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let body = json!({ "url": "https://example.com/secret", "code": "locked", "password": "open sesame" });
    let link = server.link(&body);
    assert!(!link.to_string().contains("argon2") && !link.to_string().contains("sesame"), "{link}");
    let mut client = server.client();
    let asked = client.get("/locked");
    assert_eq!((asked.status, asked.header("location")), (200, None));
    assert!(asked.text().contains("type=\"password\"") && !asked.text().contains("example.com"));
    assert!(!client.get("/locked+").text().contains("example.com"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let right = client.request("POST", "/locked", &form, b"password=open+sesame");
    assert_eq!((right.status, right.header("location")), (303, Some("https://example.com/secret")));
    for _ in 0..5 {
        let wrong = client.request("POST", "/locked", &form, b"password=guess");
        assert_eq!((wrong.status, wrong.header("location")), (403, None));
    }
    let stopped = client.request("POST", "/locked", &form, b"password=open+sesame");
    assert_eq!(stopped.status, 429, "after five wrong ones in a minute the right one has to wait too");
    assert!(stopped.header("retry-after").is_some());
}

#[test]
fn each_request_has_one_outcome_in_the_metrics() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--admin-listen", "127.0.0.1:0"]);
    server.link(&json!({ "url": "https://example.com/", "code": "plain" }));
    server.link(&json!({ "url": "https://example.com/", "code": "once", "max_clicks": 1 }));
    server.link(
        &json!({ "url": "https://example.com/", "code": "over", "expires_at": "2020-01-01T00:00:00Z" }),
    );
    server.link(&json!({ "url": "https://example.com/", "code": "secret", "password": "sesame" }));
    let mut client = server.client();
    let mut asked = 0;
    for code in ["plain", "once", "over", "secret", "nothing"] {
        for (method, ending) in [("HEAD", ""), ("GET", ""), ("GET", "+"), ("GET", "")] {
            client.request(method, &format!("/{code}{ending}"), &[], b"");
            asked += 1;
        }
    }
    let shown = server.shown();
    let outcomes = shown.lines().filter_map(|line| line.strip_prefix("curtail_requests_total{"));
    let counted: u64 = outcomes.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(counted, asked, "{shown}");
}

#[test]
fn who_still_has_the_form_of_a_password_is_told_what_the_link_has_become() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let link =
        server.link(&json!({ "url": "https://example.com/secret", "code": "locked", "password": "sesame" }));
    let path = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let past = "2020-01-01T00:00:00Z";
    for (change, status, location) in [
        (json!({ "archived": true }), 410, None),
        (json!({ "archived": false, "expires_at": past }), 410, None),
        (json!({ "expired_url": "https://example.com/over" }), 302, Some("https://example.com/over")),
        (json!({ "expires_at": null, "password": null }), 303, Some("/locked?a=1")),
    ] {
        assert_eq!(server.api("PATCH", &path, Some(&change)).status, 200, "{change}");
        let answer = server.client().request("POST", "/locked?a=1", &form, b"password=sesame");
        assert_eq!((answer.status, answer.header("location")), (status, location), "{change}");
    }
}

#[test]
fn a_page_for_unknown_links_that_is_not_there_either_sends_nobody_round_and_round() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--set", "redirect.not_found_url=http://sho.rt/lost?a=1"]);
    let mut client = server.client();
    let sent = client.visit("/nothing");
    assert_eq!((sent.status, sent.header("location")), (302, Some("http://sho.rt/lost?a=1")));
    assert_eq!(client.visit("/lost?a=1").status, 404);
}

#[test]
fn who_asks_for_a_link_that_is_over_is_an_orphan_and_who_sends_something_is_nobody() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let over = json!({ "url": "https://example.com/", "code": "over", "expires_at": "2020-01-01T00:00:00Z", "expired_url": "https://example.com/over" });
    let link = server.link(&over);
    let mut client = server.client();
    assert_eq!(client.get("/over").header("location"), Some("https://example.com/over"));
    client.get("/over+");
    for path in ["/over", "/nothing", "/over+"] {
        assert_eq!(client.request("POST", path, &[], b"").status, 405, "{path}");
    }
    client.visit("/nothing");
    let orphans = server.eventually(|server| {
        let orphans = server.api("GET", "/api/v1/orphans", None).json();
        (orphans["total"] == 2).then_some(orphans)
    });
    assert!(orphans.to_string().contains("/over"), "{orphans}");
    assert_eq!(server.clicks(link["id"].as_str().unwrap())["total"], 0);
}
