//! The host that a request names: in `Host`, or in its target.

use std::net::Ipv6Addr;

/// The longest host with its port (RFC 1035: 253, and `:65535`).
const HOST_BYTES_MAX: usize = 259;

/// A host of the usual characters or an IPv6 address, perhaps with a port (RFC 9110, 7.2).
#[inline]
pub fn is_host(host: &[u8]) -> bool {
    let usual = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let name_bytes = host.iter().position(|byte| !usual(byte)).unwrap_or(host.len());
    let port = match name_bytes {
        0 => after_address(host),
        _ => Some(&host[name_bytes..]),
    };
    host.len() <= HOST_BYTES_MAX && port.is_some_and(is_port)
}

/// What follows the IPv6 address that a host begins with.
#[cold]
fn after_address(host: &[u8]) -> Option<&[u8]> {
    let (address, port) = str::from_utf8(host).ok()?.strip_prefix('[')?.split_once(']')?;
    address.parse::<Ipv6Addr>().ok().map(|_| port.as_bytes())
}

/// A port behind its colon, which may be empty (RFC 3986, 3.2.3), or none at all.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => {
            let digit =
                |number: u32, byte: &u8| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'));
            digits.len() <= 5
                && digits.iter().try_fold(0, digit).is_some_and(|port| port <= u32::from(u16::MAX))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{HOST_BYTES_MAX, is_host};

    #[test]
    fn a_host_is_a_name_or_an_address_perhaps_with_a_port() {
        let good = "a a_b sho.rt sho.rt: sho.rt:8080 localhost:8080 xn--bcher-kva.example 1.2.3.4:80 127.0.0.1:80 [::1] [::1]:8080 \
                    [2001:db8::1]:443";
        for good in good.split(' ') {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        let wrong = ": :80 ::1 a:b a:b:c a:80:80 a:+1 a:65536 a:99999 a:123456 ]:a:b[ [zz] [] [::1 [::1]80 a[b] a/b a@b a?b a\"b \
                     <script> ä";
        for wrong in wrong.split(' ').chain(["", "a b"]) {
            assert!(!is_host(wrong.as_bytes()), "{wrong}");
        }
        assert!(!is_host(&b"a".repeat(HOST_BYTES_MAX + 1)));
    }
}
