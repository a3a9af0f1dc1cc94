//! A softphone as a pure machine, on a user agent of its own.
//!
//! ```text
//!              Event::Sip  ---->  +-------------------------+  ---->  Action::Transmit
//!                                 |  Phone                  |
//!   the person: Command    ---->  |   sip::Endpoint         |  ---->  Report: ringing, answered, ended
//!                                 |   lines: offer, answer  |  ---->  Report::Audio: where to and in what codec
//!                                 +-------------------------+
//! ```
//!
//! | file     | subject                                   |
//! |----------|-------------------------------------------|
//! | mod.rs   | the machine: lines and their negotiation  |
//! | words.rs | what it is told and what it says          |
//! | talk.rs  | the audio of one call: speaks and listens |
//! | ear.rs   | what is heard, by name                    |
//! | tape.rs  | what is heard, recorded                   |
//! | tests.rs | two phones on one wire                    |
//!
//! It is a client like any other: it knows nothing of the exchange but its address. Whoever drives it owns the sockets, and
//! the audio: the simulator's callers and the softphone of the command line are two such drivers. Invariant: every line that was
//! dialled or reported `Incoming` ends with exactly one `Ended`.

mod ear;
mod talk;
mod tape;
mod words;

pub use ear::{Hearing, Memory};
pub use talk::{Sensation, Talk};
pub use words::*;

use crate::id::Rng;
use crate::sdp::{self, Capabilities, Description, Direction};
use crate::sip::{self, DialogId, Endpoint, OutgoingCall, Party, RegistrationId, Status};
use crate::time::{Duration, Moment, Now, Timers, pairs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// More calls than this at once are refused with 486, and not dialled.
pub const MAX_LINES: usize = 64;
/// A phone is at one exchange.
const REGISTRATION: RegistrationId = RegistrationId(1);
/// How long a key is said to be held, in an INFO.
const PRESS: Duration = Duration::from_millis(160);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phone {
    settings: Settings,
    endpoint: Endpoint,
    #[serde(with = "pairs")]
    lines: BTreeMap<DialogId, Line>,
    /// The `o=` of each call differs from the one before.
    sessions: u64,
    /// When the person has thought about the change that the other side of a line wants.
    thoughts: Timers<DialogId>,
}

/// One call and what was agreed on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    /// Ours, until somebody has answered with an audio address of their own.
    audio: Option<AudioOffer>,
    direction: Direction,
    session: u64,
    version: u64,
    /// Our offer that waits for its answer.
    offered: Option<Description>,
    /// Theirs, that waits for the person to answer; `None` when the INVITE came without one.
    theirs: Option<Description>,
    /// We were called, and have not answered yet.
    incoming: bool,
    /// A change that the other side wants and the person thinks about; `None` inside: we are to make the offer.
    asked: Option<Option<Description>>,
}

impl Phone {
    pub fn new(settings: Settings, rng: Rng) -> Phone {
        let endpoint = Endpoint::new(Arc::new(agent_settings(&settings)), rng);
        Phone { settings, endpoint, lines: BTreeMap::new(), sessions: 0, thoughts: Timers::new() }
    }

    /// A name for a call that is about to be dialled.
    pub fn reserve(&mut self) -> DialogId {
        self.endpoint.reserve()
    }

    pub fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Action>) {
        match event {
            Event::Sip(input) => self.tell(input, now, out),
            Event::Command(command) => self.command(command, now, out),
        }
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.endpoint.poll_timeout().into_iter().chain(self.thoughts.next()).min()
    }

    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut said = Vec::new();
        self.endpoint.handle_timeout(now, &mut said);
        self.translate(said, now, out);
        while let Some(line) = self.thoughts.pop(now.mono) {
            if let Some(offer) = self.lines.get_mut(&line).and_then(|call| call.asked.take()) {
                self.agree(line, offer, now, out);
            }
        }
    }

    /// What is still open in the user agent: for tests and for a screen.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    fn command(&mut self, command: Command, now: Now, out: &mut Vec<Action>) {
        match command {
            Command::Register => self.register(now, out),
            Command::Unregister => self.say(sip::Command::Unregister { registration: REGISTRATION }, now, out),
            Command::Dial { line, number, audio, delayed } => self.dial(line, number, audio, delayed, now, out),
            Command::Answer { line, audio } => self.answer(line, audio, now, out),
            Command::Refuse { line: dialog, status } => self.say(sip::Command::Refuse { dialog, status }, now, out),
            Command::Hangup { line: dialog } => self.say(sip::Command::Hangup { dialog, reason: None }, now, out),
            Command::Digit { line: dialog, digit } => {
                self.say(sip::Command::Digit { dialog, digit, duration: PRESS }, now, out);
            }
            Command::Hold { line, on } => self.hold(line, on, now, out),
            Command::Probe { line: dialog } => self.say(sip::Command::Probe { dialog }, now, out),
            Command::Transfer { line: dialog, number, with: replaces } => {
                if let Some(target) = self.address_of(&number) {
                    self.say(sip::Command::Refer { dialog, target, replaces }, now, out);
                }
            }
        }
    }

    fn register(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(credentials) = self.settings.credentials.clone() else {
            return out.push(Action::Report(Report::RegistrationRefused(Status(403))));
        };
        let account = sip::Account {
            registrar: self.settings.exchange,
            user: self.settings.user.clone(),
            domain: self.settings.domain.clone(),
            credentials,
            expires: self.settings.expires,
        };
        self.say(sip::Command::Register { registration: REGISTRATION, account: Box::new(account) }, now, out);
    }

    fn dial(&mut self, line: DialogId, number: String, audio: AudioOffer, delayed: bool, now: Now, out: &mut Vec<Action>) {
        let target = match self.address_of(&number) {
            Some(target) if self.lines.len() < MAX_LINES => target,
            _ => {
                let ending = sip::Ending::Unreachable;
                return out.push(Action::Report(Report::Ended { line, ending }));
            }
        };
        let mut call = Line::new(self.session(), false);
        call.audio = Some(audio);
        call.offered = if delayed { None } else { call.offer() };
        let from = Party { display: self.settings.display.clone(), user: self.settings.user.clone() };
        let outgoing = OutgoingCall {
            target,
            path: (!self.settings.follows_domain).then_some(self.settings.exchange),
            local: self.settings.exchange.local,
            from,
            domain: None,
            to: Party { display: String::new(), user: number },
            sdp: call.offered.clone(),
            credentials: self.settings.credentials.clone(),
            ring: self.settings.ring,
            carried: sip::Carried::default(),
            diversion_header: sip::DiversionHeader::default(),
        };
        self.lines.insert(line, call);
        self.say(sip::Command::Invite { dialog: line, call: Box::new(outgoing) }, now, out);
    }

    fn address_of(&self, number: &str) -> Option<sip::message::Uri> {
        sip::message::Uri::parse(format!("sip:{number}@{}", self.settings.domain)).ok()
    }

    /// The person takes the call: our answer to its offer, or our offer when it came without one.
    fn answer(&mut self, line: DialogId, audio: AudioOffer, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.lines.get_mut(&line).filter(|call| call.incoming) else { return };
        call.incoming = false;
        let local = audio.local;
        call.audio = Some(audio);
        let (sdp, agreed) = match call.theirs.take() {
            None => {
                call.offered = call.offer();
                (call.offered.clone(), None)
            }
            Some(offer) => match call.reply(&offer) {
                Ok((sdp, agreed)) => (Some(sdp), Some(agreed)),
                Err(status) => return self.say(sip::Command::Refuse { dialog: line, status }, now, out),
            },
        };
        let Some(sdp) = sdp else { return };
        out.push(Action::Report(Report::Answered { line }));
        out.extend(agreed.map(|agreed| Action::Report(Report::Audio { line, local, agreed })));
        self.say(sip::Command::Accept { dialog: line, sdp }, now, out);
    }

    fn hold(&mut self, line: DialogId, on: bool, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.lines.get_mut(&line).filter(|call| call.audio.is_some()) else { return };
        if call.offered.is_some() {
            // One offer at a time (RFC 3264 section 4).
            return out.push(Action::Report(Report::Unchanged { line, status: Status(491) }));
        }
        call.direction = if on { Direction::SendOnly } else { Direction::SendRecv };
        call.version += 1;
        call.offered = call.offer();
        let Some(sdp) = call.offered.clone() else { return };
        self.say(sip::Command::Reoffer { dialog: line, sdp }, now, out);
    }

    fn say(&mut self, command: sip::Command, now: Now, out: &mut Vec<Action>) {
        self.tell(sip::Input::Command(command), now, out);
    }

    fn tell(&mut self, input: sip::Input, now: Now, out: &mut Vec<Action>) {
        let mut said = Vec::new();
        self.endpoint.handle(input, now, &mut said);
        self.translate(said, now, out);
    }

    fn translate(&mut self, said: Vec<sip::Output>, now: Now, out: &mut Vec<Action>) {
        for output in said {
            match output {
                sip::Output::Transmit { path, bytes } => out.push(Action::Transmit { path, bytes }),
                sip::Output::Close { connection } => out.push(Action::CloseConnection { connection }),
                sip::Output::Resolve { query, host } => out.push(Action::Resolve { query, host }),
                sip::Output::Event(event) => self.hear(event, now, out),
            }
        }
    }

    /// What the user agent says, for the person.
    fn hear(&mut self, event: sip::Event, now: Now, out: &mut Vec<Action>) {
        let report = match event {
            sip::Event::Invite { dialog, call } => return self.rings(dialog, *call, now, out),
            sip::Event::Progress { dialog, status, .. } => Report::Ringing { line: dialog, status },
            sip::Event::Accepted { dialog, sdp } => {
                out.push(Action::Report(Report::Answered { line: dialog }));
                return self.settled(dialog, sdp, now, out);
            }
            sip::Event::Confirmed { dialog, answer } => return self.settled(dialog, answer, now, out),
            sip::Event::Offer { dialog, offer } => return self.offered(dialog, offer, now, out),
            sip::Event::Renegotiated { dialog, outcome: Ok(answer) } => return self.settled(dialog, Some(answer), now, out),
            sip::Event::Renegotiated { dialog, outcome: Err(status) } => {
                self.lines.entry(dialog).and_modify(|call| call.offered = None);
                Report::Unchanged { line: dialog, status }
            }
            sip::Event::Digit { dialog, digit, .. } => Report::Digit { line: dialog, digit },
            sip::Event::Alive { dialog } => Report::Alive { line: dialog },
            sip::Event::Ended { dialog, ending } => {
                self.lines.remove(&dialog);
                self.thoughts.cancel(&dialog);
                Report::Ended { line: dialog, ending }
            }
            sip::Event::Registration { outcome: Ok(expires), .. } => Report::Registered(expires),
            sip::Event::Registration { outcome: Err(status), .. } => Report::RegistrationRefused(status),
            // A phone is nobody's registrar, and what it refused does not concern its person.
            sip::Event::Bound { .. }
            | sip::Event::Renewed { .. }
            | sip::Event::Unbound { .. }
            | sip::Event::Rejected { .. } => return,
            sip::Event::Refer { referral, .. } => {
                let refusal = sip::Command::RefuseReferral { referral, status: Status(603) };
                return self.say(refusal, now, out);
            }
            sip::Event::Subscribe { subscription, .. } => {
                let refusal = sip::Command::RefuseSubscription { subscription, status: Status(603) };
                return self.say(refusal, now, out);
            }
            sip::Event::Referred { dialog, outcome: Ok(()) } => Report::Transfer { line: dialog, status: Status(202) },
            sip::Event::Referred { dialog, outcome: Err(status) } | sip::Event::ReferralProgress { dialog, status } => {
                Report::Transfer { line: dialog, status }
            }
            // It asks for none of these.
            sip::Event::Resubscribed { .. } | sip::Event::Unsubscribed { .. } | sip::Event::Bearing { .. } => return,
        };
        out.push(Action::Report(report));
    }

    fn rings(&mut self, line: DialogId, call: sip::IncomingCall, now: Now, out: &mut Vec<Action>) {
        if self.lines.len() >= MAX_LINES {
            return self.say(sip::Command::Refuse { dialog: line, status: Status(486) }, now, out);
        }
        let mut ours = Line::new(self.session(), true);
        ours.theirs = call.offer;
        self.lines.insert(line, ours);
        out.push(Action::Report(Report::Incoming { line, from: call.from }));
        self.say(sip::Command::Progress { dialog: line, status: Status(180), sdp: None }, now, out);
    }

    /// The other side wants a change, or asks us for an offer, or answers a call that came without one by making it.
    fn offered(&mut self, dialog: DialogId, offer: Option<Description>, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.lines.get_mut(&dialog) else { return };
        if self.settings.considers.is_zero() {
            return self.agree(dialog, offer, now, out);
        }
        call.asked = Some(offer);
        self.thoughts.set(dialog, now.mono + self.settings.considers);
    }

    /// A phone agrees to what it can.
    fn agree(&mut self, dialog: DialogId, offer: Option<Description>, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.lines.get_mut(&dialog) else { return };
        call.version += 1;
        let answer = match &offer {
            Some(offer) => call.reply(offer),
            None => {
                call.offered = call.offer();
                let reply = sip::Command::Reply { dialog, answer: call.offered.clone().ok_or(Status(488)) };
                return self.say(reply, now, out);
            }
        };
        let local = call.audio.as_ref().map(|audio| audio.local);
        let answer = answer.map(|(sdp, agreed)| {
            out.extend(local.map(|local| Action::Report(Report::Audio { line: dialog, local, agreed })));
            sdp
        });
        self.say(sip::Command::Reply { dialog, answer }, now, out);
    }

    /// The answer to our offer came; none when the offer was theirs, and was answered before.
    fn settled(&mut self, line: DialogId, theirs: Option<Description>, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.lines.get_mut(&line) else { return };
        let Some(local) = call.audio.as_ref().map(|audio| audio.local) else { return };
        let Some(theirs) = theirs else { return };
        let Some(offer) = call.offered.take() else { return };
        match sdp::accept(&offer, &theirs) {
            Ok(agreed) => out.push(Action::Report(Report::Audio { line, local, agreed })),
            Err(_) => self.say(sip::Command::Hangup { dialog: line, reason: Some("no common codec".into()) }, now, out),
        }
    }

    fn session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }
}

impl Line {
    fn new(session: u64, incoming: bool) -> Line {
        Line {
            audio: None,
            direction: Direction::SendRecv,
            session,
            version: 1,
            offered: None,
            theirs: None,
            incoming,
            asked: None,
        }
    }

    fn capabilities(&self) -> Option<Capabilities> {
        self.audio.as_ref().map(|audio| Capabilities {
            local: audio.local,
            codecs: audio.codecs.clone(),
            direction: self.direction,
            session_id: self.session,
            version: self.version,
        })
    }

    fn offer(&self) -> Option<Description> {
        self.capabilities().map(|capabilities| sdp::offer(&capabilities))
    }

    fn reply(&self, offer: &Description) -> Result<(Description, sdp::Agreed), Status> {
        let capabilities = self.capabilities().ok_or(Status(488))?;
        sdp::answer(offer, &capabilities).map_err(|_| Status(488))
    }
}

/// A phone accepts calls from its exchange only, which it knows by its address.
fn agent_settings(settings: &Settings) -> sip::Settings {
    let sip::Path { transport, local, remote, .. } = settings.exchange;
    sip::Settings {
        realm: settings.domain.clone(),
        listeners: vec![sip::Listener { address: local, transport, algorithms: Vec::new() }],
        trunks: vec![sip::TrunkSource { name: "exchange".into(), addresses: vec![remote.ip().into()] }],
        ..sip::Settings::default()
    }
}

#[cfg(test)]
mod tests;
