//! Toll fraud: what attackers dial, by every way out, at the real daemon; and a provider that counts what leaves.

use crate::exchange::{Exchange, Folder, until};
use crate::line::{Call, Line, Message};
use crate::scenario::{Sipp, answer, label, logged, or_else};
use crate::telephone::Telephone;
use crate::trunks::{dials, lab_with};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
pub const PROVIDER: &str = "127.0.0.5";
/// As it is dialled, and as it leaves.
const NUMBER: &str = "221234567";
pub const HONEST: &str = "+48221234567";

/// Heads, numbers and tails of what has been dialled at exchanges to make them call at somebody else's cost.
pub fn attacks() -> Vec<String> {
    let heads = ["00", "+", "000", "0011", "011", "9", "90", "900", "0", "*72", "*21*", "%2300", "%2b", "9%2c00", "tel:", "1"];
    let numbers = ["441234567890", "8821612345678", "37091234567", "2525551234", "48701234567", "88213", "5359999999"];
    let tails = ["", "%23", "*", ";phone-context=+44", "&PJSIP", "%00", "%0d%0aX:y", ";isub=1", "%3bext=1"];
    let all = heads.iter().flat_map(|head| numbers.iter().map(move |number| format!("{head}{number}")));
    all.flat_map(|begun| tails.iter().map(move |tail| format!("{begun}{tail}"))).collect()
}

/// The provider: a SIPp that declines every call and counts it. It is asked by OPTIONS every second, and those do not count.
pub struct Counts {
    folder: Folder,
    sipp: Sipp,
}

impl Counts {
    fn new() -> Counts {
        let folder = Folder::new("counts");
        let steps = [
            or_else("OPTIONS", "asked"),
            format!("<recv request=\"INVITE\">{}</recv>\n", logged("INVITE [^ ]*")),
            answer("603 Decline", "", ""),
            "<recv request=\"ACK\" next=\"end\"/>\n".into(),
            label("asked"),
            answer("200 OK", "", ""),
            label("end"),
            "<nop/>\n".into(),
        ];
        let sipp = Sipp::serves(&folder, "provider", PROVIDER, &steps.concat());
        Counts { folder, sipp }
    }

    /// Whom the calls that have come were for, those that came again left out: SIPp knows them by their Call-ID.
    fn invites(&self) -> Vec<String> {
        let whom = |line: &str| Some(line.strip_prefix("INVITE sip:")?.split('@').next()?.to_owned());
        self.log().lines().filter_map(whom).collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("provider.log")).unwrap_or_default()
    }

    /// After everything that must not leave, an honest call has: it comes, and nothing has come before it. What was sent to SIPp
    /// earlier it has read earlier.
    fn has_counted_one(&self, exchange: &Exchange) {
        self.has_counted(exchange, &[HONEST]);
    }

    /// These calls have come, and no others.
    pub fn has_counted(&self, exchange: &Exchange, honest: &[&str]) {
        let came = until(S(5), || (self.invites().len() >= honest.len()).then_some(()));
        assert!(came.is_some(), "only {:?} came\n{}", self.invites(), exchange.log());
        assert_eq!(self.invites(), honest, "{}", exchange.log());
        let up =
            || exchange.ask(&["trunks"]).as_array()?.iter().any(|it| it["name"] == "acme" && it["state"] == "up").then_some(());
        assert!(until(S(5), up).is_some(), "its OPTIONS are answered: {}\n{}", exchange.ask(&["trunks"]), exchange.log());
        assert!(self.log().contains("OPTIONS sip:") && self.invites().len() == honest.len(), "... and do not count");
    }
}

/// Dialled by a phone that has proved its password.
#[test]
fn of_a_thousand_attack_strings_that_a_phone_dials_not_one_invite_leaves() {
    let folder = Folder::new("fraud");
    let (exchange, sink) = guarded(&folder, "fraud-daemon", "");
    let attacks = attacks();
    assert!(attacks.len() >= 1000, "{}", attacks.len());
    let mut inside = Line::udp("127.0.0.1", exchange.sip);
    for attack in &attacks {
        refused(&mut inside, "1001", attack, &exchange);
    }
    // And the way is open at all: one honest call leaves.
    calls_honestly(&exchange, &sink);
}

/// Dialled by a caller from a provider.
#[test]
fn of_a_thousand_attack_strings_that_a_provider_brings_not_one_invite_leaves() {
    let folder = Folder::new("fraud-outside");
    let (exchange, sink) = guarded(&folder, "fraud-outside-daemon", "");
    let mut outside = Line::udp("127.0.0.2", exchange.sip);
    for attack in &attacks() {
        refused(&mut outside, "48221234567", attack, &exchange);
    }
    // Through the provider no caller from outside reaches another telephone, however honest the number.
    refused(&mut outside, "48221234567", NUMBER, &exchange);
    calls_honestly(&exchange, &sink);
}

/// A phone of the house dials a number that it may.
pub fn calls_honestly(exchange: &Exchange, sink: &Counts) {
    let (_line, _call, status) = dials(exchange, NUMBER, S(5));
    assert_eq!(status, Some(603), "{}", exchange.log());
    sink.has_counted_one(exchange);
}

/// The lab whose one way out is to a provider that counts.
pub fn guarded(folder: &Folder, test: &str, more: &str) -> (Exchange, Counts) {
    let sink = Counts::new();
    let trunks = format!("  acme: {{send_to: \"{PROVIDER}:{}\", accept_from: [{PROVIDER}], probe: 1s}}\n", sink.sipp.port);
    let outbound = format!("outbound: {{via: acme, classes: [national], minutes_per_day: 60}}\n{more}");
    (Exchange::with(test, &lab_with(folder, &trunks, &outbound)), sink)
}

#[test]
fn a_phone_that_sends_its_callers_on_by_302_sends_none_outside() {
    let folder = Folder::new("fraud-302");
    let (exchange, sink) = guarded(&folder, "fraud-302-daemon", "");
    let mut phone = Telephone::registered(&exchange, "1003");
    let mut caller = Line::udp("127.0.0.1", exchange.sip);
    for attack in &attacks() {
        let mut call = dials_in(&mut caller, "1003", &exchange);
        let invite = phone.called();
        let contact = format!("Contact: <sip:{attack}@{PROVIDER}>\r\n");
        phone.line.send(invite.answered_by("302 Moved Temporarily", "moved", &contact, ""));
        let status = ended(&mut caller, &mut call, attack, &exchange);
        assert!((400..700).contains(&status), "{attack}: {status}");
    }
    // An honest redirection goes out, at the cost of whoever sends it.
    dials_in(&mut caller, "1003", &exchange);
    let invite = phone.called();
    phone.line.send(invite.answered_by("302 Moved Temporarily", "moved", "Contact: <sip:221234567@127.0.0.1>\r\n", ""));
    sink.has_counted_one(&exchange);
}

#[test]
fn a_phone_may_send_its_callers_on_to_whom_it_likes_best_or_into_a_flow() {
    let exchange = Exchange::lab("on-302");
    let mut away = Telephone::registered(&exchange, "1003");
    let mut other = Telephone::registered(&exchange, "1004");
    let sends_on = |away: &mut Telephone, line: &mut Line, contacts: &str| {
        let call = dials_in(line, "1003", &exchange);
        let invite = away.called();
        away.line.send(invite.answered_by("302 Moved Temporarily", "moved", &format!("Contact: {contacts}\r\n"), ""));
        call
    };
    // 1005 has no phone, and 1002 is liked less.
    let mut caller = Line::udp("127.0.0.1", exchange.sip);
    let liked = "<sip:1002@x.example>;q=0.1, <sip:1005@x.example>, <sip:1004@x.example>;q=0.9";
    let call = sends_on(&mut away, &mut caller, liked);
    assert!(other.called().header("From").is_some_and(|from| from.contains("1001")));
    caller.send(call.cancel());
    let mut told = |contacts: &str| {
        let mut line = Line::udp("127.0.0.1", exchange.sip);
        let mut call = sends_on(&mut away, &mut line, contacts);
        let answer = line.expect(S(5), |message| message.answers("INVITE") && message.status() >= 200);
        let answer = answer.unwrap_or_else(|| panic!("{contacts}: no answer\n{}", exchange.log()));
        line.send(call.ack(&answer));
        answer.status()
    };
    assert_eq!(told("<sip:100@x.example>"), 200, "the welcome");
    assert_eq!(told("<sip:9999@x.example>"), 480, "nowhere");
}

#[test]
fn a_phone_that_refers_whom_it_talks_with_refers_them_nowhere_outside() {
    let folder = Folder::new("fraud-refer");
    let (exchange, sink) = guarded(&folder, "fraud-refer-daemon", "");
    let mut phone = Telephone::registered(&exchange, "1003");
    let mut caller = Telephone::new(&exchange, "127.0.0.1", "1001", "1003");
    caller.dial(Some("pw1001"));
    phone.answered();
    caller.connected();
    let mut refer = |target: &str| {
        let headers = format!("Refer-To: <sip:{target}@{PROVIDER}>\r\nContact: <sip:1001@{}>\r\n", caller.line.local());
        caller.line.send(caller.call.inside("REFER", &headers, ""));
        let answer = caller.line.expect(S(5), |message| message.answers("REFER"));
        answer.unwrap_or_else(|| panic!("{target}: no answer\n{}", exchange.log())).status()
    };
    for attack in attacks() {
        let status = refer(&attack);
        assert!((400..700).contains(&status), "{attack}: {status}");
    }
    assert_eq!(refer("221234567"), 202);
    sink.has_counted_one(&exchange);
}

#[test]
fn a_forward_made_by_a_code_leads_nowhere_outside_either() {
    let folder = Folder::new("fraud-forward");
    let (exchange, sink) = guarded(&folder, "fraud-forward-daemon", "feature_codes: {forward: \"*21\"}\n");
    let mut phone = Line::udp("127.0.0.1", exchange.sip);
    let mut outside = Line::udp("127.0.0.2", exchange.sip);
    for attack in attacks() {
        refused(&mut phone, "1001", &format!("*21{attack}"), &exchange);
    }
    // Nobody is registered as 1001 and no forward stands: a caller finds nobody.
    refused(&mut phone, "1001", "1001", &exchange);
    refused(&mut outside, "48221234567", "1001", &exchange);
    // A forward that is permitted stands, and is paid by whoever made it.
    let (_line, _call, status) = dials(&exchange, "*21221234567", S(5));
    assert_eq!(status, Some(200), "{}", exchange.log());
    dials_in(&mut phone, "1001", &exchange);
    sink.has_counted_one(&exchange);
}

/// Extension 1001 dials, with its password.
pub fn dials_in(line: &mut Line, number: &str, exchange: &Exchange) -> Call {
    let mut call = Call::new(line, "1001", number, exchange.sip);
    line.send(call.invite(None));
    let id = call.id.clone();
    let mine = |message: &Message| message.answers("INVITE") && message.header("Call-ID") == Some(&id);
    let answer = line.expect(S(5), mine).unwrap_or_else(|| panic!("{number}: no answer\n{}", exchange.log()));
    line.send(call.ack(&answer));
    let credentials = call.credentials("INVITE", &answer, "pw1001");
    line.send(call.invite(Some(&credentials)));
    call
}

/// How that call ends.
pub fn ended(line: &mut Line, call: &mut Call, what: &str, exchange: &Exchange) -> u16 {
    let id = call.id.clone();
    let second = |message: &Message| message.header("CSeq").is_some_and(|it| it.starts_with("2 "));
    let mine = |message: &Message| message.answers("INVITE") && message.header("Call-ID") == Some(&id) && second(message);
    let answer = line.expect(S(5), mine).unwrap_or_else(|| panic!("{what}: no answer\n{}", exchange.log()));
    line.send(call.ack(&answer));
    answer.status()
}

/// A call that must be refused; a `number` that cannot even be sent counts as refused.
fn refused(line: &mut Line, user: &str, number: &str, exchange: &Exchange) {
    let mut call = Call::new(line, user, number, exchange.sip);
    line.send(call.invite(None));
    let id = call.id.clone();
    let mine = |message: &Message| message.answers("INVITE") && message.header("Call-ID") == Some(&id);
    let answer = line.expect(S(5), mine).unwrap_or_else(|| panic!("{number}: no answer\n{}", exchange.log()));
    line.send(call.ack(&answer));
    let mut status = answer.status();
    if status == 401 {
        let credentials = call.credentials("INVITE", &answer, "pw1001");
        line.send(call.invite(Some(&credentials)));
        status = ended(line, &mut call, number, exchange);
    }
    assert!((400..700).contains(&status), "{number}: {status}");
}
