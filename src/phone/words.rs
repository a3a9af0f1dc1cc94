//! What is said to the phone and what it says: the room's whole interface.

use crate::sdp;
use crate::sip::{self, Credentials, DialogId, Ending, Party, Path, QueryId, Status};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Who this phone is and where its exchange is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// From where to where the phone speaks SIP.
    pub exchange: Path,
    /// The user part of its address; the number shown to whom it calls.
    pub user: String,
    /// Shown beside the number.
    pub display: String,
    /// The host part of its address and of what it dials.
    pub domain: String,
    /// Calls go where the domain's name leads (its addresses are asked for), not straight to `exchange`.
    pub follows_domain: bool,
    /// What it proves itself with when it is challenged; a trunk's side has none.
    pub credentials: Option<Credentials>,
    /// How long a registration is asked for.
    pub expires: Duration,
    /// How long an unanswered call rings before the phone gives up by itself.
    pub ring: Duration,
    /// How long the person thinks about a change of a call that the other side wants; zero: the phone agrees by itself.
    pub considers: Duration,
}

/// Where the phone listens for the audio of one call, and what it can speak there: given by whoever owns the sockets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AudioOffer {
    pub local: SocketAddr,
    /// "PCMA", "PCMU", in the order preferred.
    pub codecs: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Event {
    /// From the network. `sip::Input::Command` never comes from outside.
    Sip(sip::Input),
    Command(Command),
}

/// What the person at the phone does. A `line` is one call: from [`super::Phone::reserve`] when dialling, from
/// [`Report::Incoming`] when called.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    Register,
    Unregister,
    Dial {
        line: DialogId,
        number: String,
        audio: AudioOffer,
        /// The INVITE carries no offer: the exchange makes it (RFC 3261 section 13.2.1).
        delayed: bool,
    },
    Answer {
        line: DialogId,
        audio: AudioOffer,
    },
    Refuse {
        line: DialogId,
        status: Status,
    },
    /// Cancels, refuses or says BYE, as the call stands.
    Hangup {
        line: DialogId,
    },
    /// A key by INFO. By telephone-event the driver sends it in the audio stream.
    Digit {
        line: DialogId,
        digit: char,
    },
    Hold {
        line: DialogId,
        on: bool,
    },
    /// Is the other side still there? (OPTIONS inside the call.)
    Probe {
        line: DialogId,
    },
    /// Asks the other side to call `number` instead; with `with`, to take the place of this phone in that other call of its own.
    Transfer {
        line: DialogId,
        number: String,
        with: Option<DialogId>,
    },
}

#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    Transmit { path: Path, bytes: Vec<u8> },
    CloseConnection { connection: sip::ConnectionId },
    Resolve { query: QueryId, host: String },
    Report(Report),
}

/// What the phone tells its person (or its test). Every line that was dialled, or reported `Incoming`, ends with one `Ended`.
#[derive(Clone, PartialEq, Debug)]
pub enum Report {
    /// The registration stands for so long; zero once it was taken back.
    Registered(Duration),
    RegistrationRefused(Status),
    Incoming {
        line: DialogId,
        from: Party,
    },
    Ringing {
        line: DialogId,
        status: Status,
    },
    Answered {
        line: DialogId,
    },
    /// What was negotiated, at first and after each change.
    Audio {
        line: DialogId,
        local: SocketAddr,
        agreed: sdp::Agreed,
    },
    /// A change (hold, resume) was refused; all stays as it was.
    Unchanged {
        line: DialogId,
        status: Status,
    },
    Digit {
        line: DialogId,
        digit: char,
    },
    /// The other side answered a probe.
    Alive {
        line: DialogId,
    },
    /// How a transfer goes: 202 when it is tried, a refusal, then what becomes of the call that was asked for.
    Transfer {
        line: DialogId,
        status: Status,
    },
    Ended {
        line: DialogId,
        ending: Ending,
    },
}
