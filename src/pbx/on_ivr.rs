//! What a flow wants, and what it means for the others.

use super::call::{self, Wish};
use super::dial::Summons;
use super::on_control::count;
use super::policy::{Errand, Payer, Wanted, Way};
use super::{Action, Outcome, Pbx, Phase, Purpose, Timer};
use crate::acd;
use crate::id::{CallId, Name};
use crate::ivr::{Cause, Command, Hours, Keep, KeepEnd, QueueGlance};
use crate::sip::Status;
use crate::time::{Duration, Now};
use crate::{ivr, media, sip, store};
use std::collections::BTreeMap;

/// A call that lasts so long is known to have been answered, whatever becomes of the exchange.
const LASTING: Duration = Duration::from_secs(2);

impl Pbx {
    pub(super) fn on_ivr(&mut self, id: CallId, command: Command, now: Now, out: &mut Vec<Action>) {
        self.subject = self.subject.or(Some(id));
        let Some(call) = self.calls.get(&id) else { return };
        match command {
            Command::Answer => self.answer(id, now, out),
            Command::Play { play, language, prompts, repeat } => {
                let sounds = prompts.into_iter().map(|name| media::Sound { language: language.clone(), name }).collect();
                let play = call.play_of(play);
                self.command_media(call, media::Command::Play { leg: call.caller, play, sounds, repeat }, out);
            }
            Command::Enqueue { queue, need, value } => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.wish = Wish { need, value, keep_place: false, ..call.wish.clone() };
                }
                self.enqueue(id, queue, now, out);
            }
            Command::LeaveQueue { key, keep_place } => {
                let stop = media::Command::Stop { leg: call.caller };
                self.command_media(call, stop, out);
                if let Some(call) = self.calls.get_mut(&id) {
                    call.wish.keep_place = keep_place;
                }
                self.leave_queue(id, acd::Leaving::Key(key), now);
                if let Some(call) = self.calls.get_mut(&id) {
                    call.phase = Phase::InFlow;
                }
            }
            Command::Dial { to, ring } => {
                let summons = Summons { wanted: self.wanted(&to), errand: self.errand_of_flow(id, Way::Flow), ring };
                self.dial(id, call::Purpose::Dial, &summons, now, out);
            }
            Command::Transfer { to, ring } => {
                let summons = Summons { wanted: self.wanted(&to), errand: self.errand_of_flow(id, Way::Transfer), ring };
                self.dial(id, call::Purpose::Transfer, &summons, now, out);
            }
            Command::Keep(what) => self.keep(id, &what, now),
            // Whatever was begun is over already.
            Command::StopKeeping => {}
            Command::LookUpHours { calendar } => {
                let hours = self.hours(&calendar, now);
                self.tell_session(id, ivr::Event::Hours(hours), now);
            }
            Command::LookAtQueues { queues } => {
                let queues = self.glance(&queues, now);
                self.tell_session(id, ivr::Event::Queues(queues), now);
            }
            Command::Ask { ask, question, patience } => self.ask(question, Purpose::Flow(id, ask), patience, now, out),
            Command::StopPlaying => self.command_media(call, media::Command::Stop { leg: call.caller }, out),
            Command::Hangup { cause } => {
                if cause == Cause::Loop {
                    tracing::warn!(call = %call.reference, "the flow went round and round and was ended");
                }
                match (call.answered, status(cause)) {
                    (None, status) => self.refuse(id, status, now, out),
                    (Some(_), _) => self.hang_up(id, Outcome::Completed, now, out),
                }
            }
        }
    }

    /// An extension by its name, which may be no number; or what one would dial.
    fn wanted(&self, to: &Name) -> Wanted {
        let known = self.config.extensions.contains_key(to);
        if known { Wanted::Extension(to.clone()) } else { Wanted::Number(to.to_string()) }
    }

    /// A flow calls at its own cost.
    fn errand_of_flow(&self, id: CallId, way: Way) -> Errand {
        let session = self.calls.get(&id).and_then(|call| call.session.as_ref());
        Errand::new(Payer::Flow(session.map(|session| session.flow().name.clone()).unwrap_or_default()), way)
    }

    /// Nothing is kept yet: the flow goes on as it does when keeping fails.
    fn keep(&mut self, id: CallId, what: &Keep, now: Now) {
        let reference = self.calls.get(&id).map(|call| call.reference.as_str()).unwrap_or_default();
        let what = match what {
            Keep::Message { .. } => "a message for a mailbox",
            Keep::Recording { .. } => "a recording",
            Keep::Callback { .. } => "a callback",
            Keep::Survey { .. } => "the answers to a survey",
        };
        tracing::warn!(call = reference, "{what} is not kept: this exchange cannot do that yet; the flow takes `failed`");
        self.tell_session(id, ivr::Event::Kept(KeepEnd::Failed), now);
    }

    /// A reload may have taken the calendar away from under a flow that began before it.
    fn hours(&self, calendar: &str, now: Now) -> Hours {
        let Some(state) = self.calendar_state(calendar, now.wall) else {
            tracing::warn!(calendar, "there is no such calendar any more: taken for closed");
            return Hours::Closed;
        };
        Hours::from(&state)
    }

    fn glance(&self, wanted: &[Name], now: Now) -> BTreeMap<Name, QueueGlance> {
        let views = self.acd.queues().into_iter().filter(|queue| wanted.contains(&queue.name));
        let glance = |queue: acd::QueueView| {
            let glance = QueueGlance {
                waiting: count(queue.waiting),
                agents: count(queue.logged_in),
                free: count(queue.free),
                longest_wait: queue.waiting_since.map_or(0, |since| now.mono.since(since).as_secs()),
            };
            (queue.name.clone(), glance)
        };
        views.map(glance).collect()
    }

    /// Most calls to a flow are short: their record comes soon enough by itself.
    pub(super) fn keep_answer(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(answered) = call.answered else { return };
        let reference = call.reference.clone();
        self.write(store::What::CallAnswered { reference, answered }, now, out);
    }

    /// 200 with the description that was prepared when the port was bound. The flow hears `Answered` when the caller's
    /// acknowledgement is here: from then on no word of ours is lost.
    pub(super) fn answer(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(leg) = self.legs.get_mut(&call.caller) else { return };
        let (None, Some(description)) = (call.answered, leg.local.clone()) else { return };
        let answered = call.clock(now).wall;
        call.answered = Some(answered);
        leg.answered = Some(answered);
        let (dialog, leg) = (leg.dialog, leg.id);
        self.totals.answered += 1;
        self.timers.set(Timer::Lasting(id), now.mono + LASTING);
        // Before the 200 leaves: what the caller says at once must find an open ear.
        self.connect_audio(leg, out);
        self.touch(leg);
        self.command_sip(sip::Command::Accept { dialog, sdp: description }, now);
    }
}

/// How a flow's reason is said to a caller who was never answered.
fn status(cause: Cause) -> Status {
    Status(match cause {
        Cause::Busy => 486,
        Cause::Rejected => 603,
        Cause::Normal | Cause::Unavailable => 480,
        Cause::Loop => 500,
    })
}
