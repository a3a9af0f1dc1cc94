//! One call as this side sees it, and the requests it writes.

use std::net::SocketAddrV4;

/// Who we are in a call; also the index of that side's sockets and flows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Caller = 0,
    Agent = 1,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Inviting,
    Ringing,
    Up,
    Leaving,
    Done,
}

pub struct Call {
    pub side: Side,
    /// The agent's number, from 1; 0 for callers and for calls to nobody in particular.
    pub agent: usize,
    pub state: State,
    pub id: String,
    /// Our From (To, for agents) and theirs, with tags.
    pub local: String,
    pub remote: String,
    pub target: String,
    pub routes: Vec<String>,
    pub peer: SocketAddrV4,
    pub cseq: u32,
    /// The number of the INVITE that made it.
    pub invite_cseq: u32,
    pub invited_at: u64,
    pub up_at: u64,
    pub leaving_at: u64,
    pub media: Option<SocketAddrV4>,
    pub rtp: Rtp,
    /// The last request or response that may have to be repeated, and how often it was.
    pub last: Vec<u8>,
    pub repeats: u32,
    /// Events of an older generation are void.
    pub generation: u32,
    pub ack: Vec<u8>,
    /// The Via lines of the INVITE that an agent answers.
    pub vias: String,
    pub provisional: bool,
    pub acknowledged: bool,
    pub authenticated: bool,
    pub bye_authenticated: bool,
    /// The first packet of an agent was heard.
    pub bridged: bool,
}

/// The stream that a call sends.
#[derive(Default)]
pub struct Rtp {
    pub on: bool,
    pub next_at: u64,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Call {
    /// A request inside the dialog: `extra` are whole header lines. ACK and its INVITE share a number, so `cseq` is given.
    pub fn request(&self, method: &str, cseq: u32, branch: &str, local: SocketAddrV4, contact: &str, extra: &str) -> String {
        let routes: String = self.routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\n{routes}Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{contact}@{local}>\r\n{extra}Content-Length: 0\r\n\r\n",
            self.target, self.local, self.remote, self.id
        )
    }

    /// The INVITE of a caller.
    pub fn invite(&self, branch: &str, local: SocketAddrV4, user: &str, extra: &str, body: &str) -> String {
        format!(
            "INVITE {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {} INVITE\r\nContact: <sip:{user}@{local}>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n{extra}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            self.target,
            self.local,
            self.remote,
            self.id,
            self.cseq,
            body.len()
        )
    }
}

/// What is known of a stream that is received.
pub struct Flow {
    pub call: usize,
    pub last_at: u64,
    pub sequence: u16,
    pub packets: u64,
    pub lost: u64,
    pub out_of_order: u64,
}

impl Flow {
    pub fn of(call: usize) -> Flow {
        Flow { call, last_at: 0, sequence: 0, packets: 0, lost: 0, out_of_order: 0 }
    }
}
