//! Who calls, what they mean to do, and what became of it.
//!
//! A [`Person`] owns one phone and makes a few calls with it; each call has a [`Plan`], drawn before the world begins, so that
//! a plan never depends on what the exchange does. Invariant: every call gets exactly one [`Outcome`].

use super::callee::{Manner, Received};
use super::promises::{Invariant, Verdict, judge};
use crate::id::Name;
use crate::media::Sound;
use crate::sip::{ConnectionId, DialogId, Ending, Transport};
use crate::time::{Duration, Moment};
use crate::{phone, sdp};
use std::net::SocketAddr;

/// What a person is to the exchange, and when they come.
#[derive(Clone, PartialEq, Debug)]
pub struct Life {
    pub identity: Identity,
    pub transport: Transport,
    /// Dials the exchange by its name, and asks for its address.
    pub follows_domain: bool,
    /// Strangers only: comes from ::1.
    pub speaks_ipv6: bool,
    /// When the phone registers, and when it takes that back.
    pub registers: Option<Duration>,
    pub unregisters: Option<Duration>,
    /// Asked for in seconds; short ones are renewed while the world lasts.
    pub expires: Duration,
    /// The phone dies, whatever it is doing.
    pub dies: Option<Duration>,
    pub calls: Vec<Plan>,
    /// What is done with the calls that come, one after the other and round again; nothing here is always busy.
    pub manners: Vec<Manner>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Identity {
    /// A phone of ours, by its user and what it believes to be its password.
    Extension { user: String, password: String },
    /// Somebody who calls through the trunk, by their number.
    Trunk { number: String },
    /// A phone at an address that the exchange knows, which calls nobody.
    Desk { user: String, address: SocketAddr },
}

/// One call as it is meant.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Since the beginning of the world.
    pub at: Duration,
    pub dials: String,
    /// The INVITE carries no offer.
    pub delayed: bool,
    pub keys: Keys,
    /// When since the answer, and which.
    pub presses: Vec<(Duration, char)>,
    pub leaves: Leaves,
    pub quirk: Quirk,
}

impl Plan {
    /// A plain call at once: listens to the end and presses nothing.
    pub fn to(number: &str) -> Plan {
        Plan {
            at: Duration::ZERO,
            dials: number.into(),
            delayed: false,
            keys: Keys::TelephoneEvent,
            presses: Vec::new(),
            leaves: Leaves::Never,
            quirk: Quirk::None,
        }
    }
}

impl Life {
    /// Somebody who calls through the trunk, over UDP.
    pub fn stranger(number: &str, calls: Vec<Plan>) -> Life {
        Life {
            identity: Identity::Trunk { number: number.into() },
            transport: Transport::Udp,
            follows_domain: false,
            speaks_ipv6: false,
            registers: None,
            unregisters: None,
            expires: Duration::ZERO,
            dies: None,
            calls,
            manners: Vec::new(),
        }
    }

    /// A phone of ours, over UDP, that knows its password and registers at once.
    pub fn extension(user: &str, calls: Vec<Plan>) -> Life {
        Life {
            identity: Identity::Extension { user: user.into(), password: super::lab::password(user) },
            registers: Some(Duration::ZERO),
            expires: Duration::from_secs(600),
            ..Life::stranger(user, calls)
        }
    }

    /// A phone of ours that calls nobody.
    pub fn agent(user: &str, manners: Vec<Manner>) -> Life {
        Life { manners, ..Life::extension(user, Vec::new()) }
    }

    /// A phone at a fixed address: an agent of a family from 1, or 0 for the provider's far end.
    pub fn desk(place: u8, manners: Vec<Manner>) -> Life {
        let (user, address) = super::lab::desk(place);
        Life { identity: Identity::Desk { user: user.clone(), address }, manners, ..Life::stranger(&user, Vec::new()) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Keys {
    TelephoneEvent,
    Info,
}

/// When the caller goes, if the exchange has not ended the call before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Leaves {
    /// Hangs up this long after dialling, whatever the state: a CANCEL before the answer, a BYE after.
    AfterDialling(Duration),
    /// Hangs up this long after the answer.
    AfterAnswer(Duration),
    /// Listens to the end; patience ends it otherwise.
    Never,
}

/// What goes wrong, on purpose, with one call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Quirk {
    None,
    /// The phone dies this long after dialling: nothing is sent or heard by it any more.
    Vanishes(Duration),
    /// No ACK ever leaves this phone.
    NeverAcknowledges,
    /// The INVITE arrives again, this long after.
    Repeats(Duration),
    /// The INVITE arrives by another way too: the same request with another branch (RFC 3261 section 8.2.2.2).
    Forks,
    /// A damaged copy of the INVITE arrives too.
    Mangles,
    /// The Contact is a host name that the exchange must ask for.
    NamedContact,
    /// Holds and resumes, this long after the answer.
    Holds(Duration),
    /// Asks whether the exchange is still there, this long after the answer.
    Probes(Duration),
    /// Joins whoever they talk with on another line to this call (an attended transfer), this long after the answer, or, where
    /// nobody answers, after dialling.
    Joins(Duration),
    /// Puts whoever they talk with on another line on hold, this long after the answer, and presses the code that brings all three
    /// together.
    Gathers(Duration),
    /// Everything said by this phone is said twice.
    Echoes,
    /// A proxy on the way says 100 to whatever the phone asks.
    Proxied,
    /// A border element on the way changes the call by an UPDATE of its own, and the phone asks its person first.
    Steered,
}

impl Quirk {
    /// The word in the tally of a run.
    pub fn name(self) -> &'static str {
        match self {
            Quirk::None => "none",
            Quirk::Vanishes(_) => "vanishes",
            Quirk::NeverAcknowledges => "never acknowledges",
            Quirk::Repeats(_) => "repeats the INVITE",
            Quirk::Forks => "sends the INVITE by two ways",
            Quirk::Mangles => "sends a damaged copy",
            Quirk::NamedContact => "has a named contact",
            Quirk::Holds(_) => "holds",
            Quirk::Probes(_) => "probes",
            Quirk::Joins(_) => "joins two calls",
            Quirk::Gathers(_) => "brings three together",
            Quirk::Echoes => "says everything twice",
            Quirk::Proxied => "has a hasty proxy",
            Quirk::Steered => "is steered on the way",
        }
    }
}

/// What became of a call, as its caller knows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// It was answered and the caller hung up.
    HungUp,
    /// It was answered and the exchange hung up.
    Released,
    /// The caller gave up before an answer.
    Cancelled,
    Refused(u16),
    /// Something was never answered, or was answered by "what call?".
    Lost,
    /// The phone died.
    Vanished,
}

/// One call as it goes.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempt {
    pub plan: Plan,
    pub line: Option<DialogId>,
    pub sip_call_id: String,
    pub dialled: Option<Moment>,
    pub answered: Option<Moment>,
    /// Where the exchange wants this call's audio, as negotiated.
    pub audio: Option<sdp::Agreed>,
    /// This side asked for the end.
    pub left: bool,
    pub outcome: Option<Outcome>,
    /// The INVITE was tampered with already, as the quirk has it.
    pub tampered: bool,
    /// What was played to the caller, in order.
    pub heard: Vec<Sound>,
}

impl Attempt {
    pub fn new(plan: Plan) -> Attempt {
        Attempt {
            plan,
            line: None,
            sip_call_id: String::new(),
            dialled: None,
            answered: None,
            audio: None,
            left: false,
            outcome: None,
            tampered: false,
            heard: Vec::new(),
        }
    }

    pub fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// Writes down what became of the call: once.
    pub fn ends(&mut self, outcome: Outcome, who: usize) -> Verdict {
        judge(Invariant::OneOutcomePerCaller, self.outcome.is_none(), || {
            format!("caller {who}'s call to {} ended {:?} and then {outcome:?}", self.plan.dials, self.outcome)
        })?;
        self.outcome = Some(outcome);
        Ok(())
    }

    /// What an ending of the phone means for the person.
    pub fn outcome_of(&self, ending: &Ending) -> Outcome {
        match (ending, self.answered.is_some()) {
            (Ending::Bye { .. }, _) => Outcome::Released,
            (Ending::Ours, true) => Outcome::HungUp,
            (Ending::Ours | Ending::Cancelled, false) => Outcome::Cancelled,
            (Ending::Refused { status, .. }, _) if status.0 == 487 && self.left => Outcome::Cancelled,
            (Ending::Refused { status, .. }, _) => Outcome::Refused(status.0),
            (Ending::Cancelled | Ending::NoAck | Ending::Timeout | Ending::Gone, _) => Outcome::Lost,
            (Ending::Unreachable | Ending::Expired, _) => Outcome::Lost,
        }
    }
}

/// Somebody with a phone.
#[derive(Clone, Debug)]
pub struct Person {
    pub life: Life,
    pub phone: phone::Phone,
    pub address: SocketAddr,
    /// The open stream to the exchange, for phones that use one.
    pub connection: Option<ConnectionId>,
    pub attempts: Vec<Attempt>,
    /// The calls that came, in their order.
    pub received: Vec<Received>,
    /// The call that is being dialled just now, so that the wire knows whose INVITE it carries.
    pub dialling: Option<usize>,
    /// Says and hears nothing any more.
    pub vanished: bool,
    /// In the middle of what it was doing.
    pub died: bool,
    pub registered: bool,
}

impl Person {
    /// The audio address of a call: the ports above the phone's own.
    pub fn audio(&self, attempt: usize) -> phone::AudioOffer {
        let port = self.address.port() + 2 + 2 * u16::try_from(attempt).unwrap_or(0);
        let codecs = if attempt.is_multiple_of(2) { ["PCMA", "PCMU"] } else { ["PCMU", "PCMA"] };
        phone::AudioOffer { local: SocketAddr::new(self.address.ip(), port), codecs: codecs.map(String::from).to_vec() }
    }

    pub fn attempt_of(&self, line: DialogId) -> Option<usize> {
        self.attempts.iter().position(|attempt| attempt.line == Some(line))
    }

    /// Whose audio is it that goes to this port?
    pub fn attempt_at(&self, port: u16) -> Option<usize> {
        let index = usize::from(port.checked_sub(self.address.port() + 2)? / 2);
        (index < self.attempts.len()).then_some(index)
    }

    pub fn is_done(&self) -> bool {
        self.attempts.iter().all(Attempt::is_over)
    }
}

/// The names of what was heard, without the language where it is `language`: `welcome`, `en/welcome`.
pub fn spoken(heard: &[Sound], language: &Name) -> Vec<String> {
    let word = |sound: &Sound| match sound.language == *language {
        true => sound.name.to_string(),
        false => format!("{}/{}", sound.language, sound.name),
    };
    heard.iter().map(word).collect()
}
