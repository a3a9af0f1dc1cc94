//! Customers, their PINs, and those who try to pass for them; and the web service that a flow asks.

use crate::endings::answered;
use crate::exchange::{Exchange, Folder, centrala, said, until};
use crate::lab::copied;
use crate::line::{Call, Line};
use crate::web::answers_once;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

const FLOW: &str = "description: Who is it
start: ask

nodes:
  ask:
    authorize: {ask: [main-menu, main-menu], tries: 3, lock: 15m, accepted: known, refused: end, locked: end, failed: end}

  known:
    branch: {if: \"customer.name == 'Ala' and customer.value == 12.5 and customer.fields.tier == 'gold'\", then: right, else: end}

  right:
    play: {prompts: [welcome], next: end}

  end:
    hangup: {}
";

const CUSTOMERS: &str =
    "id,name,numbers,value,pin,tier\r\n7712,Ala,+48221234567,12.5,481516,gold\r\n7713,Ola,0048500100200,1,234200,\r\n";

/// The lab with one more flow at 600.
fn with_flow(folder: &Folder, flow: &str, more: &str) -> PathBuf {
    let lab = copied(folder);
    fs::write(lab.flow("account"), flow).expect("our copy");
    fs::write(lab.config.join("more.yaml"), format!("numbers: {{600: {{flow: account}}}}\n{more}")).expect("our copy");
    lab.config
}

/// Calls 600, types what is there, one attempt after the other, and waits until the exchange hangs up. The path of the call: node and outcome.
fn types(exchange: &Exchange, attempts: &[&str], calls: usize) -> Vec<(String, String)> {
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let mut call = answered(&mut line, exchange, "600");
    for keys in attempts {
        for key in keys.chars() {
            line.send(call.info(key));
            let answer = line.expect(SOON, |message| message.answers("INFO")).expect("an answer to INFO");
            assert_eq!(answer.status(), 200, "{answer:?}");
        }
        // What is typed while a PIN is verified is not heard.
        let idle = |status: Value| status["questions_open"] == 0 && status["writes_open"] == 0;
        until(SOON, || idle(exchange.status()).then_some(())).expect("an answer to every question");
    }
    let bye = line.expect(SOON, |message| message.is_request("BYE")).unwrap_or_else(|| panic!("no BYE\n{}", exchange.log()));
    line.send(bye.ok());
    let records = exchange.records(calls);
    let path = records[calls - 1]["path"].as_array().expect("a path").clone();
    let word = |step: &Value, field: &str| step[field].as_str().unwrap_or_default().to_string();
    path.iter().map(|step| (word(step, "node"), word(step, "outcome"))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(node, outcome)| (node.to_string(), outcome.to_string())).collect()
}

/// True when the text stands in any file below.
fn is_written(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).expect("a folder").flatten().any(|entry| match entry.path() {
        path if path.is_dir() => is_written(&path, text),
        path => fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())),
    })
}

#[test]
fn three_wrong_pins_lock_and_stay_locked_after_kill_9() {
    let folder = Folder::new("pins");
    let config = with_flow(&folder, FLOW, "");
    let file = folder.join("customers.csv");
    fs::write(&file, CUSTOMERS).expect("a file");
    let mut exchange = Exchange::with("pins", &config);
    let file = file.display().to_string();
    assert_eq!(exchange.ask(&["customers", "import", &file])["imported"], 2);
    let listed = exchange.ask(&["customers", "list"]);
    assert_eq!(exchange.ask(&["customers", "show", "7712"])["fields"]["tier"], "gold");
    let data = exchange.folder.join("data").display().to_string();
    let shown = said(&centrala(&["customers", "show", "7712", "--data", &data]));
    let row = |line: &str| line.split_whitespace().collect::<Vec<_>>() == ["fields.tier", "gold"];
    assert!(shown.lines().any(row) && !shown.contains('{'), "a table: {shown}");
    assert_eq!((&listed[0]["has_pin"], &listed[1]["numbers"][0]), (&true.into(), &"+48500100200".into()), "{listed:#}");

    let right = pairs(&[("ask", "accepted"), ("known", "yes"), ("right", "next"), ("end", "normal")]);
    let path = types(&exchange, &["7712#481516#"], 1);
    assert_eq!(path.first(), right.first(), "{path:?}\n{}", exchange.log());
    assert!(path.iter().any(|(node, _)| node == "right"), "{path:?}");

    // Another customer's PIN, a customer whom nobody knows, and nothing near.
    let path = types(&exchange, &["7712#234200#", "998877#481516#", "7712#000111#"], 2);
    assert_eq!(path[0], ("ask".to_string(), "refused".to_string()), "{path:?}");
    exchange.crash_and_restart();
    // The calling number is locked out: the right PIN of either customer is refused.
    for (calls, keys) in [(3, "7712#481516#"), (4, "7713#234200#")] {
        let path = types(&exchange, &[keys], calls);
        assert_eq!(path[0], ("ask".to_string(), "locked".to_string()), "{path:?}\n{}", exchange.log());
    }
    // An operator lifts the lock of the calling number, in any of its forms; the customers themselves were wrong less often than the flow allows.
    let number = exchange.records(4)[0]["from"].as_str().expect("a number").to_string();
    let locks = exchange.ask(&["customers", "locked"]);
    assert_eq!((locks.as_array().map(Vec::len), &locks[0]["number"]), (Some(1), &number.as_str().into()), "{locks:#}");
    let number = number.trim_start_matches('+').to_string();
    assert_eq!(exchange.ask(&["customers", "unlock", "--number", &number])[&number], "unlocked", "{}", exchange.log());
    assert_eq!(exchange.ask(&["customers", "locked"]), Value::Array(Vec::new()));
    assert_ne!(exchange.ask(&["customers", "unlock", "--number", &number])[&number], "unlocked");
    exchange.crash_and_restart();
    let path = types(&exchange, &["7712#481516#"], 5);
    assert_eq!(path[0], ("ask".to_string(), "accepted".to_string()), "{path:?}\n{}", exchange.log());
    // What was typed wrong is nowhere, and no PIN is; the right one of a customer is only its verifier.
    for typed in ["481516", "234200", "998877", "000111"] {
        assert!(!is_written(&exchange.folder.join("data"), typed), "{typed} is in the data folder");
        assert!(!exchange.log().contains(typed), "{typed} is in the log");
    }
}

const RECOGNISES: &str = "description: Who is it
start: who
nodes:
  who: {identify: {by: caller.number, found: right, unknown: end, failed: end}}
  right: {play: {prompts: [goodbye], next: end}}
  end: {hangup: {}}
";

/// `customers import` of these lines, and what it says when it refuses them.
fn refused(exchange: &Exchange, lines: &str) -> String {
    let (file, data) = (exchange.folder.join("refused.csv"), exchange.folder.join("data"));
    fs::write(&file, format!("id,name,numbers\r\n{lines}")).expect("a file");
    let (file, data) = (file.display().to_string(), data.display().to_string());
    let output = centrala(&["customers", "import", &file, "--data", &data]);
    assert!(!output.status.success(), "{lines} was taken");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_customer_is_recognised_however_the_provider_writes_the_number_which_is_nobody_elses() {
    let folder = Folder::new("known");
    let config = with_flow(&folder, RECOGNISES, "");
    let exchange = Exchange::with("known", &config);
    let file = folder.join("customers.csv");
    let lines = "1,Ala,+48221234567\r\n2,Ola,22 123 45 68;48221234569\r\n3,Ela,1003\r\n";
    fs::write(&file, format!("id,name,numbers\r\n{lines}")).expect("a file");
    assert_eq!(exchange.ask(&["customers", "import", &file.display().to_string()])["imported"], 3);
    let listed = exchange.ask(&["customers", "list"]);
    let numbers = ["+48221234567", "+48221234568", "+48221234569"];
    assert_eq!(
        (&listed[0]["numbers"][0], listed[1]["numbers"].as_array().map(Vec::len)),
        (&numbers[0].into(), Some(2)),
        "{listed:#}"
    );

    let forms = |number: &str| [number, &number[1..], &number[3..], &number.replace('+', "00")].map(String::from);
    // One customer in every form, the others in one each: as their numbers did not stand in the file.
    let calls_in = forms(numbers[0]).map(|number| (numbers[0], number)).into_iter();
    let calls_in = calls_in.chain([(numbers[1], forms(numbers[1])[1].clone()), (numbers[2], forms(numbers[2])[0].clone())]);
    for (calls, (telephone, number)) in calls_in.enumerate() {
        let mut line = Line::udp("127.0.0.2", exchange.sip);
        let mut call = Call::new(&line, &number, "600", exchange.sip);
        line.send(call.invite(None));
        let answer = line.expect(SOON, |message| message.answers("INVITE")).expect("an answer");
        line.send(call.ack(&answer));
        assert_eq!(answer.status(), 200, "{number}: {answer:?}");
        let bye =
            line.expect(SOON, |message| message.is_request("BYE")).unwrap_or_else(|| panic!("no BYE\n{}", exchange.log()));
        line.send(bye.ok());
        let record = exchange.records(calls + 1).pop().expect("a record");
        assert_eq!(
            (&record["path"][0]["outcome"], &record["from"]),
            (&"found".into(), &telephone.into()),
            "{number}: {record:#}"
        );
    }

    let said = refused(&exchange, "8,Ula,500100200\r\n9,Iza,221234567 0048221234569\r\n");
    assert!(said.contains("line 3: +48221234567 is the number of the customer 1 already"), "{said}");
    assert!(said.contains("line 3: +48221234569 is the number of the customer 2 already"), "{said}");
    let said = refused(&exchange, "8,Ula,+48 22 123 45 7\r\n");
    assert!(said.contains("line 2: `+48 22 123 45 7` is no telephone number"), "{said}");
    assert_eq!(exchange.ask(&["customers", "list"]).as_array().map(Vec::len), Some(3));

    // What is exported is what was imported; and a number may go over from one to another.
    let copy = folder.join("copy.csv").display().to_string();
    let data = exchange.folder.join("data").display().to_string();
    assert!(centrala(&["customers", "export", &copy, "--data", &data]).status.success());
    assert_eq!(exchange.ask(&["customers", "import", &copy])["imported"], 3);
    assert_eq!(exchange.ask(&["customers", "list"]), listed);
    fs::write(&file, "id,name,numbers\r\n1,Ala,221234568\r\n2,Ola,+48-22-123-45-67\r\n").expect("a file");
    assert_eq!(exchange.ask(&["customers", "import", &file.display().to_string()])["imported"], 2);
    assert_eq!(exchange.ask(&["customers", "list"])[1]["numbers"], serde_json::json!(["+48221234567"]));
}

#[test]
fn an_operators_word_about_a_calendar_survives_kill_9() {
    let folder = Folder::new("hours");
    let calendar = "calendars: {office: {zone: Europe/Warsaw, hours: {daily: 00:00-24:00}}}\n";
    let flow = "description: x\nstart: ask\nnodes:\n  ask: {calendar: {name: office, open: open, closed: shut}}\n  open: {hangup: {}}\n  shut: {hangup: {}}\n";
    let config = with_flow(&folder, flow, calendar);
    let mut exchange = Exchange::with("hours", &config);
    let now = |exchange: &Exchange| exchange.ask(&["calendar", "list"])[0].clone();
    assert_eq!(now(&exchange)["state"], "open");
    exchange.ask(&["calendar", "close", "office", "for", "2h"]);
    exchange.crash_and_restart();
    assert_eq!(now(&exchange)["state"], "closed", "{}", exchange.log());
    assert_ne!(now(&exchange)["overridden"], Value::Null);
    exchange.ask(&["calendar", "clear", "office"]);
    exchange.crash_and_restart();
    assert_eq!(now(&exchange)["state"], "open");
}

#[test]
fn a_flow_asks_the_web_service_that_it_may_ask() {
    let (port, asked) = answers_once(r#"{"balance": 7}"#);
    let folder = Folder::new("web");
    let flow = format!(
        "description: x\nstart: ask\nnodes:\n  ask: {{http: {{get: \"http://127.0.0.1:{port}/b?c={{{{ call.dialled }}}}\", ok: rich, failed: end}}}}\n  \
         rich: {{branch: {{if: http.body.balance == 7, then: heard, else: end}}}}\n  heard: {{play: {{prompts: [goodbye], next: end}}}}\n  end: {{hangup: {{}}}}\n"
    );
    let hosts = "hosts: {127.0.0.1: {headers: {Authorization: \"Bearer ${file:token}\"}}}\n";
    fs::create_dir_all(folder.join("secrets")).expect("a folder");
    fs::write(folder.join("secrets/token"), "s3cret\n").expect("a secret");
    let hosts = hosts.replace("file:token", &format!("file:{}", folder.join("secrets/token").display()));
    let config = with_flow(&folder, &flow, &hosts);
    let exchange = Exchange::with("web", &config);
    let path = types(&exchange, &[], 1);
    assert!(path.iter().any(|(node, _)| node == "heard"), "{path:?}\n{}", exchange.log());
    let request = asked.join().expect("no panic");
    assert!(request.starts_with("GET /b?c=600 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nAuthorization: Bearer s3cret\r\n"), "{request}");
    assert!(until(SOON, || (exchange.status()["questions_open"] == 0).then_some(())).is_some());
}
