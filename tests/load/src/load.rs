//! The run: an agenda of what is due, and four sockets (signalling and RTP of callers and of agents) between its entries.
//!
//! Invariant: a call leaves `Done` never, and whoever makes it `Done` counts it once.

use crate::call::{Call, Flow, Rtp, Side, State};
use crate::clock;
use crate::message::description;
use crate::options::Options;
use crate::report::Tally;
use crate::socket::{self, Inbox, Outbox};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddrV4;
use std::os::raw::c_int;

/// RFC 3261 timers T1 and 64*T1, microseconds.
const T1: u64 = 500_000;
const GIVE_UP: u64 = 32_000_000;
const FRAME: u64 = 20_000;
/// A generator that fell behind by more than this starts no burst to catch up.
const NO_BURST: u64 = 200_000;
const PROGRESS: u64 = 5_000_000;
/// Between two registrations.
const REGISTER_STEP: u64 = 1_500;
const PRINTED_FAILURES: u64 = 5;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    NewCall,
    Rtp(usize),
    Repeat(usize, u32),
    Hangup(usize, u32),
    Answer(usize, u32),
    Register(usize),
    Progress,
    End,
    Drained,
}

#[derive(Default, Clone)]
pub struct Agent {
    pub busy: bool,
    /// When its last call ended; 0: it had none.
    pub free_at: u64,
}

pub struct Load {
    pub options: Options,
    pub signalling: [c_int; 2],
    media: [c_int; 2],
    out: [Outbox; 2],
    pub calls: Vec<Call>,
    pub by_id: HashMap<String, usize>,
    agenda: BinaryHeap<Reverse<(u64, Event)>>,
    pub flows: [HashMap<SocketAddrV4, Flow>; 2],
    pub agents: Vec<Agent>,
    /// Registrations that were challenged once already.
    pub challenged: Vec<bool>,
    pub tally: Tally,
    /// Makes tags and Call-IDs of this run differ from those of the last.
    pub run: u64,
    pub start: u64,
    next_call: u64,
    branches: u32,
    ended: bool,
    drained: bool,
}

impl Load {
    pub fn new(options: Options) -> Load {
        let socket = |wanted: bool, address, buffer: i32, stamped| {
            if wanted { socket::bind(address, buffer << 20, stamped) } else { -1 }
        };
        let signalling =
            [socket(options.callers, options.local, 16, false), socket(options.answering, options.uas_local, 16, false)];
        let media =
            [socket(options.callers, options.uac_media, 32, true), socket(options.answering, options.uas_media, 32, true)];
        let start = clock::micros();
        // Registered phones first, then the calls.
        let settle = if options.register { options.agents as u64 * REGISTER_STEP + 300_000 } else { options.start_delay_us };
        let mut load = Load {
            signalling,
            media,
            out: media.map(Outbox::new),
            calls: Vec::new(),
            by_id: HashMap::new(),
            agenda: BinaryHeap::new(),
            flows: [HashMap::new(), HashMap::new()],
            agents: vec![Agent::default(); options.agents + 1],
            challenged: vec![false; options.agents],
            tally: Tally::default(),
            run: start % 1_000_000_000,
            start,
            next_call: start + settle,
            branches: 0,
            ended: false,
            drained: false,
            options,
        };
        if load.options.register {
            load.at(start, Event::Register(0));
        }
        if load.options.callers && !load.options.register_only {
            load.at(load.next_call, Event::NewCall);
        }
        load.at(start + PROGRESS, Event::Progress);
        if load.options.duration_us > 0 {
            load.at(load.next_call + load.options.duration_us, Event::End);
        }
        if load.options.register_only {
            load.at(start + load.options.agents as u64 * REGISTER_STEP + 1_500_000, Event::Drained);
        }
        load
    }

    /// Runs to the end and returns the report.
    pub fn run(mut self) -> (String, Tally) {
        let door = self.door();
        let mut inbox = Inbox::new();
        while !self.over() {
            let due = self.agenda.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
            // Rounded up to whole milliseconds: a little late is measured nowhere, a spin would be.
            let wait = due.saturating_sub(clock::micros()).div_ceil(1000).min(100) as c_int;
            // SAFETY: all-zero is a valid epoll_event, and the array is as long as is said.
            let mut events: [libc::epoll_event; 8] = unsafe { std::mem::zeroed() };
            let count = unsafe { libc::epoll_wait(door, events.as_mut_ptr(), 8, wait) };
            for event in &events[..usize::try_from(count).unwrap_or(0)] {
                match event.u64 {
                    0 => self.read_signalling(Side::Caller, &mut inbox),
                    1 => self.read_signalling(Side::Agent, &mut inbox),
                    2 => self.read_media(Side::Caller, &mut inbox),
                    _ => self.read_media(Side::Agent, &mut inbox),
                }
            }
            self.do_what_is_due();
            for out in &mut self.out {
                out.flush();
            }
        }
        let left: Vec<Flow> = self.flows.iter_mut().flat_map(|flows| flows.drain().map(|(_, flow)| flow)).collect();
        for flow in left {
            self.count_losses(&flow);
        }
        let sent = [self.out[0].sent, self.out[1].sent];
        (self.tally.json(clock::micros() - self.start, sent), self.tally)
    }

    /// An epoll over the four sockets, numbered as `run` reads them.
    fn door(&self) -> c_int {
        // SAFETY: plain system calls on descriptors of our own.
        unsafe {
            let door = libc::epoll_create1(0);
            for (number, fd) in self.signalling.iter().chain(&self.media).enumerate().filter(|(_, fd)| **fd >= 0) {
                let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number as u64 };
                libc::epoll_ctl(door, libc::EPOLL_CTL_ADD, *fd, &raw mut event);
            }
            libc::prctl(libc::PR_SET_TIMERSLACK, 10_000u64);
            door
        }
    }

    fn over(&self) -> bool {
        let options = &self.options;
        let all_called = self.tally.started >= options.calls || self.ended;
        self.drained || (options.callers && !options.register_only && all_called && self.tally.active == 0)
    }

    pub fn at(&mut self, at: u64, event: Event) {
        self.agenda.push(Reverse((at, event)));
    }

    fn do_what_is_due(&mut self) {
        let now = clock::micros();
        while self.agenda.peek().is_some_and(|Reverse((at, _))| *at <= now) && !self.drained {
            let Some(Reverse((at, event))) = self.agenda.pop() else { break };
            match event {
                Event::NewCall => self.new_call(now),
                Event::Rtp(index) => self.send_rtp(index, now),
                Event::Repeat(index, generation) => self.repeat(index, generation, now),
                Event::Hangup(index, generation) if self.calls[index].generation == generation => self.hang_up(index),
                Event::Hangup(..) => {}
                Event::Answer(index, generation) => self.answer(index, generation, now),
                Event::Register(agent) => self.register(agent, now),
                Event::Progress => {
                    self.progress(now);
                    self.at(at + PROGRESS, Event::Progress);
                }
                Event::End => self.end(now),
                Event::Drained => self.drained = true,
            }
        }
    }

    fn progress(&self, now: u64) {
        if self.options.verbose {
            let tally = &self.tally;
            eprintln!(
                "t={:.0}s started={} active={} ok={} fail={} uas={} rx={:?} retrans={}",
                (now - self.start) as f64 / 1e6,
                tally.started,
                tally.active,
                tally.answered,
                tally.failed,
                tally.uas_calls - tally.uas_done,
                tally.received,
                tally.repeated
            );
        }
    }

    /// No new calls; those that are up end one after the other within two seconds, when that is asked.
    fn end(&mut self, now: u64) {
        self.ended = true;
        if self.options.hangup_at_end {
            for index in 0..self.calls.len() {
                if self.calls[index].side == Side::Caller && self.calls[index].state == State::Up {
                    let generation = self.calls[index].generation;
                    self.at(now + (index as u64 * 1000) % 2_000_000, Event::Hangup(index, generation));
                }
            }
        }
        self.at(now + self.options.drain_us, Event::Drained);
    }

    fn new_call(&mut self, now: u64) {
        if self.ended || self.tally.started >= self.options.calls {
            return;
        }
        if self.tally.active >= self.options.max_concurrent {
            self.next_call = now + 1000;
            self.at(self.next_call, Event::NewCall);
            return;
        }
        let (index, options) = (self.calls.len(), &self.options);
        let mut call = Call {
            side: Side::Caller,
            agent: 0,
            state: State::Inviting,
            id: format!("sl{}-{index}@{}", self.run, options.local.ip()),
            local: format!("<sip:{}@{}>;tag=sl{}x{index}", options.from, options.domain, self.run),
            remote: format!("<sip:{}@{}>", options.extension, options.domain),
            target: format!("sip:{}@{}", options.extension, options.domain),
            routes: Vec::new(),
            peer: options.target,
            cseq: 1,
            invite_cseq: 1,
            invited_at: clock::micros(),
            up_at: 0,
            leaving_at: 0,
            media: None,
            rtp: Rtp {
                sequence: (index as u16).wrapping_mul(7),
                timestamp: (index as u32).wrapping_mul(977),
                ssrc: 0x10000 + index as u32,
                ..Rtp::default()
            },
            last: Vec::new(),
            repeats: 0,
            generation: 1,
            ack: Vec::new(),
            vias: String::new(),
            provisional: false,
            acknowledged: false,
            authenticated: false,
            bye_authenticated: false,
            bridged: false,
        };
        let (local, from, body) = (options.local, options.from.clone(), description(options.uac_media, index as u64 + 1000));
        let branch = self.branch();
        call.last = call.invite(&branch, local, &from, "", &body).into_bytes();
        socket::send(self.signalling[0], &call.last, call.peer);
        self.by_id.insert(call.id.clone(), index);
        self.calls.push(call);
        self.at(now + T1, Event::Repeat(index, 1));
        self.tally.started += 1;
        self.tally.active += 1;
        self.tally.peak = self.tally.peak.max(self.tally.active);
        self.next_call += ((1e6 / self.options.rate) as u64).max(1);
        if self.next_call + NO_BURST < now {
            self.next_call = now;
        }
        self.at(self.next_call, Event::NewCall);
    }

    pub fn branch(&mut self) -> String {
        self.branches += 1;
        format!("{:x}{:x}", self.run, self.branches)
    }

    /// Where this side's signalling is, and the user in its Contact.
    pub fn own(&self, side: Side) -> (SocketAddrV4, &str) {
        match side {
            Side::Caller => (self.options.local, &self.options.from),
            Side::Agent => (self.options.uas_local, "agent"),
        }
    }

    /// Sends a new request inside the call's dialog.
    pub fn request(&mut self, index: usize, method: &str, extra: &str) -> Vec<u8> {
        let branch = self.branch();
        self.calls[index].cseq += 1;
        let call = &self.calls[index];
        let (local, user) = self.own(call.side);
        let request = call.request(method, call.cseq, &branch, local, user, extra).into_bytes();
        socket::send(self.signalling[call.side as usize], &request, call.peer);
        request
    }

    pub fn hang_up(&mut self, index: usize) {
        if self.calls[index].state != State::Up {
            return;
        }
        let request = self.request(index, "BYE", "");
        let now = clock::micros();
        let call = &mut self.calls[index];
        call.last = request;
        call.repeats = 0;
        call.state = State::Leaving;
        call.leaving_at = now;
        call.rtp.on = false;
        call.generation += 1;
        let generation = call.generation;
        self.at(now + T1, Event::Repeat(index, generation));
    }

    /// Begins to send RTP to where the peer wants it, at a place of its own within the frame.
    pub fn speak(&mut self, index: usize, now: u64) {
        if self.options.rtp && self.calls[index].media.is_some() {
            let rtp = &mut self.calls[index].rtp;
            rtp.on = true;
            rtp.next_at = now + (index as u64 * 7919) % FRAME;
            let next = rtp.next_at;
            self.at(next, Event::Rtp(index));
        }
    }

    fn send_rtp(&mut self, index: usize, now: u64) {
        let call = &mut self.calls[index];
        let Some(media) = call.media.filter(|_| call.rtp.on) else { return };
        let rtp = &mut call.rtp;
        rtp.sequence = rtp.sequence.wrapping_add(1);
        rtp.timestamp = rtp.timestamp.wrapping_add(160);
        // The highest bit says that an agent speaks.
        let tag = index as u32 | if call.side == Side::Agent { 0x8000_0000 } else { 0 };
        self.out[call.side as usize].push(media, rtp.sequence, rtp.timestamp, rtp.ssrc, tag);
        rtp.next_at += FRAME;
        if rtp.next_at + 5 * FRAME < now {
            rtp.next_at = now + FRAME;
        }
        let next = rtp.next_at;
        self.at(next, Event::Rtp(index));
    }

    /// Says the last thing again while it is not answered, more and more rarely, and gives up in the end.
    fn repeat(&mut self, index: usize, generation: u32, now: u64) {
        let call = &mut self.calls[index];
        if call.generation != generation {
            return;
        }
        let (since, limit, why, unanswered) = match (call.state, call.side) {
            (State::Inviting | State::Ringing, Side::Caller) => {
                (call.invited_at, self.options.invite_timeout_us, "invite-timeout", !call.provisional)
            }
            (State::Leaving, _) => (call.leaving_at, GIVE_UP, "bye-timeout", true),
            (State::Up, Side::Agent) if !call.acknowledged => (call.up_at, GIVE_UP, "ack-timeout", true),
            _ => return,
        };
        if now - since > limit {
            return self.fail(index, why);
        }
        if unanswered {
            socket::send(self.signalling[call.side as usize], &call.last, call.peer);
            call.repeats += 1;
            self.tally.repeated += 1;
        }
        let next = now + (T1 << call.repeats.min(3));
        self.at(next, Event::Repeat(index, generation));
    }

    fn register(&mut self, agent: usize, now: u64) {
        if agent >= self.options.agents {
            return;
        }
        self.send_register(agent, 1, "");
        self.at(now + REGISTER_STEP, Event::Register(agent + 1));
    }

    pub fn send_register(&mut self, agent: usize, cseq: u32, extra: &str) {
        let branch = self.branch();
        let options = &self.options;
        let (user, domain, local) = (self.agent_name(agent + 1), &options.domain, options.uas_local);
        let request = format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{domain}>;tag=r{agent}\r\nTo: <sip:{user}@{domain}>\r\nCall-ID: reg{}-{agent}\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <sip:{user}@{local}>;expires=3600\r\n{extra}Expires: 3600\r\nContent-Length: 0\r\n\r\n",
            self.run
        );
        socket::send(self.signalling[Side::Agent as usize], request.as_bytes(), options.target);
    }

    pub fn agent_name(&self, agent: usize) -> String {
        format!("{}{agent}", self.options.agent_prefix)
    }

    pub fn is_warm(&self, now: u64) -> bool {
        now - self.start > self.options.warm_us
    }

    pub fn finish(&mut self, index: usize) {
        let call = &mut self.calls[index];
        if call.state == State::Done {
            return;
        }
        call.state = State::Done;
        call.rtp.on = false;
        call.generation += 1;
        call.last = Vec::new();
        match call.side {
            Side::Caller => {
                self.tally.active -= 1;
                self.tally.done += 1;
            }
            Side::Agent => {
                self.tally.uas_done += 1;
                self.agents[call.agent] = Agent { busy: false, free_at: clock::micros() };
            }
        }
        let (media, side) = (call.media, call.side as usize);
        if let Some(flow) = media.and_then(|media| self.flows[side].remove(&media)) {
            self.count_losses(&flow);
        }
    }

    pub fn fail(&mut self, index: usize, why: &str) {
        let call = &self.calls[index];
        if call.side == Side::Caller {
            self.tally.failed += 1;
        }
        if self.tally.note(why) <= PRINTED_FAILURES && self.options.verbose {
            eprintln!("FAIL {} {why}", call.id);
        }
        self.finish(index);
    }

    fn count_losses(&mut self, flow: &Flow) {
        self.tally.lost[self.calls[flow.call].side as usize] += flow.lost;
        self.tally.out_of_order += flow.out_of_order;
    }

    pub fn media_socket(&self, side: Side) -> c_int {
        self.media[side as usize]
    }
}
