//! RTP as its RFCs say it: packets, what was lost, and pressed keys. Pure, no allocation per packet.
//!
//! ```text
//!   datagram --> Packet::parse --> Reception   (RFC 3550 appendices A.1 and A.8: loss, jitter)
//!                     |
//!                     +----------> events::Receiver --> Press     (RFC 4733: one press, one digit)
//!
//!   Header::write  <-- the sending leg;   events::Sender --> payloads of a press to send
//! ```
//!
//! | file | what it knows |
//! |---|---|
//! | `packet` | the layout of a packet, RFC 3550 section 5.1 |
//! | `reception` | sequence numbers, loss and jitter of one source |
//! | `events` | telephone-event payloads: received, however battered, and sent |
//!
//! Invariant: whatever the bytes, nothing here panics.

pub mod events;
mod packet;
mod reception;

pub use packet::{HEADER_LENGTH, Header, Malformed, Packet};
pub use reception::Reception;

/// Ticks of the RTP clock in a second, for every codec and event here (RFC 3551 section 4.5: G.711 at 8 kHz).
pub const CLOCK_RATE: u32 = 8000;
