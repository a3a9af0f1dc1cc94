//! Centrala, a telephone exchange for a business: the map of the code.
//!
//! # The idea
//!
//! The exchange is one value, [`pbx::Pbx`], that owns every call, registration and flow. It is a deterministic function,
//! `(state, event, now) -> actions`: it never reads a clock, a socket, a file, a random source or a lock. Around it stands a
//! shell that turns datagrams, timers, media reports, commits and an operator's requests into events, and actions into
//! datagrams, media commands, writes and replies. So the whole exchange, with a thousand phones and a lossy network, runs in
//! a unit test, in virtual time, from a seed.
//!
//! # The rooms
//!
//! | room | what it is | may use |
//! |---|---|---|
//! | [`time`], [`id`] | moments, deadlines; identity and chance | nothing |
//! | [`fault`], [`ask`], [`measure`], [`control`] | a placed mistake; questions to the world; what a contact centre measures; the words on the control socket | time, id |
//! | [`expression`] | the typed, bounded language of conditions, templates and skills | time, id, fault |
//! | [`calendar`] | when a company is open: hours, feasts, exceptions, overrides | time, id, fault |
//! | [`speech`] | numbers, dates, times and money as recorded fragments, by a language's grammar | time, id, fault |
//! | [`sdp`], [`rtp`], [`audio`] | session descriptions; packets and telephone-events; codecs and sounds | time |
//! | [`sip`] | SIP as the RFCs say it: datagrams in, user-agent events out | time, id, sdp |
//! | [`ivr`] | flows (YAML), and a caller's walk through one; one verb per file | time, id, fault, ask |
//! | [`acd`] | the queue engine: who waits, who is free, who gets whom | time, id, fault, ask, expression, calendar |
//! | [`media`] | a shard: the legs of its calls; packets and ticks in, packets out | time, id, rtp, audio |
//! | [`store`] | the words of what must outlive the process | time, id |
//! | [`config`] | `config/*.yaml` to a checked [`config::Config`], or every mistake with its place | all of the above |
//! | [`pbx`] | the exchange: the only place where rooms meet; of media and store only their words | all of the above |
//! | [`phone`] | a softphone as a pure machine, with its ears; like any other client | sip, sdp, media, rtp, audio, time, id |
//! | [`sim`] | the simulated world: clock, network, phones, callers, disk, invariants | pbx, phone and below |
//! | [`shell`] | the doors: clock, sockets, files, SQLite, the media tick driver | the words of sip, media, store, config; audio |
//! | [`daemon`] | the exchange in the shell: event loop, signals, reload | everything but cli, sim, phone |
//! | [`cli`] | a file per subcommand | everything but daemon |
//!
//! `tests/layering.rs` holds the same table and fails when a room uses one that it may not. `.clippy.toml` forbids clocks,
//! threads, locks, sockets, files and unordered maps everywhere; one attribute at the top of `shell`, `daemon` and `cli` lifts it.
//!
//! # The one contract
//!
//! Every room that decides has the same three verbs: `handle(event, now, out)`: something happened; `poll_timeout()`: when it
//! next wants waking; `handle_timeout(now, out)`: it is that time. `handle` cannot fail: bad bytes were refused at the edge, a
//! peer's fault is an event with its status, a broken invariant is an assertion, and the daemon contains it to one call.
//!
//! # The path of one call
//!
//! ```text
//!  1  daemon: a batch of datagrams and events, the clock read once
//!  2  sip::message::parse                      hostile bytes stop here
//!  3  sip transaction, digest or trunk address -> sip::Event::Invite
//!  4  pbx/on_sip -> route: this number -> flow "main"; a port is granted -> media::Command::Open
//!  5  pbx/on_media: the port is bound; sdp::answer finds the common codec; ivr::Session begins
//!  6  ivr/nodes/play: Answer                   -> 200 with our description; media::Command::Connect
//!  7  the ACK                                  -> ivr: Play("welcome") -> media::Command::Play
//!  8  media thread: 20 ms tick, prompt frame -> packet -> socket; RFC 4733 "1" heard -> media::Report::Digit
//!  9  pbx/on_media -> ivr: menu -> node "announcement"
//!     or key 2 -> node "support" (queue) -> pbx/on_acd: acd::Event::Join; hold music -> acd::Action::Offer
//!         -> pbx/dial: INVITE the agent's phones; the first 200 wins -> acd::Action::Connect -> media::Command::Bridge
//! 10  BYE -> pbx/finish: flow told, audio closed, port rests -> cdr -> store::What::CallEnded
//! ```
//!
//! # Deliberately absent
//!
//! A task per call, `async` flows, locks in the core, a global event bus, FFI to another SIP stack, a scripting language in flows,
//! queue truth in SQL.

pub mod acd;
pub mod ask;
pub mod audio;
pub mod calendar;
pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod expression;
pub mod fault;
pub mod id;
pub mod ivr;
pub mod measure;
pub mod media;
pub mod pbx;
pub mod phone;
pub mod rtp;
pub mod sdp;
pub mod shell;
pub mod sim;
pub mod sip;
pub mod speech;
pub mod store;
pub mod time;
