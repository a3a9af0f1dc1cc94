//! What a busy lamp says of a call: who talks with whom, also after a transfer, and what another phone needs to take it.

use crate::exchange::{Exchange, until};
use crate::line::{Call, Line};
use crate::telephone::Telephone;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// A phone of 1003 that watches somebody, told what their state is now.
struct Lamp {
    line: Line,
    body: String,
}

impl Lamp {
    fn watching(whose: &str, exchange: &Exchange) -> Lamp {
        let mut line = Line::udp("127.0.0.1", exchange.sip);
        let mut watch = Call::new(&line, "1003", whose, exchange.sip);
        line.send(watch.subscribe("dialog", None));
        let challenge = line.expect(S(5), |message| message.answers("SUBSCRIBE")).expect("a challenge");
        let credentials = watch.credentials("SUBSCRIBE", &challenge, "pw1003");
        line.send(watch.subscribe("dialog", Some(&credentials)));
        assert_eq!(line.expect(S(5), |message| message.answers("SUBSCRIBE")).expect("an answer").status(), 200);
        Lamp { line, body: String::new() }
    }

    /// Waits until the lamp has been told this.
    fn says(&mut self, what: &str, exchange: &Exchange) {
        let told = until(S(8), || {
            if let Some(notify) = self.line.expect(S(1), |message| message.is_request("NOTIFY")) {
                self.line.send(notify.ok());
                self.body = notify.body;
            }
            self.body.contains(what).then_some(())
        });
        assert!(told.is_some(), "{what} is not in {}\n{}", self.body, exchange.log());
    }

    /// What stands behind `name="`.
    fn value(&self, name: &str) -> String {
        let rest = self.body.split(&format!(" {name}=\"")).nth(1).unwrap_or_else(|| panic!("{name} is not in {}", self.body));
        rest.split('"').next().unwrap_or_default().to_string()
    }
}

#[test]
fn a_lamp_names_whom_somebody_talks_with_also_when_a_transfer_has_changed_it() {
    let exchange = Exchange::lab("lamp-names");
    let mut lamp = Lamp::watching("1001", &exchange);
    let host = exchange.sip;
    lamp.says(&format!("entity=\"sip:1001@{host}\""), &exchange);
    let mut middle = Telephone::registered(&exchange, "1002");
    let mut last = Telephone::registered(&exchange, "1004");
    let mut caller = Telephone::new(&exchange, "127.0.0.1", "1001", "1002");
    caller.dial(Some("pw1001"));
    middle.answered();
    caller.connected();
    lamp.says(&format!("<remote><identity>sip:1002@{host}</identity>"), &exchange);
    // 1002 sends its caller on, and is told that 1004 rings before it is told that it is done.
    let refer = format!("Refer-To: <sip:1004@{host}>\r\nContact: <sip:1002@{}>\r\n", middle.line.local());
    let refer = middle.call.inside("REFER", &refer, "");
    middle.line.send(refer);
    let called = last.called();
    assert_eq!(called.header("Referred-By").map(|by| by.contains("1002")), Some(true), "{called:?}");
    last.rings(&called);
    let told = |middle: &mut Telephone, what: &str| {
        let notify = middle.line.expect(S(5), |message| message.is_request("NOTIFY"));
        let notify = notify.unwrap_or_else(|| panic!("{what} is not told\n{}", exchange.log()));
        middle.line.send(notify.ok());
        assert!(notify.body.contains(what), "{notify:?}");
    };
    told(&mut middle, "SIP/2.0 100");
    told(&mut middle, "SIP/2.0 180");
    last.answers(&called);
    told(&mut middle, "SIP/2.0 200");
    lamp.says(&format!("<remote><identity>sip:1004@{host}</identity>"), &exchange);
}

#[test]
fn a_phone_takes_a_call_that_rings_elsewhere_by_what_its_lamp_says() {
    let exchange = Exchange::lab("lamp-takes");
    let mut lamp = Lamp::watching("1002", &exchange);
    let mut rings = Telephone::registered(&exchange, "1002");
    let mut caller = Telephone::new(&exchange, "127.0.0.1", "1001", "1002");
    caller.dial(Some("pw1001"));
    let invite = rings.called();
    rings.rings(&invite);
    lamp.says("<state>early</state>", &exchange);
    lamp.says("call-id=", &exchange);
    let [call_id, local, remote] = ["call-id", "local-tag", "remote-tag"].map(|name| lamp.value(name));
    // As the phone that rings would name it.
    let replaces = format!("Replaces: {call_id};to-tag={local};from-tag={remote};early-only\r\n");
    let mut taker = Telephone::new(&exchange, "127.0.0.1", "1003", "1002");
    taker.dial_with(Some("pw1003"), &replaces);
    taker.connected();
    caller.connected();
    lamp.says("<state>terminated</state>", &exchange);
    taker.hangs_up();
}
