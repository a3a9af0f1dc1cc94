//! What the exchange is told and what it wants done: the contract between the core and whatever drives it
//! (the daemon, the simulator).

use crate::config::Config;
use crate::id::ReplyId;
use crate::media::ShardId;
use crate::{ask, control, media, sip, store};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub enum Event {
    /// From the SIP doors. `sip::Input::Command` and `Resolved` never come from outside.
    Sip(sip::Input),
    Media(media::Report),
    Answer(ask::Answer),
    Committed(store::Committed),
    Control {
        reply: ReplyId,
        request: control::Request,
    },
    /// The machine's addresses and routes: at the start, and when they have changed.
    Routes(sip::Routes),
    /// A new configuration, already checked.
    Reload(Arc<Config>),
}

#[derive(Clone, Debug)]
pub enum Action {
    Transmit {
        path: sip::Path,
        bytes: Vec<u8>,
    },
    CloseConnection {
        connection: sip::ConnectionId,
    },
    /// `Open` is answered with a report within the same batch: the driver binds the socket itself.
    Media {
        shard: ShardId,
        command: media::Command,
    },
    Ask(ask::Ask),
    Write(store::Write),
    Reply {
        reply: ReplyId,
        response: control::Response,
    },
}
