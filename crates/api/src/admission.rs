//! Who is served while more is asked of the API than can be done: each class of requests within bounds of its
//! own, so that a class that hangs, or is flooded, takes nothing from another; and on a core that is late,
//! hardly any. Redirects do not pass here: they are never turned away, and it is they that the API makes room
//! for.

use crate::problem::{Kind, Problem};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use curtail_runtime::admission::{Bounds, Gate, Place, Refusal};
use http::Method;
use http::header::{HeaderValue, RETRY_AFTER};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// What a request asks of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// About one link or one key.
    Single,
    /// To look through many: lists and stats.
    Query,
    /// To make many.
    Bulk,
}

/// How many requests of a class there are, and what became of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The class.
    pub class: Class,
    /// Requests that are under way.
    pub under_way: usize,
    /// Requests that were turned away since the start, by reason.
    pub refused: [(Refusal, u64); Refusal::ALL.len()],
}

/// The gates of all classes.
#[derive(Debug)]
pub(crate) struct Admission([Arc<Gate>; Class::ALL.len()]);

impl Class {
    /// All classes, the one to keep up longest first.
    pub const ALL: [Class; 3] = [Class::Single, Class::Query, Class::Bulk];

    /// Its name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Single => "single",
            Class::Query => "query",
            Class::Bulk => "bulk",
        }
    }

    /// The class of what is asked of a route.
    fn of(method: &Method, route: &str) -> Class {
        match route {
            "/api/v1/links/bulk" => Class::Bulk,
            "/api/v1/links" if *method != Method::POST => Class::Query,
            "/api/v1/links/{id}/stats"
            | "/api/v1/stats"
            | "/api/v1/orphans"
            | "/api/v1/top"
            | "/api/v1/tags" => Class::Query,
            _ => Class::Single,
        }
    }

    /// A late core is one that redirects wait on: 25 ms is what the slowest of a hundred may take. Half of
    /// that is enough to ask those to wait who need not be served now.
    const fn bounds(self) -> Bounds {
        match self {
            // What a store answers in 50 ms when it makes 20,000 links a second: as much as ever waits in
            // good order.
            Class::Single => Bounds { places: 1_024, waiting: 1_024, late: Duration::from_millis(25) },
            // The sessions of PostgreSQL or the readers of SQLite are fewer by far.
            Class::Query => Bounds { places: 64, waiting: 64, late: Duration::from_millis(12) },
            // Each holds some megabytes, and a client may take all the time in the world.
            Class::Bulk => Bounds { places: 64, waiting: 16, late: Duration::from_millis(12) },
        }
    }
}

impl Admission {
    pub(crate) fn new() -> Admission {
        Admission(Class::ALL.map(|class| Gate::new(class.bounds())))
    }

    /// How each class fares.
    pub(crate) fn admitted(&self) -> [Admitted; Class::ALL.len()] {
        Class::ALL.map(|class| {
            let gate = self.gate(class);
            Admitted { class, under_way: gate.under_way(), refused: gate.refused() }
        })
    }

    fn gate(&self, class: Class) -> &Arc<Gate> {
        &self.0[class as usize]
    }
}

/// Lets a request in when there is a place for its class, which it has until it is answered.
pub(crate) async fn admit(State(admission): State<Arc<Admission>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let class = Class::of(request.method(), route);
    let place = match admission.gate(class).enter().await {
        Ok(place) => place,
        Err(refusal) => return turned_away(refusal).into_response(),
    };
    match class {
        Class::Single => {
            let place = Arc::new(place);
            let arriving = place.clone();
            let response = next.run(request.map(|body| Body::new(Arriving { body, place: arriving }))).await;
            drop(place);
            response
        }
        Class::Query => {
            let response = next.run(request).await;
            drop(place);
            response
        }
        // The work is done while the answer is sent.
        Class::Bulk => next.run(request).await.map(|body| {
            let is_whole = HttpBody::size_hint(&body).exact().is_some();
            if is_whole { body } else { Body::new(body.map_frame(holding(place))) }
        }),
    }
}

fn turned_away(refusal: Refusal) -> Problem {
    let detail = match refusal {
        Refusal::Late => "This server is late with what it has to do. Trying again later may help.",
        Refusal::Full | Refusal::Waited => {
            "Too many requests of this kind are under way here. Trying again later may help."
        }
    };
    Problem::new(Kind::Overloaded, detail).with(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// Passes an answer on, and keeps its place until the end of it.
fn holding(place: Place) -> impl FnMut(Frame<Bytes>) -> Frame<Bytes> {
    move |frame| {
        let _held = &place;
        frame
    }
}

/// A body of which more may have to come: while it has to,
/// the place is for others. Who sends slowly takes none.
struct Arriving {
    body: Body,
    place: Arc<Place>,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match frame {
            Poll::Pending => self.place.step_aside(),
            Poll::Ready(_) => self.place.come_back(),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
