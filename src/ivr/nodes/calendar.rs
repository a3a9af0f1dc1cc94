//! `calendar: {name: office, open: NODE, closed: NODE, holiday: NODE}` goes where the calendar says at this moment; a holiday is
//! `closed` where `holiday` is not given.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::Hours;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Calendar {
    name: Name,
    open: Name,
    closed: Name,
    holiday: Name,
}

impl Node for Calendar {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Calendar> {
        let name = fields.calendar("name");
        let open = fields.link("open");
        let closed = fields.link("closed");
        let holiday = fields.link_or("holiday", &closed);
        Some(Calendar { name: name?, open: open?, closed: closed?, holiday: holiday? })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        turn.look_up_hours(&self.name);
        Step::Stay(())
    }

    fn hear(&self, state: (), heard: Heard, turn: &mut Turn<'_>) -> Step<()> {
        match heard {
            Heard::Hours(Hours::Open) => Step::leave("open", Some(self.open.clone())),
            Heard::Hours(Hours::Closed) => Step::leave("closed", Some(self.closed.clone())),
            Heard::Hours(Hours::Holiday) => Step::leave("holiday", Some(self.holiday.clone())),
            Heard::Key(key) => {
                turn.keep(key);
                Step::Stay(state)
            }
            _ => Step::Stay(state),
        }
    }
}
