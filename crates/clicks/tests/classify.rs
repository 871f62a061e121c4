//! What the other headers and the query say about a click, whatever they hold.

use curtail_clicks::classify::{agent, campaign, class, language, referrer};
use curtail_model::ClickClass;
use proptest::prelude::*;

const CHROME: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";

#[test]
fn how_a_request_was_made_outranks_what_it_says_about_itself() {
    let (person, bot) = (agent(CHROME), agent("Slackbot 1.0"));
    assert_eq!(class(false, false, &person), (ClickClass::Human, "browser"));
    assert_eq!(class(false, false, &agent("Shop/1 CFNetwork/1 Darwin/22")), (ClickClass::Human, "app"));
    assert_eq!(class(false, false, &agent("Mozilla/5.0 (Unknown)")), (ClickClass::Human, "unrecognised"));
    assert_eq!(class(false, false, &bot), (ClickClass::Bot, "link preview"));
    assert_eq!(class(true, false, &bot).0, ClickClass::Head);
    assert_eq!(class(true, true, &person).0, ClickClass::Head);
    assert_eq!(class(false, true, &person).0, ClickClass::Prefetch);
}

#[test]
fn a_referrer_is_the_host_that_people_know() {
    for (header, host) in [
        ("", "direct"),
        ("  ", "direct"),
        ("https://www.Example.COM:8443/a?b=https://c.d/#e", "example.com"),
        ("http://user:secret@example.com/", "example.com"),
        ("http://other.example@secret@example.com/@x", "example.com"),
        ("https://example.com.", "example.com"),
        ("https://blog.example.com/x", "blog.example.com"),
        ("https://m.youtube.com/watch", "youtube.com"),
        ("https://www.m.wikipedia.org/", "wikipedia.org"),
        ("https://www.com/", "www.com"),
        ("https://m.co.uk/", "m.co.uk"),
        ("https://l.facebook.com/l.php?u=x", "facebook.com"),
        ("https://lm.facebook.com/", "facebook.com"),
        ("http://m.facebook.com", "facebook.com"),
        ("https://l.instagram.com/", "instagram.com"),
        ("https://out.reddit.com/t3_x", "reddit.com"),
        ("https://away.vk.com/", "vk.com"),
        ("https://t.co/abc", "x.com"),
        ("https://twitter.com/a/status/1", "x.com"),
        ("https://www.google.de/", "google.de"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://127.0.0.1:8080/", "127.0.0.1"),
        ("http://[2001:DB8::1]:80/", "[2001:db8::1]"),
        ("http://localhost/", "localhost"),
        ("HTTPS://EXAMPLE.ORG", "example.org"),
    ] {
        assert_eq!(referrer(header.as_bytes()), host, "{header}");
    }
}

#[test]
fn what_is_no_address_of_a_page_is_invalid() {
    for header in [
        "example.com",
        "about:blank",
        "javascript://x/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://a b/",
        "https://a..b/",
        "https://b\u{fc}cher.example/",
        "https://x:port/",
        "https://x:123456/",
        "http://[::1/",
        "http://[zz]/",
        "https://a\r\nSet-Cookie: b/",
        "https://<script>/",
    ] {
        assert_eq!(referrer(header.as_bytes()), "(invalid)", "{header}");
    }
    assert_eq!(referrer(&[b"https://".as_slice(), &[b'a'; 300]].concat()), "(invalid)");
    assert_eq!(referrer(b"https://\xff.example/"), "(invalid)");
}

#[test]
fn the_preferred_language_is_the_one_with_the_greatest_weight() {
    for (header, subtag) in [
        ("", "unknown"),
        ("*", "unknown"),
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.5, pt-BR;q=0.9, fr;q=0.9", "pt"),
        ("EN-us", "en"),
        ("zh-Hant-TW", "zh"),
        ("fil", "fil"),
        ("en_US", "en"),
        ("x-klingon, sv;q=0.3", "sv"),
        ("en;q=0", "unknown"),
        ("fr;q=nan, it;q=0.2", "it"),
        ("fr;q=7, it; Q = 0.2", "it"),
        ("iw-IL", "he"),
        ("e\u{e9}, 12, abcd", "unknown"),
    ] {
        assert_eq!(language(header.as_bytes()), subtag, "{header}");
    }
}

#[test]
fn a_campaign_is_what_the_query_names() {
    let found = campaign(b"?utm_source=news+letter&utm_medium=e%2Dmail&UTM_CAMPAIGN=%C3%9Cber&x=1");
    assert_eq!(found.source.as_deref(), Some("news letter"));
    assert_eq!(found.medium.as_deref(), Some("e-mail"));
    assert_eq!(found.campaign.as_deref(), Some("Über"));
    let source = |query: &str| campaign(query.as_bytes()).source.map(String::from);
    assert_eq!(source("source=c&ref=b&utm_source=a").as_deref(), Some("a"));
    assert_eq!(source("source=c&ref=b").as_deref(), Some("b"));
    assert_eq!(source("source=c").as_deref(), Some("c"));
    assert_eq!(source("utm_source=&utm_source=a&utm_source=b").as_deref(), Some("a"));
    assert_eq!(source("utm_source=%00%0d%0A+%E2%80%AE"), None);
    assert_eq!(source("utm_source=a%0d%0aSet-Cookie:b").as_deref(), Some("aSet-Cookie:b"));
    assert_eq!(source("utm_source=%zz%").as_deref(), Some("%zz%"));
    assert_eq!(source("utm_source"), None);
    assert_eq!(source(""), None);
}

#[test]
fn a_long_value_is_cut_at_the_end_of_a_character() {
    let query = format!("utm_source={}&utm_medium={}", "%C3%BC".repeat(99), "m".repeat(500));
    let found = campaign(query.as_bytes());
    assert_eq!(found.source.unwrap(), "ü".repeat(50));
    assert_eq!(found.medium.unwrap(), "m".repeat(100));
}

/// Bytes as attackers send them: now and then with what the parsers look for in between.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::sample::select(
            &[
                "https://",
                "android-app://",
                "@",
                ":",
                "[",
                "]",
                ".",
                "/",
                "www.",
                "m.",
                "utm_source=",
                "ref=",
                "&",
                "%",
                "%0a",
                "+",
                "en",
                ",",
                ";q=",
                "0.5",
                "-"
            ][..]
        )
        .prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_comes_in_what_goes_out_is_short_and_clean(bytes in hostile()) {
        let found = campaign(&bytes);
        let values = [found.source, found.medium, found.campaign].into_iter().flatten();
        let named = [referrer(&bytes), language(&bytes)];
        for value in values.chain(named) {
            prop_assert!((1..=253).contains(&value.len()), "{value:?}");
            prop_assert!(!value.chars().any(char::is_control), "{value:?}");
        }
    }

    #[test]
    fn a_referrer_has_no_upper_case_and_nothing_but_a_host(bytes in hostile()) {
        let host = referrer(&bytes);
        let is_host = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-_[]:()".contains(letter);
        prop_assert!(host.chars().all(is_host), "{host:?}");
    }
}
