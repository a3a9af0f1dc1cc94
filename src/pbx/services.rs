//! What a desk phone dials for itself: logging in and out, forwards, picking up a call that rings elsewhere.
//!
//! Whoever dials a code hears a tone when it is done, and the call ends; what cannot be done is refused.

use super::policy::{Way, explain};
use super::{Action, Outcome, Pbx, Phase, Said};
use crate::acd;
use crate::config::{Code, Forward, When};
use crate::id::{CallId, Name};
use crate::media::{ANY_LANGUAGE, Command as Media, Sound};
use crate::sip::{Source, Status};
use crate::time::Now;

/// What is heard when a code was served.
const DONE: &str = "done";

impl Pbx {
    /// A code dialled by a phone of the house.
    pub(super) fn serve(&mut self, id: CallId, code: Code, rest: &str, now: Now, out: &mut Vec<Action>) {
        let Some(Source::Extension(extension)) = self.calls.get(&id).map(|call| call.source.clone()) else { return };
        let served = match code {
            Code::Login => self.tell_agents(&extension, now, |agent| acd::Event::AgentLogin { agent }),
            Code::Logout => self.tell_agents(&extension, now, |agent| acd::Event::AgentLogout { agent }),
            Code::Resume => self.tell_agents(&extension, now, |agent| acd::Event::AgentResume { agent }),
            Code::Pause(reason) => {
                self.tell_agents(&extension, now, |agent| acd::Event::AgentPause { agent, reason: reason.clone() })
            }
            Code::Forward(when) => self.forward_to(&extension, when, rest, now),
            Code::ForwardOff => {
                self.policy.set_forward(&extension, Forward::default());
                Ok(())
            }
            Code::Voicemail(flow) => return self.begin_flow(id, &flow, now, out),
            Code::ThreeWay => return self.three_way_dialled(id, now, out),
            Code::Pickup => return self.pick_up(id, rest, now, out),
            // There is nobody with the caller who could be left there.
            Code::Park => Err(Status(480)),
        };
        match served {
            Ok(()) => self.tell_done(id, now, out),
            Err(status) => self.refuse(id, status, now, out),
        }
    }

    fn tell_agents(&mut self, extension: &str, now: Now, event: impl Fn(Name) -> acd::Event) -> Result<(), Status> {
        let agents = self.agents_by_extension.get(extension).cloned().unwrap_or_default();
        let before = self.said.len();
        for agent in &agents {
            self.tell_acd(event(agent.clone()), now);
        }
        // Who walks away believing that they are paused is rung all the same.
        let is_refused = |said: &Said| matches!(said, Said::Acd(acd::Action::PauseRefused { .. }, _));
        if agents.is_empty() || self.said.iter().skip(before).any(is_refused) { Err(Status(403)) } else { Ok(()) }
    }

    /// Judged now, so that nobody relies on a forward that would be refused; and again whenever it is used.
    fn forward_to(&mut self, extension: &Name, when: When, to: &str, now: Now) -> Result<(), Status> {
        if **extension == *to {
            return Err(Status(482));
        }
        explain(&self.config, extension, Way::Forward, to, now).map_err(|refusal| refusal.status())?;
        let mut forward = self.policy.forward_of(&self.config, extension).cloned().unwrap_or_default();
        let to = Some(to.to_string());
        match when {
            When::Always => forward.always = to,
            When::Busy => forward.busy = to,
            When::NoAnswer => forward.no_answer = to,
        }
        self.policy.set_forward(extension, forward);
        Ok(())
    }

    /// Answers, to say that it is done.
    pub(super) fn tell_done(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.phase = Phase::Told;
        self.answer(id, now, out);
    }

    /// The caller hears us: the tone, and with its end the call's.
    pub(super) fn say_done(&mut self, id: CallId, out: &mut Vec<Action>) {
        let play = self.own_play();
        let Some(call) = self.calls.get(&id) else { return };
        let sounds = vec![Sound { language: ANY_LANGUAGE.into(), name: DONE.into() }];
        let command = Media::Play { leg: call.caller, play, sounds, repeat: false };
        out.push(Action::Media { shard: call.shard, command });
    }

    /// A flow or a queue that is gone, a phone that was never there: the caller is told.
    pub(super) fn nobody(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        match self.calls.get(&id).map(|call| call.answered.is_some()) {
            Some(true) => self.hang_up(id, Outcome::Completed, now, out),
            _ => self.refuse(id, Status(480), now, out),
        }
    }
}
