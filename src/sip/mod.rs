//! SIP as the RFCs say it: datagrams in, user-agent events out; pure.

pub mod message;
mod words;

pub use words::*;
