//! Offer and answer for one audio stream (RFC 3264).
//!
//! | the offer's line | our answer |
//! |---|---|
//! | first audio over RTP/AVP with a port, an address of our family, and a codec of ours | that codec, its numbers, our port |
//! | anything else: video, T.38, SRTP, a second audio, port 0 | the same line with port 0 |
//!
//! A further offer in which every audio line has port 0 takes the audio away for a while: [`suspend`].
//!
//! Invariant: an answer has exactly the lines of its offer, in their order.

use super::codec::{self, Encoding};
use super::description::{Address, Attribute, Description, Media, Origin};
use super::{Agreed, Capabilities, Direction, Format};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Milliseconds of a packet when nobody says otherwise (RFC 3551 section 4.2), and the ones that are believed.
const PTIME: u16 = 20;
const PTIMES: std::ops::RangeInclusive<u16> = 10..=120;

/// The digits of RFC 4733: 0-9, *, #, A-D.
const EVENTS: &str = "0-15";

/// Why there can be no audio with this peer. Said to it as 488 (RFC 3261 section 21.4.26).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("there is no audio stream over RTP/AVP")]
    NoAudio,
    #[error("there is no codec in common")]
    NoCommonCodec,
    /// No `c=` line, a name, a multicast, or an address of another family than our port's.
    #[error("there is no address that audio could be sent to")]
    NoAddress,
    /// The answer took a stream away that the offer needs: port 0.
    #[error("the peer refused the audio stream")]
    Declined,
    /// The answer does not have the lines of the offer.
    #[error("the answer does not fit the offer")]
    Mismatch,
}

impl Refusal {
    pub const STATUS: u16 = 488;
}

/// An offer of everything that we can do.
pub fn offer(ours: &Capabilities) -> Description {
    describe(ours, vec![offered_audio(ours, &[])])
}

/// A further offer in a session whose last description of ours was `last`: its lines stay where they are, and so do the numbers
/// that it gave to encodings (RFC 3264 section 8).
pub fn reoffer(ours: &Capabilities, last: &Description) -> Description {
    let place = last.media.iter().position(|media| media.is_audio() && media.port != 0);
    let mut media: Vec<Media> = last.media.iter().map(refused).collect();
    match place {
        Some(place) => media[place] = offered_audio(ours, &codec::encodings(&last.media[place])),
        None => media.push(offered_audio(ours, &[])),
    }
    describe(ours, media)
}

/// Our answer to a peer's offer, and what it settles. Among the codecs that are ours, the offer's first is taken.
pub fn answer(offer: &Description, ours: &Capabilities) -> Result<(Description, Agreed), Refusal> {
    let mut agreed = None;
    let mut refusal = Refusal::NoAudio;
    let mut media = Vec::with_capacity(offer.media.len());
    for line in &offer.media {
        if agreed.is_none() {
            match take(offer, line, ours) {
                Ok((audio, settled)) => {
                    agreed = Some(settled);
                    media.push(audio);
                    continue;
                }
                Err(why) => refusal = refusal.max(why),
            }
        }
        media.push(refused(line));
    }
    match agreed {
        Some(agreed) => Ok((describe(ours, media), agreed)),
        None => Err(refusal),
    }
}

/// Our answer to a further offer that takes the audio away, with port 0 in its line (RFC 3264 section 8.2): a rare way to ask for
/// hold. Of what was agreed `before`, everything stays but that nothing is sent or heard, until an offer brings the audio back.
/// None when the offer has audio, or never had.
pub fn suspend(offer: &Description, ours: &Capabilities, before: &Agreed) -> Option<(Description, Agreed)> {
    let mut audio = offer.media.iter().filter(|line| line.is_audio()).peekable();
    let gone = audio.peek().is_some() && audio.all(|line| line.port == 0);
    let answer = || describe(ours, offer.media.iter().map(refused).collect());
    gone.then(|| (answer(), Agreed { direction: Direction::new(false, false), ..before.clone() }))
}

/// What the peer's answer to our offer settles.
pub fn accept(offer: &Description, answer: &Description) -> Result<Agreed, Refusal> {
    let (asked, line) = taken_line(offer, answer)?;
    if !is_plain_rtp(line) {
        return Err(Refusal::NoAudio);
    }
    let local = match offer.connection_of(asked) {
        Some(Address::Ip(address)) => *address,
        _ => return Err(Refusal::NoAddress),
    };
    let remote = remote(answer, line, local)?;
    let asked_encodings = codec::encodings(asked);
    let taken = codec::answered(line, &asked_encodings);
    let counterpart = |theirs: &Encoding| asked_encodings.iter().find(|ours| ours.is_like(theirs)).cloned();
    let codecs = || taken.iter().filter(|encoding| !encoding.is_event());
    let theirs = codecs().find(|theirs| counterpart(theirs).is_some()).ok_or(Refusal::NoCommonCodec)?;
    let events = pick_event(&taken, theirs.clock).and_then(|theirs| Some((theirs, counterpart(theirs)?)));
    Ok(Agreed {
        remote,
        codec: theirs.name.clone(),
        send_payload_type: theirs.payload_type,
        receive: formats(codecs().filter_map(counterpart)),
        send_event_type: events.as_ref().map(|(theirs, _)| theirs.payload_type),
        receive_event_type: events.as_ref().map(|(_, ours)| ours.payload_type),
        direction: held(remote, offer.direction_of(asked).and(answer.direction_of(line).mirrored())),
        ptime_ms: ptime(line),
    })
}

/// The first audio line that both sides have in use.
fn taken_line<'a>(offer: &'a Description, answer: &'a Description) -> Result<(&'a Media, &'a Media), Refusal> {
    let mut refusal = Refusal::NoAudio;
    for (place, asked) in offer.media.iter().enumerate().filter(|(_, asked)| asked.is_audio() && asked.port != 0) {
        match answer.media.get(place) {
            Some(line) if line.is_audio() && line.port != 0 => return Ok((asked, line)),
            Some(line) if line.is_audio() => refusal = refusal.max(Refusal::Declined),
            _ => refusal = Refusal::Mismatch,
        }
    }
    Err(refusal)
}

/// One line of an offer, if it can be our audio.
fn take(offer: &Description, line: &Media, ours: &Capabilities) -> Result<(Media, Agreed), Refusal> {
    if !line.is_audio() || line.port == 0 || !is_plain_rtp(line) {
        return Err(Refusal::NoAudio);
    }
    let remote = remote(offer, line, ours.local.ip())?;
    let encodings = codec::encodings(line);
    let mine: Vec<Encoding> = ours.codecs.iter().filter_map(|name| codec::offered(name)).collect();
    let chosen = encodings.iter().find(|theirs| mine.iter().any(|mine| mine.is_like(theirs))).ok_or(Refusal::NoCommonCodec)?;
    let event = pick_event(&encodings, chosen.clock);
    let direction = held(remote, offer.direction_of(line).mirrored().and(ours.direction));
    let mut taken = vec![chosen.clone()];
    taken.extend(event.cloned());
    let agreed = Agreed {
        remote,
        codec: chosen.name.clone(),
        // The answer uses the offer's numbers, so both ways have them.
        send_payload_type: chosen.payload_type,
        receive: formats([chosen.clone()]),
        send_event_type: event.map(|event| event.payload_type),
        receive_event_type: event.map(|event| event.payload_type),
        direction,
        ptime_ms: ptime(line),
    };
    Ok((audio(ours.local.port(), &taken, direction), agreed))
}

/// Each number once.
fn formats(encodings: impl IntoIterator<Item = Encoding>) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    for Encoding { name, payload_type, .. } in encodings {
        if formats.iter().all(|format| format.payload_type != payload_type) {
            formats.push(Format { codec: name, payload_type });
        }
    }
    formats
}

fn is_plain_rtp(line: &Media) -> bool {
    line.protocol.eq_ignore_ascii_case("RTP/AVP")
}

/// telephone-event at the codec's clock, or at any other: some phones know 8000 only.
fn pick_event(encodings: &[Encoding], clock: u32) -> Option<&Encoding> {
    let mut events = encodings.iter().filter(|encoding| encoding.is_event());
    events.clone().find(|event| event.clock == clock).or_else(|| events.next())
}

fn remote(description: &Description, line: &Media, local: IpAddr) -> Result<SocketAddr, Refusal> {
    match description.connection_of(line) {
        Some(Address::Ip(address)) => {
            let fits = address.is_unspecified() || address.is_ipv4() == local.is_ipv4();
            let one = !address.is_multicast() && *address != IpAddr::from([255; 4]);
            if fits && one { Ok(SocketAddr::new(*address, line.port)) } else { Err(Refusal::NoAddress) }
        }
        _ => Err(Refusal::NoAddress),
    }
}

/// 0.0.0.0 is how phones of RFC 2543 say "hold": nothing can be sent there (RFC 3264 section 8.4).
fn held(remote: SocketAddr, direction: Direction) -> Direction {
    Direction::new(direction.sends() && !remote.ip().is_unspecified(), direction.receives())
}

fn ptime(line: &Media) -> u16 {
    line.values("ptime").find_map(|value| value.trim().parse().ok()).filter(|ptime| PTIMES.contains(ptime)).unwrap_or(PTIME)
}

fn describe(ours: &Capabilities, media: Vec<Media>) -> Description {
    let address = Address::Ip(ours.local.ip());
    Description {
        origin: Origin {
            user: "-".to_string(),
            id: ours.session_id.to_string(),
            version: ours.version.to_string(),
            address: address.clone(),
        },
        name: "-".to_string(),
        connection: Some(address),
        attributes: Vec::new(),
        media,
    }
}

/// Our codecs in our order and telephone-event at their clocks, with the numbers that `before` gave them.
fn offered_audio(ours: &Capabilities, before: &[Encoding]) -> Media {
    let mut encodings: Vec<Encoding> = Vec::new();
    let renumbered = |encoding: Encoding| before.iter().find(|earlier| earlier.is_like(&encoding)).cloned().unwrap_or(encoding);
    for encoding in ours.codecs.iter().filter_map(|name| codec::offered(name)) {
        if !encodings.iter().any(|other| other.is_like(&encoding)) {
            encodings.push(renumbered(encoding));
        }
    }
    let clock = encodings.first().map_or(8000, |encoding| encoding.clock);
    encodings.push(renumbered(codec::event(clock)));
    audio(ours.local.port(), &encodings, ours.direction)
}

fn audio(port: u16, encodings: &[Encoding], direction: Direction) -> Media {
    let mut attributes: Vec<Attribute> = Vec::with_capacity(encodings.len() + 3);
    for encoding in encodings {
        attributes.push(Attribute::new("rtpmap", encoding.rtpmap()));
        if encoding.is_event() {
            attributes.push(Attribute::new("fmtp", format!("{} {EVENTS}", encoding.payload_type)));
        }
    }
    attributes.push(Attribute::new("ptime", PTIME.to_string()));
    attributes.push(Attribute::flag(direction.as_str()));
    Media {
        kind: "audio".into(),
        port,
        protocol: "RTP/AVP".into(),
        formats: encodings.iter().map(|encoding| encoding.payload_type.to_string()).collect(),
        connection: None,
        attributes,
    }
}

/// The same line, not wanted.
fn refused(line: &Media) -> Media {
    Media { port: 0, connection: None, attributes: Vec::new(), ..line.clone() }
}
