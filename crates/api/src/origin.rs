//! Where short links begin: the configured base, or the host that the request named.
//!
//! What a request says about its host is only checked for its form. `X-Forwarded-Proto` says whether visitors
//! come by https; the server lets it through from trusted proxies alone.

use crate::problem::{Invalid, Problem};
use crate::service::Service;
use axum::extract::FromRequestParts;
use curtail_model::code::to_path;
use curtail_model::host::is_host;
use http::header::{HOST, HeaderValue};
use http::request::Parts;
use percent_encoding::PercentEncode;
use std::fmt;
use std::sync::Arc;

/// In which a proxy says how it was asked.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Where the short links of an answer begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Without a slash at the end.
    base: Arc<str>,
    /// The host of the base, with its port where it names one.
    domain: Arc<str>,
}

/// A short link, written without building a string first.
pub(crate) struct ShortUrl<'a> {
    base: &'a str,
    code: PercentEncode<'a>,
}

impl Origin {
    /// The origin with a base such as `https://sho.rt`.
    pub(crate) fn new(base: &str) -> Origin {
        let base = base.trim_end_matches('/');
        let authority = base.split_once("://").map_or(base, |(_, rest)| rest);
        let domain = authority.split(['/', '?', '#']).next().unwrap_or_default();
        Origin { base: base.into(), domain: domain.into() }
    }

    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    pub(crate) fn short_url<'a>(&'a self, code: &'a str) -> ShortUrl<'a> {
        ShortUrl { base: &self.base, code: to_path(code) }
    }
}

impl fmt::Display for ShortUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.code)
    }
}

impl FromRequestParts<Arc<Service>> for Origin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Origin, Problem> {
        if let Some(origin) = &service.origin {
            return Ok(origin.clone());
        }
        let named = match (parts.uri.authority(), parts.headers.get(HOST)) {
            (Some(authority), _) => authority.as_str().as_bytes(),
            (None, Some(host)) => host.as_bytes(),
            (None, None) => b"localhost",
        };
        let host = Some(named).filter(|host| is_host(host)).and_then(|host| str::from_utf8(host).ok());
        let host =
            host.ok_or_else(|| Invalid::new("Host", "must be a host name or address, maybe with a port"))?;
        let proto = parts.headers.get(FORWARDED_PROTO).map(HeaderValue::as_bytes);
        let is_secure = proto.is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"));
        let scheme = if is_secure { "https" } else { "http" };
        // A port that is not named is the usual one, colon or not (RFC 3986, 3.2.3).
        let host = host.strip_suffix(':').unwrap_or(host).to_ascii_lowercase();
        Ok(Origin::new(&format!("{scheme}://{host}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn short_urls_are_ascii_and_keep_their_slashes() {
        let origin = Origin::new("https://sho.rt/s/");
        assert_eq!(origin.domain(), "sho.rt");
        assert_eq!(origin.short_url("a/ü~1").to_string(), "https://sho.rt/s/a/%C3%BC~1");
    }
}
