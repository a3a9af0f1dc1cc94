//! Payload types and the encodings that they stand for (RFC 3551, RFC 4733).
//!
//! Invariant: an encoding's name is in upper case here, except telephone-event's.

use super::description::Media;

/// The name of DTMF digits as an encoding.
pub(super) const EVENT: &str = "telephone-event";

/// The payload type that we offer telephone-event with; the one most phones use.
const EVENT_TYPE: u8 = 101;

/// A payload type of one media line, and what it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Encoding {
    pub payload_type: u8,
    pub name: String,
    /// Hertz, of the RTP timestamp.
    pub clock: u32,
    pub channels: u8,
}

impl Encoding {
    pub fn is_event(&self) -> bool {
        self.name == EVENT
    }

    /// The same encoding, whatever its number.
    pub fn is_like(&self, other: &Encoding) -> bool {
        self.name == other.name && self.clock == other.clock && self.channels == other.channels
    }

    /// `PCMA/8000`, `OPUS/48000/2`.
    pub fn rtpmap(&self) -> String {
        let Encoding { payload_type, name, clock, channels } = self;
        match channels {
            1 => format!("{payload_type} {name}/{clock}"),
            _ => format!("{payload_type} {name}/{clock}/{channels}"),
        }
    }

    fn new(payload_type: u8, name: &str, clock: u32, channels: u8) -> Encoding {
        Encoding { payload_type, name: name.to_string(), clock, channels }
    }
}

/// The encoding of a codec of ours as we offer it.
pub(super) fn offered(name: &str) -> Option<Encoding> {
    Some(match name.to_ascii_uppercase().as_str() {
        "PCMU" => Encoding::new(0, "PCMU", 8000, 1),
        "PCMA" => Encoding::new(8, "PCMA", 8000, 1),
        // Sampled at 16 kHz; the clock says 8000 for a reason that RFC 3551 section 4.5.2 regrets.
        "G722" => Encoding::new(9, "G722", 8000, 1),
        "OPUS" => Encoding::new(107, "OPUS", 48000, 2),
        _ => return None,
    })
}

pub(super) fn event(clock: u32) -> Encoding {
    Encoding::new(EVENT_TYPE, EVENT, clock, 1)
}

/// What the numbers of an RTP media line stand for, in its order. Numbers that nothing explains are left out.
pub(super) fn encodings(media: &Media) -> Vec<Encoding> {
    answered(media, &[])
}

/// The same of an answer: a number that it does not explain means what it meant in the offer.
pub(super) fn answered(media: &Media, offered: &[Encoding]) -> Vec<Encoding> {
    let in_offer = |number: u8| offered.iter().find(|encoding| encoding.payload_type == number).cloned();
    let numbers = media.formats.iter().filter_map(|format| format.parse().ok());
    numbers.filter_map(|number| encoding(media, number).or_else(|| in_offer(number))).collect()
}

fn encoding(media: &Media, number: u8) -> Option<Encoding> {
    if number > 127 {
        return None;
    }
    let mapped = media.values("rtpmap").find_map(|value| {
        let (this, mapping) = value.split_once(' ')?;
        (this.trim().parse() == Ok(number)).then(|| mapping.trim().to_string())
    });
    match mapped {
        Some(mapping) => mapped_encoding(number, &mapping),
        None => match number {
            0 => offered("PCMU"),
            8 => offered("PCMA"),
            9 => offered("G722"),
            _ => None,
        },
    }
}

fn mapped_encoding(payload_type: u8, mapping: &str) -> Option<Encoding> {
    let mut parts = mapping.split('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let clock = parts.next()?.trim().parse().ok()?;
    let channels = match parts.next() {
        Some(channels) => channels.trim().parse().ok()?,
        None => 1,
    };
    let name = if name.eq_ignore_ascii_case(EVENT) { EVENT.to_string() } else { name.to_ascii_uppercase() };
    Some(Encoding { payload_type, name, clock, channels })
}
