//! Whom a phone is told that it is called by.

use crate::exchange::Exchange;
use crate::line::Message;
use crate::telephone::Telephone;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

fn from(invite: &Message) -> String {
    invite.header("From").unwrap_or_default().split(";tag").next().unwrap_or_default().to_owned()
}

#[test]
fn a_phone_that_says_to_be_a_bank_is_shown_by_the_name_of_its_extension() {
    let exchange = Exchange::lab("bank");
    let mut celina = Telephone::registered(&exchange, "1003");
    let mut phone = Telephone::new(&exchange, "127.0.0.1", "1001", "1003");
    let bank = |invite: String| invite.replace("From: <", "From: \"Bank PKO\" <");
    phone.line.send(bank(phone.call.invite(None)));
    let challenge = phone.line.expect(S(5), |message| message.answers("INVITE")).expect("a challenge");
    phone.line.send(bank(phone.call.ack(&challenge)));
    let credentials = phone.call.credentials("INVITE", &challenge, "pw1001");
    phone.line.send(bank(phone.call.invite(Some(&credentials))));
    let invite = celina.called();
    assert!(from(&invite).starts_with("\"Anna Lab\" <sip:1001@"), "{invite:?}");
    assert_eq!(exchange.calls()[0]["name"], "Anna Lab");
}

#[test]
fn whoever_is_sent_a_call_by_the_one_who_made_it_sees_who_stays() {
    let exchange = Exchange::lab("stays");
    let mut celina = Telephone::registered(&exchange, "1003");
    let mut darek = Telephone::registered(&exchange, "1004");
    let mut anna = Telephone::new(&exchange, "127.0.0.1", "1001", "1003");
    anna.dial(Some("pw1001"));
    celina.answered();
    anna.connected();
    let headers = format!("Refer-To: <sip:1004@{}>\r\nContact: <sip:1001@{}>\r\n", exchange.sip, anna.line.local());
    anna.line.send(anna.call.inside("REFER", &headers, ""));
    let answer = anna.line.expect(S(5), |message| message.answers("REFER")).expect("an answer");
    assert_eq!(answer.status(), 202, "{}", exchange.log());
    let invite = darek.called();
    assert!(from(&invite).starts_with("\"Celina Lab\" <sip:1003@"), "{invite:?}");
    assert!(invite.header("Referred-By").is_some_and(|by| by.contains("sip:1001@")), "{invite:?}");
}
