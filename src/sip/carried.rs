//! What a call brings with it besides its parties, out of and into headers: identity, privacy, diversions, hops (RFC 3323,
//! 3325, 3892, 5806, 7044).
//!
//! Invariant: what cannot be read is left out, and costs the call nothing.

use super::message::{Headers, Name as Header, NameAddr, Request, Scheme, Uri};
use super::{Carried, Diversion, DiversionHeader, Diverted, MAX_DIVERSIONS, MAX_HOPS, Party};

/// The host of a caller who does not want to be known (RFC 3323 section 4.1.1.3).
const NOWHERE: &str = "anonymous.invalid";

/// What was written, by anybody.
pub fn read(headers: &Headers) -> Carried {
    let asserted = headers.addresses(Header::PAssertedIdentity).iter().find(|it| names_somebody(&it.uri)).map(party);
    let privacy = headers.text(Header::Privacy).unwrap_or_default().to_ascii_lowercase();
    Carried {
        asserted,
        withheld: privacy.split([';', ',']).any(|kind| matches!(kind.trim(), "id" | "user" | "header" | "full")),
        diversions: diversions(headers),
        referred_by: headers.addresses(Header::ReferredBy).into_iter().next().map(|it| it.uri),
        hops: headers.max_forwards().unwrap_or(MAX_HOPS),
    }
}

/// Writes what we say of a call of ours. `host` is our own, beside the numbers that are named.
pub fn write(carried: &Carried, style: DiversionHeader, host: &str, request: &mut Request) {
    let address = |party: &Party| NameAddr::new(Uri::sip(&party.user, host, None)).with_display(&party.display);
    request.set_max_forwards(carried.hops.saturating_sub(1));
    if let Some(asserted) = &carried.asserted {
        request.headers.set(Header::PAssertedIdentity, address(asserted).to_string());
    }
    if carried.withheld {
        request.headers.set(Header::Privacy, "id");
    }
    if let Some(uri) = &carried.referred_by {
        request.headers.set(Header::ReferredBy, NameAddr::new(uri.clone()).to_string());
    }
    let diversions = carried.diversions.iter().take(MAX_DIVERSIONS);
    match style {
        DiversionHeader::Diversion => {
            for diversion in diversions {
                let value = address(&diversion.party).with_param("reason", diversion.why.token());
                request.headers.push(Header::Diversion, value.to_string());
            }
        }
        DiversionHeader::HistoryInfo => write_history(diversions.rev(), host, request),
    }
}

/// How the caller is called in From: by name and number, or not at all (RFC 3323 section 4.1).
pub fn from_address(from: &Party, host: &str, withheld: bool) -> NameAddr {
    match withheld {
        true => NameAddr::new(Uri::sip("anonymous", NOWHERE, None)).with_display("Anonymous"),
        false => NameAddr::new(Uri::sip(&from.user, host, None)).with_display(&from.display),
    }
}

/// Each entry says where the call was sent, in the order of time; the last one is where it goes now (RFC 7044 section 5).
fn write_history<'a>(oldest_first: impl Iterator<Item = &'a Diversion>, host: &str, request: &mut Request) {
    let mut index = String::from("1");
    for diversion in oldest_first {
        let (user, cause) = (Uri::sip(&diversion.party.user, host, None), diversion.why.cause());
        let entry = format!("<{user}?Reason=SIP%3Bcause%3D{cause}>;index={index}");
        request.headers.push(Header::HistoryInfo, entry);
        index.push_str(".1");
    }
    if request.headers.has(Header::HistoryInfo) {
        let last = format!("<{}>;index={index}", request.uri);
        request.headers.push(Header::HistoryInfo, last);
    }
}

/// The last first, by Diversion where there is one, else by History-Info.
fn diversions(headers: &Headers) -> Vec<Diversion> {
    let written = headers.addresses(Header::Diversion);
    if !written.is_empty() {
        let diversion = |it: &NameAddr| Diversion { party: party(it), why: Diverted::of_token(it.params.get("reason")) };
        return written.iter().take(MAX_DIVERSIONS).map(diversion).collect();
    }
    let history = headers.addresses(Header::HistoryInfo);
    let pairs = history.windows(2).rev().take(MAX_DIVERSIONS);
    pairs.map(|pair| Diversion { party: party(&pair[0]), why: why_left(&pair[0].uri, &pair[1].uri) }).collect()
}

/// The Reason that the one who was left carries, or the cause that the one who came after him has (RFC 4458 section 2).
fn why_left(left: &Uri, next: &Uri) -> Diverted {
    let reason = left.header("reason").unwrap_or_default().to_ascii_lowercase();
    let cause = reason.split(';').find_map(|param| param.trim().strip_prefix("cause=").map(str::to_string));
    Diverted::of_cause(cause.as_deref().or(next.param("cause")))
}

fn names_somebody(uri: &Uri) -> bool {
    uri.is_sip() || uri.scheme() == Scheme::Tel
}

fn party(address: &NameAddr) -> Party {
    Party { display: address.display.clone(), user: address.uri.user().into_owned() }
}

impl Diverted {
    /// As Diversion has it (RFC 5806 section 4).
    fn token(self) -> &'static str {
        match self {
            Diverted::Always => "unconditional",
            Diverted::Busy => "user-busy",
            Diverted::NoAnswer => "no-answer",
            Diverted::Unavailable => "unavailable",
            Diverted::Otherwise => "unknown",
        }
    }

    fn of_token(token: Option<&str>) -> Diverted {
        match token.unwrap_or_default().to_ascii_lowercase().as_str() {
            "unconditional" => Diverted::Always,
            "user-busy" => Diverted::Busy,
            "no-answer" => Diverted::NoAnswer,
            "unavailable" | "out-of-service" => Diverted::Unavailable,
            _ => Diverted::Otherwise,
        }
    }

    /// As a Reason or cause has it (RFC 4458 section 4).
    fn cause(self) -> u16 {
        match self {
            Diverted::Always => 302,
            Diverted::Busy => 486,
            Diverted::NoAnswer => 408,
            Diverted::Unavailable => 503,
            Diverted::Otherwise => 487,
        }
    }

    fn of_cause(cause: Option<&str>) -> Diverted {
        match cause {
            Some("302") => Diverted::Always,
            Some("486" | "600") => Diverted::Busy,
            Some("408" | "480") => Diverted::NoAnswer,
            Some("503" | "404" | "410") => Diverted::Unavailable,
            _ => Diverted::Otherwise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Method;

    fn number(user: &str) -> Party {
        Party { display: String::new(), user: user.to_string() }
    }

    fn diverted(user: &str, why: Diverted) -> Diversion {
        Diversion { party: number(user), why }
    }

    #[test]
    fn what_is_written_is_read_back_in_either_style() {
        for style in [DiversionHeader::Diversion, DiversionHeader::HistoryInfo] {
            let carried = Carried {
                asserted: Some(Party { display: "Anna \"A\" Nowak".to_string(), user: "+48221234567".to_string() }),
                withheld: true,
                diversions: vec![diverted("1002", Diverted::NoAnswer), diverted("1001", Diverted::Busy)],
                referred_by: Uri::parse("sip:1003@pbx.test").ok(),
                hops: 12,
            };
            let mut request = Request::new(Method::Invite, Uri::sip("600100200", "carrier.test", None));
            write(&carried, style, "10.0.0.1", &mut request);
            assert_eq!(read(&request.headers), Carried { hops: 11, ..carried }, "{style:?}");
        }
    }

    #[test]
    fn what_others_write_is_understood() {
        let check = |headers: &[(Header, &str)], expected: Carried| {
            let mut request = Request::new(Method::Invite, Uri::sip("100", "10.0.0.1", None));
            headers.iter().for_each(|(name, value)| request.headers.push(name.clone(), value));
            assert_eq!(read(&request.headers), expected, "{headers:?}");
        };
        check(&[], Carried::default());
        check(
            &[(Header::PAssertedIdentity, "<urn:x:y>, <tel:+48123>"), (Header::Privacy, "none")],
            Carried { asserted: Some(number("+48123")), ..Carried::default() },
        );
        check(&[(Header::Privacy, "critical; ID")], Carried { withheld: true, ..Carried::default() });
        check(
            &[(Header::Diversion, "<sip:b@x>;reason=Out-Of-Service;counter=1"), (Header::Diversion, "sip:a@x")],
            Carried {
                diversions: vec![diverted("b", Diverted::Unavailable), diverted("a", Diverted::Otherwise)],
                ..Carried::default()
            },
        );
        let history = "<sip:a@x>;index=1, <sip:b@x;cause=302>;index=1.1, <sip:c@x>;index=1.2";
        check(
            &[(Header::HistoryInfo, history)],
            Carried {
                diversions: vec![diverted("b", Diverted::Otherwise), diverted("a", Diverted::Always)],
                ..Carried::default()
            },
        );
        check(
            &[(Header::HistoryInfo, "<<>"), (Header::PAssertedIdentity, ",,"), (Header::MaxForwards, "x")],
            Carried::default(),
        );
    }
}
