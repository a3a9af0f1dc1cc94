//! What webhooks are told of calls: written into the store's outbox, from where others deliver it.
//!
//! Invariant: an end is noted before the record of its call, so that no crash keeps one without the other.

use super::{Action, Pbx, cdr};
use crate::id::{CallId, Name};
use crate::store::What;
use crate::store::notices::{Notice, Occasion, Story};
use crate::time::{Duration, Now};

impl Pbx {
    /// An agent's phone rings for the call.
    pub(super) fn tell_of_offer(&mut self, id: CallId, agent: &Name, now: Now, out: &mut Vec<Action>) {
        let story = Story { agent: Some(agent.clone()), ..Story::default() };
        self.tell_hooks(id, Occasion::Offer, story, now, out);
    }

    pub(super) fn tell_of_answer(&mut self, id: CallId, agent: &Name, waited: Duration, now: Now, out: &mut Vec<Action>) {
        let waited_ms = Some(super::queueing::millis(waited));
        self.tell_hooks(id, Occasion::Answer, Story { agent: Some(agent.clone()), waited_ms, ..Story::default() }, now, out);
    }

    pub(super) fn tell_of_end(&mut self, id: CallId, now: Now, out: &mut Vec<Action>) {
        self.tell_hooks(id, Occasion::End, Story::default(), now, out);
    }

    /// Calls that the last run left open: nobody else will tell how they ended.
    pub fn tell_of_lost(&mut self, references: Vec<String>, now: Now, out: &mut Vec<Action>) {
        for reference in references {
            self.note_for_hooks(Occasion::End, reference, Story::default(), now, out);
        }
    }

    fn tell_hooks(&mut self, id: CallId, occasion: Occasion, story: Story, now: Now, out: &mut Vec<Action>) {
        let Some(call) = self.calls.get(&id).filter(|_| !self.config.webhooks.is_empty()) else { return };
        // At the end the record has the way.
        let visits = call.session.as_ref().map(|session| session.visits()).unwrap_or_default();
        let visits = if occasion == Occasion::End { &[] } else { visits };
        let path = call.path.iter().take_while(|_| occasion != Occasion::End).chain(visits);
        let path = path.map(|visit| cdr::step(visit, call.clock(now).wall)).collect();
        let reference = call.reference.clone();
        let story = Story { queue: call.queue.clone(), customer: call.customer().map(str::to_string), path, ..story };
        self.note_for_hooks(occasion, reference, story, now, out);
    }

    /// For those who want to hear of it.
    fn note_for_hooks(&mut self, occasion: Occasion, reference: String, story: Story, now: Now, out: &mut Vec<Action>) {
        let wants = |(name, hook): (&Name, &crate::config::Webhook)| hook.events.contains(&occasion).then(|| name.clone());
        let hooks: Vec<Name> = self.config.webhooks.iter().filter_map(wants).collect();
        if !hooks.is_empty() {
            self.write(What::Notice(Notice { hooks, occasion, reference, story }), now, out);
        }
    }
}
