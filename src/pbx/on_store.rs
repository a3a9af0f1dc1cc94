//! What the store has kept.

use super::{Action, Pbx, Unkept};
use crate::control::Response;
use crate::store::Committed;
use crate::time::{Duration, Now};

/// So long the log is spared the next of the same.
const LOST_AGAIN: Duration = Duration::from_secs(1);

impl Pbx {
    pub(super) fn on_store(&mut self, committed: Committed, now: Now, out: &mut Vec<Action>) {
        self.writes_open = self.writes_open.saturating_sub(1);
        if let Some(answer) = self.release_attempt(committed.id) {
            self.tell_answer(answer, now, out);
        }
        let reply = self.replies.remove(&committed.id);
        if let Err(why) = &committed.outcome {
            self.lost(why, now);
        }
        if let Some((reply, unkept)) = reply {
            let kept = committed.outcome.map_err(|why| match unkept {
                Unkept::HoldsNow => format!("it holds now, but could not be kept for after a restart: {why}"),
                Unkept::Unchanged => format!("it could not be written, and nothing was changed: {why}"),
            });
            out.push(Action::Reply { reply, response: kept.map_or_else(Response::Failed, |()| Response::Done) });
        }
    }

    /// Nobody was promised this row. A full disk refuses hundreds: the log says how many, the status too.
    fn lost(&mut self, why: &str, now: Now) {
        self.totals.writes_lost += 1;
        if self.totals.lost_told.is_none_or(|told| now.mono.since(told) >= LOST_AGAIN) {
            self.totals.lost_told = Some(now.mono);
            tracing::error!(why, lost = self.totals.writes_lost, "records could not be kept: so many since the start");
        }
    }
}
