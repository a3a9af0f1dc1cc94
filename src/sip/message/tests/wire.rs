//! There and back: what we print, what others read in it, and bytes that nobody meant.

use super::*;
use proptest::prelude::*;

#[test]
fn the_headers_of_an_invite_are_what_they_say() {
    let invite = request(INVITE);
    assert_eq!((invite.method.clone(), invite.uri.as_str()), (Method::Invite, "sip:100@192.0.2.1"));
    assert_eq!(
        (invite.via().host.as_str(), invite.via().port, invite.via().branch()),
        ("192.0.2.7", Some(5060), "z9hG4bK776asdhds")
    );
    assert_eq!((invite.from_().display.as_str(), invite.from_().tag()), ("Anna Kowalska", Some("1928301774")));
    assert_eq!((&*invite.to_().uri.user(), invite.to_().tag()), ("100", None));
    assert_eq!(invite.call_id(), "a84b4c76e66710@192.0.2.7");
    assert_eq!(invite.cseq(), CSeq { number: 314_159, method: Method::Invite });
    assert_eq!((invite.max_forwards(), invite.expires()), (Some(70), None));
    assert_eq!(invite.contacts()[0].uri.transport().as_deref(), Some("udp"));
    assert_eq!(invite.allow(), [Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Options]);
    assert_eq!(invite.supported(), ["replaces", "timer"]);
    assert_eq!(
        (invite.user_agent().as_deref(), invite.content_type().as_deref()),
        (Some("Phone/1.0"), Some("application/sdp"))
    );
    assert_eq!(invite.body, b"v=0\n");
}

#[test]
fn a_response_goes_back_the_way_the_request_came_byte_for_byte() {
    let vias = "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK776asdhds;rport";
    let odd = changed(
        vias,
        "v:  SIP/2.0/UDP  a.example ;branch=z9hG4bK1 ,SIP / 2.0/TCP b.example;x=\"\\\0,\"\r\nVia: SIP/2.0/UDP c.example",
    );
    let odd = odd.replace("To: <sip:100@192.0.2.1>", "t:   \"\\\0 J").into_bytes();
    let mut bytes = odd.clone();
    let place = bytes.windows(4).position(|window| window == b"\\\0 J").expect("the name") + 4;
    bytes.splice(place..place, *b"\xf6rg\"   <sip:100@192.0.2.1> ; x = y");
    let invite = request(&bytes);
    let mut ringing = Response::to(&invite, Status(180));
    assert_eq!(
        ringing.headers.all(Name::Via).collect::<Vec<_>>(),
        [&b"SIP/2.0/UDP  a.example ;branch=z9hG4bK1 ,SIP / 2.0/TCP b.example;x=\"\\\0,\""[..], b"SIP/2.0/UDP c.example",]
    );
    assert_eq!(ringing.headers.get(Name::To), Some(&b"\"\\\0 J\xf6rg\"   <sip:100@192.0.2.1> ; x = y"[..]));
    ringing.set_to_tag("77");
    assert_eq!(ringing.headers.get(Name::To), Some(&b"\"\\\0 J\xf6rg\"   <sip:100@192.0.2.1> ; x = y;tag=77"[..]));
    assert_eq!((ringing.to_().display.as_str(), ringing.to_().tag()), ("\0 Jörg", Some("77")));
    ringing.set_to_tag("78");
    assert_eq!(ringing.to_().tag(), Some("77"));

    // Marking the topmost Via leaves the ones below it as they came.
    ringing.received_from("192.0.2.99:7000".parse().expect("an address"));
    assert_eq!(
        ringing.headers.all(Name::Via).collect::<Vec<_>>(),
        [
            &b"SIP/2.0/UDP a.example;branch=z9hG4bK1;received=192.0.2.99 ,SIP / 2.0/TCP b.example;x=\"\\\0,\""[..],
            b"SIP/2.0/UDP c.example",
        ]
    );
    let again = response(ringing.to_bytes());
    assert_eq!(again, ringing);
    assert_eq!(again.vias().len(), 3);
}

#[test]
fn a_request_of_ours_is_built_header_by_header() {
    let mut bye = Request::new(Method::Bye, Uri::sip("1001", "192.0.2.7", Some(5060)));
    assert_eq!((bye.call_id(), bye.via().branch(), bye.cseq().number), ("", "", 0));
    bye.push_via(&Via::new("UDP", "192.0.2.1:5060".parse().expect("an address"), "z9hG4bKours"));
    bye.set_max_forwards(70);
    bye.set_from(&NameAddr::new(Uri::sip("100", "192.0.2.1", None)).with_tag("a6"));
    bye.set_to(&NameAddr::new(Uri::sip("1001", "192.0.2.1", None)).with_display("Anna \"K\"\r\nX: y").with_tag("19"));
    bye.set_call_id("a84b");
    bye.set_cseq(2);
    bye.headers.push(Name::Reason, "Q.850;cause=16\r\nRoute: <sip:evil.example>");
    bye.headers.push(Name::ContentLength, "77");
    let text = String::from_utf8(bye.to_bytes()).expect("text");
    assert_eq!(
        text,
        "BYE sip:1001@192.0.2.7:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKours\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:100@192.0.2.1>;tag=a6\r\n\
         To: \"Anna \\\"K\\\"  X: y\" <sip:1001@192.0.2.1>;tag=19\r\n\
         Call-ID: a84b\r\n\
         CSeq: 2 BYE\r\n\
         Reason: Q.850;cause=16  Route: <sip:evil.example>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(request(&text), bye);
    bye.set_cseq(3);
    assert_eq!((bye.cseq().number, bye.headers.all(Name::CSeq).count()), (3, 1));
    bye.set_body("application/sdp", b"v=0".to_vec());
    assert_eq!(request(bye.to_bytes()).content_type().as_deref(), Some("application/sdp"));
    bye.set_body("application/sdp", Vec::new());
    assert!(!bye.headers.has(Name::ContentType));
    bye.headers.remove(Name::Via);
    assert_eq!(bye.via(), &Via::none());
}

#[test]
fn headers_that_are_lists_numbers_and_types() {
    let with = |line: &str| request(changed("User-Agent: Phone/1.0", line)).headers;
    assert_eq!(with("Expires: 3600").expires(), Some(3600));
    assert_eq!(with("Expires: 99999999999").expires(), Some(u32::MAX));
    assert_eq!(with("Expires: soon").expires(), None);
    assert_eq!(with("Retry-After: 18000 (tomorrow);duration=3600").retry_after(), Some(18000));
    assert_eq!(with("Min-Expires: 60").min_expires(), Some(60));
    assert_eq!(with("Require: a , b,,\r\nRequire: c").require(), ["a", "b", "c"]);
    assert_eq!(with("Reason: Q.850;cause=16").reason_header().as_deref(), Some("Q.850;cause=16"));
    assert_eq!(with("Route: <sip:a;lr>\r\nRoute: \"x, y\" <sip:b>").route()[1].display, "x, y");
    for (accept, expected) in [
        ("X: y", true),
        ("Accept:", false),
        ("Accept: */*", true),
        ("Accept: application / *;q=0.5", true),
        ("Accept: text/plain, Application/SDP;level=1", true),
        ("Accept: application/sdp;q=0.0", false),
        ("Accept: text/*", false),
    ] {
        assert_eq!(with(accept).accepts("application/sdp"), expected, "{accept}");
    }
    assert!(with("X-UNKNOWN: 1").has(Name::from("x-unknown")));
}

#[test]
fn messages_are_plain_data() {
    let invite = request(INVITE);
    let saved = serde_json::to_string(&invite).expect("plain data");
    assert_eq!(serde_json::from_str::<Request>(&saved).expect("the same"), invite);
    assert!(serde_json::from_str::<Uri>("\"not a uri\"").is_err());
}

/// rsip reads what we print, and finds the same in it.
#[test]
fn an_independent_reader_finds_the_same_in_what_we_print() {
    use rsip::prelude::*;
    for bytes in [INVITE.to_string(), changed("Via:", "v:"), changed("314159 INVITE\r\n", "314159\r\n  INVITE\r\n")] {
        let ours = request(&bytes);
        let theirs = rsip::Request::try_from(ours.to_bytes()).expect("rsip reads it");
        assert_eq!(theirs.method.to_string(), ours.method.as_str());
        assert_eq!(theirs.uri.to_string(), ours.uri.as_str());
        assert_eq!(theirs.body, ours.body);
        assert_eq!(theirs.call_id_header().expect("a Call-ID").value(), ours.call_id());
        let cseq = theirs.cseq_header().and_then(|cseq| cseq.typed()).expect("a CSeq");
        assert_eq!((cseq.seq, cseq.method.to_string().as_str()), (ours.cseq().number, ours.cseq().method.as_str()));
        let from = theirs.from_header().and_then(|from| from.typed()).expect("a From");
        assert_eq!(from.tag().map(ToString::to_string).as_deref(), ours.from_().tag());
        assert_eq!(from.uri.to_string(), ours.from_().uri.as_str());
        let via = theirs.via_header().and_then(|via| via.typed()).expect("a Via");
        assert_eq!(via.branch().map(ToString::to_string).as_deref(), Some(ours.via().branch()));
        assert_eq!(via.uri.host_with_port.to_string(), "192.0.2.7:5060");
    }
    let ringing = Response::to(&request(INVITE), Status(180));
    let theirs = rsip::Response::try_from(ringing.to_bytes()).expect("rsip reads it");
    assert_eq!(theirs.status_code.code(), 180);
    assert_eq!(theirs.via_header().expect("a Via").value().as_bytes(), ringing.headers.get(Name::Via).expect("a Via"));
}

/// What is read prints to something that is read the same, and prints the same.
fn check_fixpoint(bytes: &[u8]) {
    let Ok(message) = parse(bytes) else { return };
    let print = |message: &Message| match message {
        Message::Request(request) => request.to_bytes(),
        Message::Response(response) => response.to_bytes(),
        Message::KeepAlive => Vec::new(),
    };
    let printed = print(&message);
    // What had no Content-Length gets one, and may then be more than a message may be.
    if printed.len() <= MAX_MESSAGE {
        let again = parse(&printed).expect("what we print can be read");
        assert_eq!(again, message);
        assert_eq!(print(&again), printed);
    }
}

/// Every question that a header can be asked has an answer.
fn ask_everything(bytes: &[u8]) {
    match parse(bytes) {
        Ok(Message::Request(mut request)) => {
            request.received_from(([192, 0, 2, 1], 5060).into());
            let mut response = Response::to(&request, Status(200));
            response.set_to_tag("x");
            assert_eq!(response.to_().tag().is_some(), response.to_().params.has("tag"));
            assert!(matches!(
                parse(&response.to_bytes()),
                Ok(Message::Response(_)) | Err(Malformed { status: Status(513), .. })
            ));
            let headers = &request.headers;
            let _ = (headers.vias(), headers.route(), headers.record_route(), headers.accept(), headers.authorization());
            let _ = (request.uri.user(), request.uri.bare(), request.uri.same_as(&headers.to_().uri), request.uri.transport());
            let _ = (headers.expires(), headers.retry_after(), headers.via().received(), headers.via().rport());
        }
        Ok(_) => {}
        Err(malformed) => drop(malformed.response().map(|response| response.to_bytes())),
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        check_fixpoint(&bytes);
        ask_everything(&bytes);
    }

    #[test]
    fn mutated_messages_never_panic_and_print_what_they_read(
        sample in prop_oneof![Just(INVITE), Just(RINGING)],
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), 0usize..4, prop_oneof![
            proptest::sample::select(&b"\r\n \t\"\\<>;,:=@?%[]*\0\xff"[..]).prop_map(|byte| vec![byte]),
            Just(b"\r\n ".to_vec()), Just(b"\r\n\r\n".to_vec()), Just(b"::".to_vec()), any::<u8>().prop_map(|byte| vec![byte]),
        ]), 1..6),
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        for (place, removed, inserted) in edits {
            let at = place.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, inserted);
        }
        check_fixpoint(&bytes);
        ask_everything(&bytes);
    }

    #[test]
    fn any_user_and_name_come_back_from_what_we_write(user in "\\PC{1,20}", display in any::<String>()) {
        let uri = Uri::sip(&user, "b.example", None);
        prop_assert_eq!(&*uri.user(), user.as_str());
        let address = NameAddr::new(uri).with_display(&display).with_tag("x");
        let again = NameAddr::parse(address.to_string()).expect("what we write can be read");
        prop_assert_eq!(&again.uri, &address.uri);
        prop_assert_eq!(again.display, display.replace(['\r', '\n'], " "));
    }
}
