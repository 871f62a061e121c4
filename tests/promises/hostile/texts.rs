//! Texts that break programs are kept as they are, and keys that are none open nothing.

use super::{Besieged, MARKER, Reply};
use crate::support::server::{KEY, Server};
use serde_json::json;
use tempfile::tempdir;

/// Words that have broken somebody's parser, query, page or font before.
const NAUGHTY: &[&str] = &[
    "undefined",
    "null",
    "NULL",
    "(null)",
    "nil",
    "NaN",
    "true",
    "-1",
    "0",
    "1e1000",
    "0x0",
    "1;DROP TABLE links",
    "' OR '1'='1",
    "\"; DELETE FROM links; --",
    "1' UNION SELECT 1,2,3--",
    "%' ESCAPE '!",
    "_%",
    "NEAR(a b)",
    "a AND b OR NOT c",
    "\"unbalanced",
    "title:x",
    "*",
    "col:*",
    "^a",
    "{\"$gt\":\"\"}",
    "<m4rk>alert(1)</m4rk>",
    "\"><m4rk>",
    "'><m4rk>",
    "<!--",
    "]]>",
    "<![CDATA[",
    "&lt;m4rk&gt;",
    "&#60;m4rk&#62;",
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "%s%s%n",
    "%d%00",
    "$(touch x)",
    "`touch x`",
    "| cat /etc/passwd",
    "../../etc/passwd",
    "\\\\host\\share",
    "C:\\con\\con",
    "\\",
    "\\\\",
    "\\u0000",
    "\\x00",
    "%00",
    "=1+1",
    "@SUM(1)",
    "+1",
    "-1+1",
    "Ω≈ç√∫˜µ≤≥÷",
    "田中さんにあげて下さい",
    "表ポあA鷗ŒéＢ逍Üßªąñ丂㐀𠀀",
    "الكل في المجمو عة",
    "בְּרֵאשִׁית",
    "🏳️‍🌈👩‍👩‍👧‍👦🇩🇪",
    "\u{202e}gnp.exe",
    "a\u{2028}\u{2029}b",
    "\u{feff}x",
    "\u{200b}\u{200d}x",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "ﬃ",
    "Å",
    "Å",
    "ⅷ",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "ı İ ß ẞ",
    "ﷺ",
    "100,000.00",
    "Scunthorpe",
    "CON",
    "a b",
    "a,b",
    "a;b",
    "a=b",
];

#[test]
fn texts_of_every_kind_come_back_byte_for_byte() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut made = Vec::new();
    for &text in NAUGHTY {
        let link = server.link(&json!({ "url": "https://example.com/", "title": text, "notes": format!("{text}\r\n\t{text}"), "tags": [text] }));
        made.push((text, link));
    }
    for (text, link) in &made {
        let read = server.api("GET", &format!("/api/v1/links/{}", link["id"].as_str().unwrap()), None).json();
        assert_eq!((read["title"].as_str(), read["tags"][0].as_str()), (Some(*text), Some(*text)));
        assert_eq!(read["notes"].as_str(), Some(format!("{text}\r\n\t{text}").as_str()));
        let tagged = server.api("GET", &format!("/api/v1/links?tag={}", encoded(text)), None);
        assert!(tagged.text().contains(link["id"].as_str().unwrap()), "{text:?} finds {}", tagged.text());
        let searched = server.api("GET", &format!("/api/v1/links?q={}", encoded(text)), None);
        assert!(matches!(searched.status, 200 | 422), "{text:?}: {}", searched.text());
        let preview = server.client().get(&format!("/{}+", link["code"].as_str().unwrap()));
        assert!(preview.status == 200 && !preview.text().contains(MARKER), "{}", preview.text());
        assert!(preview.header("content-security-policy").is_some());
    }
}

#[test]
fn what_is_no_key_opens_nothing() {
    let besieged = Besieged::start(&[]);
    let upper = KEY.to_uppercase();
    let long = "k".repeat(8_000);
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer null",
        "Bearer undefined",
        "Bearer true",
        "Bearer {\"$ne\":\"\"}",
        "Bearer []",
        "Bearer 0",
        "Bearer *",
        "Bearer %",
        "Bearer ' OR 1=1 --",
        "Bearer <m4rk>",
        "Basic dGVzdDp0ZXN0",
        "Digest x",
        "Negotiate",
        KEY,
        &upper,
        &format!("Bearer {}", &KEY[1..]),
        &format!("Bearer {}", &KEY[..KEY.len() - 1]),
        &format!("Bearer {KEY}x"),
        &format!("Bearer {KEY},{KEY}"),
        &format!("Bearer \"{KEY}\""),
        &format!("Basic {KEY}"),
        &format!("Bearer {upper}"),
        &format!("Bearer {long}"),
        &format!("Bearer={KEY}"),
        &format!("Bearer wrong {KEY}"),
    ] {
        is_unauthorized(&besieged, &format!("Authorization: {value}\r\n"), "/api/v1/links");
    }
    let twice = format!("Authorization: Bearer wrong\r\nAuthorization: Bearer {KEY}\r\n");
    is_unauthorized(&besieged, &twice, "/api/v1/links");
    is_unauthorized(&besieged, "", &format!("/api/v1/links?key={KEY}&access_token={KEY}"));
    is_unauthorized(&besieged, &format!("X-API-Key: {KEY}\r\nCookie: key={KEY}\r\n"), "/api/v1/links");
    for path in
        ["/api/v1/keys", "/api/v1/stats", "/api/v1/orphans", "/api/v1/tags", "/api/v1/links/by-code/canary"]
    {
        is_unauthorized(&besieged, "", path);
    }
    besieged.is_unharmed("bad keys");
}

#[test]
fn a_flood_of_bad_keys_is_stopped_and_good_keys_still_work() {
    let besieged = Besieged::start(&[]);
    let mut client = besieged.server.client();
    besieged.server.eventually(|_| {
        let status = client.request("GET", "/api/v1/links", &[("authorization", "Bearer guess")], b"").status;
        assert!(matches!(status, 401 | 429));
        (status == 429).then_some(())
    });
    besieged.is_unharmed("a flood of bad keys");
}

fn is_unauthorized(besieged: &Besieged, headers: &str, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: sho.rt\r\nConnection: close\r\n{headers}\r\n");
    let reply: Reply = besieged.send(head.as_bytes());
    assert_eq!(reply.statuses(), [401], "{headers:?}: {}", reply.text());
    assert!(!reply.text().contains("canary") && !reply.text().contains(MARKER), "{}", reply.text());
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
