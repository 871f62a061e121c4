//! A bulk answers every line in order, each on its own, and holds none of them longer than it must.

use crate::server::Server;
use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt;

async fn bulk(server: &Server, body: impl Into<Body>) -> Vec<Value> {
    let answer =
        server.ask("POST", "/api/v1/links/bulk", &[("content-type", "application/x-ndjson")], body).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-ndjson"));
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_line_is_answered_on_its_own_and_in_order() {
    let server = Server::start().await;
    let long = format!("{{\"url\":\"https://example.com/{}\"}}", "x".repeat(70_000));
    let mut body = format!(
        "{{\"url\":\"https://example.com/1\",\"code\":\"one\"}}\r\n\n{{bad\n{{\"url\":\"https://example.com/2\",\"code\":\"one\"}}\n\
         {{\"url\":\"nope\",\"x\":1}}\n{long}\n  \t\n{{\"url\":\"https://example.com/1\",\"reuse\":true}}\n"
    )
    .into_bytes();
    body.extend_from_slice(
        b"{\"url\":\"https://example.com/\xff\"}\n{\"url\":\"https://example.com/3\",\"password\":\"p\"}",
    );
    let answers = bulk(&server, body).await;
    let got: Vec<_> = answers
        .iter()
        .map(|answer| (answer["line"].as_u64().unwrap(), answer["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(got, [(1, 201), (3, 400), (4, 409), (5, 422), (6, 413), (8, 200), (9, 400), (10, 201)]);
    assert_eq!(answers[0]["link"]["short_url"], "https://sho.rt/one");
    assert_eq!(answers[5]["link"]["id"], answers[0]["link"]["id"]);
    assert_eq!(answers[3]["error"]["errors"].as_array().unwrap().len(), 2);
    assert_eq!(answers[7]["link"]["has_password"], true);
    assert_eq!(server.get("/api/v1/links").await.json()["links"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_empty_body_is_answered_with_nothing() {
    let server = Server::start().await;
    for body in ["", "\n", "\r\n\n  "] {
        assert!(bulk(&server, body).await.is_empty());
    }
    server
        .ask("POST", "/api/v1/links/bulk", &[("content-type", "text/csv")], "")
        .await
        .problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn repeating_a_bulk_makes_nothing_twice() {
    let server = Server::start().await;
    let body = "{\"url\":\"https://example.com/1\"}\n{\"url\":\"https://example.com/1\"}\n\
                {\"url\":\"https://example.com/1\",\"reuse\":true}\n";
    let ask =
        async || server.ask("POST", "/api/v1/links/bulk", &[("idempotency-key", "k")], body).await.text();
    let first = ask().await;
    assert!(first.lines().last().unwrap().contains("\"status\":200"), "{first}");
    assert_eq!(ask().await, first);
    assert_eq!(server.get("/api/v1/links").await.json()["links"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_makes_no_link_of_half_a_line() {
    let server = Server::start().await;
    let pieces = [
        Ok(Bytes::from("{\"url\":\"https://example.com/1\"}\n{\"url\":\"https://example.com/2\"}")),
        Err("broken"),
    ];
    let answers = bulk(&server, Body::from_stream(stream::iter(pieces))).await;
    let got: Vec<_> = answers
        .iter()
        .map(|answer| (answer["line"].as_u64().unwrap(), answer["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(got, [(1, 201), (2, 400)]);
}

#[tokio::test]
async fn lines_are_answered_while_more_are_still_to_come() {
    let server = Server::start().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let input = stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|piece| (Ok::<_, Infallible>(piece), receiver))
    });
    let request =
        Request::post("/api/v1/links/bulk").header("authorization", format!("Bearer {}", server.key));
    let response =
        server.router.clone().oneshot(request.body(Body::from_stream(input)).unwrap()).await.unwrap();
    let mut answers = response.into_body().into_data_stream();
    for n in 1..=3 {
        sender.send(Bytes::from(format!("{{\"url\":\"https://example.com/{n}\"}}\n"))).await.unwrap();
        let answer: Value = serde_json::from_slice(&answers.next().await.unwrap().unwrap()).unwrap();
        assert_eq!(answer["line"], n);
    }
    drop(sender);
    assert!(answers.next().await.is_none());
}

/// 100,000 lines, of which at no time more than a bounded number have been read and not been answered.
#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_from() {
    const LINES: usize = 100_000;
    const PIECE: usize = 500;
    let server = Server::start().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let input = stream::iter((0..LINES / PIECE).map(move |piece| {
        counter.fetch_add(PIECE, Ordering::Relaxed);
        let lines =
            (0..PIECE).map(|n| format!("{{\"url\":\"https://example.com/{}\"}}\n", piece * PIECE + n));
        Ok::<_, Infallible>(lines.collect::<String>())
    }));
    let request =
        Request::post("/api/v1/links/bulk").header("authorization", format!("Bearer {}", server.key));
    let response =
        server.router.clone().oneshot(request.body(Body::from_stream(input)).unwrap()).await.unwrap();
    assert_eq!(sent.load(Ordering::Relaxed), 0);
    let mut body = response.into_body();
    let (mut answered, mut ahead_max) = (0, 0);
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap();
        answered += piece.iter().filter(|&&byte| byte == b'\n').count();
        ahead_max = ahead_max.max(sent.load(Ordering::Relaxed) - answered);
    }
    assert_eq!(answered, LINES);
    assert!(ahead_max <= 3 * 16_384 + PIECE, "{ahead_max}");
}
