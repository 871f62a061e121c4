//! Answers requests that came through hyper: those for links that are not plain, forms with passwords, and,
//! by way of [`Elsewhere`](crate::Elsewhere), everything that is not a link.

use crate::answer::{Answer, NEVER};
use crate::counters::Outcome;
use crate::handover::Body;
use crate::pages;
use crate::redirector::Form;
use crate::request::LinkRequest;
use crate::request_body::RequestBody;
use crate::server::Core;
use bytes::Bytes;
use curtail_model::code::is_reserved;
use curtail_model::host::is_host;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, LOCATION,
    RETRY_AFTER, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// A form with a password is short.
const FORM_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a body that nobody has read which hyper passes over, so that the connection can go on.
const BODY_PASSED_OVER_MAX: u64 = 4 * 1024;

/// Whether a path belongs to Curtail's own pages and not to links.
pub(crate) fn is_elsewhere(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else { return true };
    let first = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
    rest.is_empty() || is_reserved(first)
}

/// Whether whoever asks for a path reads problems (RFC 9457) and not pages.
pub fn is_of_the_api(path: &[u8]) -> bool {
    path.strip_prefix(b"/api").is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Answers any request. Where the body of one has not been read, and is too long to be passed over, the
/// client is told that the connection ends with the answer.
pub(crate) async fn serve(request: Request<Incoming>, peer: SocketAddr, core: &Core) -> Response<Body> {
    let is_long = request.body().size_hint().exact().is_none_or(|bytes| bytes > BODY_PASSED_OVER_MAX);
    let (parts, body) = request.into_parts();
    let (body, is_read) = RequestBody::new(body);
    let mut response = answer(Request::from_parts(parts, body), peer, core).await;
    // What answers while it reads goes on with both.
    let is_whole = response.body().size_hint().exact().is_some();
    if is_long && is_whole && !is_read.get() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Answers any request.
async fn answer(mut request: Request<RequestBody>, peer: SocketAddr, core: &Core) -> Response<Body> {
    if !names_one_host(&request) || !names_a_path(request.uri()) || !has_one_coding(request.headers()) {
        return refuse_unclear(request.uri().path().as_bytes(), core);
    }
    let named = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = named {
        // It holds, whatever `Host` says (RFC 9112, 3.2.2).
        request.headers_mut().insert(HOST, host);
    }
    if is_elsewhere(request.uri().path().as_bytes()) {
        let visitor = visitor(request.headers(), peer, core);
        if !core.settings.proxies.trusts(peer.ip()) {
            // Others could have the API name short links by a scheme that nobody serves.
            request.headers_mut().remove("x-forwarded-proto");
        }
        let mut response = (core.elsewhere)(request, visitor).await;
        if response.status() == StatusCode::NOT_MODIFIED {
            // The router says of HEAD how long the body of this answer is, and not of that to GET.
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        return response;
    }
    let (parts, body) = request.into_parts();
    let is_head = parts.method == Method::HEAD;
    let request = link_request(&parts.uri, &parts.headers, is_head, peer, core);
    match parts.method {
        Method::GET | Method::HEAD => respond(&core.redirector.answer(&request).await),
        Method::POST => match password(body, &parts.headers, core.settings.body_timeout).await {
            Ok(password) => respond(&core.redirector.unlock(&request, Form::Sent(password)).await),
            Err(NotAForm::OtherType) => respond(&core.redirector.unlock(&request, Form::OtherType).await),
            Err(NotAForm::Broken) => refuse(StatusCode::BAD_REQUEST, core),
            Err(NotAForm::TooLarge) => refuse(StatusCode::PAYLOAD_TOO_LARGE, core),
            Err(NotAForm::TooSlow) => refuse(StatusCode::REQUEST_TIMEOUT, core),
        },
        _ => method_not_allowed(core),
    }
}

/// RFC 9112, 3.2: exactly one `Host`, and a valid one; HTTP/1.0 may do without. The same of a host that the
/// target names, as for a proxy.
fn names_one_host(request: &Request<RequestBody>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes);
    let named = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    match (hosts.next(), hosts.next(), named) {
        (Some(host), None, named) => is_host(host) && named.is_none_or(is_host),
        (None, _, named) => request.version() == Version::HTTP_10 && named.is_none_or(is_host),
        _ => false,
    }
}

/// Codings other than `chunked` alone are read differently by different servers: what
/// follows such a request may be somebody else's. That there is no length beside it
/// is seen to by [`crate::conflicting_lengths`], before hyper takes it away.
fn has_one_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

/// Whether a target is a path, alone or after a host: not `*`, and not what a tunnel is asked for with.
fn names_a_path(target: &Uri) -> bool {
    let is_web = target.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https"));
    is_web && target.path().starts_with('/')
}

fn link_request<'a>(
    uri: &'a Uri,
    headers: &'a HeaderMap,
    head: bool,
    peer: SocketAddr,
    core: &Core,
) -> LinkRequest<'a> {
    let mut request = LinkRequest::to(uri.path().as_bytes(), head, peer.ip());
    request.query = uri.query().unwrap_or_default().as_bytes();
    request.address = visitor(headers, peer, core);
    for (name, value) in headers {
        request.note(name.as_str().as_bytes(), value.as_bytes());
    }
    request
}

/// Who asks: the peer, or whom a trusted proxy names.
fn visitor(headers: &HeaderMap, peer: SocketAddr, core: &Core) -> IpAddr {
    let proxies = &core.settings.proxies;
    if !proxies.trusts(peer.ip()) {
        return peer.ip();
    }
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    proxies.client(peer.ip(), lines.map(HeaderValue::as_bytes))
}

enum NotAForm {
    OtherType,
    Broken,
    TooLarge,
    TooSlow,
}

/// The field `password` of a posted form, if it has one.
async fn password(
    body: RequestBody,
    headers: &HeaderMap,
    patience: Duration,
) -> Result<Option<String>, NotAForm> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(FORM) {
        return Err(NotAForm::OtherType);
    }
    let form = tokio::time::timeout(patience, Limited::new(body, FORM_BYTES_MAX).collect()).await;
    let form = form.map_err(|_| NotAForm::TooSlow)?.map_err(|error| {
        if error.is::<LengthLimitError>() { NotAForm::TooLarge } else { NotAForm::Broken }
    })?;
    let form = form.to_bytes();
    let field = form_urlencoded::parse(&form).find(|(name, _)| name == pages::PASSWORD_FIELD);
    Ok(field.map(|(_, value)| value.into_owned()))
}

/// Refuses what cannot be understood.
pub(crate) fn refuse(status: StatusCode, core: &Core) -> Response<Body> {
    core.counters.count(Outcome::Refused);
    let mut response = respond(&Answer::page(status, pages::bad_request()));
    // Where a bad request ends is not to be relied on.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Refuses what can be understood in two ways: with a page, or with a problem for programs.
pub(crate) fn refuse_unclear(path: &[u8], core: &Core) -> Response<Body> {
    const PROBLEM: &str = r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"The request names no host or several, or its target or its length can be understood in more than one way."}"#;
    let mut response = refuse(StatusCode::BAD_REQUEST, core);
    if !is_of_the_api(path) {
        return response;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    *response.body_mut() = full(Bytes::from_static(PROBLEM.as_bytes()));
    response
}

fn method_not_allowed(core: &Core) -> Response<Body> {
    core.counters.count(Outcome::Refused);
    respond(&Answer::page(StatusCode::METHOD_NOT_ALLOWED, pages::method_not_allowed()))
}

fn respond(answer: &Answer) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    match answer {
        Answer::Redirect { status, location, cache_control } => {
            *response.status_mut() = *status;
            // Locations are visible ASCII: what is not has been encoded. If it ever is not, nobody is sent
            // anywhere.
            match HeaderValue::from_str(location) {
                Ok(location) => response.headers_mut().insert(LOCATION, location),
                Err(_) => return respond(&Answer::page(StatusCode::BAD_REQUEST, pages::bad_request())),
            };
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        }
        Answer::Withheld { status } => {
            *response.status_mut() = *status;
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(NEVER));
        }
        Answer::Page { status, html, retry_after_seconds } => {
            *response.status_mut() = *status;
            for (name, value) in pages::HEADERS {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            if response.status() == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                response.headers_mut().insert(ACCEPT, HeaderValue::from_static(FORM));
            }
            if let Some(seconds) = retry_after_seconds {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            // hyper leaves the body of an answer to HEAD out, and keeps its length.
            *response.body_mut() = full(html.clone());
        }
    }
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}
