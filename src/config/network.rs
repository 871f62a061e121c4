//! A block of IP addresses, written `10.0.0.0/8`, `2001:db8::/32`, or as a single address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// All addresses that share their first `prefix` bits with `address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The first address of the block, and how many of its leading bits count.
    pub(crate) fn parts(self) -> (IpAddr, u8) {
        (self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let wrong = || {
            "is not a network: write a block such as 10.0.0.0/8 or 2001:db8::/32, or one address".to_owned()
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix.map_or(Ok(longest), str::parse).map_err(|_| wrong())?;
        if prefix > longest {
            return Err(format!("has a prefix that is longer than the {longest} bits of the address"));
        }
        let first = first_of(address, prefix);
        if first != address {
            return Err(format!("has bits set after its prefix: the network is {first}/{prefix}"));
        }
        Ok(Network { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

fn first_of(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

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
        assert_eq!(
            "10.1.2.3/8".parse::<Network>(),
            Err("has bits set after its prefix: the network is 10.0.0.0/8".to_owned())
        );
    }
}
