//! Those whose phones ring: what they do with each call that comes, and what their phones do wrong.
//!
//! A [`Manner`] is drawn for each call before the world begins. Invariant: what a callee does never depends on anything but the
//! manner and the moment at which the INVITE came.

use super::acts::Act;
use super::caller::Person;
use super::promises::{Verdict, Violation};
use super::wire;
use super::world::{Happening, World};
use crate::phone::{AudioOffer, Command};
use crate::sdp;
use crate::sip::{DialogId, Status};
use crate::time::{Duration, Moment};
use std::net::SocketAddr;

/// Where the audio ports of calls that come begin, above a phone's own port; below are those of the calls that it makes.
const PORTS_FROM: u16 = 40;
/// Who has sent a caller on hangs up after this, if the exchange has not.
const COME_BACK: Duration = Duration::from_secs(20);
/// Audio ports of calls that come, used round and round.
const PORTS: u16 = 29;

/// What a person, or a phone, does with one call that comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Manner {
    /// Picks up this long after it began to ring, and hangs up after so much talk, or never.
    Answers { after: Duration, talks: Option<Duration> },
    /// The same, and in between puts the other on hold and comes back.
    Holds { after: Duration, talks: Duration },
    /// Picks up, talks, and sends the other on to this number (REFER).
    Transfers { after: Duration, talks: Duration, to: &'static str },
    /// 486, 603, 302, 480 ... this long after it began to ring.
    Refuses { after: Duration, status: u16 },
    /// Speaks only what the exchange does not: 488 when picked up.
    SpeaksUnknownCodec { after: Duration },
    /// The 200 carries no description.
    AnswersWithoutAudio { after: Duration },
    /// Agrees to audio, and sends none.
    AnswersMute { after: Duration, talks: Duration },
    /// 180, and then nothing.
    LetsRing,
    /// The phone takes no notice of the call at all.
    KeepsSilent,
    /// Picks up in the very moment in which the CANCEL comes.
    AnswersAtCancel,
    /// The phone dies this long after it began to ring.
    DiesRinging { after: Duration },
    /// Picks up, and the phone dies so much later.
    DiesTalking { after: Duration, talks: Duration },
}

impl Manner {
    /// The word in the tally of a run.
    pub fn name(self) -> &'static str {
        match self {
            Manner::Answers { .. } => "answers",
            Manner::Holds { .. } => "holds and resumes",
            Manner::Transfers { .. } => "transfers",
            Manner::Refuses { status: 486, .. } => "refuses 486",
            Manner::Refuses { status: 603, .. } => "refuses 603",
            Manner::Refuses { status: 302, .. } => "refuses 302",
            Manner::Refuses { .. } => "refuses otherwise",
            Manner::SpeaksUnknownCodec { .. } => "speaks an unknown codec",
            Manner::AnswersWithoutAudio { .. } => "answers without a description",
            Manner::AnswersMute { .. } => "answers and is mute",
            Manner::LetsRing => "lets it ring",
            Manner::KeepsSilent => "keeps silent",
            Manner::AnswersAtCancel => "answers when cancelled",
            Manner::DiesRinging { .. } => "dies while ringing",
            Manner::DiesTalking { .. } => "dies while talking",
        }
    }

    fn picks_up(self) -> Option<Duration> {
        match self {
            Manner::Answers { after, .. }
            | Manner::Holds { after, .. }
            | Manner::Transfers { after, .. }
            | Manner::SpeaksUnknownCodec { after }
            | Manner::AnswersWithoutAudio { after }
            | Manner::AnswersMute { after, .. }
            | Manner::DiesTalking { after, .. } => Some(after),
            _ => None,
        }
    }
}

/// One call that came, as it goes.
#[derive(Clone, PartialEq, Debug)]
pub struct Received {
    pub sip_call_id: String,
    pub manner: Manner,
    /// The INVITE arrived.
    pub came: Moment,
    /// None while the phone has not rung yet (and for ever when it refused by itself).
    pub line: Option<DialogId>,
    pub from: String,
    pub picked_up: Option<Moment>,
    pub audio: Option<sdp::Agreed>,
    pub left: bool,
    /// What its CANCEL gave as the reason, if one came; empty when it gave none.
    pub cancelled: Option<String>,
    pub ended: Option<Moment>,
}

impl Received {
    fn new(sip_call_id: &str, manner: Manner, came: Moment) -> Received {
        Received {
            sip_call_id: sip_call_id.to_string(),
            manner,
            came,
            line: None,
            from: String::new(),
            picked_up: None,
            audio: None,
            left: false,
            cancelled: None,
            ended: None,
        }
    }
}

impl Person {
    /// What is done with the next call that comes.
    fn manner(&self) -> Manner {
        let manners = &self.life.manners;
        let busy = Manner::Refuses { after: Duration::ZERO, status: 486 };
        manners.get(self.received.len() % manners.len().max(1)).copied().unwrap_or(busy)
    }

    /// The audio address of a call that came.
    pub fn own_audio(&self, received: usize) -> AudioOffer {
        let place = u16::try_from(received).unwrap_or(0) % PORTS;
        let port = self.address.port() + PORTS_FROM + 2 * place;
        let unknown = matches!(self.received[received].manner, Manner::SpeaksUnknownCodec { .. });
        let codecs = if unknown { vec!["G722".to_string()] } else { vec!["PCMA".to_string(), "PCMU".to_string()] };
        AudioOffer { local: SocketAddr::new(self.address.ip(), port), codecs }
    }

    /// Every audio address that this phone may ever use.
    pub(super) fn audio_ports(&self) -> Vec<SocketAddr> {
        let made = (0..self.attempts.len()).map(|attempt| self.audio(attempt).local);
        let ports = if self.life.manners.is_empty() { 0 } else { PORTS };
        let came = (0..ports).map(|place| SocketAddr::new(self.address.ip(), self.address.port() + PORTS_FROM + 2 * place));
        made.chain(came).collect()
    }

    pub fn received_on(&self, line: DialogId) -> Option<usize> {
        self.received.iter().position(|received| received.line == Some(line))
    }

    /// The live call that came whose audio is at this port.
    fn received_at(&self, port: u16) -> Option<usize> {
        let live = |at: &usize| self.received[*at].picked_up.is_some() && self.received[*at].ended.is_none();
        (0..self.received.len()).filter(live).find(|at| self.own_audio(*at).local.port() == port)
    }
}

impl World {
    /// A message is about to reach a phone: an INVITE of a call that it does not know yet is a call that comes. False when the
    /// phone takes no notice of it.
    pub(super) fn reaches(&mut self, who: usize, bytes: &[u8]) -> Result<bool, Violation> {
        let now = self.clock.mono();
        let person = &mut self.people[who];
        let Some(id) = wire::call_id(bytes).filter(|_| !person.vanished) else { return Ok(!person.vanished) };
        let known = person.received.iter().position(|received| received.sip_call_id == id);
        let comes =
            known.is_none() && bytes.starts_with(b"INVITE ") && person.attempts.iter().all(|attempt| attempt.sip_call_id != id);
        let at = match known {
            Some(at) => at,
            None if comes => {
                person.received.push(Received::new(id, person.manner(), now));
                person.received.len() - 1
            }
            None => return Ok(true),
        };
        if bytes.starts_with(b"CANCEL ") {
            let received = &mut self.people[who].received[at];
            received.cancelled = Some(wire::reason(bytes));
            if received.manner == Manner::AnswersAtCancel {
                self.pick_up(who, at)?;
            }
        }
        Ok(self.people[who].received[at].manner != Manner::KeepsSilent)
    }

    /// The phone rings: the person does what they do with this call.
    pub(super) fn rings(&mut self, who: usize, line: DialogId, from: String) {
        let now = self.clock.mono();
        let person = &mut self.people[who];
        let Some(at) = person.received.iter().rposition(|received| received.line.is_none()) else { return };
        let received = &mut person.received[at];
        (received.line, received.from) = (Some(line), from);
        match received.manner {
            Manner::Refuses { after, status } => self.intend(who, now + after, Act::Refuse(at, status)),
            Manner::DiesRinging { after } => self.intend(who, now + after, Act::Vanish),
            manner => {
                if let Some(after) = manner.picks_up() {
                    self.intend(who, now + after, Act::PickUp(at));
                }
            }
        }
    }

    pub(super) fn pick_up(&mut self, who: usize, at: usize) -> Verdict {
        let now = self.clock.mono();
        let person = &mut self.people[who];
        let audio = person.own_audio(at);
        let received = &mut person.received[at];
        let Some(line) = received.line.filter(|_| received.ended.is_none() && received.picked_up.is_none()) else {
            return Ok(());
        };
        received.picked_up = Some(now);
        match received.manner {
            Manner::Answers { talks: Some(talks), .. } | Manner::AnswersMute { talks, .. } => {
                self.intend(who, now + talks, Act::PutDown(at));
            }
            Manner::Holds { talks, .. } => {
                self.intend(who, now + talks / 4, Act::PutOnHold(at, true));
                self.intend(who, now + talks / 2, Act::PutOnHold(at, false));
                self.intend(who, now + talks, Act::PutDown(at));
            }
            Manner::Transfers { talks, to, .. } => {
                self.intend(who, now + talks, Act::Transfer(at, to));
                self.intend(who, now + talks + COME_BACK, Act::PutDown(at));
            }
            Manner::DiesTalking { talks, .. } => self.intend(who, now + talks, Act::Vanish),
            _ => {}
        }
        self.command(who, Command::Answer { line, audio })
    }

    /// A command for a call that came and has not ended.
    pub(super) fn on_line(&mut self, who: usize, at: usize, command: impl FnOnce(DialogId) -> Command) -> Verdict {
        let received = &self.people[who].received[at];
        match received.line.filter(|_| received.ended.is_none() && !received.left) {
            Some(line) => self.command(who, command(line)),
            None => Ok(()),
        }
    }

    pub(super) fn put_down(&mut self, who: usize, at: usize) -> Verdict {
        let verdict = self.on_line(who, at, |line| Command::Hangup { line });
        self.people[who].received[at].left = true;
        verdict
    }

    pub(super) fn refuse(&mut self, who: usize, at: usize, status: u16) -> Verdict {
        if self.people[who].received[at].picked_up.is_some() {
            return Ok(());
        }
        self.on_line(who, at, |line| Command::Refuse { line, status: Status(status) })
    }

    /// A stream was agreed upon with somebody who sends nothing: that will be noticed.
    pub(super) fn foresee_silence(&mut self, from: SocketAddr) {
        let silent_at = self.clock.mono() + self.circumstances.config.media.silent_after;
        let speechless = |person: &Person| {
            let mute = |at: usize| matches!(person.received[at].manner, Manner::AnswersMute { .. });
            let here =
                person.address.ip() == from.ip() && (person.address.port()..person.address.port() + 100).contains(&from.port());
            here && (person.vanished || person.received_at(from.port()).is_some_and(mute))
        };
        if self.people.iter().any(speechless) {
            self.agenda.enter(silent_at, Happening::Silence { from, silent: true });
        }
    }
}
