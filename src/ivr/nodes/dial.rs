//! `dial: {to: "1003", ring: 20s, answered: NODE, busy: NODE, no_answer: NODE, rejected: NODE, unavailable: NODE, failed: NODE}`
//! rings an extension while the caller hears ringing, lets the two talk, and has the caller back when the extension hangs up.
//!
//! | what happens | outcome | where to |
//! |---|---|---|
//! | they talked and the extension hung up | `answered` | `answered`, else the call ends |
//! | it is busy, does not answer, declines, has no phone | `busy`, `no_answer`, `rejected`, `unavailable` | the node of that name, else `failed` |
//! | anything else went wrong | `failed` | `failed` |

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::DialEnd;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Dial {
    to: Name,
    ring: Duration,
    answered: Option<Name>,
    busy: Option<Name>,
    no_answer: Option<Name>,
    rejected: Option<Name>,
    unavailable: Option<Name>,
    failed: Name,
}

impl Node for Dial {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Dial> {
        fields.waits();
        let to = fields.extension("to");
        let ring = fields.ring("ring");
        let answered = fields.optional_link("answered");
        let busy = fields.optional_link_at_once("busy");
        let no_answer = fields.optional_link("no_answer");
        let rejected = fields.optional_link_at_once("rejected");
        let unavailable = fields.optional_link_at_once("unavailable");
        let failed = fields.link_at_once("failed");
        Some(Dial { to: to?, ring, answered, busy, no_answer, rejected, unavailable, failed: failed? })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        turn.forget_typed();
        turn.dial(&self.to, self.ring);
        Step::Stay(())
    }

    fn hear(&self, state: (), heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        let Heard::Dial(end) = heard else { return Step::Stay(state) };
        let own = match end {
            DialEnd::Answered => return Step::leave(end.word(), self.answered.clone()),
            DialEnd::Busy => &self.busy,
            DialEnd::NoAnswer => &self.no_answer,
            DialEnd::Rejected => &self.rejected,
            DialEnd::Unavailable => &self.unavailable,
            DialEnd::Failed => &None,
        };
        Step::leave(end.word(), Some(own.as_ref().unwrap_or(&self.failed).clone()))
    }
}
