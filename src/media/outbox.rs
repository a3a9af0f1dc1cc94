//! Packets on their way out, end to end in one buffer that is kept from tick to tick.
//!
//! Invariant: once it has grown to what a tick needs, putting a packet in allocates nothing.

use crate::id::LegId;
use crate::rtp::Header;
use std::net::SocketAddr;
use std::ops::Range;

#[derive(Clone, Debug, Default)]
pub struct Outbox {
    places: Vec<Place>,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Place {
    leg: LegId,
    to: SocketAddr,
    range: Range<usize>,
}

/// A packet to send from a leg's socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing<'a> {
    pub leg: LegId,
    pub to: SocketAddr,
    pub bytes: &'a [u8],
}

impl Outbox {
    pub fn packets(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.places.iter().map(|place| Outgoing { leg: place.leg, to: place.to, bytes: &self.bytes[place.range.clone()] })
    }

    pub fn clear(&mut self) {
        self.places.clear();
        self.bytes.clear();
    }

    pub(super) fn put(&mut self, leg: LegId, to: SocketAddr, header: Header, payload: &[u8]) {
        self.put_with(leg, to, header, |bytes| bytes.extend_from_slice(payload));
    }

    /// Each byte of the payload becomes what the table says.
    pub(super) fn put_translated(&mut self, leg: LegId, to: SocketAddr, header: Header, payload: &[u8], table: &[u8; 256]) {
        self.put_with(leg, to, header, |bytes| bytes.extend(payload.iter().map(|byte| table[usize::from(*byte)])));
    }

    /// Each sample becomes a byte.
    pub(super) fn put_encoded(&mut self, leg: LegId, to: SocketAddr, header: Header, samples: &[i16], encode: fn(i16) -> u8) {
        self.put_with(leg, to, header, |bytes| bytes.extend(samples.iter().map(|sample| encode(*sample))));
    }

    fn put_with(&mut self, leg: LegId, to: SocketAddr, header: Header, payload: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&header.to_bytes());
        payload(&mut self.bytes);
        self.places.push(Place { leg, to, range: start..self.bytes.len() });
    }
}
