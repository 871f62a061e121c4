//! Whose word for a visitor's address is taken: that of proxies in the networks that the settings name,
//! nobody else's.

use curtail_runtime::network::Network;
use std::net::IpAddr;

/// Networks whose hosts may say who the visitor is.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// The proxies in these networks.
    pub fn new(networks: Vec<Network>) -> TrustedProxies {
        TrustedProxies(networks)
    }

    /// Whether a peer may say who the visitor is.
    #[inline]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(peer))
    }

    /// The visitor behind a trusted `peer`: the last address in `X-Forwarded-For` that is not itself a
    /// trusted proxy. What stands before it was written by somebody we do not trust. The lines come last one
    /// first; they are one list (RFC 9110, 5.3).
    pub fn client<'a>(&self, peer: IpAddr, lines: impl IntoIterator<Item = &'a [u8]>) -> IpAddr {
        let mut client = peer;
        for line in lines {
            let Ok(list) = str::from_utf8(line) else { return client };
            for address in list.rsplit(',') {
                let Some(address) = parse(address.trim()) else { return client };
                client = address;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }
}

/// An address, with or without a port, an IPv6 one with or without brackets.
fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| {
        let socket: Option<std::net::SocketAddr> = text.parse().ok();
        socket.map(|socket| socket.ip()).or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_that_trusted_proxies_wrote_is_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        assert!(
            proxies.trusts(ip("10.1.2.3"))
                && proxies.trusts(ip("::ffff:10.1.2.3"))
                && proxies.trusts(ip("fd12::1"))
        );
        assert!(!proxies.trusts(ip("11.1.2.3")) && !TrustedProxies::default().trusts(ip("127.0.0.1")));
        let client = |list: &str| proxies.client(ip("10.0.0.1"), list.rsplit('\n').map(str::as_bytes));
        assert_eq!(client("1.1.1.1, 9.9.9.9, 10.0.0.2"), ip("9.9.9.9"));
        assert_eq!(client("9.9.9.9:4711"), ip("9.9.9.9"));
        assert_eq!(client("[2001:db8::1]"), ip("2001:db8::1"));
        assert_eq!(client("nonsense, 10.0.0.2"), ip("10.0.0.2"));
        assert_eq!(client(""), ip("10.0.0.1"));
        assert_eq!(client("1.1.1.1\n9.9.9.9\n10.0.0.3, 10.0.0.2"), ip("9.9.9.9"));
    }
}
