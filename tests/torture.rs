//! The torture messages of RFC 4475, one by one: what the parser makes of each, as a datagram and on a stream.
//!
//! The expectations are those of `tests/data/rfc4475.csv`. Run with `--nocapture` to see the table.

use centrala::sip::message::{Message, Method, Name, Request, parse};
use centrala::sip::stream::{Frame, Framer};

/// One row of the catalogue.
struct Row {
    name: String,
    class: String,
    is_response: bool,
    /// What a user agent may answer, as the catalogue writes it: codes, classes, or `none`.
    answers: Vec<String>,
    bytes: Vec<u8>,
}

#[allow(clippy::disallowed_methods)] // A test reads its own table.
fn rows() -> Vec<Row> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/");
    let table = std::fs::read_to_string(format!("{folder}rfc4475.csv")).expect("the catalogue");
    let rows: Vec<Row> = table.lines().skip(1).map(|line| row(folder, &columns(line))).collect();
    assert_eq!(rows.len(), 49);
    rows
}

#[allow(clippy::disallowed_methods)]
fn row(folder: &str, columns: &[String]) -> Row {
    let [name, _, _, class, kind, _, _, length, _, answers, ..] = columns else { panic!("a short row: {columns:?}") };
    let bytes = std::fs::read(format!("{folder}rfc4475/{name}.dat")).expect("the message");
    assert_eq!(bytes.len().to_string(), *length, "{name} is not the message that the catalogue means");
    Row {
        name: name.clone(),
        class: class.clone(),
        is_response: kind == "response",
        answers: answers.split('|').map(str::to_string).collect(),
        bytes,
    }
}

/// Comma separated, with quotes where a value holds a comma.
fn columns(line: &str) -> Vec<String> {
    let mut columns = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => columns.push(String::new()),
            _ => columns.last_mut().expect("never empty").push(letter),
        }
    }
    columns
}

impl Row {
    /// What the parser has to say: refusals of 400, 501 and 505 are its own, everything else is for the user agent to judge.
    fn expectation(&self) -> &'static str {
        let refusals = ["400", "501", "505"];
        match self.is_response {
            true if self.class == "invalid" => "dropped",
            true => "read",
            false if self.answers.iter().all(|answer| refusals.contains(&answer.as_str())) => "refused",
            false => "read",
        }
    }

    fn verdict(&self) -> String {
        match parse(&self.bytes) {
            Ok(Message::Request(request)) => {
                assert!(!self.is_response);
                check_that_it_prints_what_it_read(&self.name, &request);
                "read".to_string()
            }
            Ok(Message::Response(_)) => {
                assert!(self.is_response);
                "read".to_string()
            }
            Ok(Message::KeepAlive) => "line breaks".to_string(),
            Err(malformed) => match malformed.response() {
                None => format!("dropped: {}", malformed.why),
                Some(response) => {
                    let status = response.status.0.to_string();
                    assert!(self.answers.contains(&status), "{}: refused with {status}", self.name);
                    let bytes = response.to_bytes();
                    assert!(bytes.starts_with(format!("SIP/2.0 {status} ").as_bytes()), "{}", self.name);
                    format!("refused {status}: {}", malformed.why)
                }
            },
        }
    }

    /// The same bytes from a stream.
    fn framing(&self) -> String {
        let mut framer = Framer::new();
        framer.push(&self.bytes);
        match framer.next() {
            Some(Frame::Message(message)) => format!("{} bytes", message.len()),
            Some(Frame::Broken { status, .. }) => format!("closed with {status}"),
            Some(Frame::KeepAlive) => "ping".to_string(),
            None => "waits for more".to_string(),
        }
    }
}

fn check_that_it_prints_what_it_read(name: &str, request: &Request) {
    let Ok(Message::Request(again)) = parse(&request.to_bytes()) else { panic!("{name}: what we print cannot be read") };
    assert_eq!(again, *request, "{name}");
}

#[test]
fn each_of_the_49_messages_is_read_or_refused_as_the_catalogue_says() {
    let mut wrong = Vec::new();
    println!("{:<12} {:<12} {:<9} {:<22} verdict", "message", "class", "expected", "on a stream");
    for row in rows() {
        let (expected, verdict) = (row.expectation(), row.verdict());
        println!("{:<12} {:<12} {:<9} {:<22} {verdict}", row.name, row.class, expected, row.framing());
        if !verdict.starts_with(expected) {
            wrong.push(format!("{}: expected {expected}, but {verdict}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn on_a_stream_a_message_without_a_believable_length_closes_the_connection_and_one_too_short_waits() {
    for row in rows() {
        let expected = match row.name.as_str() {
            "ncl" | "mcl01" | "inv2543" => "closed with 400",
            "clerr" => "waits for more",
            _ => "",
        };
        let framing = row.framing();
        assert!(if expected.is_empty() { framing.ends_with("bytes") } else { framing == expected }, "{}: {framing}", row.name);
    }
}

#[test]
fn a_refusal_carries_back_what_could_be_read_of_the_request() {
    for (name, via) in [
        ("badinv01", "SIP/2.0/UDP 192.0.2.15"),
        ("badvers", "SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"),
        ("insuf", "SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf"),
        ("mcl01", "SIP/2.0/UDP host5.example.net;branch=z9hG4bK293423"),
    ] {
        let row = rows().into_iter().find(|row| row.name == name).expect("a message of the catalogue");
        let response = parse(&row.bytes).err().and_then(|malformed| malformed.response()).expect("a refusal");
        assert_eq!(response.headers.get(Name::Via).map(String::from_utf8_lossy).as_deref(), Some(via), "{name}");
        assert!(response.headers.has(Name::CSeq), "{name}");
    }
}

fn request(name: &str) -> Request {
    let row = rows().into_iter().find(|row| row.name == name).expect("a message of the catalogue");
    match parse(&row.bytes) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn folds_blanks_and_compact_names_of_the_tortuous_invite_are_understood() {
    let invite = request("wsinv");
    assert_eq!(invite.uri.param("unknownparam"), Some(""));
    assert_eq!(invite.to_().tag(), Some("1918181833n"));
    assert_eq!(invite.from_().display, "J Rosenberg \\\"");
    assert_eq!(invite.from_().tag(), Some("98asjd8"));
    assert_eq!(invite.max_forwards(), Some(68));
    assert_eq!((invite.cseq().number, invite.cseq().method), (9, Method::Invite));
    let vias: Vec<_> = invite.vias().iter().map(|via| format!("{} {} {}", via.transport, via.host, via.branch())).collect();
    let expected = ["UDP 192.0.2.2 390skdjuw", "TCP spindle.example.com z9hG4bK9ikj8", "UDP 192.168.255.111 z9hG4bK30239"];
    assert_eq!(vias, expected);
    assert_eq!(invite.route()[0].uri.param("lr"), Some(""));
    assert_eq!(invite.contacts()[0].display, "Quoted string \"\"");
    assert_eq!((invite.contacts()[0].q(), invite.contacts()[0].params.get("newparam")), (330, Some("newvalue")));
    assert_eq!(invite.body.len(), 150);
}

#[test]
fn control_characters_in_a_quoted_name_and_odd_methods_survive() {
    let odd = request("intmeth");
    assert_eq!(odd.method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(odd.to_().display, "BEL:\x07 NUL:\0 DEL:\x7F");
    assert_eq!(odd.from_().display, "token1~` token2'+_ token3*%!.-");
    assert_eq!(odd.from_().tag(), Some("_token~1'+`*%!-."));
    assert_eq!(odd.uri.user(), "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    assert_eq!(odd.uri.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(odd.uri.host(), "example.com");
    assert_eq!(request("esc02").method, Method::Other("RE%47IST%45R".to_string()));
    assert_eq!(request("esc02").contacts().len(), 2);
}

#[test]
fn escapes_in_addresses_are_undone_once_and_in_the_right_place() {
    let invite = request("esc01");
    assert_eq!(invite.uri.user(), "sips:user@example.com");
    assert_eq!(invite.uri.host(), "example.net");
    assert_eq!(invite.from_().uri.user(), "I have spaces");
    assert_eq!(invite.contacts()[0].uri.user(), "caller");
    let register = request("escnull");
    let users: Vec<_> = register.contacts().iter().map(|contact| contact.uri.user().into_owned()).collect();
    assert_eq!(users, ["\0", "\0\0"]);
    assert!(!register.contacts()[0].uri.same_as(&register.contacts()[1].uri));
    assert_eq!(request("semiuri").uri.user(), "user;par=u@example.net");
}

#[test]
fn contact_parameters_stay_outside_and_uri_parameters_inside_the_brackets() {
    let outside = request("cparam01");
    assert_eq!(outside.contacts()[0].to_string(), "<sip:+19725552222@gw1.example.net>;unknownparam");
    let inside = request("cparam02");
    assert_eq!(inside.contacts()[0].to_string(), "<sip:+19725552222@gw1.example.net;unknownparam>");
    let verbatim = request("regescrt");
    assert_eq!(verbatim.contacts()[0].uri.headers(), Some("Route=%3Csip:sip.example.com%3E"));
}

#[test]
fn long_lists_second_messages_and_binary_bodies_are_taken_as_they_are() {
    let long = request("longreq");
    assert_eq!(long.vias().len(), 34);
    assert_eq!(long.headers.all(Name::Via).count(), 34);
    let double = request("dblreq");
    assert_eq!((double.method, double.body.len()), (Method::Register, 0));
    let multipart = request("mpart01");
    assert_eq!(multipart.body.len(), 553);
    assert!(multipart.body.contains(&0));
    assert_eq!(multipart.content_type().as_deref(), Some("multipart/mixed"));
    let transports: Vec<_> = request("transports").vias().into_iter().map(|via| via.transport).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn what_a_user_agent_needs_to_refuse_the_rest_is_there() {
    assert_eq!(request("bext01").require(), ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert_eq!(request("bext01").proxy_require().len(), 2);
    assert_eq!(request("unkscm").uri.scheme_name(), "nobodyKnowsThisScheme");
    assert_eq!(request("novelsc").uri.scheme_name(), "soap.beep");
    assert_eq!(request("unksm2").to_().uri.scheme_name(), "isbn");
    assert_eq!(request("invut").content_type().as_deref(), Some("application/unknownformat"));
    assert_eq!(request("regaut01").authorization()[0].scheme, "NoOneKnowsThisScheme");
    assert!(!request("sdp01").headers.accepts("application/sdp"));
    assert_eq!(request("zeromf").max_forwards(), Some(0));
    assert!(!request("badbranch").via().is_3261());
    let old = request("inv2543");
    assert_eq!((old.via().branch(), old.from_().tag(), old.max_forwards()), ("", None, None));
    assert_eq!(old.to_().params.get("user"), Some("phone"));
}
