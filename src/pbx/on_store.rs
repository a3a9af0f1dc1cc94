//! What the store has kept.

use super::{Action, Pbx};
use crate::control::Response;
use crate::store::Committed;
use crate::time::Now;

impl Pbx {
    pub(super) fn on_store(&mut self, committed: Committed, now: Now, out: &mut Vec<Action>) {
        self.writes_open = self.writes_open.saturating_sub(1);
        if let Some(answer) = self.release_attempt(committed.id) {
            self.tell_answer(answer, now, out);
        }
        let reply = self.replies.remove(&committed.id);
        if let Err(why) = &committed.outcome {
            // Nobody was promised this row; the log is where it survives.
            tracing::error!(write = committed.id.0, why, "a record could not be kept");
        }
        if let Some(reply) = reply {
            let kept =
                committed.outcome.map_err(|why| format!("it holds now, but could not be kept for after a restart: {why}"));
            out.push(Action::Reply { reply, response: kept.map_or_else(Response::Failed, |()| Response::Done) });
        }
    }
}
