//! Blocks of IP addresses: those that are written (`10.0.0.0/8`, `2001:db8::/32`, a single address), and
//! those that one customer has.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that share their first `prefix` bits with `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// Why a text is not a network, to follow the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is neither a block nor an address.
    #[error("is not a network: write a block such as 10.0.0.0/8 or 2001:db8::/32, or one address")]
    Malformed,
    /// Addresses have fewer bits than should count.
    #[error("has a prefix that is longer than the {0} bits of the address")]
    Prefix(u8),
    /// It names an address within a block: whether the block or the address is meant cannot be known.
    #[error("has bits set after its prefix: the network is {0}")]
    Host(Network),
}

impl Network {
    /// Whether an address is in it. An IPv4 address that came mapped into IPv6 counts as itself.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        first_of(address.to_canonical(), self.prefix) == Some(self.first)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| NetworkError::Malformed)?;
        let first = first_of(address, prefix).ok_or(NetworkError::Prefix(longest))?;
        let network = Network { first, prefix };
        if first == address { Ok(network) } else { Err(NetworkError::Host(network)) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// What a limit counts by: an IPv4 address itself (also where it came mapped into IPv6), of an IPv6 address
/// its /64, which is the least that one customer gets (RFC 6177).
pub fn customer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The first address of the block of this prefix that an
/// address is in; nothing where the address has fewer bits.
fn first_of(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(u32::BITS.checked_sub(prefix)?).unwrap_or(0);
            Some(IpAddr::V4((u32::from(v4) & mask).into()))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(u128::BITS.checked_sub(prefix)?).unwrap_or(0);
            Some(IpAddr::V6((u128::from(v6) & mask).into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_a_block_or_one_address() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(text.parse::<Network>().map(|network| network.to_string()).as_deref(), Ok(shown));
        }
    }

    #[test]
    fn a_network_that_cannot_be_meant_is_refused_with_what_could_be() {
        for wrong in
            ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.0/-1", "localhost", "10.0.0.0/8/8"]
        {
            assert!(wrong.parse::<Network>().is_err(), "{wrong:?}");
        }
        let meant = "10.1.2.3/8".parse::<Network>().unwrap_err();
        assert_eq!(meant.to_string(), "has bits set after its prefix: the network is 10.0.0.0/8");
    }

    #[test]
    fn what_one_customer_can_choose_from_is_one() {
        let customer = |address: &str| customer_of(address.parse().unwrap()).to_string();
        assert_eq!(customer("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(customer("192.0.2.1"), "192.0.2.1");
        assert_eq!(customer("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn an_address_is_in_a_network_by_its_first_bits_whichever_way_it_came() {
        let contains = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("fd00::/8", "fd12::1", "fe00::"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "::1", "127.0.0.1"),
        ] {
            assert!(contains(network, inside), "{inside} in {network}");
            assert!(!contains(network, outside), "{outside} not in {network}");
        }
    }
}
