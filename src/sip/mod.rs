//! SIP as the RFCs say it: datagrams in, user-agent events out; pure.

pub mod message;
pub mod stream;
mod words;

pub use words::*;
