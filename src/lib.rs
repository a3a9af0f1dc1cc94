//! Centrala, a telephone exchange: the map of the code.

pub mod acd;
pub mod ask;
pub mod audio;
pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod fault;
pub mod id;
pub mod ivr;
pub mod media;
pub mod pbx;
pub mod phone;
pub mod rtp;
pub mod sdp;
pub mod shell;
pub mod sim;
pub mod sip;
pub mod store;
pub mod time;
