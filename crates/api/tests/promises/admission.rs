//! What one class of requests takes, it takes from no other.

use crate::server::Server;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use curtail_api::Class;
use futures_util::future::join_all;
use futures_util::stream;
use http::Request;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use tower::ServiceExt;
use tower::util::Oneshot;

const PLACES: usize = 64;

fn request(server: &Server, path: &str, body: Body) -> Oneshot<Router, Request<Body>> {
    let request = Request::post(path).header("authorization", format!("Bearer {}", server.key));
    server.router.clone().oneshot(request.body(body).unwrap())
}

/// A request whose body never comes.
async fn hanging(server: &Server, path: &str) -> Response {
    request(server, path, Body::from_stream(stream::pending::<io::Result<Bytes>>())).await.unwrap()
}

fn under_way(server: &Server, class: Class) -> usize {
    server.requests.admitted().find(|admitted| admitted.class == class).unwrap().under_way
}

#[tokio::test]
async fn a_class_that_is_full_is_told_so_and_takes_nothing_from_others() {
    let server = Server::start().await;
    let bulks = join_all((0..PLACES).map(|_| hanging(&server, "/api/v1/links/bulk"))).await;
    assert!(bulks.iter().all(|bulk| bulk.status() == 200), "their answers have begun");
    assert_eq!(under_way(&server, Class::Bulk), PLACES);
    let refused = server.post("/api/v1/links/bulk", "{}").await;
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    server.make(r#"{"url": "https://example.com/"}"#).await;
    assert_eq!(server.get("/api/v1/links").await.status, 200);
    drop(bulks);
    assert_eq!(server.post("/api/v1/links/bulk", "").await.status, 200);
    assert_eq!(Class::ALL.map(|class| under_way(&server, class)), [0, 0, 0]);
}

#[tokio::test]
async fn who_sends_slowly_takes_no_place() {
    const CLIENTS: usize = 1_200;
    let (server, awaited) = (Server::start().await, Arc::new(AtomicUsize::new(0)));
    let mut slow = Vec::new();
    for number in 1..=CLIENTS {
        let seen = awaited.clone();
        let mut asked = false;
        let body = Body::from_stream(stream::poll_fn(move |_| {
            seen.fetch_add(usize::from(!std::mem::replace(&mut asked, true)), Ordering::Relaxed);
            Poll::<Option<io::Result<Bytes>>>::Pending
        }));
        let sent = tokio::spawn(request(&server, "/api/v1/links", body));
        while awaited.load(Ordering::Relaxed) < number {
            assert!(!sent.is_finished(), "number {number} is turned away");
            tokio::task::yield_now().await;
        }
        slow.push(sent);
    }
    assert_eq!(under_way(&server, Class::Single), 0, "there are fewer places than clients");
    server.make(r#"{"url": "https://example.com/"}"#).await;
    slow.iter().for_each(|slow| slow.abort());
}
