//! What the store has kept.

use super::Pbx;
use crate::store::Committed;

impl Pbx {
    pub(super) fn on_store(&mut self, committed: Committed) {
        self.writes_open = self.writes_open.saturating_sub(1);
        if let Err(why) = committed.outcome {
            // Nobody was promised this row; the log is where it survives.
            tracing::error!(write = committed.id.0, why, "a record could not be kept");
        }
    }
}
