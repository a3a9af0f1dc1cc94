//! `transfer: {to: "1003", ring: 20s, failed: NODE}` gives the call to an extension: when it answers the flow is over, and the call
//! ends with whoever of the two hangs up.
//!
//! Until then the caller hears ringing. The outcome is `answered`, or why it was not (`busy`, `no_answer`, `rejected`,
//! `unavailable`, `failed`); all of these lead to `failed`.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::DialEnd;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transfer {
    to: Name,
    ring: Duration,
    failed: Name,
}

impl Node for Transfer {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Transfer> {
        fields.waits();
        let to = fields.extension("to");
        let ring = fields.ring("ring");
        let failed = fields.link_at_once("failed");
        Some(Transfer { to: to?, ring, failed: failed? })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        turn.forget_typed();
        turn.transfer(&self.to, self.ring);
        Step::Stay(())
    }

    fn hear(&self, state: (), heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        match heard {
            Heard::Transfer(DialEnd::Answered) => Step::GiveAway { outcome: DialEnd::Answered.word().into() },
            Heard::Transfer(end) => Step::leave(end.word(), Some(self.failed.clone())),
            _ => Step::Stay(state),
        }
    }
}
