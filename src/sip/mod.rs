//! SIP as the RFCs say it: datagrams in, user-agent events out; pure.
//!
//! ```text
//!   bytes ---> message ---> endpoint ---> transaction ---> uas / inside / uac / offers ---> Event
//!                              ^                                   |      |
//!   Command -------------------+         registrar, auth, registration    session, dialog
//!                                        subscription, referral, watch
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`words`](self) | the interface: `Input`, `Command`, `Output`, `Event` |
//! | `parties`, `settings` | calls, accounts and subscriptions as they are told; what is configured |
//! | [`message`], [`stream`] | the wire format, and the framing of streams |
//! | [`transaction`] | the four machines of RFC 3261 section 17 and RFC 6026 |
//! | [`session`] | the table of an INVITE session; `life` does what its rows say |
//! | `dialog` | what is remembered between requests |
//! | `endpoint` | the one value that owns it all |
//! | `uas`, `inside` | requests from outside, and those inside a dialog |
//! | `uac`, `offers`, `commands` | what we send |
//! | `refresh`, `reliable` | session timers; provisional answers that must arrive |
//! | `referral`, `referring`, `replaces` | a peer asks for a transfer; we ask; one call takes the place of another |
//! | `subscription` | who is told of mail, lamps, presence |
//! | `watch` | peers that are asked whether they are there |
//! | `carried` | identity, privacy, diversions, hops, in and out of headers |
//! | `auth`, [`digest`] | who is it |
//! | `registrar`, `registration` | phones at ours, we at others' |
//! | `paths`, `routes` | where bytes go, and which of our addresses they leave from |
//!
//! Invariant: nothing here reads a clock, a socket or a file; every peer's mistake is an answer or an event.

mod auth;
mod carried;
mod commands;
mod dialog;
pub mod digest;
mod endpoint;
mod inside;
mod life;
pub mod message;
mod network;
mod offers;
mod parties;
mod paths;
mod referral;
mod referring;
mod refresh;
mod registrar;
mod registration;
mod reliable;
mod replaces;
mod routes;
pub mod session;
mod settings;
pub mod stream;
mod subscription;
#[cfg(test)]
mod tests;
pub mod transaction;
mod uac;
mod uas;
mod visited;
mod watch;
mod words;

pub use endpoint::{Census, Endpoint};
pub use network::Network;
pub use parties::*;
pub use routes::{Route, Routes};
pub use settings::*;
pub use visited::Visited;
pub use words::*;
