//! From where a leg accepts RTP, and where to it sends.
//!
//! | who sends | what happens |
//! |---|---|
//! | the signalled or latched address and port | accepted, whatever its SSRC |
//! | the signalled one, while another is latched | accepted, and nobody is latched any more |
//! | the host that signalling came from, during probation | the first to send four packets in sequence is latched |
//! | that host, later, going on with the SSRC and sequence accepted last (NAT gave it another port) | likewise |
//! | anybody else | refused |
//!
//! Probation opens with the first packet after each Connect and lasts five seconds, or until a packet comes from where we send to:
//! then the peer is where we thought, and its neighbours -- other phones, or strangers, behind the same NAT -- have no chance.
//! Invariant: nothing but Connect and these rows moves where we send.

use super::{SourceRule, Stream};
use crate::rtp::Header;
use crate::time::{Duration, Moment};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// How long another source from the right host may present itself.
pub const PROBATION: Duration = Duration::from_secs(5);
/// Packets in sequence, with one SSRC, that make a source the peer's.
pub const LATCH_PACKETS: u8 = 4;
/// A sequence number at most so far ahead continues the one before: five seconds.
const CONTINUITY: u16 = 250;
/// A candidate that is quiet for so long makes room for another; sooner, a second sender cannot keep the first one out.
const CANDIDATE_QUIET: Duration = Duration::from_millis(200);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Source {
    signalled: SocketAddr,
    rule: SourceRule,
    latched: Option<SocketAddr>,
    probation: Probation,
    candidate: Option<Candidate>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Probation {
    /// Opens with the first packet.
    Closed,
    Open {
        until: Moment,
    },
    Over,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    sequence: u16,
    packets: u8,
    last_packet: Moment,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Accepted,
    /// Not yet, but it may become the peer.
    Presented,
    Refused,
}

impl Source {
    pub fn new(stream: &Stream) -> Source {
        Source {
            signalled: canonical(stream.remote),
            rule: stream.source,
            latched: None,
            probation: Probation::Closed,
            candidate: None,
        }
    }

    /// What was agreed anew. A peer that is where it was keeps its latched address until it is heard from elsewhere.
    pub fn renew(&mut self, stream: &Stream) {
        let latched = self.latched;
        let unchanged = self.signalled == canonical(stream.remote) && self.rule == stream.source;
        *self = Source::new(stream);
        if unchanged {
            self.latched = latched;
        }
    }

    /// Where our packets go.
    pub fn destination(&self) -> SocketAddr {
        self.latched.unwrap_or(self.signalled)
    }

    /// May this packet be heard? `last` is the SSRC and the highest sequence number accepted so far.
    pub fn judge(&mut self, from: SocketAddr, header: &Header, last: Option<(u32, u16)>, now: Moment) -> Verdict {
        let from = canonical(from);
        if from == self.signalled || Some(from) == self.latched {
            self.settle(from);
            return Verdict::Accepted;
        }
        match self.rule {
            SourceRule::Latch { host } if host.to_canonical() == from.ip() => {}
            _ => return Verdict::Refused,
        }
        if self.is_on_probation(now) || last.is_some_and(|last| continues(last, header)) {
            self.present(from, header, now)
        } else {
            Verdict::Refused
        }
    }

    /// The peer has been found. Where it said that it would be goes before where somebody was latched.
    fn settle(&mut self, from: SocketAddr) {
        if from == self.signalled {
            self.latched = None;
        }
        self.probation = Probation::Over;
    }

    fn is_on_probation(&mut self, now: Moment) -> bool {
        match self.probation {
            Probation::Closed => {
                self.probation = Probation::Open { until: now + PROBATION };
                true
            }
            Probation::Open { until } if now < until => true,
            Probation::Open { .. } => {
                self.probation = Probation::Over;
                false
            }
            Probation::Over => false,
        }
    }

    fn present(&mut self, from: SocketAddr, header: &Header, now: Moment) -> Verdict {
        let new = Candidate { from, ssrc: header.ssrc, sequence: header.sequence, packets: 1, last_packet: now };
        let Some(candidate) = &mut self.candidate else {
            self.candidate = Some(new);
            return Verdict::Presented;
        };
        if (candidate.from, candidate.ssrc) != (from, header.ssrc) {
            if now.since(candidate.last_packet) >= CANDIDATE_QUIET {
                *candidate = new;
            }
            return Verdict::Presented;
        }
        candidate.last_packet = now;
        let ahead = header.sequence.wrapping_sub(candidate.sequence);
        if (1..=CONTINUITY).contains(&ahead) {
            candidate.sequence = header.sequence;
            candidate.packets += 1;
        }
        if candidate.packets < LATCH_PACKETS {
            return Verdict::Presented;
        }
        self.latched = Some(from);
        self.probation = Probation::Over;
        self.candidate = None;
        Verdict::Accepted
    }
}

fn continues((ssrc, sequence): (u32, u16), header: &Header) -> bool {
    header.ssrc == ssrc && (1..=CONTINUITY).contains(&header.sequence.wrapping_sub(sequence))
}

/// An IPv4 peer looks the same on a socket of either family.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
