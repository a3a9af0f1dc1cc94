//! Networks: which addresses are meant by `192.0.2.0/24`.
//!
//! Invariant: an address is in a network exactly when it has the network's family and first bits.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that begin with the same bits (CIDR, RFC 4632).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Network {
    pub address: IpAddr,
    pub bits: u8,
}

impl Network {
    /// Loopback, RFC 1918, link-local, RFC 4193.
    pub fn private() -> Vec<Network> {
        let texts = [
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ];
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Its first address: two networks that have it in common are one, or one is in the other.
    pub fn first(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(own) => {
                IpAddr::V4(Ipv4Addr::from_bits(own.to_bits() & u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0)))
            }
            IpAddr::V6(own) => {
                let all = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() & all))
            }
        }
    }

    /// Some address is in both.
    pub fn overlaps(&self, other: &Network) -> bool {
        self.contains(other.first()) || other.contains(self.first())
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(self.bits),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(self.bits),
            _ => false,
        }
    }
}

/// "192.0.2.0/24", or one address.
impl std::str::FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Network, ()> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let mut address: IpAddr = address.parse().map_err(|_| ())?;
        if bits.is_none() {
            address = address.to_canonical();
        }
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), |bits| bits.parse().map_err(|_| ()))?;
        if bits > all { Err(()) } else { Ok(Network { address, bits }) }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Network {
        let address = address.to_canonical();
        Network { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

/// One address is written as such.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Network::from(self.address) == *self {
            true => self.address.fmt(f),
            false => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_begins_with_its_bits() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("::/0", "203.0.113.9", false),
            ("fc00::/7", "fd12::1", true),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
        ] {
            let network: Network = network.parse().expect("a network");
            assert_eq!(network.contains(address.parse().expect("an address")), inside, "{network:?} {address}");
        }
        for wrong in ["10.0.0.0/33", "10.0.0/8", "x", "::1/129", "10.0.0.0/"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_that_have_an_address_in_common_overlap() {
        for (one, other, common) in [
            ("10.1.2.3/8", "10.9.0.0/16", true),
            ("10.0.0.0/9", "10.128.0.0/9", false),
            ("192.0.2.7", "192.0.2.0/24", true),
            ("0.0.0.0/0", "192.0.2.7", true),
            ("::/0", "192.0.2.7", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
        ] {
            let [one, other]: [Network; 2] = [one, other].map(|text| text.parse().expect("a network"));
            assert_eq!((one.overlaps(&other), other.overlaps(&one)), (common, common), "{one} {other}");
        }
        assert_eq!("10.1.2.3/8".parse::<Network>().map(|it| it.first().to_string()), Ok("10.0.0.0".to_string()));
    }
}
