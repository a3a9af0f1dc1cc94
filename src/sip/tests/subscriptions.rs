//! Subscriptions: a desk phone that watches the exchange, played by a script.

use super::outside::request;
use super::pair::{EXCHANGE, Pair, read};
use crate::sip::message::{Message, Method, Name as Header, NameAddr, Request, Response, Uri};
use crate::sip::*;
use crate::time::Duration;

/// The phone, which writes its own messages; the network delivers nothing that the exchange sends.
struct Desk {
    pair: Pair,
    cseq: u32,
    to: NameAddr,
}

impl Desk {
    fn new() -> Desk {
        let mut pair = Pair::trunk(1, Transport::Udp);
        pair.is_cut = true;
        Desk { pair, cseq: 0, to: NameAddr::new(Uri::sip("1002", "10.0.0.1", None)) }
    }

    fn subscribe(&mut self, headers: &[(Header, &str)]) -> Response {
        self.cseq += 1;
        let mut asked = request(Method::Subscribe, &format!("z9hG4bKs{}", self.cseq));
        asked.uri = Uri::sip("1002", "10.0.0.1", None);
        asked.set_to(&self.to);
        asked.set_cseq(self.cseq);
        headers.iter().for_each(|(name, value)| asked.headers.set(name.clone(), value));
        let before = self.sent();
        self.pair.inject(EXCHANGE, &asked.to_bytes());
        if self.sent() == before {
            return Response::to(&asked, Status(100));
        }
        self.pair.response(EXCHANGE)
    }

    fn sent(&self) -> usize {
        self.pair.sides[EXCHANGE].sent.len()
    }

    /// Begins to watch, and is granted it with this state.
    fn watches(&mut self, event: &str, expires: &str) -> SubscriptionId {
        self.subscribe(&[(Header::Event, event), (Header::Expires, expires)]);
        let Event::Subscribe { subscription, .. } = self.pair.last(EXCHANGE) else { panic!("{:?}", self.pair.last(EXCHANGE)) };
        let subscription = *subscription;
        self.pair.command(EXCHANGE, Command::AcceptSubscription { subscription, body: "first".to_string() });
        self.to = self.pair.response(EXCHANGE).to_().clone();
        subscription
    }

    fn tell(&mut self, subscription: SubscriptionId, body: &str) {
        self.pair.command(EXCHANGE, Command::Notify { subscription, body: body.to_string() });
    }

    fn notify(&self) -> Request {
        self.pair.request(EXCHANGE, "NOTIFY")
    }

    /// Bodies of the different NOTIFYs that were sent, in order.
    fn told(&self) -> Vec<String> {
        let mut told: Vec<(u32, String)> = Vec::new();
        for (_, _, bytes) in &self.pair.sides[EXCHANGE].sent {
            if let Message::Request(notify) = read(bytes)
                && told.last().is_none_or(|(number, _)| *number != notify.cseq().number)
            {
                told.push((notify.cseq().number, String::from_utf8_lossy(&notify.body).into_owned()));
            }
        }
        told.into_iter().map(|(_, body)| body).collect()
    }

    fn answers(&mut self, status: u16) {
        let answer = Response::to(&self.notify(), Status(status));
        self.pair.inject(EXCHANGE, &answer.to_bytes());
    }

    fn has_ended(&self, subscription: SubscriptionId) -> bool {
        self.pair.sides[EXCHANGE].events.contains(&Event::Unsubscribed { subscription })
    }

    fn standing(&self) -> String {
        self.notify().headers.text(Header::SubscriptionState).unwrap_or_default().into_owned()
    }

    fn leaves_nothing(mut self) {
        self.pair.settle();
        self.pair.check_that_nothing_is_left();
    }
}

#[test]
fn a_lamp_is_told_at_once_and_whenever_it_changes() {
    let mut desk = Desk::new();
    let lamp = desk.watches("dialog;id=7", "600");
    let granted = desk.pair.response(EXCHANGE);
    assert_eq!((granted.status, granted.expires()), (Status(200), Some(600)));
    assert!(!granted.contacts().is_empty());
    let Event::Subscribe { request, .. } = desk.pair.last(EXCHANGE) else { panic!() };
    assert_eq!((&*request.target, request.package), ("1002", Package::Dialog));
    let first = desk.notify();
    assert_eq!(first.headers.text(Header::Event).as_deref(), Some("dialog;id=7"));
    assert_eq!(first.content_type().as_deref(), Some("application/dialog-info+xml"));
    assert_eq!(desk.standing(), "active;expires=600");
    desk.answers(200);
    desk.pair.run(Duration::from_secs(10));
    desk.tell(lamp, "busy");
    assert_eq!(desk.standing(), "active;expires=590");
    desk.answers(200);
    assert_eq!(desk.told(), ["first", "busy"]);
}

#[test]
fn what_changes_while_a_notify_is_under_way_is_told_by_its_last_state() {
    let mut desk = Desk::new();
    let lamp = desk.watches("dialog", "600");
    for state in ["ringing", "busy", "idle"] {
        desk.tell(lamp, state);
    }
    assert_eq!(desk.told(), ["first"]);
    desk.answers(200);
    assert_eq!(desk.told(), ["first", "idle"]);
    // One that cannot just now is told the next state all the same.
    desk.answers(503);
    desk.tell(lamp, "busy");
    assert_eq!(desk.told(), ["first", "idle", "busy"]);
}

#[test]
fn a_subscription_is_renewed_taken_back_or_runs_out() {
    let mut desk = Desk::new();
    let lamp = desk.watches("message-summary", "120");
    desk.answers(200);
    desk.pair.run(Duration::from_secs(100));
    let renewed = desk.subscribe(&[(Header::Event, "message-summary"), (Header::Expires, "120")]);
    assert_eq!((renewed.status, renewed.expires()), (Status(200), Some(120)));
    assert_eq!(*desk.pair.last(EXCHANGE), Event::Resubscribed { subscription: lamp });
    desk.tell(lamp, "again");
    desk.answers(200);
    desk.pair.run(Duration::from_secs(119));
    assert!(!desk.has_ended(lamp));
    desk.pair.run(Duration::from_secs(2));
    assert!(desk.has_ended(lamp));
    assert_eq!(desk.standing(), "terminated;reason=timeout");
    // What is over is not known any more.
    assert_eq!(desk.subscribe(&[(Header::Event, "message-summary")]).status, Status(481));
    desk.leaves_nothing();

    let mut desk = Desk::new();
    let lamp = desk.watches("presence", "120");
    desk.answers(200);
    let ended = desk.subscribe(&[(Header::Event, "presence"), (Header::Expires, "0")]);
    assert_eq!((ended.status, desk.has_ended(lamp)), (Status(200), true));
    assert_eq!(desk.standing(), "terminated;reason=timeout");
    desk.leaves_nothing();
}

#[test]
fn a_question_asked_once_is_answered_once() {
    let mut desk = Desk::new();
    let once = desk.watches("message-summary", "0");
    assert_eq!((desk.told(), desk.has_ended(once)), (vec!["first".to_string()], true));
    assert_eq!(desk.standing(), "terminated;reason=timeout");
    desk.leaves_nothing();
}

#[test]
fn the_exchange_may_refuse_or_end_it() {
    let mut desk = Desk::new();
    desk.subscribe(&[(Header::Event, "dialog")]);
    let Event::Subscribe { subscription, .. } = *desk.pair.last(EXCHANGE) else { panic!() };
    desk.pair.command(EXCHANGE, Command::RefuseSubscription { subscription, status: Status(403) });
    assert_eq!(desk.pair.response(EXCHANGE).status, Status(403));
    desk.leaves_nothing();

    for (why, reason) in
        [(Dismissal::Gone, "noresource"), (Dismissal::Rejected, "rejected"), (Dismissal::Deactivated, "deactivated")]
    {
        let mut desk = Desk::new();
        let subscription = desk.watches("dialog", "600");
        desk.tell(subscription, "the last");
        desk.pair.command(EXCHANGE, Command::EndSubscription { subscription, why });
        assert_eq!(desk.standing(), format!("terminated;reason={reason}"));
        assert_eq!(desk.told().last().map(String::as_str), Some("the last"));
        desk.leaves_nothing();
    }
}

#[test]
fn a_phone_that_knows_nothing_of_it_or_is_silent_is_told_no_more() {
    let mut desk = Desk::new();
    let lamp = desk.watches("dialog", "600");
    desk.answers(481);
    assert!(desk.has_ended(lamp));
    desk.leaves_nothing();

    let mut desk = Desk::new();
    let lamp = desk.watches("dialog", "600");
    desk.pair.run(Duration::from_secs(31));
    assert!(!desk.has_ended(lamp));
    desk.pair.run(Duration::from_secs(2));
    assert!(desk.has_ended(lamp));
    desk.leaves_nothing();
}

#[test]
fn nobody_waits_for_an_undecided_exchange() {
    let mut desk = Desk::new();
    desk.subscribe(&[(Header::Event, "dialog")]);
    desk.pair.run(Duration::from_secs(21));
    assert_eq!(desk.pair.response(EXCHANGE).status, Status(500));
    desk.leaves_nothing();
}

#[test]
fn each_subscribe_gets_the_refusal_it_deserves() {
    let check = |what: &str, headers: &[(Header, &str)], status: u16, said: Option<(Header, &str)>| {
        let response = Desk::new().subscribe(headers);
        assert_eq!(response.status, Status(status), "{what}");
        if let Some((name, value)) = said {
            assert_eq!(response.headers.text(name).as_deref(), Some(value), "{what}");
        }
    };
    let event = |package: &'static str| (Header::Event, package);
    check("the weather", &[event("weather")], 489, Some((Header::AllowEvents, "message-summary, dialog, presence")));
    check("nothing", &[], 489, None);
    let format = Some((Header::Accept, "application/dialog-info+xml"));
    check("a format that we do not write", &[event("dialog"), (Header::Accept, "text/plain")], 406, format);
    check("for a moment", &[event("dialog"), (Header::Expires, "5")], 423, Some((Header::MinExpires, "60")));
    check("an extension", &[event("dialog"), (Header::Require, "eventlist")], 420, None);
    check("for ever", &[event("Dialog"), (Header::Expires, "4294967296")], 100, None);
}

#[test]
fn a_stranger_is_challenged_and_a_greedy_phone_is_stopped() {
    let mut pair = Pair::extension(1, Transport::Udp, &[Algorithm::Md5]);
    let mut asked = request(Method::Subscribe, "z9hG4bKs");
    asked.headers.set(Header::Event, "dialog");
    pair.inject(EXCHANGE, &asked.to_bytes());
    assert_eq!(pair.response(EXCHANGE).status, Status(401));

    let mut desk = Desk::new();
    for number in 0..=256 {
        desk.to = NameAddr::new(Uri::sip(&format!("{number}"), "10.0.0.1", None));
        let refused = desk.subscribe(&[(Header::Event, "dialog")]).status == Status(503);
        assert_eq!(refused, number == 256, "{number}");
    }
}
