//! Phones that nobody here wrote send one another on, to and from desks at fixed addresses; and who is told of which mailbox.

use crate::exchange::{Exchange, Folder};
use crate::lab::copied;
use crate::line::{Call, Line, Message};
use crate::phones::{From, baresip};
use crate::scenario::{Sipp, accept, answer, asks, pause, picks_up, receive, told_until_let_go};
use crate::trunks::lab_with;
use std::path::PathBuf;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// The lab with two desks at fixed addresses, reached by dialling 411 and 412.
fn lab_with_desks(folder: &Folder, first: &Sipp, second: &Sipp) -> PathBuf {
    let trunks = format!(
        "  one: {{send_to: \"127.0.0.5:{}\", accept_from: [127.0.0.5]}}\n  two: {{send_to: \"127.0.0.6:{}\"}}\n",
        first.port, second.port
    );
    let config = lab_with(folder, &trunks, "");
    let numbers = config.join("numbers.yaml");
    let text = std::fs::read_to_string(&numbers).expect("the lab's numbers");
    let desks = "  411: {trunk: one, user: one, open: true}\n  412: {trunk: two, user: two, open: true}\n";
    std::fs::write(&numbers, format!("{text}{desks}")).expect("our copy");
    config
}

#[test]
fn baresip_sends_whom_it_has_called_on_to_somebody_else() {
    let folder = Folder::new("refer-out");
    let steps = format!("{}{}", picks_up(), accept("BYE"));
    let mut first = Sipp::start(&folder, "first", "127.0.0.5", &steps, 1);
    let ends = format!("{}{}{}{}", picks_up(), pause(1500), asks("BYE", ""), receive("response=\"200\""));
    let mut second = Sipp::start(&folder, "second", "127.0.0.6", &ends, 1);
    let exchange = Exchange::with("refer-out-daemon", &lab_with_desks(&folder, &first, &second));
    let said = baresip(&exchange, From::Extension("1001"), "411", "wait=1,transfer=412,expect_bye=6", &[]);
    assert_eq!(said["ended_by"], "exchange", "who has sent somebody on is let go: {said}\n{}", exchange.log());
    second.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    first.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    let record = &exchange.records(1)[0];
    assert_eq!(record["legs"].as_array().map(Vec::len), Some(3), "{record}");
    assert!(record["path"].as_array().is_some_and(|path| path.iter().any(|step| step["verb"] == "transfer")), "{record}");
    exchange.becomes_quiet(S(5), false);
}

#[test]
fn sipp_sends_its_caller_on_and_is_told_of_the_progress() {
    let folder = Folder::new("refer-in");
    let target = "Refer-To: <sip:412@exchange.example>\n";
    // Told that it is tried, perhaps that it rings, and in the end of the answer; then it is let go.
    let refers = format!(
        "{}{}{}{}{}{}{}",
        picks_up(),
        pause(500),
        asks("REFER", target),
        receive("response=\"202\""),
        receive("request=\"NOTIFY\""),
        answer("200 OK", "", ""),
        told_until_let_go()
    );
    let mut first = Sipp::start(&folder, "first", "127.0.0.5", &refers, 1);
    let mut second = Sipp::start(&folder, "second", "127.0.0.6", &format!("{}{}", picks_up(), accept("BYE")), 1);
    let exchange = Exchange::with("refer-in-daemon", &lab_with_desks(&folder, &first, &second));
    let said = baresip(&exchange, From::Extension("1001"), "411", "wait=4", &[]);
    assert_eq!(said["ended_by"], "caller", "{said}\n{}", exchange.log());
    first.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    second.is_content(S(10)).unwrap_or_else(|why| panic!("{why}\n{}", exchange.log()));
    assert_eq!(exchange.records(1)[0]["legs"].as_array().map(Vec::len), Some(3));
}

/// The next NOTIFY, answered.
fn told(line: &mut Line, exchange: &Exchange) -> Message {
    let notify = line.expect(S(5), |message| message.is_request("NOTIFY"));
    let notify = notify.unwrap_or_else(|| panic!("nothing is told\n{}", exchange.log()));
    line.send(notify.ok());
    notify
}

/// The phone of 1003 subscribes; the answer.
fn subscribes(line: &mut Line, exchange: &Exchange, package: &str, whose: &str) -> u16 {
    let mut watch = Call::new(line, "1003", whose, exchange.sip);
    line.send(watch.subscribe(package, None));
    let challenge = line.expect(S(5), |message| message.answers("SUBSCRIBE")).expect("a challenge");
    let credentials = watch.credentials("SUBSCRIBE", &challenge, "pw1003");
    line.send(watch.subscribe(package, Some(&credentials)));
    line.expect(S(5), |message| message.answers("SUBSCRIBE")).expect("an answer").status()
}

#[test]
fn a_phone_is_told_of_its_own_mailbox_and_of_no_other() {
    let check = |mailboxes: &str, whose: &str, expected: u16| {
        let folder = Folder::new("mailbox");
        let lab = copied(&folder);
        lab.write("mailboxes.yaml", mailboxes);
        let (exchange, mailbox) = (Exchange::with("mailbox-daemon", &lab.config), "message-summary");
        let mut phone = Line::udp("127.0.0.1", exchange.sip);
        assert_eq!(subscribes(&mut phone, &exchange, mailbox, whose), expected, "{mailboxes}: {whose}\n{}", exchange.log());
        if expected == 200 {
            assert!(told(&mut phone, &exchange).body.starts_with("Messages-Waiting: no\r\n"));
        }
    };
    check("mailboxes: {1003: {name: Celina}}\n", "1003", 200);
    check("mailboxes: {1001: {name: Anna}}\n", "1001", 403);
    check("mailboxes: {}\n", "1003", 404);
}
