//! What was promised outlives the process.

use crate::endings::answered;
use crate::exchange::{Exchange, until};
use crate::line::{Call, Line};
use crate::queueing::state;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

#[test]
fn registrations_agents_and_records_survive_kill_9() {
    let mut exchange = Exchange::lab("kill");
    for user in ["1001", "1002", "1003"] {
        let mut line = Line::udp("127.0.0.1", exchange.sip);
        let mut phone = Call::new(&line, user, "100", exchange.sip);
        assert_eq!(phone.registers(&mut line, &format!("pw{user}")), 200, "{user}");
    }
    // Both are agents by registering, in the lab.
    exchange.ask(&["agent", "pause", "1002", "--reason", "lunch"]);
    let at_work = ["1001", "1002"].map(|agent| state(&exchange, agent));
    assert_eq!(at_work, ["available", "paused (lunch)"]);
    // A call that is up when the process dies.
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let call = answered(&mut line, &exchange, "101");
    until(SOON, || (exchange.status()["writes_open"] == 0).then_some(())).expect("everything on the disk");
    let before = exchange.registrations();
    assert_eq!(before.len(), 3, "{before:#?}");

    exchange.crash_and_restart();

    let same = |field: &str, list: &[serde_json::Value]| list.iter().map(|one| one[field].clone()).collect::<Vec<_>>();
    let after = exchange.registrations();
    for field in ["user", "contact", "address", "transport", "expires"] {
        assert_eq!(same(field, &after), same(field, &before), "{field}: {after:#?}");
    }
    // Nobody registered anew.
    assert_eq!(["1001", "1002"].map(|agent| state(&exchange, agent)), at_work, "{}", exchange.log());
    let records = exchange.records(1);
    assert_eq!(records[0]["legs"][0]["sip_call_id"].as_str().unwrap_or(&call.id), call.id, "{records:#?}");
    assert_ne!(records[0]["outcome"], "completed", "{records:#?}");
    let status = exchange.status();
    assert_eq!((&status["calls"], &status["registrations"]), (&0.into(), &3.into()), "{status:#}");
    // And it is an exchange again.
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    answered(&mut line, &exchange, "100");
}

#[test]
fn an_exchange_that_dies_while_the_disk_is_full_comes_back_with_its_phones_and_writes_when_it_can() {
    let mut exchange = Exchange::lab("full");
    let mut line = Line::udp("127.0.0.1", exchange.sip);
    let mut phone = Call::new(&line, "1002", "100", exchange.sip);
    assert_eq!(phone.registers(&mut line, "pw1002"), 200);
    exchange.ask(&["agent", "pause", "1002", "--reason", "lunch"]);
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    answered(&mut line, &exchange, "101");
    until(SOON, || (exchange.status()["writes_open"] == 0).then_some(())).expect("everything on the disk");

    exchange.crash_and_restart_on_a_full_disk();
    assert_eq!(exchange.registrations().len(), 1, "{}", exchange.log());
    assert_eq!(state(&exchange, "1002"), "paused (lunch)", "{}", exchange.log());
    assert!(exchange.log().contains("can be read and not written"), "{}", exchange.log());
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    answered(&mut line, &exchange, "100");

    exchange.crash_and_restart();
    let records = exchange.records(1);
    assert_eq!((&records[0]["dialled"], &records[0]["outcome"]), (&"101".into(), &"crash lost".into()), "{records:#?}");
    assert_eq!(exchange.registrations().len(), 1, "{}", exchange.log());
}
