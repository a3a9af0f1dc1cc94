//! One RTP packet: RFC 3550 section 5.1, extension header section 5.3.1.
//!
//! Invariant: a parsed packet borrows from the datagram, and its payload is free of padding.

/// The fixed header, without contributing sources or extension: the only one that we send.
pub const HEADER_LENGTH: usize = 12;

/// Payload types 64 to 95 with the marker bit are RTCP on the same port (RFC 5761 section 4), which we never agree to.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    pub header: Header,
    /// Contributing sources, four bytes each.
    pub contributors: &'a [u8],
    /// The profile's number and the words of the extension header.
    pub extension: Option<(u16, &'a [u8])>,
    pub payload: &'a [u8],
}

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    #[error("the datagram ends before the header does")]
    Short,
    #[error("the version is not 2")]
    Version,
    #[error("this is RTCP")]
    Rtcp,
    #[error("the padding is longer than the payload")]
    Padding,
}

impl<'a> Packet<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let (fixed, mut rest) = bytes.split_first_chunk::<HEADER_LENGTH>().ok_or(Malformed::Short)?;
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != 2 {
            return Err(Malformed::Version);
        }
        if RTCP_TYPES.contains(&second) {
            return Err(Malformed::Rtcp);
        }
        let header = Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        };
        let contributors = take(&mut rest, usize::from(first & 0x0f) * 4)?;
        let extension = if first & 0x10 != 0 { Some(take_extension(&mut rest)?) } else { None };
        let payload = if first & 0x20 != 0 { without_padding(rest)? } else { rest };
        Ok(Packet { header, contributors, extension, payload })
    }
}

impl Header {
    /// The twelve bytes that precede a payload of ours.
    pub fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let second = u8::from(self.marker) << 7 | (self.payload_type & 0x7f);
        [0x80, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, remaining) = rest.split_at_checked(length).ok_or(Malformed::Short)?;
    *rest = remaining;
    Ok(taken)
}

fn take_extension<'a>(rest: &mut &'a [u8]) -> Result<(u16, &'a [u8]), Malformed> {
    let (&[p0, p1, l0, l1], remaining) = rest.split_first_chunk::<4>().ok_or(Malformed::Short)?;
    *rest = remaining;
    let words = usize::from(u16::from_be_bytes([l0, l1]));
    Ok((u16::from_be_bytes([p0, p1]), take(rest, words * 4)?))
}

/// The last byte of a padded packet counts the padding, itself included.
fn without_padding(payload: &[u8]) -> Result<&[u8], Malformed> {
    let padding = usize::from(*payload.last().ok_or(Malformed::Padding)?);
    match payload.len().checked_sub(padding) {
        Some(length) if padding > 0 => Ok(&payload[..length]),
        _ => Err(Malformed::Padding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use webrtc_util::marshal::{Marshal as _, Unmarshal as _};

    #[test]
    fn what_is_no_rtp_packet_is_refused_with_the_reason() {
        let check = |what: &str, bytes: &[u8], expected: Malformed| assert_eq!(Packet::parse(bytes), Err(expected), "{what}");
        let with = |first: u8, second: u8, rest: &[u8]| {
            let mut bytes = vec![first, second, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
            bytes.extend(rest);
            bytes
        };
        check("nothing", &[], Malformed::Short);
        check("eleven bytes", &[0x80; 11], Malformed::Short);
        check("a STUN request", &with(0x00, 0x01, &[]), Malformed::Version);
        check("a DTLS record", &with(0x16, 0xfe, &[]), Malformed::Version);
        check("an RTCP sender report", &with(0x80, 200, &[]), Malformed::Rtcp);
        check("contributors beyond the end", &with(0x82, 8, &[0; 7]), Malformed::Short);
        check("an extension without its length", &with(0x90, 8, &[0; 3]), Malformed::Short);
        check("an extension beyond the end", &with(0x90, 8, &[0, 0, 0, 2, 1, 2, 3, 4]), Malformed::Short);
        check("padding of nothing", &with(0xa0, 8, &[]), Malformed::Padding);
        check("padding of length zero", &with(0xa0, 8, &[7, 0]), Malformed::Padding);
        check("padding longer than the payload", &with(0xa0, 8, &[7, 3]), Malformed::Padding);
    }

    #[test]
    fn contributors_extension_and_padding_are_told_apart_from_the_payload() {
        let bytes = [
            0xb1, 0x88, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef, // header
            1, 2, 3, 4, // one contributor
            0xbe, 0xde, 0, 1, 5, 6, 7, 8, // extension of one word
            0xd5, 0xd5, 0, 2, // two bytes of payload, two of padding
        ];
        let packet = Packet::parse(&bytes).expect("a valid packet");
        let header = Header { marker: true, payload_type: 8, sequence: 0x1234, timestamp: 9, ssrc: 0xdead_beef };
        assert_eq!(packet.header, header);
        assert_eq!(packet.contributors, [1, 2, 3, 4]);
        assert_eq!(packet.extension, Some((0xbede, &[5, 6, 7, 8][..])));
        assert_eq!(packet.payload, [0xd5, 0xd5]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload.len() + HEADER_LENGTH <= bytes.len());
            }
        }

        #[test]
        fn what_we_print_the_oracle_reads(marker: bool, payload_type in 0u8..64, sequence: u16, timestamp: u32, ssrc: u32,
                                          payload in proptest::collection::vec(any::<u8>(), 0..172)) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc };
            let bytes = [&header.to_bytes()[..], &payload].concat();
            let read = rtp::packet::Packet::unmarshal(&mut &bytes[..]).expect("the oracle reads it");
            prop_assert_eq!((read.header.version, read.header.marker, read.header.payload_type), (2, marker, payload_type));
            prop_assert_eq!(
                (read.header.sequence_number, read.header.timestamp, read.header.ssrc), (sequence, timestamp, ssrc));
            prop_assert_eq!(&read.payload[..], &payload[..]);
        }

        #[test]
        fn what_the_oracle_prints_we_read(marker: bool, payload_type in 0u8..64, sequence: u16, timestamp: u32, ssrc: u32,
                                          csrc in proptest::collection::vec(any::<u32>(), 0..15),
                                          extension in proptest::option::of(proptest::collection::vec(any::<u8>(), 4..16)),
                                          payload in proptest::collection::vec(any::<u8>(), 0..172)) {
            let words = extension.map(|bytes| bytes[..bytes.len() / 4 * 4].to_vec());
            let mut header = rtp::header::Header {
                version: 2, marker, payload_type, sequence_number: sequence, timestamp, ssrc, csrc: csrc.clone(),
                ..Default::default()
            };
            if let Some(words) = &words {
                header.extension = true;
                header.extension_profile = 0x1234;
                header.extensions = vec![rtp::header::Extension { id: 0, payload: words.clone().into() }];
            }
            let printed = rtp::packet::Packet { header, payload: payload.clone().into() }.marshal().expect("the oracle prints it");
            let read = Packet::parse(&printed).expect("we read it");
            prop_assert_eq!(read.header, Header { marker, payload_type, sequence, timestamp, ssrc });
            prop_assert_eq!(read.contributors, csrc.iter().flat_map(|one| one.to_be_bytes()).collect::<Vec<_>>());
            prop_assert_eq!(read.extension.map(|(profile, words)| (profile, words.to_vec())), words.map(|words| (0x1234, words)));
            prop_assert_eq!(read.payload, payload);
        }
    }
}
