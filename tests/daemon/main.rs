//! The outer ring: the real daemon, and phones that nobody here wrote. Few tests, each with an exchange of its own.
//!
//! ```text
//!   queueing   places and agents over kill -9, a supervisor's orders
//!   walks      baresip and SIPp walk the menu and hear the right prompts      exchange   one running daemon
//!   refusals   wrong passwords, borrowed names                                phones     baresip, SIPp, ears, captures
//!   endings    every way to end a call leaves nothing                         line       a plain SIP line of our own
//!   survival   kill -9                                                        lab        the lab, changed
//!   torture    the 49 messages of RFC 4475, over UDP and TCP
//!   stream     TCP cut where it hurts
//!   trunks     providers that want a password, refuse, are silent, die  scenario  SIPp as anybody
//!   transfers  REFER by baresip and SIPp, lamps
//!   nat        a phone behind a router of our own making
//!   policy     a thousand attack strings, and a provider that counts
//!   start      what stops a start, in one sentence
//! ```
//!
//! Invariant: nothing here shares code with the exchange; what the tests know of SIP they know from the RFCs.

// The wall is for the core: a test starts processes, reads clocks and opens sockets.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod endings;
mod exchange;
mod lab;
mod line;
mod nat;
mod phones;
mod policy;
mod queueing;
mod refusals;
mod scenario;
mod start;
mod stream;
mod survival;
mod torture;
mod transfers;
mod trunks;
mod walks;
