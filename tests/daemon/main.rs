//! The outer ring: the real daemon, and phones that nobody here wrote. Few tests, each with an exchange of its own.
//!
//! ```text
//!   walks         baresip and SIPp walk the menu and hear the right prompts      exchange   one running daemon
//!   agents        a caller, a queue and an agent talk; the record is true        phones     baresip, SIPp, ears, captures
//!   agents_lost   phones that ring on, die ringing, die talking                  live       phones that do as they are told
//!   agents_refuse phones that refuse or answer nonsense; two who answer at once  line       a plain SIP line of our own
//!   agents_cancel callers who give up at every instant                           lab        the lab, changed
//!   agents_hold   keys and hold in the midst of a talk
//!   extensions    phones of one extension ring together; busy, no answer
//!   who_calls     whom a called phone is told of
//!   refusals      wrong passwords, borrowed names                                reloads    new files for a running exchange
//!   endings       every way to end a call leaves nothing
//!   survival      kill -9
//!   torture       the 49 messages of RFC 4475, over UDP and TCP
//!   stream        TCP cut where it hurts
//!   storms        a thousand slow streams, five hundred phones at once
//!   start         what stops a start, in one sentence
//!   rtp_safety    strangers at the media ports
//!   hold          every way to ask for it                                       telephone  a line that speaks and listens
//!   trunks        providers that want a password, refuse, are silent, die        scenario   SIPp as anybody
//!   servers       a provider found by SRV, whose better server refuses
//!   transfers     REFER by baresip and SIPp from desks outside, mailboxes
//!   talks         baresip and SIPp hold and refer, called or calling              lamps      SIPp's and baresip's lamps
//!   lamp_words    whom a lamp names; a call is taken by what it says
//!   attended      Replaces: by REFER, by INVITE; what is heard meanwhile
//!   three_way     a code brings three together; what each hears; one leaves
//!   nat           phones behind a router of our own making
//!   networks      listening everywhere; the address that is seen from outside
//!   policy        a thousand attack strings, and a provider that counts         policy_ways  ... by the ways that nobody dials
//!   broken_sounds files damaged under a running exchange
//!   customers     PINs, calendars, web services
//!   webhooks      a CRM is told of calls, also when it was away
//!   queueing      places and agents over kill -9, a supervisor's orders
//!   hostile       files that are meant to hurt
//!   verbs         real phones walk every verb
//!   queue_rules   skills, steps, silence, pauses, overflow, a key, what is spoken
//!   web           a web service for flows
//!   hearing       what the ears forgive
//! ```
//!
//! Invariant: nothing here shares code with the exchange; what the tests know of SIP they know from the RFCs.

// The wall is for the core: a test starts processes, reads clocks and opens sockets.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod agents;
mod agents_cancel;
mod agents_hold;
mod agents_lost;
mod agents_refuse;
mod attended;
mod broken_sounds;
mod customers;
mod endings;
mod exchange;
mod extensions;
mod hearing;
mod hold;
mod hostile;
mod lab;
mod lamp_words;
mod lamps;
mod line;
mod live;
mod nat;
mod networks;
mod phones;
mod policy;
mod policy_ways;
mod queue_rules;
mod queueing;
mod refusals;
mod reloads;
mod rtp_safety;
mod scenario;
mod servers;
mod start;
mod storms;
mod stream;
mod survival;
mod talks;
mod telephone;
mod three_way;
mod torture;
mod transfers;
mod trunks;
mod verbs;
mod walks;
mod web;
mod webhooks;
mod who_calls;
