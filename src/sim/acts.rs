//! What people do with their phones, and what their phones tell them.
//!
//! Invariant: a person who has hung up, or whose phone has died, does nothing more with that call.

use super::caller::{Identity, Keys, Leaves, Life, Outcome, Person, Plan, Quirk};
use super::entrance::PATIENCE;
use super::lab;
use super::network::draw;
use super::promises::Verdict;
use super::world::{Happening, REPLY, Who, World};
use crate::media::Sound;
use crate::phone::{self, Command, Report};
use crate::sip::DialogId;
use crate::time::{Duration, Moment};
use std::net::SocketAddr;

/// A telephone-event takes this long to the exchange, at most.
const KEY_TRAVEL: Duration = Duration::from_millis(40);
/// Between putting somebody on hold and the code, and between its keys.
const TURNS: Duration = Duration::from_millis(600);
/// A hold lasts this long.
const HOLD: Duration = Duration::from_millis(2_500);
/// A stream whose phone has died is reset within this time, if at all.
const RESET: Duration = Duration::from_secs(20);

/// One thing that a person does; calls are counted from zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Register,
    Unregister,
    Dial(usize),
    Press(usize, char),
    Hold(usize, bool),
    Probe(usize),
    Join(usize),
    /// Whoever is talked with on other lines is put on hold.
    HoldOthers(usize),
    /// As planned, or because patience has ended.
    Leave(usize),
    /// With a call that came.
    PickUp(usize),
    Refuse(usize, u16),
    PutOnHold(usize, bool),
    Transfer(usize, &'static str),
    PutDown(usize),
    /// The phone dies.
    Vanish,
}

impl Life {
    /// May this person call at all? With the right password, or through the trunk as somebody who is not one of ours.
    pub fn may_call(&self) -> bool {
        match &self.identity {
            Identity::Extension { user, password } => *password == lab::password(user),
            Identity::Trunk { number } => !lab::is_user(number),
            Identity::Desk { .. } => false,
        }
    }
}

impl World {
    /// Enters what a person means to do, as far as it does not depend on the exchange.
    pub(super) fn plan_acts(&mut self, who: usize) {
        let life = &self.people[who].life;
        let mut acts = Vec::new();
        acts.extend(life.registers.map(|at| (at, Act::Register)));
        acts.extend(life.unregisters.map(|at| (at, Act::Unregister)));
        acts.extend(life.dies.map(|at| (at, Act::Vanish)));
        acts.extend(life.calls.iter().enumerate().map(|(call, plan)| (plan.at, Act::Dial(call))));
        // Who dials on another line is not heard on the first.
        let gathers = |(_, plan): &(usize, &Plan)| plan.dials == lab::THREE_WAY;
        let before = |(call, plan): (usize, &Plan)| (plan.at.saturating_sub(TURNS), Act::HoldOthers(call));
        acts.extend(life.calls.iter().enumerate().filter(gathers).map(before));
        let start = self.clock.mono();
        acts.into_iter().for_each(|(since, act)| self.intend(who, start + since, act));
    }

    pub(super) fn intend(&mut self, who: usize, at: Moment, act: Act) {
        self.agenda.enter(at, Happening::Act { who, act });
    }

    pub(super) fn act(&mut self, who: usize, act: Act) -> Verdict {
        let person = &mut self.people[who];
        if person.vanished {
            // A dead phone dials no more either: its later calls never begin.
            return match act {
                Act::Dial(call) => person.attempts[call].ends(Outcome::Vanished, who),
                _ => Ok(()),
            };
        }
        self.trace.say(self.clock.mono(), || format!("caller {who} {act:?}"));
        match act {
            Act::Register => self.command(who, Command::Register),
            Act::Unregister => self.command(who, Command::Unregister),
            Act::Dial(call) => self.dial(who, call),
            Act::Press(call, digit) => self.press(who, call, digit),
            Act::Hold(call, on) => {
                if on {
                    self.intend(who, self.clock.mono() + HOLD, Act::Hold(call, false));
                }
                self.in_talk(who, call, |line| Command::Hold { line, on })
            }
            Act::Probe(call) => self.in_talk(who, call, |line| Command::Probe { line }),
            Act::Join(call) => self.join(who, call),
            Act::HoldOthers(call) => self.hold_others(who, call),
            Act::Leave(call) => {
                let attempt = &mut self.people[who].attempts[call];
                let Some(line) = attempt.line.filter(|_| !attempt.is_over() && !attempt.left) else { return Ok(()) };
                attempt.left = true;
                self.command(who, Command::Hangup { line })
            }
            Act::PickUp(at) => self.pick_up(who, at),
            Act::Refuse(at, status) => self.refuse(who, at, status),
            Act::Transfer(at, to) => {
                self.on_line(who, at, |line| Command::Transfer { line, number: to.to_string(), with: None })
            }
            Act::PutOnHold(at, on) => self.on_line(who, at, |line| Command::Hold { line, on }),
            Act::PutDown(at) => self.put_down(who, at),
            Act::Vanish => self.vanish(who),
        }
    }

    fn dial(&mut self, who: usize, call: usize) -> Verdict {
        let now = self.clock.mono();
        let person = &mut self.people[who];
        let audio = person.audio(call);
        let line = person.phone.reserve();
        let attempt = &mut person.attempts[call];
        attempt.line = Some(line);
        attempt.dialled = Some(now);
        let plan = &attempt.plan;
        let dial = Command::Dial { line, number: plan.dials.clone(), audio, delayed: plan.delayed };
        let mut acts = vec![(PATIENCE, Act::Leave(call))];
        if let Leaves::AfterDialling(after) = plan.leaves {
            acts.push((after, Act::Leave(call)));
        }
        if let Quirk::Vanishes(after) = plan.quirk {
            acts.push((after, Act::Vanish));
        }
        if let Quirk::Joins(after) = plan.quirk {
            acts.push((after * 3, Act::Join(call)));
        }
        person.dialling = Some(call);
        acts.into_iter().for_each(|(after, act)| self.intend(who, now + after, act));
        let verdict = self.command(who, dial);
        self.people[who].dialling = None;
        verdict
    }

    /// The other line becomes one with this call: who is talked with there, with whoever is reached here.
    fn join(&mut self, who: usize, call: usize) -> Verdict {
        let person = &self.people[who];
        let here = &person.attempts[call];
        let Some(with) = here.line.filter(|_| !here.is_over() && !here.left) else { return Ok(()) };
        let talks =
            |received: &&super::callee::Received| received.picked_up.is_some() && received.ended.is_none() && !received.left;
        let Some(line) = person.received.iter().find(talks).and_then(|received| received.line) else { return Ok(()) };
        self.command(who, Command::Transfer { line, number: here.plan.dials.clone(), with: Some(with) })
    }

    fn hold_others(&mut self, who: usize, call: usize) -> Verdict {
        let person = &self.people[who];
        let made = person.attempts.iter().enumerate().filter(|(at, it)| *at != call && it.answered.is_some() && !it.is_over());
        let came = person.received.iter().filter(|it| it.picked_up.is_some() && it.ended.is_none() && !it.left);
        let lines: Vec<DialogId> = made.filter_map(|(_, it)| it.line).chain(came.filter_map(|it| it.line)).collect();
        lines.into_iter().try_for_each(|line| self.command(who, Command::Hold { line, on: true }))
    }

    fn press(&mut self, who: usize, call: usize, digit: char) -> Verdict {
        let attempt = &self.people[who].attempts[call];
        if attempt.plan.keys == Keys::Info {
            return self.in_talk(who, call, |line| Command::Digit { line, digit });
        }
        let expected = attempt.audio.as_ref().filter(|agreed| agreed.send_event_type.is_some() && !attempt.left);
        let Some(to) = expected.map(|agreed| agreed.remote) else { return Ok(()) };
        let from = self.people[who].audio(call).local;
        let now = self.clock.mono();
        // Its three end packets and many before them do not all get lost: only a cut takes a key.
        if self.network.cut_until(self.people[who].address, to, now).is_none() {
            let at = now + draw(KEY_TRAVEL, &mut self.rng);
            self.agenda.enter(at, Happening::Key { from, to, digit });
        }
        Ok(())
    }

    /// A command for a call that was answered and not left.
    fn in_talk(&mut self, who: usize, call: usize, command: impl FnOnce(DialogId) -> Command) -> Verdict {
        let attempt = &self.people[who].attempts[call];
        let talks = attempt.answered.is_some() && !attempt.left && !attempt.is_over();
        match attempt.line.filter(|_| talks) {
            Some(line) => self.command(who, command(line)),
            None => Ok(()),
        }
    }

    /// The phone dies: it sends nothing, hears nothing, and its audio stops.
    fn vanish(&mut self, who: usize) -> Verdict {
        let now = self.clock.mono();
        let silent_at = now + self.circumstances.config.media.silent_after;
        let person = &mut self.people[who];
        person.vanished = true;
        person.died = true;
        for received in &mut person.received {
            received.ended.get_or_insert(now);
        }
        for from in person.audio_ports() {
            self.agenda.enter(silent_at, Happening::Silence { from, silent: true });
        }
        let calls = person.attempts.len();
        for call in 0..calls {
            let attempt = &mut person.attempts[call];
            if attempt.dialled.is_some() && !attempt.is_over() {
                attempt.ends(Outcome::Vanished, who)?;
            }
        }
        if let Some(connection) = person.connection.filter(|_| self.rng.chance(500)) {
            let at = now + draw(RESET, &mut self.rng);
            self.agenda.enter(at, Happening::Breaks { at: Who::Exchange, connection });
        }
        self.rouse(Who::Person(who));
        Ok(())
    }

    pub(super) fn command(&mut self, who: usize, command: Command) -> Verdict {
        self.tell_phone(who, phone::Event::Command(command))
    }

    pub(super) fn tell_phone(&mut self, who: usize, event: phone::Event) -> Verdict {
        if self.people[who].vanished {
            return Ok(());
        }
        let mut said = Vec::new();
        self.people[who].phone.handle(event, self.clock.now(), &mut said);
        self.hear_phone(who, said)
    }

    pub(super) fn wake_phone(&mut self, who: usize) -> Verdict {
        let mut said = Vec::new();
        self.people[who].phone.handle_timeout(self.clock.now(), &mut said);
        self.hear_phone(who, said)
    }

    fn hear_phone(&mut self, who: usize, said: Vec<phone::Action>) -> Verdict {
        for action in said {
            match action {
                phone::Action::Transmit { path, bytes } => self.deliver_inbound(who, path, bytes),
                phone::Action::CloseConnection { connection } => self.close_stream(connection),
                phone::Action::Resolve { query, host } => {
                    let fails = self.rng.chance(self.circumstances.answers_failed);
                    let addresses = if fails { Vec::new() } else { self.resolve(&host) };
                    let at = self.clock.mono() + draw(REPLY, &mut self.rng);
                    let call = self.people[who].dialling;
                    self.agenda.enter(at, Happening::Resolved { who, call, query, addresses });
                }
                phone::Action::Report(report) => self.report(who, report)?,
            }
        }
        self.rouse(Who::Person(who));
        Ok(())
    }

    fn report(&mut self, who: usize, report: Report) -> Verdict {
        let now = self.clock.mono();
        self.trace.say(now, || format!("caller {who}'s phone: {report:?}"));
        let person = &mut self.people[who];
        match report {
            Report::Registered(expires) => person.registered = expires > Duration::ZERO,
            Report::RegistrationRefused(_) => person.registered = false,
            Report::Answered { line } => return self.answered(who, line),
            Report::Incoming { line, from } => self.rings(who, line, from.user),
            Report::Audio { line, agreed, .. } => {
                if let Some(call) = person.attempt_of(line) {
                    person.attempts[call].audio = Some(agreed);
                } else if let Some(at) = person.received_on(line) {
                    person.received[at].audio = Some(agreed);
                }
            }
            Report::Ended { line, ending } => {
                if let Some(at) = person.received_on(line) {
                    person.received[at].ended.get_or_insert(now);
                }
                let Some(call) = person.attempt_of(line) else { return Ok(()) };
                let outcome = person.attempts[call].outcome_of(&ending);
                return person.attempts[call].ends(outcome, who);
            }
            Report::Digit { .. } | Report::Ringing { .. } | Report::Unchanged { .. } => {}
            Report::Alive { .. } | Report::Transfer { .. } => {}
        }
        Ok(())
    }

    /// The exchange has answered: the caller does what depends on that.
    fn answered(&mut self, who: usize, line: DialogId) -> Verdict {
        let now = self.clock.mono();
        let person = &mut self.people[who];
        let Some(call) = person.attempt_of(line) else { return Ok(()) };
        let attempt = &mut person.attempts[call];
        attempt.answered = Some(now);
        let plan = attempt.plan.clone();
        for (after, digit) in plan.presses {
            self.intend(who, now + after, Act::Press(call, digit));
        }
        if let Leaves::AfterAnswer(after) = plan.leaves {
            self.intend(who, now + after, Act::Leave(call));
        }
        match plan.quirk {
            Quirk::Holds(after) => self.intend(who, now + after, Act::Hold(call, true)),
            Quirk::Probes(after) => self.intend(who, now + after, Act::Probe(call)),
            Quirk::Joins(after) => self.intend(who, now + after, Act::Join(call)),
            Quirk::Gathers(after) => {
                self.intend(who, now + after, Act::HoldOthers(call));
                for (turn, key) in (1..).zip(lab::THREE_WAY.chars()) {
                    self.intend(who, now + after + TURNS * turn, Act::Press(call, key));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A sound begins to be sent to an address: whoever listens there hears it.
    pub(super) fn hears(&mut self, at: SocketAddr, sound: Sound) {
        let owner =
            |person: &&mut Person| person.address.ip() == at.ip() && !person.vanished && person.attempt_at(at.port()).is_some();
        self.trace.say(self.clock.mono(), || format!("{at} hears {}/{}", sound.language, sound.name));
        let Some(person) = self.people.iter_mut().find(owner) else { return };
        if let Some(call) = person.attempt_at(at.port()) {
            person.attempts[call].heard.push(sound);
        }
    }
}
