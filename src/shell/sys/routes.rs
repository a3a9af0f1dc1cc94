//! What the kernel knows of the ways to others, and which address of ours each begins at.
//!
//! The kernel's tables say which networks there are; for one address of each it is asked where a packet would leave from, so that
//! preferred sources and rules count. Nothing is sent.

use crate::sip::{Network, Route, Routes};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

/// Networks that are looked at; a machine with more is no telephone exchange.
const MAX_ROUTES: usize = 256;
/// Stands for the rest of the world (RFC 5737, RFC 3849): nobody is there.
const ABROAD: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];
/// Any port will do.
const DISCARD: u16 = 9;

/// The routes as they are now; without any, nobody can be reached.
pub fn read() -> Routes {
    // What no table names, or a table that cannot be read.
    let usual = ["127.0.0.0/8", "::1/128", "0.0.0.0/0", "::/0"].iter().filter_map(|text| text.parse().ok());
    let mut networks: Vec<Network> = usual.collect();
    networks.extend(table("/proc/self/net/route", ipv4));
    networks.extend(table("/proc/self/net/ipv6_route", ipv6));
    networks.truncate(MAX_ROUTES);
    let mut routes: Vec<Route> = Vec::with_capacity(networks.len());
    for to in networks {
        // Of two ways to one network the kernel takes the better one.
        if !routes.iter().any(|known| known.to == to)
            && let Some(from) = source(inside(&to))
        {
            routes.push(Route { to, from });
        }
    }
    Routes(routes)
}

/// Where a packet to this address would leave from.
fn source(to: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, DISCARD)).ok()?;
    socket.local_addr().ok().as_ref().map(SocketAddr::ip).filter(|from| !from.is_unspecified())
}

/// An address of the network: its second where it has one, for the first may be the network itself.
fn inside(network: &Network) -> IpAddr {
    match (network.bits, network.first()) {
        (0, first) => ABROAD[usize::from(first.is_ipv6())],
        (..=30, IpAddr::V4(first)) => IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() | 1)),
        (..=126, IpAddr::V6(first)) => IpAddr::V6(Ipv6Addr::from_bits(first.to_bits() | 1)),
        (_, first) => first,
    }
}

fn table(path: impl AsRef<Path>, line: fn(&str) -> Option<Network>) -> Vec<Network> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().take(MAX_ROUTES).filter_map(line).collect()
}

/// `eth0 0109090A 00000000 0001 0 0 0 00FFFFFF ...`: interface, destination, gateway, flags, ..., mask, as the machine's own words.
fn ipv4(line: &str) -> Option<Network> {
    let mut fields = line.split_whitespace().skip(1);
    let mut word = |skip: usize| fields.nth(skip).and_then(|field| u32::from_str_radix(field, 16).ok());
    let (to, flags) = (word(0)?, word(1)?);
    let mask = u32::from_be_bytes(word(3)?.to_ne_bytes());
    let bits = u8::try_from(mask.leading_ones()).ok()?;
    let address = Ipv4Addr::from_bits(u32::from_be_bytes(to.to_ne_bytes()));
    is_up(flags).then_some(Network { address: address.into(), bits })
}

/// `20010db8...0000 40 ... flags lo`: destination, its length in bits, ..., flags, interface, all in hexadecimal.
fn ipv6(line: &str) -> Option<Network> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let to = u128::from_str_radix(fields.first()?, 16).ok()?;
    let bits = u8::from_str_radix(fields.get(1)?, 16).ok()?;
    let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
    let network = Network { address: Ipv6Addr::from_bits(to).into(), bits };
    // A link-local address means nothing without its link.
    (is_up(flags) && (network.first().to_canonical(), bits) != (Ipv6Addr::from_bits(0xfe80 << 112).into(), 64))
        .then_some(network)
}

/// The kernel's RTF_UP, without RTF_REJECT.
fn is_up(flags: u32) -> bool {
    const UP: u32 = 0x1;
    const REJECT: u32 = 0x200;
    flags & UP != 0 && flags & REJECT == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_tables_are_read_as_it_writes_them() {
        let check = |read: fn(&str) -> Option<Network>, line: &str, expected: Option<&str>| {
            assert_eq!(read(line), expected.map(|text| text.parse().expect("a network")), "{line}");
        };
        check(ipv4, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT", None);
        if cfg!(target_endian = "little") {
            check(ipv4, "eth0\t00000000\t0101090A\t0003\t0\t0\t0\t00000000\t0\t0\t0", Some("0.0.0.0/0"));
            check(ipv4, "eth0\t0001090A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0", Some("10.9.1.0/24"));
            check(ipv4, "eth0\t0001090A\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0", None);
        }
        let line = |to: &str, bits: &str, flags: &str| {
            let none = "00000000000000000000000000000000";
            format!("{to} {bits} {none} 00 {none} 00000100 00000001 00000000 {flags}     eth0")
        };
        check(ipv6, &line("20010db8000000000000000000000000", "20", "00000001"), Some("2001:db8::/32"));
        check(ipv6, &line("fe800000000000000000000000000000", "40", "00000001"), None);
        check(ipv6, &line("00000000000000000000000000000000", "00", "00200200"), None);
        check(ipv6, "", None);
    }

    #[test]
    fn what_goes_to_this_machine_leaves_from_it() {
        let local: IpAddr = Ipv4Addr::LOCALHOST.into();
        assert_eq!(read().source(Ipv4Addr::new(127, 0, 0, 9).into()), Some(local));
    }
}
