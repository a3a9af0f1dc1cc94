//! What comes in: answers to what we said, requests of the exchange, and RTP.

use crate::call::{Call, Flow, Rtp, Side, State};
use crate::clock;
use crate::digest;
use crate::load::{Event, Load};
use crate::message::{Message, description, host_of, media_of, uri_of, user_of};
use crate::socket::{self, Inbox, MARK, RTP_PACKET};
use std::net::SocketAddrV4;

/// How many batches are read before the agenda is looked at again.
const SIGNALLING_BATCHES: usize = 8;
const MEDIA_BATCHES: usize = 16;
/// The first packets of a stream say nothing about its jitter.
const SETTLED: u64 = 5;
const FRAME: u64 = 20_000;
/// A longer jump in sequence numbers is a new stream and no loss.
const LONGEST_LOSS: u16 = 3000;

impl Load {
    pub fn read_signalling(&mut self, side: Side, inbox: &mut Inbox) {
        for _ in 0..SIGNALLING_BATCHES {
            let count = inbox.receive(self.signalling[side as usize]);
            for index in 0..count {
                if let Some(message) = Message::read(inbox.bytes(index)) {
                    match message.status() {
                        Some(status) => self.response(&message, status),
                        None => self.incoming(side, &message, inbox.from(index)),
                    }
                }
            }
            if !Inbox::is_full(count) {
                return;
            }
        }
    }

    fn response(&mut self, message: &Message, status: u32) {
        if message.method == "REGISTER" {
            return self.registered(message, status);
        }
        let Some(&index) = self.by_id.get(message.call_id) else {
            self.tally.unexpected += 1;
            return;
        };
        let now = clock::micros();
        match (message.method, self.calls[index].state) {
            ("INVITE", State::Inviting | State::Ringing) if self.calls[index].side == Side::Caller => match status {
                ..200 => {
                    let call = &mut self.calls[index];
                    if !call.provisional {
                        call.provisional = true;
                        self.tally.invite_1xx.add(now - call.invited_at);
                    }
                    if status > 100 {
                        call.state = State::Ringing;
                    }
                }
                200..300 => self.accepted(index, message, now),
                _ => self.refused(index, message, status, now),
            },
            // A 200 that was repeated: its ACK was lost.
            ("INVITE", _) if (200..300).contains(&status) => {
                let call = &self.calls[index];
                if call.side == Side::Caller && !call.ack.is_empty() {
                    socket::send(self.signalling[0], &call.ack, call.peer);
                    self.tally.repeated += 1;
                }
            }
            ("BYE", State::Leaving) if status >= 200 => self.left(index, message, status, now),
            _ => {}
        }
    }

    fn registered(&mut self, message: &Message, status: u32) {
        if status == 200 {
            self.tally.registered += 1;
        } else if matches!(status, 401 | 407) && !self.options.password.is_empty() {
            let agent: usize = message.call_id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0);
            if self.challenged.get(agent) == Some(&false) {
                self.challenged[agent] = true;
                let (user, uri) = (self.agent_name(agent + 1), format!("sip:{}", self.options.domain));
                let credentials = digest::answer(message.challenge, &user, &self.options.password, "REGISTER", &uri);
                self.send_register(agent, 2, &format!("{}: {credentials}\r\n", message.credentials_header()));
            }
        }
    }

    fn accepted(&mut self, index: usize, message: &Message, now: u64) {
        let branch = self.branch();
        let (local, user) = (self.options.local, self.options.from.clone());
        let (target, warm) = (self.options.target, self.is_warm(now));
        let call = &mut self.calls[index];
        call.remote = message.to.to_owned();
        call.target = uri_of(message.contact).to_owned();
        call.routes = message.record_routes.iter().rev().map(|route| (*route).to_owned()).collect();
        call.peer = host_of(call.routes.first().map_or(call.target.as_str(), |route| uri_of(route))).unwrap_or(target);
        if warm {
            self.tally.invite_200.add(now - call.invited_at);
        }
        call.ack = call.request("ACK", message.cseq, &branch, local, &user, "").into_bytes();
        socket::send(self.signalling[0], &call.ack, call.peer);
        call.state = State::Up;
        call.up_at = now;
        call.generation += 1;
        call.media = media_of(message.body);
        let (media, generation) = (call.media, call.generation);
        self.tally.answered += 1;
        if let Some(media) = media {
            self.flows[0].insert(media, Flow::of(index));
        }
        self.speak(index, now);
        match self.options.hold_ms {
            0.0 => self.hang_up(index),
            hold if hold > 0.0 => self.at(now + (hold * 1000.0) as u64, Event::Hangup(index, generation)),
            _ => {}
        }
    }

    fn refused(&mut self, index: usize, message: &Message, status: u32, now: u64) {
        let call = &mut self.calls[index];
        // The ACK for a refusal goes out on the branch of its INVITE.
        let via = message.vias.first().and_then(|via| via.split(";received").next()).unwrap_or_default();
        let ack = format!(
            "ACK {} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} ACK\r\nContent-Length: 0\r\n\r\n",
            call.target, call.local, message.to, call.id, message.cseq
        );
        socket::send(self.signalling[0], ack.as_bytes(), call.peer);
        if !matches!(status, 401 | 407) || call.authenticated || self.options.password.is_empty() {
            return self.fail(index, &format!("invite-{status}"));
        }
        call.authenticated = true;
        call.provisional = false;
        call.cseq += 1;
        call.repeats = 0;
        call.generation += 1;
        let generation = call.generation;
        let branch = self.branch();
        let options = &self.options;
        let call = &mut self.calls[index];
        let credentials = digest::answer(message.challenge, &options.from, &options.password, "INVITE", &call.target);
        let extra = format!("{}: {credentials}\r\n", message.credentials_header());
        let body = description(options.uac_media, index as u64 + 1000);
        call.last = call.invite(&branch, options.local, &options.from, &extra, &body).into_bytes();
        socket::send(self.signalling[0], &call.last, call.peer);
        self.at(now + 500_000, Event::Repeat(index, generation));
    }

    fn left(&mut self, index: usize, message: &Message, status: u32, now: u64) {
        let call = &mut self.calls[index];
        if matches!(status, 401 | 407) && !self.options.password.is_empty() && !call.bye_authenticated {
            call.bye_authenticated = true;
            let credentials =
                digest::answer(message.challenge, &self.options.from, &self.options.password, "BYE", &call.target);
            let extra = format!("{}: {credentials}\r\n", message.credentials_header());
            let request = self.request(index, "BYE", &extra);
            self.calls[index].last = request;
            return;
        }
        self.tally.bye.add(now - call.leaving_at);
        if status >= 300 {
            self.tally.note(&format!("bye-{status}"));
        }
        self.finish(index);
    }

    fn incoming(&mut self, side: Side, message: &Message, from: SocketAddrV4) {
        let method = message.start.split(' ').next().unwrap_or_default();
        let index = self.by_id.get(message.call_id).copied();
        let vias = vias_back(message, from);
        let reply = |status: &str, to: &str, extra: &str, body: &str| {
            format!(
                "SIP/2.0 {status}\r\n{vias}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {} {}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
                message.from,
                message.call_id,
                message.cseq,
                message.method,
                body.len()
            )
        };
        let fd = self.signalling[side as usize];
        let send = |reply: String| socket::send(fd, reply.as_bytes(), from);
        match (method, index) {
            ("INVITE", Some(index)) => self.invited_again(side, index, message, from, &reply),
            ("INVITE", None) => self.offered(side, message, from, &vias, &reply),
            ("ACK", Some(index)) => self.acknowledged(index),
            ("ACK", None) => {}
            ("BYE", _) => {
                send(reply("200 OK", message.to, "", ""));
                if let Some(index) = index.filter(|index| self.calls[*index].state != State::Inviting) {
                    self.finish(index);
                }
            }
            ("CANCEL", _) => {
                send(reply("200 OK", message.to, "", ""));
                if let Some(index) = index.filter(|index| self.calls[*index].state == State::Ringing) {
                    let call = &self.calls[index];
                    let ended = format!(
                        "SIP/2.0 487 Request Terminated\r\n{}From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} INVITE\r\nContent-Length: 0\r\n\r\n",
                        call.vias, call.remote, call.local, call.id, call.invite_cseq
                    );
                    send(ended);
                    self.tally.note("info-cancelled");
                    self.finish(index);
                }
            }
            _ => send(reply(
                "200 OK",
                message.to,
                &format!("Contact: <sip:x@{}>\r\nAccept: application/sdp\r\n", self.own(side).0),
                "",
            )),
        }
    }

    /// A repeated INVITE, or a re-INVITE, which is answered with our media as they are.
    fn invited_again(
        &mut self,
        side: Side,
        index: usize,
        message: &Message,
        from: SocketAddrV4,
        reply: &dyn Fn(&str, &str, &str, &str) -> String,
    ) {
        let fd = self.signalling[side as usize];
        let call = &self.calls[index];
        if call.side == Side::Agent && call.invite_cseq == message.cseq {
            if !call.last.is_empty() && call.state != State::Leaving {
                socket::send(fd, &call.last, from);
            }
            return;
        }
        let own = if call.side == Side::Caller { self.options.uac_media } else { self.options.uas_media };
        let extra = format!("Contact: <sip:x@{}>\r\nContent-Type: application/sdp\r\n", self.own(side).0);
        socket::send(fd, reply("200 OK", message.to, &extra, &description(own, index as u64 + 1000)).as_bytes(), from);
        if let Some(media) = media_of(message.body).filter(|media| self.calls[index].media != Some(*media)) {
            let flows = &mut self.flows[self.calls[index].side as usize];
            if let Some(old) = self.calls[index].media.replace(media) {
                flows.remove(&old);
            }
            flows.insert(media, Flow::of(index));
        }
        self.tally.note("info-reinvite");
    }

    /// A call for one of our agents.
    fn offered(
        &mut self,
        side: Side,
        message: &Message,
        from: SocketAddrV4,
        vias: &str,
        reply: &dyn Fn(&str, &str, &str, &str) -> String,
    ) {
        let now = clock::micros();
        let fd = self.signalling[side as usize];
        let user = user_of(message.start.split(' ').nth(1).unwrap_or_default());
        let number = user.strip_prefix(&self.options.agent_prefix).and_then(|number| number.parse::<usize>().ok());
        let agent = number.filter(|number| *number <= self.options.agents).unwrap_or(0);
        let index = self.calls.len();
        let own = format!("{};tag=u{}x{index}", message.to, self.run);
        if agent > 0 {
            if self.agents[agent].busy {
                socket::send(fd, reply("486 Busy Here", &own, "", "").as_bytes(), from);
                self.tally.note("info-agent-busy-offered");
                return;
            }
            let free_at = self.agents[agent].free_at;
            self.agents[agent].busy = true;
            if free_at > 0 && self.is_warm(now) {
                self.tally.dispatch.add(now - free_at);
                if self.options.csv.is_some() {
                    self.tally.dispatches.push((now - self.start, now - free_at));
                }
            }
        }
        self.tally.uas_calls += 1;
        socket::send(fd, reply("100 Trying", message.to, "", "").as_bytes(), from);
        if self.options.ring {
            let contact = format!("Contact: <sip:{user}@{}>\r\n", self.own(side).0);
            socket::send(fd, reply("180 Ringing", &own, &contact, "").as_bytes(), from);
        }
        let call = Call {
            side: Side::Agent,
            agent,
            state: State::Ringing,
            id: message.call_id.to_owned(),
            local: own,
            remote: message.from.to_owned(),
            target: uri_of(message.contact).to_owned(),
            routes: message.record_routes.iter().map(|route| (*route).to_owned()).collect(),
            peer: from,
            cseq: 100,
            invite_cseq: message.cseq,
            invited_at: now,
            up_at: 0,
            leaving_at: 0,
            media: media_of(message.body),
            rtp: Rtp { sequence: 1, ssrc: 0x9000_0000u32.wrapping_add(index as u32), ..Rtp::default() },
            last: Vec::new(),
            repeats: 0,
            generation: 1,
            ack: Vec::new(),
            vias: vias.to_owned(),
            provisional: false,
            acknowledged: false,
            authenticated: false,
            bye_authenticated: false,
            bridged: false,
        };
        if let Some(media) = call.media {
            self.flows[1].insert(media, Flow::of(index));
        }
        self.by_id.insert(call.id.clone(), index);
        self.calls.push(call);
        self.at(now + self.options.answer_us, Event::Answer(index, 1));
    }

    /// An agent answers.
    pub fn answer(&mut self, index: usize, generation: u32, now: u64) {
        let body = description(self.options.uas_media, index as u64 + 1000);
        let contact = format!("{}@{}", self.agent_name(self.calls[index].agent), self.options.uas_local);
        let call = &mut self.calls[index];
        if call.generation != generation || call.state != State::Ringing {
            return;
        }
        let routes: String = call.routes.iter().map(|route| format!("Record-Route: {route}\r\n")).collect();
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}{routes}From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} INVITE\r\nContact: <sip:{contact}>\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            call.vias,
            call.remote,
            call.local,
            call.id,
            call.invite_cseq,
            body.len()
        );
        socket::send(self.signalling[1], answer.as_bytes(), call.peer);
        call.last = answer.into_bytes();
        call.state = State::Up;
        call.up_at = now;
        call.repeats = 0;
        call.generation += 1;
        let generation = call.generation;
        self.at(now + 500_000, Event::Repeat(index, generation));
        self.speak(index, now);
    }

    fn acknowledged(&mut self, index: usize) {
        let now = clock::micros();
        let call = &mut self.calls[index];
        if call.side == Side::Caller || std::mem::replace(&mut call.acknowledged, true) || call.state != State::Up {
            return;
        }
        call.generation += 1;
        let generation = call.generation;
        self.tally.ack.add(now - call.up_at);
        if self.options.talk_ms >= 0.0 {
            self.at(now + (self.options.talk_ms * 1000.0) as u64, Event::Hangup(index, generation));
        }
    }

    pub fn read_media(&mut self, side: Side, inbox: &mut Inbox) {
        for _ in 0..MEDIA_BATCHES {
            let count = inbox.receive(self.media_socket(side));
            for index in 0..count {
                let bytes = inbox.bytes(index);
                // Version 2, and no RTCP.
                if bytes.len() >= 12 && bytes[0] >> 6 == 2 && !(64..=95).contains(&(bytes[1] & 0x7f)) {
                    self.heard(side, bytes, inbox.from(index), inbox.arrived(index) / 1000);
                }
            }
            if !Inbox::is_full(count) {
                return;
            }
        }
    }

    /// One RTP packet; `at` is wall microseconds.
    fn heard(&mut self, side: Side, bytes: &[u8], from: SocketAddrV4, at: u64) {
        let now = clock::micros();
        let warm = self.is_warm(now);
        self.tally.received[side as usize] += 1;
        let Some(flow) = self.flows[side as usize].get_mut(&from) else { return };
        let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
        if flow.packets > 0 {
            match sequence.wrapping_sub(flow.sequence) {
                1 if warm && flow.packets > SETTLED && bytes.len() == RTP_PACKET => {
                    self.tally.jitter[side as usize].add(at.saturating_sub(flow.last_at).abs_diff(FRAME));
                }
                0 | 0x8001.. => flow.out_of_order += 1,
                step if step < LONGEST_LOSS => flow.lost += u64::from(step) - 1,
                _ => {}
            }
        }
        flow.last_at = at;
        flow.sequence = sequence;
        flow.packets += 1;
        // A packet of our own that came through: its age is the relay's delay, its first bit says whether an agent spoke.
        if bytes.len() >= 28 && &bytes[12..16] == MARK {
            let sent = u64::from_be_bytes(bytes[16..24].try_into().unwrap_or_default()) / 1000;
            if warm {
                self.tally.relay.add(at.saturating_sub(sent));
            }
            let call = &mut self.calls[flow.call];
            if call.side == Side::Caller && !call.bridged && bytes[24] & 0x80 != 0 {
                call.bridged = true;
                self.tally.to_agent.add(now - call.invited_at);
            }
        }
    }
}

/// The Via lines for a response; the top one says where the request came from (RFC 3581).
fn vias_back(message: &Message, from: SocketAddrV4) -> String {
    let mut vias = String::new();
    for (number, via) in message.vias.iter().enumerate() {
        let via = if number == 0 && via.contains(";rport") && !via.contains(";rport=") {
            via.replacen(";rport", &format!(";received={};rport={}", from.ip(), from.port()), 1)
        } else {
            (*via).to_owned()
        };
        vias += &format!("Via: {via}\r\n");
    }
    vias
}
