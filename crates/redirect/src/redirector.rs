//! Answers short links.
//!
//! The warm path is [`Redirector::serve_warm`]: no await, no lock that anybody contends for, no allocation.
//! Whatever it cannot answer is answered by [`Redirector::answer`], which may ask the store, within budgets
//! of time.

use crate::answer::{Answer, cache_control, status_of};
use crate::counters::{Counters, Outcome};
use crate::pages::{self, Preview, Shown};
use crate::password_attempts::{PasswordAttempts, Verdict};
use crate::request::LinkRequest;
use crate::wire::{self, Ending};
use curtail_cache::{CoreCache, Lookup, Resolution, Resolver};
use curtail_clicks::classify;
use curtail_clicks::clock::now;
use curtail_clicks::recorder::{Clicked, Recorded, Recorder};
use curtail_model::{Decision, Inactive, Link, LinkId, Target, Timestamp, code, decide, destination};
use curtail_store::{Links, Seen, Spent, StoreError};
use http::StatusCode;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// How soon a visitor should try again when the store is away, in seconds.
const RETRY_AFTER_SECONDS: u32 = 2;
/// How long a visitor waits for what only the store knows: the clicks that a limited link has left, what a
/// preview shows.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// What all cores share.
pub struct Shared {
    /// Asks the store on a miss.
    pub resolver: Resolver,
    /// The store itself: for previews and for links with a limit.
    pub links: Arc<dyn Links>,
    /// Checks passwords.
    pub password_attempts: PasswordAttempts,
    /// Where visitors of unknown links are sent, instead of a page.
    pub not_found_url: Option<String>,
}

/// Answers short links on one core.
pub struct Redirector {
    hot: RefCell<Hot>,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
}

struct Hot {
    cache: CoreCache,
    recorder: Recorder,
}

impl Redirector {
    /// The redirector of a core.
    pub fn new(
        cache: CoreCache,
        recorder: Recorder,
        shared: Arc<Shared>,
        counters: Arc<Counters>,
    ) -> Redirector {
        Redirector { hot: RefCell::new(Hot { cache, recorder }), shared, counters }
    }

    /// Answers a request into `out` if that takes nothing but memory: the link is cached and redirects
    /// unconditionally.
    #[inline]
    pub(crate) fn serve_warm(
        &self,
        request: &LinkRequest<'_>,
        ending: Ending<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(code) = code::from_path(request.path) else { return false };
        let now = now();
        let Hot { cache, recorder } = &mut *self.hot.borrow_mut();
        let Lookup::Link(record) = cache.look_up(code.as_bytes(), now) else { return false };
        let Some(target) = Target::unpack(record) else { return false };
        let Decision::Redirect { status, location } = decide(&target, now, false) else { return false };
        if target.forward_query && !request.query.is_empty() {
            return false;
        }
        record_click(recorder, request, now, Clicked::Link(target.id));
        wire::redirect(out, status.code(), location, cache_control(&target), ending);
        self.counters.count(Outcome::Warm);
        true
    }

    /// Answers a request, whatever it takes.
    pub(crate) async fn answer(&self, request: &LinkRequest<'_>) -> Answer {
        let Some(code) = code::from_path(request.path) else { return self.unknown(request) };
        if let Some(code) = code.strip_suffix('+') {
            return self.preview(code, request.query).await;
        }
        match self.find(&code).await {
            Found::Record(record, outcome) => match Target::unpack(&record) {
                Some(target) => self.follow(request, &target, false, outcome).await,
                None => self.unavailable(),
            },
            Found::Nothing => self.unknown(request),
            Found::Unavailable => self.unavailable(),
        }
    }

    /// Answers a visitor who sent a form. Links with a password take one, and no others do.
    pub(crate) async fn unlock(&self, request: &LinkRequest<'_>, form: Form) -> Answer {
        let Some(code) = code::from_path(request.path) else { return self.takes_no_form() };
        let (record, outcome) = match self.find(&code).await {
            Found::Record(record, outcome) => (record, outcome),
            Found::Nothing => return self.takes_no_form(),
            Found::Unavailable => return self.unavailable(),
        };
        let Some(target) = Target::unpack(&record) else { return self.unavailable() };
        let (hash, password) = match (decide(&target, now(), false), form) {
            (Decision::AskPassword { hash }, Form::Sent(password)) => (hash, password.unwrap_or_default()),
            (Decision::AskPassword { .. }, Form::OtherType) => {
                self.counters.count(Outcome::Refused);
                return Answer::page(StatusCode::UNSUPPORTED_MEDIA_TYPE, pages::bad_request());
            }
            // What the link became while somebody read its form.
            (Decision::Inactive { why, instead }, Form::Sent(Some(_))) => {
                return self.inactive(request, why, instead);
            }
            // It has no password any more. The form must not travel on to its destination, so the link is
            // asked for anew.
            (Decision::Redirect { .. } | Decision::Spend { .. }, Form::Sent(Some(_))) => {
                self.counters.count(Outcome::Refused);
                return Answer::see(StatusCode::SEE_OTHER, itself(request));
            }
            _ => return self.takes_no_form(),
        };
        match self.shared.password_attempts.check(target.id, request.address, hash.to_owned(), password).await
        {
            Verdict::Right => match self.follow(request, &target, true, outcome).await {
                // A form was sent: the browser must come with GET, whatever status the link has.
                Answer::Redirect { location, .. } => Answer::see(StatusCode::SEE_OTHER, location),
                page => page,
            },
            Verdict::Wrong => {
                self.counters.count(Outcome::Asked);
                Answer::page(StatusCode::FORBIDDEN, pages::password(true))
            }
            Verdict::TooMany { seconds } => {
                self.counters.count(Outcome::Refused);
                Answer::try_again(StatusCode::TOO_MANY_REQUESTS, seconds, pages::too_many_attempts(seconds))
            }
            Verdict::Busy => self.unavailable(),
        }
    }

    /// The record of a code: from the caches, else from the store, else an old one.
    async fn find(&self, code: &str) -> Found {
        let now = now();
        let stale: Option<Vec<u8>> = {
            let cache = &mut self.hot.borrow_mut().cache;
            match cache.look_up(code.as_bytes(), now) {
                Lookup::Link(record) => return Found::Record(record.into(), Outcome::Warm),
                Lookup::Nothing => return Found::Nothing,
                Lookup::Unknown { stale } => stale.then(|| cache.stale().to_vec()),
            }
        };
        match self.shared.resolver.resolve(code, now).await {
            Resolution::Link(record) => Found::Record(record, Outcome::Cold),
            Resolution::Nothing => Found::Nothing,
            Resolution::Unavailable => match stale.or_else(|| self.known_by_now(code, now)) {
                Some(record) => Found::Record(record.into(), Outcome::Stale),
                None => Found::Unavailable,
            },
        }
    }

    /// What others who asked for a code at the same time have left of it, of whatever age.
    fn known_by_now(&self, code: &str, now: Timestamp) -> Option<Vec<u8>> {
        let cache = &mut self.hot.borrow_mut().cache;
        match cache.look_up(code.as_bytes(), now) {
            Lookup::Link(record) => Some(record.to_vec()),
            Lookup::Unknown { stale: true } => Some(cache.stale().to_vec()),
            Lookup::Nothing | Lookup::Unknown { stale: false } => None,
        }
    }

    async fn follow(
        &self,
        request: &LinkRequest<'_>,
        target: &Target<'_>,
        unlocked: bool,
        outcome: Outcome,
    ) -> Answer {
        match decide(target, now(), unlocked) {
            Decision::Redirect { .. } => self.redirect(request, target, outcome),
            Decision::Spend { .. } => self.spend(request, target).await,
            Decision::AskPassword { .. } => {
                self.counters.count(Outcome::Asked);
                Answer::page(StatusCode::OK, pages::password(false))
            }
            Decision::Inactive { why, instead } => self.inactive(request, why, instead),
        }
    }

    fn redirect(&self, request: &LinkRequest<'_>, target: &Target<'_>, outcome: Outcome) -> Answer {
        record_click(&mut self.hot.borrow_mut().recorder, request, now(), Clicked::Link(target.id));
        self.counters.count(outcome);
        Answer::redirect(target, onward(target, request.query).into_owned())
    }

    /// A link with a limit: the store says whether there is one more. Who only looks ahead, by `HEAD` or a
    /// prefetch, spends nothing, and is not told where it leads: what only a `GET` finds out may be left out
    /// of the answer to `HEAD` (RFC 9110, 9.3.2), and of what was prefetched browsers use nothing that is not
    /// a success. So do programs that show or scan what was posted or mailed: else a link for one person
    /// would be used up before that person has seen it.
    async fn spend(&self, request: &LinkRequest<'_>, target: &Target<'_>) -> Answer {
        let links = &self.shared.links;
        let looks_ahead = request.looks_ahead() || classify::looks_ahead(request.user_agent);
        let asked = if looks_ahead { links.peek(target.id) } else { links.spend(target.id) };
        match within(asked).await {
            Ok(Spent::Granted { .. }) if looks_ahead => {
                record_click(&mut self.hot.borrow_mut().recorder, request, now(), Clicked::Link(target.id));
                self.counters.count(Outcome::Withheld);
                Answer::Withheld { status: status_of(target.status) }
            }
            Ok(Spent::Granted { .. }) => self.redirect(request, target, Outcome::Spent),
            Ok(Spent::Unlimited) => self.redirect(request, target, Outcome::Cold),
            Ok(Spent::UsedUp) => {
                let instead = target.conditions.and_then(|conditions| conditions.expired_url);
                self.inactive(request, Inactive::UsedUp, instead)
            }
            Ok(Spent::Missing) => self.unknown(request),
            Err(error) => self.no_allowance(target.id, &error),
        }
    }

    fn no_allowance(&self, id: LinkId, error: &StoreError) -> Answer {
        if let StoreError::Damaged(what) = error {
            tracing::error!(%id, what, "a limited link could not be counted down");
        }
        self.unavailable()
    }

    /// A link that leads nowhere now. Who asked is an orphan: the link itself was not followed.
    fn inactive(&self, request: &LinkRequest<'_>, why: Inactive, instead: Option<&str>) -> Answer {
        self.record_orphan(request);
        match instead {
            Some(location) => {
                self.counters.count(Outcome::Inactive);
                Answer::see(StatusCode::FOUND, location.to_owned())
            }
            None => self.inactive_page(why),
        }
    }

    fn inactive_page(&self, why: Inactive) -> Answer {
        self.counters.count(Outcome::Inactive);
        let (status, page) = pages::inactive(why);
        Answer::page(status, page)
    }

    fn unknown(&self, request: &LinkRequest<'_>) -> Answer {
        self.record_orphan(request);
        self.counters.count(Outcome::Unknown);
        match &self.shared.not_found_url {
            // A page of that path which is not there either would send its visitors round and round.
            Some(elsewhere) if path_of(elsewhere).as_bytes() != request.path => {
                Answer::see(StatusCode::FOUND, elsewhere.clone())
            }
            _ => Answer::page(StatusCode::NOT_FOUND, pages::not_found()),
        }
    }

    fn record_orphan(&self, request: &LinkRequest<'_>) {
        record_click(
            &mut self.hot.borrow_mut().recorder,
            request,
            now(),
            Clicked::Orphan { path: request.path },
        );
    }

    /// A form was sent to what has none. Nobody followed anything.
    fn takes_no_form(&self) -> Answer {
        self.counters.count(Outcome::Refused);
        Answer::page(StatusCode::METHOD_NOT_ALLOWED, pages::method_not_allowed())
    }

    fn unavailable(&self) -> Answer {
        self.counters.count(Outcome::Unavailable);
        Answer::try_again(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_SECONDS, pages::unavailable())
    }

    /// What a link leads to with this query, shown instead of followed. Whatever hides the destination from
    /// visitors hides it here too; of a limited link, whose destination costs a click, the host is told.
    async fn preview(&self, code: &str, query: &[u8]) -> Answer {
        let link = match within(self.shared.links.find(code, Seen::ANYTHING)).await {
            Ok(Some(link)) => link,
            Ok(None) => return self.nothing_to_preview(),
            Err(_) => return self.unavailable(),
        };
        let packed = Target::pack(&link);
        let Some(target) = Target::unpack(&packed) else { return self.unavailable() };
        let onward = onward(&target, query);
        let shown = match decide(&target, now(), false) {
            Decision::Redirect { .. } => Shown::Address(&onward),
            Decision::Spend { .. } => match within(self.shared.links.peek(link.id)).await {
                Ok(Spent::Granted { .. }) => Shown::Place(target.location),
                Ok(Spent::Unlimited) => Shown::Address(&onward),
                Ok(Spent::UsedUp) => return self.inactive_page(Inactive::UsedUp),
                Ok(Spent::Missing) => return self.nothing_to_preview(),
                Err(error) => return self.no_allowance(link.id, &error),
            },
            Decision::AskPassword { .. } => Shown::Nothing,
            Decision::Inactive { why, .. } => return self.inactive_page(why),
        };
        self.counters.count(Outcome::Preview);
        preview_page(&link, query, shown)
    }

    /// Whoever looks for a link to preview has followed none: that is no orphan.
    fn nothing_to_preview(&self) -> Answer {
        self.counters.count(Outcome::Unknown);
        Answer::page(StatusCode::NOT_FOUND, pages::not_found())
    }
}

/// A visitor does not wait for a store that hangs. What a link was to give and nobody waited for may be
/// spent: it gives less then, never more.
async fn within<T>(answer: curtail_store::StoreFuture<'_, T>) -> Result<T, StoreError> {
    let late = |_| StoreError::Unavailable("the store did not answer in time".into());
    tokio::time::timeout(STORE_TIMEOUT, answer).await.map_err(late)?
}

/// The very address that was asked for, on this host.
fn itself(request: &LinkRequest<'_>) -> String {
    let (path, query) = (String::from_utf8_lossy(request.path), String::from_utf8_lossy(request.query));
    let separator = if query.is_empty() { "" } else { "?" };
    format!("/{}{separator}{query}", path.trim_start_matches('/'))
}

/// The path of the URL of a web page.
fn path_of(page: &str) -> &str {
    let after_scheme = page.split_once("://").map_or(page, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("/", |start| &after_scheme[start..]);
    &path[..path.find(['?', '#']).unwrap_or(path.len())]
}

/// Where a visitor with this query is sent.
fn onward<'a>(target: &Target<'a>, query: &[u8]) -> Cow<'a, str> {
    if target.forward_query && !query.is_empty() {
        destination::with_query(target.location, query).into()
    } else {
        target.location.into()
    }
}

fn preview_page(link: &Link, query: &[u8], destination: Shown<'_>) -> Answer {
    // Whoever does not know the password is not told what the link is about.
    let title = link.title.as_deref().filter(|_| destination != Shown::Nothing);
    let (code, created_at) = (link.code.as_str(), link.created_at);
    Answer::page(StatusCode::OK, pages::preview(&Preview { code, query, destination, title, created_at }))
}

/// What was sent to a link.
pub(crate) enum Form {
    /// A form, and its field `password`, if it has one.
    Sent(Option<String>),
    /// Something else than a form.
    OtherType,
}

enum Found {
    /// A record, and how it was come by.
    Record(Arc<[u8]>, Outcome),
    Nothing,
    Unavailable,
}

/// A click that could not be kept is counted by the recorder with its reason; the visitor is redirected all
/// the same.
#[inline]
fn record_click<'a>(
    recorder: &mut Recorder,
    request: &LinkRequest<'a>,
    now: Timestamp,
    clicked: Clicked<'a>,
) {
    let (Recorded::Kept | Recorded::Dropped(_)) = recorder.record(&request.click(now, clicked));
}
