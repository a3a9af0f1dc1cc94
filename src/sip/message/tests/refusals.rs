//! What is read and what is refused, and with which status.

use super::*;

/// The sample with one change: `None` when it is read all the same, else the status of the refusal.
#[track_caller]
fn check(what: &str, from: &str, to: &str, expected: Option<u16>) {
    let bytes = changed(from, to);
    let status = match parse(bytes.as_bytes()) {
        Ok(_) => None,
        Err(malformed) => {
            let reply = malformed.response().unwrap_or_else(|| panic!("{what}: nothing to answer"));
            assert_eq!(reply.status, malformed.status, "{what}");
            Some(malformed.status.0)
        }
    };
    assert_eq!(status, expected, "{what}");
}

const READ: Option<u16> = None;
const BAD: Option<u16> = Some(400);

#[test]
fn start_lines() {
    let line = "INVITE sip:100@192.0.2.1 SIP/2.0";
    check("lower case version", line, "INVITE sip:100@192.0.2.1 sip/2.0", READ);
    check("a tel address", line, "INVITE tel:+48221234567;phone-context=pl SIP/2.0", READ);
    check("any scheme", line, "INVITE urn:service:sos SIP/2.0", READ);
    check("another version", line, "INVITE sip:100@192.0.2.1 SIP/3.0", Some(505));
    check("another protocol", line, "INVITE sip:100@192.0.2.1 HTTP/1.1", BAD);
    check("a version without numbers", line, "INVITE sip:100@192.0.2.1 SIP/two", BAD);
    check("no version", line, "INVITE sip:100@192.0.2.1", BAD);
    check("no address", line, "INVITE SIP/2.0", BAD);
    check("a tab for a blank", line, "INVITE\tsip:100@192.0.2.1 SIP/2.0", BAD);
    check("a blank before it", line, " INVITE sip:100@192.0.2.1 SIP/2.0", BAD);
    check("a method that is no token", "INVITE sip", "INV@ITE sip", BAD);
    check("a lower case method is another one", "INVITE sip", "invite sip", Some(501));
    check("an address without a scheme", line, "INVITE 100 SIP/2.0", BAD);
    check("headers in the address", line, "INVITE sip:100@192.0.2.1?Subject=x SIP/2.0", BAD);
    check("a folded start line", line, "INVITE sip:100@192.0.2.1\r\n SIP/2.0", BAD);
}

#[test]
fn mandatory_headers() {
    for header in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let line = INVITE.split("\r\n").find(|line| line.starts_with(&format!("{header}:"))).expect("in the sample");
        let without = changed(&format!("{line}\r\n"), "");
        let malformed = parse(without.as_bytes()).expect_err(header);
        assert_eq!(malformed.status, Status(400), "{header}");
        assert_eq!(malformed.response().is_some(), header != "Via", "{header}");
        if header != "Via" {
            check(&format!("{header} twice"), line, &format!("{line}\r\n{line}"), BAD);
            check(&format!("an empty {header}"), line, &format!("{header}:"), BAD);
        }
    }
    check("no Max-Forwards, as in RFC 2543", "Max-Forwards: 70\r\n", "", READ);
    check("two Max-Forwards", "Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Forwards: 70", BAD);
    check("too many hops to come", "Max-Forwards: 70", "Max-Forwards: 256", BAD);
    check("a negative number of hops", "Max-Forwards: 70", "Max-Forwards: -1", BAD);
}

#[test]
fn sequence_numbers() {
    check("zero", "314159 INVITE", "0 INVITE", READ);
    check("the largest", "314159 INVITE", "2147483647 INVITE", READ);
    check("one more", "314159 INVITE", "2147483648 INVITE", BAD);
    check("negative", "314159 INVITE", "-1 INVITE", BAD);
    check("another method", "314159 INVITE", "314159 OPTIONS", BAD);
    check("no number", "314159 INVITE", "INVITE", BAD);
    check("no method", "314159 INVITE", "314159", BAD);
    check("something more", "314159 INVITE", "314159 INVITE x", BAD);
    check("many blanks", "314159 INVITE", "314159  \t INVITE", READ);
}

#[test]
fn names_and_addresses() {
    let from = "\"Anna Kowalska\" <sip:1001@192.0.2.1>;tag=1928301774";
    for (what, value, expected) in [
        ("no display name", "<sip:a@b.example>;tag=1", READ),
        ("no brackets", "sip:a@b.example;tag=1", READ),
        ("unquoted words", "Anna Kowalska <sip:a@b.example>;tag=1", READ),
        ("nothing between name and bracket", "\"Anna\"<sip:a@b.example>;tag=1", READ),
        ("a comma in an unquoted name, as phones send it", "Kowalska, Anna <sip:a@b.example>;tag=1", READ),
        ("escaped quotes", "\"\\\"Anna\\\\\" <sip:a@b.example>;tag=1", READ),
        ("brackets inside quotes", "\"<sip:x@y>\" <sip:a@b.example>;tag=1", READ),
        ("UTF-8 unquoted", "Łucja <sip:a@b.example>;tag=1", READ),
        ("blanks around separators", "<sip:a@b.example> ; tag = 1", READ),
        ("a quoted parameter", "<sip:a@b.example>;tag=1;x=\"a;b,c\\\"\"", READ),
        ("an address of another kind", "<urn:service:sos>;tag=1", READ),
        ("no tag, as in RFC 2543", "<sip:a@b.example>", READ),
        ("quotes without their end", "\"Anna <sip:a@b.example>;tag=1", BAD),
        ("an escape at the end", "\"Anna\\", BAD),
        ("a bracket without its end", "<sip:a@b.example;tag=1", BAD),
        ("blanks inside brackets", "< sip:a@b.example >;tag=1", BAD),
        ("two addresses", "<sip:a@b.example>, <sip:c@d.example>;tag=1", BAD),
        ("a name alone", "\"Anna\"", BAD),
        ("an empty parameter", "<sip:a@b.example>;;tag=1", BAD),
        ("a parameter without its value", "<sip:a@b.example>;tag=", BAD),
        ("headers without brackets", "sip:a@b.example?x=y", BAD),
        ("nothing in brackets", "<>;tag=1", BAD),
        ("something behind it", "<sip:a@b.example>;tag=1 x", BAD),
    ] {
        check(what, from, value, expected);
    }
}

#[test]
fn vias() {
    let via = "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK776asdhds;rport";
    for (what, value, expected) in [
        ("IPv6", "SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK1", READ),
        ("a name", "SIP/2.0/TCP pbx.example.com;branch=z9hG4bK1", READ),
        ("blanks everywhere", "SIP / 2.0 / UDP   192.0.2.7 : 5060 ; branch = z9hG4bK1", READ),
        ("lower case", "sip/2.0/udp 192.0.2.7;branch=z9hG4bK1", READ),
        ("two in one field", "SIP/2.0/UDP a.example;branch=z9hG4bK1 , SIP/2.0/UDP b.example", READ),
        ("no branch, as in RFC 2543", "SIP/2.0/UDP 192.0.2.7", READ),
        ("no host", "SIP/2.0/UDP ;branch=z9hG4bK1", BAD),
        ("IPv6 without brackets", "SIP/2.0/UDP 2001:db8::9;branch=z9hG4bK1", BAD),
        ("numbers that are no address", "SIP/2.0/UDP 192.0.2.700;branch=z9hG4bK1", BAD),
        ("a port that is none", "SIP/2.0/UDP 192.0.2.7:70000;branch=z9hG4bK1", BAD),
        ("an empty second one", "SIP/2.0/UDP a.example;branch=z9hG4bK1,", BAD),
        ("empty parameters", "SIP/2.0/UDP a.example;;,;", BAD),
    ] {
        let bytes = changed(via, value);
        assert_eq!(parse(bytes.as_bytes()).err().map(|malformed| malformed.status.0), expected, "{what}");
    }
}

#[test]
fn contacts_and_routes() {
    let contact = "<sip:1001@192.0.2.7:5060;transport=udp>";
    check("none", "Contact: <sip:1001@192.0.2.7:5060;transport=udp>\r\n", "", READ);
    check("five", contact, &["<sip:a@b.example>"; 5].join(", "), READ);
    check("six", contact, &["<sip:a@b.example>"; 6].join(", "), BAD);
    check("all of them", contact, "*", READ);
    check("all of them and another", contact, "*\r\nContact: <sip:a@b.example>", BAD);
    check("a comma in an unquoted name would begin another", contact, "Kowalska, Anna <sip:a@b.example>", BAD);
    check("headers in brackets", contact, "<sip:a@b.example?Route=%3Csip:x%3E>", READ);
    check("headers without", contact, "sip:a@b.example?Route=%3Csip:x%3E", BAD);
    check("a route", "User-Agent", "Route: <sip:a.example;lr>, <sip:b.example>\r\nUser-Agent", READ);
    check("a malformed route", "User-Agent", "Route: <sip:>\r\nUser-Agent", BAD);
    check("a malformed recorded route", "User-Agent", "Record-Route: b.example\r\nUser-Agent", BAD);
}

#[test]
fn lengths() {
    check("none: the body ends with the datagram", "Content-Length: 4\r\n", "", READ);
    check("shorter than what is there", "Content-Length: 4", "Content-Length: 2", READ);
    check("longer than what is there", "Content-Length: 4", "Content-Length: 5", BAD);
    check("twice the same", "Content-Length: 4", "Content-Length: 4\r\nl: 4", READ);
    check("two that differ", "Content-Length: 4", "Content-Length: 4\r\nl: 3", BAD);
    check("negative", "Content-Length: 4", "Content-Length: -4", BAD);
    check("with a plus", "Content-Length: 4", "Content-Length: +4", BAD);
    check("more than a number can hold", "Content-Length: 4", "Content-Length: 18446744073709551620", BAD);
    assert_eq!(request(changed("Content-Length: 4", "Content-Length: 2")).body, b"v=");
    assert_eq!(request(changed("Content-Length: 4\r\n", "")).body, b"v=0\n");
}

#[test]
fn lines() {
    check("a name without a colon", "User-Agent: Phone/1.0", "User-Agent", BAD);
    check("blanks before the colon", "User-Agent: Phone/1.0", "User-Agent \t : Phone/1.0", READ);
    check("a name that is no token", "User-Agent: Phone/1.0", "User Agent: Phone/1.0", BAD);
    check("an empty value", "User-Agent: Phone/1.0", "User-Agent:", READ);
    check("a fold", "User-Agent: Phone/1.0", "User-Agent:\r\n  Phone\r\n\t1.0", READ);
    check("a lone line feed", "User-Agent: Phone/1.0", "User-Agent: Phone/1.0\nX: y", BAD);
    check("a lone carriage return", "User-Agent: Phone/1.0", "User-Agent: Phone/1.0\rX: y", BAD);
    let cut = INVITE.split("\r\n\r\n").next().expect("a head");
    assert_eq!(parse(cut.as_bytes()).expect_err("no empty line").status, Status(400));
    let folded = request(changed("User-Agent: Phone/1.0", "User-Agent:\r\n  Phone\r\n\t1.0"));
    assert_eq!(folded.user_agent().as_deref(), Some("Phone  \t1.0"));
}

#[test]
fn limits() {
    let with_fields = |count: usize| changed("User-Agent: Phone/1.0\r\n", &"X: y\r\n".repeat(count));
    let others = INVITE.matches("\r\n").count() - 3;
    request(with_fields(MAX_FIELDS - others));
    assert_eq!(parse(with_fields(MAX_FIELDS - others + 1).as_bytes()).expect_err("a field too many").status, Status(513));

    let with_vias =
        |count: usize| changed("Max-Forwards", &format!("{}Max-Forwards", "v: SIP/2.0/UDP a, SIP/2.0/UDP b\r\n".repeat(count)));
    assert_eq!(request(with_vias(34)).vias().len(), 69);
    assert_eq!(parse(with_vias(35).as_bytes()).expect_err("a Via too many").status, Status(513));

    check("a long header", "Phone/1.0", &"x".repeat(MAX_FIELD - 1), READ);
    check("a header too long", "Phone/1.0", &"x".repeat(MAX_FIELD), Some(513));
    check("a long folded header", "Phone/1.0", &"x\r\n ".repeat(MAX_FIELD / 4), Some(513));
    check("a start line too long", "sip:100@", &format!("sip:{}@", "1".repeat(MAX_FIELD)), Some(513));

    let with_body = |total: usize| {
        let head = changed("Content-Length: 4\r\n", "").replace("v=0\n", "");
        format!("{head}{}", "x".repeat(total - head.len()))
    };
    request(with_body(MAX_MESSAGE));
    let too_large = parse(with_body(MAX_MESSAGE + 1).as_bytes()).expect_err("a byte too many");
    assert_eq!(too_large.response().expect("an answer").status, Status(513));
}

#[test]
fn silence_answers_what_is_no_request_and_an_ack() {
    for (what, bytes) in [
        ("a response with a bad code", RINGING.replace("180", "1800")),
        ("a response with a code of another class", RINGING.replace("180", "700")),
        ("a response of another version", RINGING.replace("SIP/2.0 180", "SIP/3.0 180")),
        ("a response without a From", RINGING.replace("From", "X-From")),
        ("an ACK without a From", INVITE.replace("INVITE", "ACK").replace("From", "X-From")),
        ("another protocol", "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_string()),
        ("noise", "\u{1}\u{2}\u{3}".to_string()),
        ("a telephone exchange's worst enemy", "\0".repeat(500)),
    ] {
        assert_eq!(parse(bytes.as_bytes()).expect_err(what).response(), None, "{what}");
    }
}

#[test]
fn a_response_is_not_lost_for_a_contact_that_cannot_be_read() {
    let odd = response(RINGING.replace("<sip:100@192.0.2.1>\r\nContent", "100 at home\r\nContent"));
    assert_eq!((odd.status, odd.contacts().len()), (Status(180), 0));
    let many = response(RINGING.replace("Contact: ", &format!("Contact: {}", "<sip:a@b.example>;expires=5, ".repeat(9))));
    assert_eq!(many.contacts().len(), 10);
    assert_eq!(response(RINGING.replace("180 Ringing", "180")).reason, "");
}

#[test]
fn line_breaks_alone_keep_the_way_open_and_before_a_message_they_do_not_matter() {
    assert_eq!(parse(b"\r\n\r\n"), Ok(Message::KeepAlive));
    assert_eq!(parse(b"\r\n"), Ok(Message::KeepAlive));
    assert_eq!(parse(b""), Ok(Message::KeepAlive));
    assert_eq!(request(format!("\r\n\r\n{INVITE}")), request(INVITE));
}
