//! The admin port: `/metrics` and `/livez`, for those who run the server. Whoever can reach it costs a
//! bounded number of connections, each for a bounded time.

use crate::config::Settings;
use crate::metrics::Shown;
use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use curtail_runtime::listener;
use curtail_runtime::metrics::Metrics;
use curtail_runtime::shutdown::Shutdown;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::TcpListener;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Connections at a time; who comes then waits in the queue of the kernel.
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may live: who takes an answer as slowly as this takes none.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(600);
/// Bytes of a head: whoever asks this port sends short ones.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Out of file descriptors: accepting again at once would spin.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens on the admin port; nothing where it is off.
pub(crate) fn listen(settings: &Settings) -> anyhow::Result<Option<TcpListener>> {
    let listeners = settings.server.admin_listen.map(|address| listener::listen(address, 1));
    Ok(listeners.transpose().context("admin_listen")?.into_iter().flatten().next())
}

/// Serves the admin port until it is time to stop. A head may take as long to arrive as a connection may rest
/// before it.
pub(crate) async fn serve(
    listener: TcpListener,
    shown: Shown,
    idle_timeout: Duration,
    mut shutdown: Shutdown,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the admin port does not answer"),
    };
    let router = router(shown);
    // Dropped with all connections when it is time to stop.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = shutdown.requested() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(idle_timeout)
                        .max_buf_size(HEAD_BYTES_MAX)
                        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
                    connections.spawn(async move {
                        // Clients go away and send nonsense: nothing to tell anybody.
                        let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the admin port could not be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/metrics", get(metrics).with_state(shown))
        .route("/livez", get(|| async { "ok\n" }))
        .fallback(|_: Request<Body>| async { (StatusCode::NOT_FOUND, "this port has /metrics and /livez\n") })
}

async fn metrics(State(shown): State<Shown>) -> Response {
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], shown.text()).into_response()
}
