//! What the exchange wants done. A command to a session that has ended meanwhile is nobody's fault, and does nothing.

use super::endpoint::Endpoint;
use super::message::{Method, Name as Header};
use super::session::{Event as Happens, Phase};
use super::transaction::Owner;
use super::{Command, DialogId, Ending, Output, Status};
use crate::sdp::Description;
use crate::time::{Duration, Now};

/// Bytes of a Reason that are sent.
const MAX_REASON: usize = 256;

impl Endpoint {
    pub(super) fn command(&mut self, command: Command, now: Now, out: &mut Vec<Output>) {
        match command {
            // Done by `handle`.
            Command::Configure(_) | Command::Restore(_) => {}
            Command::Progress { dialog, status, sdp } => self.progress(dialog, status, sdp.as_ref(), now, out),
            Command::Accept { dialog, sdp } => self.accept(dialog, &sdp, now, out),
            Command::Refuse { dialog, status } => self.refuse_call(dialog, status, now, out),
            Command::Reply { dialog, answer } => self.reply(dialog, answer, now, out),
            Command::Hangup { dialog, reason } => self.hang_up(dialog, reason, now, out),
            Command::Invite { dialog, call } => self.call(dialog, *call, now, out),
            Command::Reoffer { dialog, sdp } => self.reoffer(dialog, sdp, now, out),
            Command::Update { dialog, sdp } => self.update_offer(dialog, sdp, now, out),
            Command::Probe { dialog } => self.probe(dialog, now, out),
            Command::Digit { dialog, digit, duration } => self.send_digit(dialog, digit, duration, now, out),
            Command::Register { registration, account } => self.keep_registered(registration, *account, now, out),
            Command::Unregister { registration } => self.unregister(registration, now, out),
            Command::Reregister { registration } => self.register_again(registration, now, out),
            Command::Refer { dialog, target, replaces } => self.refer(dialog, &target, replaces, now, out),
            Command::AcceptReferral { referral } => self.accept_referral(referral, now, out),
            Command::RefuseReferral { referral, status } => self.refuse_referral(referral, status, now, out),
            Command::ReportReferral { referral, status } => self.report_referral(referral, status, now, out),
            Command::AcceptSubscription { subscription, body } => self.accept_subscription(subscription, body, now, out),
            Command::RefuseSubscription { subscription, status } => self.refuse_subscription(subscription, status, now, out),
            Command::Notify { subscription, body } => self.notify(subscription, body, now, out),
            Command::EndSubscription { subscription, why } => self.end_subscription(subscription, why, now, out),
            Command::Watch { peer, probing } => self.watch(peer, *probing, now, out),
            Command::Unwatch { peer } => self.unwatch(&peer),
        }
    }

    fn progress(&mut self, id: DialogId, status: Status, sdp: Option<&Description>, now: Now, out: &mut Vec<Output>) {
        let status = if (101..200).contains(&status.0) { status } else { Status(180) };
        if self.progress_reliably(id, status, sdp, now, out) {
            return;
        }
        let Some(session) = self.sessions.get(&id).filter(|session| session.phase == Phase::Ringing) else { return };
        let (Some(tx), Some(mut response)) = (session.invite, self.response_to_invite(id, status)) else { return };
        if let Some(sdp) = sdp {
            response.set_body("application/sdp", sdp.to_bytes());
        }
        self.transactions.say(tx, status, response.to_bytes(), now.mono, out);
    }

    fn refuse_call(&mut self, id: DialogId, status: Status, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.refusal = if (300..700).contains(&status.0) { status } else { Status(500) };
        self.advance(id, Happens::Refuse, now, out);
    }

    fn hang_up(&mut self, id: DialogId, reason: Option<String>, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // Not where the end has begun already: it keeps its cause.
        if !matches!(session.phase, Phase::Unwanted | Phase::Cancelling | Phase::Parting | Phase::Leaving) {
            session.ending = Ending::Ours;
            session.reason = reason.map(|reason| reason.chars().take(MAX_REASON).collect());
            self.advance(id, Happens::Hangup, now, out);
        }
    }

    fn probe(&mut self, id: DialogId, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Confirmed) else { return };
        let mut options = session.dialog.request(Method::Options);
        options.headers.set(Header::Accept, "application/sdp");
        self.send_inside(id, options, Owner::Probe(id), now, out);
    }

    fn send_digit(&mut self, id: DialogId, digit: char, duration: Duration, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Confirmed) else { return };
        let mut info = session.dialog.request(Method::Info);
        let body = format!("Signal={digit}\r\nDuration={}\r\n", duration.as_millis());
        info.set_body("application/dtmf-relay", body.into_bytes());
        self.send_inside(id, info, Owner::Digit(id), now, out);
    }
}
