//! The doors: clock, sockets, names, files, the database, the media driver. Everything here moves bytes and decides nothing.
//!
//! ```text
//!            control thread (daemon/)                tokio thread                 store thread     media threads
//!   UDP <--> udp ------------+            +--- reactor --- tcp <--> peers      store: SQLite      media: RTP
//!            sys::epoll      |  bounded   |      |-- control <--> centrala calls     |                 |
//!            sys::clock      +-- queues --+      |-- resolve --> DNS                 |                 |
//!            sys::signals      + eventfd         +-- reading (cdr) <-- SQLite        |                 |
//!                 ^                                                                  |                 |
//!                 +------------------------ one eventfd each, rung once per drain ---+-----------------+
//! ```
//!
//! | file | what | when its queue is full |
//! |---|---|---|
//! | `udp.rs` | signalling datagrams in and out, driven by the control thread itself | the datagram is dropped and counted: SIP repeats it |
//! | `listeners.rs` | binds what the configuration lists, or says in one sentence why not | |
//! | `reactor/` | the tokio thread: TCP, the control socket, names, read-only reports | in: the peer waits (TCP); out: the core is told "unreachable" |
//! | `store/` | the store thread: SQLite, group commit, migrations | the write is answered "failed" at once |
//! | `media.rs`, `media/` | the media threads | see there |
//! | `hooks/` | webhooks, told from the durable outbox | they wait there |
//! | `soundcard/` | a microphone and a speaker, for the phone of the command line | the oldest sound is dropped |
//! | `files.rs` | the administrator's folders | |
//! | `fence.rs` | what the lab may reach | |
//! | `log.rs` | lines to stderr, written by a thread of their own | the line is dropped and counted |
//! | `secrets.rs` | generated secrets | |
//! | `notify.rs` | what systemd wants to hear | the message is dropped |
//! | `sys/` | system calls | |
//!
//! Invariant: nothing of `pbx` is known here; what comes in is handed on as the words of `sip`, `ask`, `control`, `store`.

// The shell is where clocks, sockets, files and threads live: the core's wall ends here.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod fence;
pub mod files;
pub mod hooks;
pub mod http;
pub mod listeners;
pub mod log;
pub mod media;
pub mod notify;
pub mod pins;
pub mod reactor;
pub mod secrets;
pub mod soundcard;
pub mod store;
pub mod sys;
pub mod udp;
