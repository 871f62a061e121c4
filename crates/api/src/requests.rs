//! How many requests each route has answered, by the class of their status, and how many are let in.
//!
//! The routes are those of the description and one for everything
//! else, so that nobody can make more by asking for what is not there.

use crate::admission::{Admission, Admitted};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use utoipa::openapi::OpenApi;

/// The classes of statuses that requests end with.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// What stands for the method and the route of requests that no route serves.
const OTHER: &str = "other";

/// Counts the requests to the API.
#[derive(Debug)]
pub struct Requests {
    routes: Vec<Route>,
    other: Route,
    admission: Arc<Admission>,
}

/// So many requests of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    /// `GET`, `POST`, `PATCH`, `DELETE` or `other`.
    pub method: &'a str,
    /// As the router has it: `/api/v1/links/{id}`; or `other`.
    pub route: &'a str,
    /// `2xx` to `5xx`.
    pub status: &'static str,
    /// How many.
    pub count: u64,
}

#[derive(Debug)]
struct Route {
    method: &'static str,
    path: String,
    answered: [AtomicU64; CLASSES.len()],
}

impl Requests {
    /// Counts for the routes that a description lists.
    pub(crate) fn of(description: &OpenApi, admission: Arc<Admission>) -> Requests {
        let routes = description.paths.paths.iter().flat_map(|(path, item)| {
            let methods =
                [("GET", &item.get), ("POST", &item.post), ("PATCH", &item.patch), ("DELETE", &item.delete)];
            let served = methods.into_iter().filter(|(_, operation)| operation.is_some());
            served.map(|(method, _)| Route::new(method, path))
        });
        Requests { routes: routes.collect(), other: Route::new(OTHER, OTHER), admission }
    }

    /// What has been counted since the process started, also where that is nothing.
    pub fn answered(&self) -> impl Iterator<Item = Answered<'_>> {
        self.routes.iter().chain([&self.other]).flat_map(|route| {
            CLASSES.into_iter().zip(&route.answered).map(|(status, count)| Answered {
                method: route.method,
                route: &route.path,
                status,
                count: count.load(Ordering::Relaxed),
            })
        })
    }

    /// How many are under way and were turned away, by what they ask.
    pub fn admitted(&self) -> impl Iterator<Item = Admitted> {
        self.admission.admitted().into_iter()
    }

    fn count(&self, method: &Method, path: Option<&str>, status: StatusCode) {
        // HEAD is answered by what answers GET.
        let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
        let route = self.routes.iter().find(|route| route.method == method && Some(&*route.path) == path);
        let class = usize::from(status.as_u16() / 100).saturating_sub(2).min(CLASSES.len() - 1);
        route.unwrap_or(&self.other).answered[class].fetch_add(1, Ordering::Relaxed);
    }
}

impl Route {
    fn new(method: &'static str, path: &str) -> Route {
        Route { method, path: path.to_owned(), answered: Default::default() }
    }
}

/// Counts a request when its answer begins.
pub(crate) async fn count(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    requests.count(&method, path.as_ref().map(MatchedPath::as_str), response.status());
    response
}
