//! The lab's fence: a configuration with `lab: true` sends nothing outside this machine.
//!
//! Invariant: every datagram and every connection of the signalling doors is asked about here before it leaves.

use std::net::IpAddr;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fence {
    pub lab: bool,
}

impl Fence {
    /// May something be sent to this address?
    pub fn lets_through(self, to: IpAddr) -> bool {
        !self.lab || to.to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lab_reaches_this_machine_only() {
        let check = |lab, address: &str| Fence { lab }.lets_through(address.parse().expect("an address"));
        for inside in ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.2"] {
            assert!(check(true, inside), "{inside}");
        }
        for outside in ["10.0.0.1", "0.0.0.0", "::", "::ffff:8.8.8.8", "fe80::1", "255.255.255.255"] {
            assert!(!check(true, outside), "{outside}");
            assert!(check(false, outside), "{outside}");
        }
    }
}
