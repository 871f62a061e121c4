//! Questions about clicks are answered in full or refused with what to ask instead.

use crate::server::{Server, settings};
use curtail_api::Settings;
use curtail_clicks::pipeline::Retention;
use curtail_clicks::recorder::{Clicked, RawClick, Recorded};
use curtail_model::{LinkId, Timestamp};

#[tokio::test]
async fn stats_default_to_the_last_thirty_days() {
    let server = Server::start().await;
    let link = server.make(r#"{"url": "https://example.com/1"}"#).await;
    let path = format!("/api/v1/links/{}/stats", link["id"].as_str().unwrap());
    for path in [path.as_str(), "/api/v1/stats"] {
        let stats = server.get(path).await;
        assert_eq!(stats.status, 200, "{}", stats.text());
        let stats = stats.json();
        assert_eq!((stats["total"].as_u64(), stats["unique"].as_u64()), (Some(0), Some(0)));
        assert_eq!(
            (stats["series"].as_array().unwrap().len(), &stats["interval"], &stats["class"]),
            (30, &"day".into(), &"all".into())
        );
        assert!(
            stats["series"][0]["t"].as_str().unwrap().ends_with("T00:00:00Z")
                && stats["groups"].as_array().unwrap().is_empty()
        );
    }
    server.get("/api/v1/links/4096/stats").await.problem(404, "not-found");
    assert_eq!(server.get("/api/v1/orphans?limit=5").await.json()["paths"], serde_json::json!([]));
}

#[tokio::test]
async fn a_day_as_the_end_is_in_the_range() {
    let server = Server::start().await;
    let stats =
        server.get("/api/v1/stats?from=2026-03-01&to=2026-03-31&group_by=country&class=human").await.json();
    assert_eq!(
        (&stats["from"], &stats["to"]),
        (&"2026-03-01T00:00:00Z".into(), &"2026-04-01T00:00:00Z".into())
    );
    assert_eq!((stats["series"].as_array().unwrap().len(), &stats["group_by"]), (31, &"country".into()));
    for group_by in [
        "city", "referrer", "source", "medium", "campaign", "browser", "os", "device", "language", "class",
        "reason",
    ] {
        assert_eq!(server.get(&format!("/api/v1/stats?group_by={group_by}")).await.status, 200, "{group_by}");
    }
}

#[tokio::test]
async fn questions_that_cannot_be_answered_say_what_to_ask_instead() {
    let server = Server::start().await;
    let wrong = server
        .get("/api/v1/stats?from=yesterday&to=5&interval=week&group_by=shoe&class=cat&limit=0&x=1")
        .await;
    let mut fields = wrong.problem(422, "invalid-fields");
    fields.sort();
    assert_eq!(fields, ["class", "from", "group_by", "interval", "limit", "to", "x"]);
    let empty = server.get("/api/v1/stats?from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z").await;
    assert_eq!(empty.problem(422, "invalid-fields"), ["from"]);
    let fine = server.get("/api/v1/stats?from=2020-01-01&to=2020-12-31&interval=minute").await;
    assert_eq!(fine.problem(422, "invalid-fields"), ["from", "interval"]);
    assert!(
        fine.text().contains("interval=hour") && fine.text().contains("are kept by minute"),
        "{}",
        fine.text()
    );
}

#[tokio::test]
async fn a_range_without_a_start_begins_with_what_is_kept() {
    let retention = Retention {
        minutes_kept_millis: 2 * Timestamp::HOUR,
        hours_kept_millis: 7 * Timestamp::DAY,
        days_kept_millis: Some(10 * Timestamp::DAY),
    };
    let server = Server::with(Settings { retention, ..settings() }).await;
    // An interval that is half forgotten is shown, and the one that it is now.
    for (interval, points) in [("minute", 120..=121), ("hour", 168..=169), ("day", 10..=11)] {
        let stats = server.get(&format!("/api/v1/stats?interval={interval}")).await;
        assert_eq!(stats.status, 200, "{}", stats.text());
        let series = stats.json()["series"].as_array().unwrap().len();
        assert!(points.contains(&series), "{interval}: {series}");
    }
    assert_eq!(server.get("/api/v1/orphans").await.status, 200);
    for (question, field, advice) in [
        (
            "stats?interval=minute&to=2026-01-01",
            "to",
            "are kept by minute: choose a later time, or interval=hour",
        ),
        ("stats?from=2026-01-01", "from", "are kept by day: choose a later time\""),
        ("stats?to=2026-01-01", "to", "are kept by day: choose a later time\""),
        ("orphans?from=2026-01-01", "from", "are kept by day: choose a later time\""),
    ] {
        let refused = server.get(&format!("/api/v1/{question}")).await;
        assert_eq!(refused.problem(422, "invalid-fields"), [field], "{question}");
        assert!(refused.text().contains(advice), "{}", refused.text());
    }
}

#[tokio::test]
async fn the_last_day_of_all_ends_when_times_do() {
    let server = Server::start().await;
    for day in ["9999-12-30", "9999-12-31"] {
        for path in ["stats", "orphans"] {
            let answer = server.get(&format!("/api/v1/{path}?from=9999-12-29&to={day}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let range = (answer.json()["from"].clone(), answer.json()["to"].clone());
            assert_eq!(range, ("9999-12-29T00:00:00Z".into(), "9999-12-30T22:00:00Z".into()), "{path} {day}");
        }
    }
}

#[tokio::test]
async fn leaders_are_asked_for_by_hour_or_day() {
    let server = Server::start().await;
    let top = server.get("/api/v1/top").await.json();
    assert_eq!((&top["period"], &top["links"]), (&"day".into(), &serde_json::json!([])));
    assert_eq!(server.get("/api/v1/top?period=hour&limit=100").await.json()["period"], "hour");
    let wrong = server.get("/api/v1/top?period=minute&limit=101&x=1").await;
    let mut fields = wrong.problem(422, "invalid-fields");
    fields.sort();
    assert_eq!(fields, ["limit", "period", "x"]);
}

#[tokio::test]
async fn the_pipeline_says_what_was_produced_counted_and_dropped() {
    let mut server = Server::start().await;
    let click = RawClick {
        at: Timestamp::from_millis(0),
        clicked: Clicked::Link(LinkId::new(1).unwrap()),
        address: [192, 0, 2, 1].into(),
        head: false,
        prefetch: false,
        user_agent: b"",
        referrer: b"",
        language: b"",
        query: b"",
    };
    let mut kept = 0;
    while kept < 5_000 {
        kept += u64::from(server.recorder.record(&click) == Recorded::Kept);
    }
    while server.pipeline.status().counted < kept {
        tokio::task::yield_now().await;
    }
    let answer = server.get("/api/v1/pipeline").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pipeline = answer.json();
    let dropped: u64 =
        pipeline["dropped"].as_object().unwrap().values().map(|clicks| clicks.as_u64().unwrap()).sum();
    assert_eq!(pipeline["counted"], kept);
    assert_eq!(pipeline["produced"], kept + dropped);
    assert_eq!((&pipeline["part"], &pipeline["healthy"]), (&"alone".into(), &true.into()));
    assert_eq!((&pipeline["lag"]["clicks"], &pipeline["poison"]["malformed"]), (&0.into(), &0.into()));
    assert!(pipeline["commits"]["made"].as_u64() > Some(0));
    server.get("/api/v1/pipeline?x=1").await.problem(422, "invalid-fields");
}
