//! The outer ring: the real daemon, and phones that nobody here wrote. Few tests, each with an exchange of its own.
//!
//! ```text
//!   walks      baresip and SIPp walk the menu and hear the right prompts      exchange   one running daemon
//!   refusals   wrong passwords, borrowed names                                phones     baresip, SIPp, ears, captures
//!   endings    every way to end a call leaves nothing                         line       a plain SIP line of our own
//!   hold       every way to ask for it                                        telephone  a line that speaks and listens
//!   rtp_safety strangers at every media port
//!   broken_sounds  files damaged under a running exchange
//!   survival   kill -9                                                        lab        the lab, changed
//!   torture    the 49 messages of RFC 4475, over UDP and TCP
//!   stream     TCP cut where it hurts
//!   start      what stops a start, in one sentence
//! ```
//!
//! Invariant: nothing here shares code with the exchange; what the tests know of SIP they know from the RFCs.

// The wall is for the core: a test starts processes, reads clocks and opens sockets.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod broken_sounds;
mod endings;
mod exchange;
mod hold;
mod lab;
mod line;
mod phones;
mod refusals;
mod rtp_safety;
mod start;
mod stream;
mod survival;
mod telephone;
mod torture;
mod walks;
