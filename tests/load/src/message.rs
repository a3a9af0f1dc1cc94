//! Just enough SIP and SDP to call and be called: what an exchange writes, not what an attacker might.

use std::net::{Ipv4Addr, SocketAddrV4};

#[derive(Default)]
pub struct Message<'a> {
    pub start: &'a str,
    pub vias: Vec<&'a str>,
    pub record_routes: Vec<&'a str>,
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    pub method: &'a str,
    pub contact: &'a str,
    pub challenge: &'a str,
    /// The challenge came as Proxy-Authenticate.
    pub by_proxy: bool,
    pub body: &'a str,
}

impl<'a> Message<'a> {
    pub fn read(bytes: &'a [u8]) -> Option<Message<'a>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.split("\r\n");
        let mut message = Message { start: lines.next().filter(|line| line.len() >= 8)?, body, ..Message::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            message.take(name.trim(), value.trim());
        }
        Some(message)
    }

    fn take(&mut self, name: &str, value: &'a str) {
        let is = |long: &str, short: &str| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short);
        if is("Via", "v") {
            self.vias.push(value);
        } else if is("From", "f") {
            self.from = value;
        } else if is("To", "t") {
            self.to = value;
        } else if is("Call-ID", "i") {
            self.call_id = value;
        } else if is("Contact", "m") {
            self.contact = value;
        } else if is("Record-Route", "Record-Route") {
            self.record_routes.push(value);
        } else if is("WWW-Authenticate", "Proxy-Authenticate") {
            self.challenge = value;
            self.by_proxy = name.len() > "WWW-Authenticate".len();
        } else if is("CSeq", "CSeq") {
            let mut words = value.split_whitespace();
            self.cseq = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
            self.method = words.next().unwrap_or_default();
        }
    }

    /// The code of a response; `None` for a request.
    pub fn status(&self) -> Option<u32> {
        self.start.strip_prefix("SIP/2.0 ").map(|rest| rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0))
    }

    /// The name of the header that answers its challenge.
    pub fn credentials_header(&self) -> &'static str {
        if self.by_proxy { "Proxy-Authorization" } else { "Authorization" }
    }
}

/// The URI inside `"Name" <sip:...>;tag=...`, or the bare one.
pub fn uri_of(header: &str) -> &str {
    match (header.find('<'), header.find('>')) {
        (Some(open), Some(close)) if close > open => &header[open + 1..close],
        _ => header.split(';').next().unwrap_or(header).trim(),
    }
}

pub fn user_of(uri: &str) -> &str {
    uri.strip_prefix("sip:").unwrap_or(uri).split_once('@').map_or("", |(user, _)| user)
}

/// The address in a URI whose host is written as one.
pub fn host_of(uri: &str) -> Option<SocketAddrV4> {
    let uri = uri.strip_prefix("sip:").unwrap_or(uri);
    let host = uri.split_once('@').map_or(uri, |(_, host)| host).split([';', '?', '>']).next()?;
    let (address, port) = host.split_once(':').unwrap_or((host, "5060"));
    Some(SocketAddrV4::new(address.parse().ok()?, port.parse().unwrap_or(5060)))
}

/// Where the first audio stream wants its RTP; `None` when it wants none.
pub fn media_of(body: &str) -> Option<SocketAddrV4> {
    let (mut address, mut port, mut in_audio) = (None::<Ipv4Addr>, None::<u16>, false);
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("c=IN IP4 ") {
            if port.is_none() || in_audio {
                address = rest.trim().split('/').next().and_then(|address| address.parse().ok());
            }
        } else if let Some(rest) = line.strip_prefix("m=") {
            in_audio = rest.starts_with("audio ");
            if in_audio && port.is_none() {
                port = rest.split_whitespace().nth(1).and_then(|port| port.parse().ok());
            }
        }
    }
    port.filter(|port| *port > 0).and_then(|port| Some(SocketAddrV4::new(address?, port)))
}

/// Our description: PCMU and telephone-event at this address.
pub fn description(media: SocketAddrV4, id: u64) -> String {
    format!(
        "v=0\r\no=sl {id} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
        ip = media.ip(),
        port = media.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let text = "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bK1\r\nTo: <sip:1@x>;tag=2\r\nCSeq: 7 INVITE\r\nContact: <sip:a@127.0.0.1:5060;lr>\r\n\r\n\
                    v=0\r\nc=IN IP4 127.0.0.9\r\nm=audio 16384 RTP/AVP 0\r\n";
        let message = Message::read(text.as_bytes()).expect("a message");
        assert_eq!((message.status(), message.cseq, message.method, message.vias.len()), (Some(200), 7, "INVITE", 1));
        assert_eq!(host_of(uri_of(message.contact)), Some("127.0.0.1:5060".parse().expect("an address")));
        assert_eq!(media_of(message.body), Some("127.0.0.9:16384".parse().expect("an address")));
    }
}
