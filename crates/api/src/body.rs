//! Reads the bodies of requests: of the right type, within a size and a time.

use crate::problem::{Kind, Problem};
use crate::settings::Settings;
use axum::body::{Body, Bytes, HttpBody};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// What a body of JSON may call itself.
pub(crate) const JSON: &[&str] = &["application/json"];

/// What a change may call itself besides: it is one as RFC 7396 has it.
pub(crate) const CHANGE: &[&str] = &["application/json", "application/merge-patch+json"];

/// What some programs begin UTF-8 with. It says nothing, and is passed over (RFC 8259, 8.1).
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a whole JSON body, if it has one of these types and is no larger and comes no slower than the
/// settings allow.
pub(crate) async fn json(
    headers: &HeaderMap,
    body: Body,
    types: &[&str],
    settings: &Settings,
) -> Result<Bytes, Problem> {
    let (bytes_max, patience) = (settings.body_bytes_max, settings.body_timeout);
    expect_type(headers, types)?;
    let announced = HttpBody::size_hint(&body).lower();
    if usize::try_from(announced).map_or(true, |announced| announced > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let whole = tokio::time::timeout(patience, Limited::new(body, bytes_max).collect()).await;
    let whole = whole.map_err(|_| {
        Problem::new(Kind::Timeout, format!("The body did not arrive within {} seconds.", patience.as_secs()))
    })?;
    match whole {
        Ok(whole) => {
            let whole = whole.to_bytes();
            Ok(if whole.starts_with(BYTE_ORDER_MARK) { whole.slice(BYTE_ORDER_MARK.len()..) } else { whole })
        }
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Err(_) => Err(Problem::new(Kind::BadRequest, "The body broke off before its end.")),
    }
}

/// Refuses bodies that say they are something else, and says what would be taken (RFC 9110, 15.5.16). Saying
/// nothing is let pass: what is read must be JSON anyway.
pub(crate) fn expect_type(headers: &HeaderMap, allowed: &[&str]) -> Result<(), Problem> {
    let refused = || {
        Problem::new(Kind::MediaType, format!("Send the body as {}, in UTF-8 and uncompressed.", allowed[0]))
    };
    let encoded = headers.get_all(CONTENT_ENCODING).iter();
    if encoded.into_iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(refused().with(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    let wrong = || {
        let accepted = HeaderValue::try_from(allowed.join(", ")).expect("types are visible ASCII");
        refused().with(ACCEPT, accepted)
    };
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let Some(first) = given.next() else { return Ok(()) };
    // Of two it cannot be both, and who is in between may believe the other.
    if given.next().is_some() {
        return Err(wrong());
    }
    let mut parts = first.to_str().map_err(|_| wrong())?.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let mut charsets = parts
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
    let utf8 = charsets.all(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"));
    if utf8 && allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(media_type)) {
        Ok(())
    } else {
        Err(wrong())
    }
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(Kind::BodyTooLarge, format!("The body must not be larger than {bytes_max} bytes."))
}
