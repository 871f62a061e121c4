//! Where a click came from: the host in the `Referer` header.
//!
//! Kept as it is sent but for case, port, credentials, a leading `www.` or `m.`, and the hosts that big sites
//! put between their pages and the world: `l.facebook.com` counts as `facebook.com`. `t.co` and `twitter.com`
//! count as `x.com`, because they are one place to the people who read the figures. Names in other scripts
//! stay in punycode, which cannot be mistaken for another name.

use std::borrow::Cow;

/// No referrer was sent.
pub(crate) const DIRECT: &str = "direct";
/// Something was sent that is not the address of a page.
pub(crate) const INVALID: &str = "(invalid)";

/// The longest host name that DNS can carry (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// Scheme and credentials may stand before the host; beyond this nobody honest has either.
const AUTHORITY_BYTES_MAX: usize = 1024;

/// Hosts that are known under another name, as `(host, name)`.
const ALIASES: &[(&str, &str)] = &[
    ("amp.reddit.com", "reddit.com"),
    ("away.vk.com", "vk.com"),
    ("l.facebook.com", "facebook.com"),
    ("l.instagram.com", "instagram.com"),
    ("l.messenger.com", "messenger.com"),
    ("l.threads.com", "threads.com"),
    ("l.threads.net", "threads.com"),
    ("l.workplace.com", "workplace.com"),
    ("lm.facebook.com", "facebook.com"),
    ("lm.instagram.com", "instagram.com"),
    ("lnkd.in", "linkedin.com"),
    ("m.vk.com", "vk.com"),
    ("mbasic.facebook.com", "facebook.com"),
    ("mobile.twitter.com", "x.com"),
    ("mobile.x.com", "x.com"),
    ("new.reddit.com", "reddit.com"),
    ("old.reddit.com", "reddit.com"),
    ("out.reddit.com", "reddit.com"),
    ("t.co", "x.com"),
    ("threads.net", "threads.com"),
    ("touch.facebook.com", "facebook.com"),
    ("twitter.com", "x.com"),
    ("web.facebook.com", "facebook.com"),
];

/// The host that a `Referer` header names, `"direct"` when there is none, `"(invalid)"` when it names none.
pub fn referrer(header: &[u8]) -> Cow<'_, str> {
    let header = header.trim_ascii();
    if header.is_empty() {
        return Cow::Borrowed(DIRECT);
    }
    host(header).map_or(Cow::Borrowed(INVALID), fold)
}

/// The host of an absolute address, if it is one of a page or of an app.
fn host(address: &[u8]) -> Option<&str> {
    let (scheme, rest) = address.split_at(address.windows(3).take(16).position(|window| window == b"://")?);
    let rest = &rest[3..];
    let end =
        rest.iter().take(AUTHORITY_BYTES_MAX).position(|byte| matches!(byte, b'/' | b'\\' | b'?' | b'#'));
    let authority = &rest[..end.unwrap_or(rest.len())];
    let is = |name: &[u8]| scheme.eq_ignore_ascii_case(name);
    let host = if is(b"http") || is(b"https") {
        let after_credentials = authority.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
        without_port(&authority[after_credentials..])?
    } else if is(b"android-app") || is(b"ios-app") {
        authority
    } else {
        return None;
    };
    str::from_utf8(host).ok().map(|host| host.strip_suffix('.').unwrap_or(host)).filter(|host| is_host(host))
}

fn without_port(authority: &[u8]) -> Option<&[u8]> {
    let end = if authority.first() == Some(&b'[') {
        authority.iter().position(|&byte| byte == b']')? + 1
    } else {
        authority.iter().position(|&byte| byte == b':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let sound = match port.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
    };
    sound.then_some(host)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    host.len() <= HOST_BYTES_MAX
        && host.split('.').all(|label| {
            (1..=LABEL_BYTES_MAX).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

/// Lower case, without what does not tell places apart.
fn fold(host: &str) -> Cow<'_, str> {
    let host = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    };
    let shorter = without_prefix(&host);
    if let Ok(index) = ALIASES.binary_search_by_key(&shorter, |(alias, _)| alias) {
        return Cow::Borrowed(ALIASES[index].1);
    }
    let dropped = host.len() - shorter.len();
    match host {
        Cow::Borrowed(host) => Cow::Borrowed(&host[dropped..]),
        Cow::Owned(mut host) => {
            host.drain(..dropped);
            Cow::Owned(host)
        }
    }
}

/// Without `www.` and `m.`, where what is left still looks like a site's name: not `www.com`, not `m.co.uk`.
fn without_prefix(host: &str) -> &str {
    let host = host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(host);
    let is_site = |rest: &&str| rest.split_once('.').is_some_and(|(site, _)| site.len() > 3);
    host.strip_prefix("m.").filter(is_site).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_in_the_order_that_the_search_needs() {
        assert!(ALIASES.is_sorted());
    }
}
