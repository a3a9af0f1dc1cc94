//! Descriptions that others send, and what we make of them.

use super::*;
use proptest::prelude::*;
use std::net::IpAddr;

fn ours() -> Capabilities {
    Capabilities {
        local: ([192, 0, 2, 1], 20000).into(),
        codecs: vec!["PCMA".to_string(), "PCMU".to_string()],
        direction: Direction::SendRecv,
        session_id: 7,
        version: 1,
    }
}

/// A description with these lines after the first ones.
fn theirs(lines: &str) -> Description {
    let text =
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n{}", lines.replace('\n', "\r\n"));
    parse(text.as_bytes()).unwrap_or_else(|why| panic!("{lines}: {why}"))
}

fn text(description: &Description) -> String {
    String::from_utf8(description.to_bytes()).expect("text")
}

#[test]
fn our_offer_is_written_as_phones_expect_it() {
    assert_eq!(
        text(&offer(&ours())),
        "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 20000 RTP/AVP 8 0 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
         a=ptime:20\r\na=sendrecv\r\n"
    );
    let six = offer(&Capabilities { local: "[2001:db8::1]:20000".parse().expect("an address"), ..ours() });
    assert!(text(&six).contains("c=IN IP6 2001:db8::1\r\n"));
}

/// What the answer's media lines are (`port formats direction`), and what was agreed, in short.
#[track_caller]
fn check_answer(what: &str, lines: &str, media: &[&str], agreed: &str) {
    let asked = theirs(lines);
    let (answered, settled) = answer(&asked, &ours()).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    let lines: Vec<_> = answered
        .media
        .iter()
        .map(|line| match line.port {
            0 => format!("{} 0 {} {}", line.kind, line.protocol, line.formats.join(" ")),
            port => format!("{} {port} {} {}", line.kind, line.formats.join(" "), answered.direction_of(line).as_str()),
        })
        .collect();
    assert_eq!(lines, media, "{what}");
    assert_eq!(in_short(&settled), agreed, "{what}");
    assert_eq!(parse(&answered.to_bytes()).as_ref(), Ok(&answered), "{what}");
    // The offerer, were it one of us, would agree to the mirror image.
    let mirrored = accept(&asked, &answered).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    assert_eq!((mirrored.codec, mirrored.send_payload_type), (settled.codec, settled.receive[0].payload_type), "{what}");
}

/// `codec send/receive[+codec receive] event-send/event-receive direction remote ptime`.
fn in_short(agreed: &Agreed) -> String {
    let event = |event: Option<u8>| event.map_or("-".to_string(), |event| event.to_string());
    let (first, others) = agreed.receive.split_first().expect("what we send");
    assert_eq!(first.codec, agreed.codec);
    let others: String = others.iter().map(|format| format!("+{} {}", format.codec, format.payload_type)).collect();
    format!(
        "{} {}/{}{others} {}/{} {} {} {}",
        agreed.codec,
        agreed.send_payload_type,
        first.payload_type,
        event(agreed.send_event_type),
        event(agreed.receive_event_type),
        agreed.direction.as_str(),
        agreed.remote,
        agreed.ptime_ms
    )
}

#[test]
fn offers_that_we_answer() {
    let plain = "PCMU 0/0 -/- sendrecv 192.0.2.7:4000 20";
    check_answer("one static codec", "m=audio 4000 RTP/AVP 0\n", &["audio 20000 0 sendrecv"], plain);
    check_answer("the offer's order among ours", "m=audio 4000 RTP/AVP 18 0 8\n", &["audio 20000 0 sendrecv"], plain);
    check_answer(
        "digits on their number",
        "m=audio 4000 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-16\na=ptime:30\n",
        &["audio 20000 8 96 sendrecv"],
        "PCMA 8/8 96/96 sendrecv 192.0.2.7:4000 30",
    );
    check_answer(
        "a codec on a dynamic number, in odd case",
        "m=audio 4000 RTP/AVP 110 97\na=rtpmap:97 Telephone-Event/8000\na=rtpmap:110 pcma/8000/1\n",
        &["audio 20000 110 97 sendrecv"],
        "PCMA 110/110 97/97 sendrecv 192.0.2.7:4000 20",
    );
    check_answer(
        "digits at the codec's clock first",
        "m=audio 4000 RTP/AVP 8 96 97\na=rtpmap:96 telephone-event/48000\na=rtpmap:97 telephone-event/8000\n",
        &["audio 20000 8 97 sendrecv"],
        "PCMA 8/8 97/97 sendrecv 192.0.2.7:4000 20",
    );
    check_answer(
        "an address of the line's own",
        "m=audio 4000 RTP/AVP 8\nc=IN IP4 192.0.2.99\n",
        &["audio 20000 8 sendrecv"],
        "PCMA 8/8 -/- sendrecv 192.0.2.99:4000 20",
    );
    check_answer(
        "a packet time that nobody believes",
        "m=audio 4000 RTP/AVP 0\na=ptime:0\n",
        &["audio 20000 0 sendrecv"],
        plain,
    );
    check_answer(
        "video and fax beside it",
        "m=video 4002 RTP/AVP 31 34\na=rtpmap:31 H261/90000\nm=audio 4000 RTP/AVP 0\nm=image 4004 udptl t38\na=T38FaxVersion:0\n",
        &["video 0 RTP/AVP 31 34", "audio 20000 0 sendrecv", "image 0 udptl t38"],
        plain,
    );
    check_answer(
        "encrypted first, plain second",
        "m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\nm=audio 4000 RTP/AVP 0\nm=audio 4006 RTP/AVP 0\n",
        &["audio 0 RTP/SAVP 0", "audio 20000 0 sendrecv", "audio 0 RTP/AVP 0"],
        plain,
    );
}

#[test]
fn hold_in_all_its_forms() {
    let held = |direction: &str, line: &str, agreed: &str| {
        let line_out = format!("audio 20000 0 {line}");
        check_answer(
            direction,
            &format!("m=audio 4000 RTP/AVP 0\na={direction}\n"),
            &[&line_out],
            &format!("PCMU 0/0 -/- {agreed} 192.0.2.7:4000 20"),
        );
    };
    held("sendonly", "recvonly", "recvonly");
    held("recvonly", "sendonly", "sendonly");
    held("inactive", "inactive", "inactive");
    held("SendRecv", "sendrecv", "sendrecv");
    check_answer(
        "0.0.0.0",
        "m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n",
        &["audio 20000 0 recvonly"],
        "PCMU 0/0 -/- recvonly 0.0.0.0:4000 20",
    );
    check_answer(
        "0.0.0.0 and sendonly",
        "m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=sendonly\n",
        &["audio 20000 0 recvonly"],
        "PCMU 0/0 -/- recvonly 0.0.0.0:4000 20",
    );
    check_answer(
        "for the whole session",
        "a=sendonly\nm=audio 4000 RTP/AVP 0\n",
        &["audio 20000 0 recvonly"],
        "PCMU 0/0 -/- recvonly 192.0.2.7:4000 20",
    );
    check_answer(
        "the line's own direction counts more",
        "a=inactive\nm=audio 4000 RTP/AVP 0\na=sendrecv\n",
        &["audio 20000 0 sendrecv"],
        "PCMU 0/0 -/- sendrecv 192.0.2.7:4000 20",
    );
    let holding = Capabilities { direction: Direction::SendOnly, ..ours() };
    let (answered, settled) = answer(&theirs("m=audio 4000 RTP/AVP 0\n"), &holding).expect("an answer");
    assert_eq!((answered.direction_of(&answered.media[0]), settled.direction), (Direction::SendOnly, Direction::SendOnly));
}

#[test]
fn offers_that_we_refuse() {
    let check = |what: &str, lines: &str, expected: Refusal| {
        assert_eq!(answer(&theirs(lines), &ours()).map(|_| ()), Err(expected), "{what}");
    };
    check("nothing", "", Refusal::NoAudio);
    check("video alone", "m=video 4000 RTP/AVP 31\n", Refusal::NoAudio);
    check("port 0", "m=audio 0 RTP/AVP 0\n", Refusal::NoAudio);
    check("encrypted alone", "m=audio 4000 RTP/SAVP 0\n", Refusal::NoAudio);
    check("with feedback", "m=audio 4000 RTP/AVPF 0\n", Refusal::NoAudio);
    check("fax alone", "m=image 4000 udptl t38\n", Refusal::NoAudio);
    check("codecs of others", "m=audio 4000 RTP/AVP 18 4\n", Refusal::NoCommonCodec);
    check("digits alone", "m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n", Refusal::NoCommonCodec);
    check("another clock", "m=audio 4000 RTP/AVP 96\na=rtpmap:96 PCMA/16000\n", Refusal::NoCommonCodec);
    check("two channels", "m=audio 4000 RTP/AVP 96\na=rtpmap:96 PCMA/8000/2\n", Refusal::NoCommonCodec);
    check("a number that is remapped", "m=audio 4000 RTP/AVP 8\na=rtpmap:8 L16/8000\n", Refusal::NoCommonCodec);
    check("formats that are no numbers", "m=audio 4000 RTP/AVP PCMA 300 200\n", Refusal::NoCommonCodec);
    check("a name for an address", "m=audio 4000 RTP/AVP 0\nc=IN IP4 host.example\n", Refusal::NoAddress);
    check("another family", "m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::7\n", Refusal::NoAddress);
    check("a multicast", "m=audio 4000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127\n", Refusal::NoAddress);
    check("a broadcast", "m=audio 4000 RTP/AVP 0\nc=IN IP4 255.255.255.255\n", Refusal::NoAddress);
    check("the best reason of several", "m=video 1 RTP/AVP 31\nm=audio 4000 RTP/AVP 18\n", Refusal::NoCommonCodec);
    let nowhere = parse(b"v=0\no=- 1 1 IN IP4 192.0.2.7\nm=audio 4000 RTP/AVP 0\n").expect("it can be read");
    assert_eq!(answer(&nowhere, &ours()).map(|_| ()), Err(Refusal::NoAddress));
}

#[test]
fn answers_to_our_offer() {
    let asked = offer(&ours());
    let check = |what: &str, lines: &str, expected: Result<&str, Refusal>| {
        let settled = accept(&asked, &theirs(lines)).map(|agreed| in_short(&agreed));
        assert_eq!(settled, expected.map(str::to_string), "{what}");
    };
    check(
        "one codec and digits",
        "m=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n",
        Ok("PCMU 0/0 101/101 sendrecv 192.0.2.7:4000 20"),
    );
    check(
        "numbers of its own",
        "m=audio 4000 RTP/AVP 108 96\na=rtpmap:108 PCMA/8000\na=rtpmap:96 telephone-event/8000\na=ptime:40\n",
        Ok("PCMA 108/8 96/101 sendrecv 192.0.2.7:4000 40"),
    );
    check("our number, not explained again", "m=audio 4000 RTP/AVP 8 101\n", Ok("PCMA 8/8 101/101 sendrecv 192.0.2.7:4000 20"));
    check("no digits", "m=audio 4000 RTP/AVP 8\n", Ok("PCMA 8/8 -/- sendrecv 192.0.2.7:4000 20"));
    check(
        "both laws, its first is sent",
        "m=audio 4000 RTP/AVP 18 0 8\n",
        Ok("PCMU 0/0+PCMA 8 -/- sendrecv 192.0.2.7:4000 20"),
    );
    check(
        "all that we offered",
        "m=audio 4000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\n",
        Ok("PCMA 8/8+PCMU 0 101/101 sendrecv 192.0.2.7:4000 20"),
    );
    check(
        "one law under two numbers of its own, and the other",
        "m=audio 4000 RTP/AVP 108 8 0\na=rtpmap:108 PCMA/8000\n",
        Ok("PCMA 108/8+PCMU 0 -/- sendrecv 192.0.2.7:4000 20"),
    );
    check("it only listens", "m=audio 4000 RTP/AVP 8\na=recvonly\n", Ok("PCMA 8/8 -/- sendonly 192.0.2.7:4000 20"));
    check("it only talks", "m=audio 4000 RTP/AVP 8\na=sendonly\n", Ok("PCMA 8/8 -/- recvonly 192.0.2.7:4000 20"));
    check("old hold", "m=audio 4000 RTP/AVP 8\nc=IN IP4 0.0.0.0\n", Ok("PCMA 8/8 -/- recvonly 0.0.0.0:4000 20"));
    check("it declines", "m=audio 0 RTP/AVP 8\n", Err(Refusal::Declined));
    check("it answers something else", "m=video 4000 RTP/AVP 31\n", Err(Refusal::Mismatch));
    check("it answers nothing", "", Err(Refusal::Mismatch));
    check("codecs that nobody offered", "m=audio 4000 RTP/AVP 18\n", Err(Refusal::NoCommonCodec));
    check("encrypted", "m=audio 4000 RTP/SAVP 8\n", Err(Refusal::NoAudio));
    check("a name for an address", "m=audio 4000 RTP/AVP 8\nc=IN IP4 host.example\n", Err(Refusal::NoAddress));
    assert_eq!(accept(&theirs(""), &asked), Err(Refusal::NoAudio));

    let held = offer(&Capabilities { direction: Direction::SendOnly, ..ours() });
    let agreed = accept(&held, &theirs("m=audio 4000 RTP/AVP 8\na=recvonly\n")).expect("an agreement");
    assert_eq!(agreed.direction, Direction::SendOnly);
    let deaf = accept(&held, &theirs("m=audio 4000 RTP/AVP 8\na=inactive\n")).expect("an agreement");
    assert_eq!(deaf.direction, Direction::Inactive);
}

#[test]
fn a_further_offer_keeps_the_lines_and_numbers_of_the_session() {
    let first = theirs("m=video 4002 RTP/AVP 31\nm=audio 4000 RTP/AVP 0 97\na=rtpmap:97 telephone-event/8000\n");
    let (answered, _) = answer(&first, &ours()).expect("an answer");
    let again = reoffer(&Capabilities { version: 2, direction: Direction::SendOnly, ..ours() }, &answered);
    assert_eq!(again.origin.version, "2");
    assert_eq!((again.media.len(), again.media[0].port, again.media[1].port), (2, 0, 20000));
    assert_eq!(again.media[1].formats, ["8", "0", "97"]);
    assert_eq!(again.direction_of(&again.media[1]), Direction::SendOnly);
    // A session whose audio had been refused gets a new line for it.
    let late = reoffer(&ours(), &theirs("m=audio 0 RTP/AVP 0\n"));
    assert_eq!((late.media.len(), late.media[1].port), (2, 20000));
}

#[test]
fn a_further_offer_with_port_0_takes_the_audio_away_for_a_while() {
    let (_, before) = answer(&theirs("m=audio 4000 RTP/AVP 0\n"), &ours()).expect("an answer");
    let check = |what: &str, lines: &str, ports: Option<&[u16]>| {
        let suspended = suspend(&theirs(lines), &ours(), &before);
        let answered = suspended.as_ref().map(|(answer, _)| answer.media.iter().map(|line| line.port).collect::<Vec<_>>());
        assert_eq!(answered.as_deref(), ports, "{what}");
        if let Some((_, agreed)) = suspended {
            assert!(!agreed.direction.sends() && !agreed.direction.receives(), "{what}");
            assert_eq!((agreed.remote, agreed.codec), (before.remote, before.codec.clone()), "{what}");
        }
    };
    check("audio with port 0", "m=audio 0 RTP/AVP 0\n", Some(&[0]));
    check("and video with one", "m=audio 0 RTP/AVP 0\nm=video 4002 RTP/AVP 31\n", Some(&[0, 0]));
    check("another audio", "m=audio 0 RTP/AVP 0\nm=audio 4000 RTP/AVP 0\n", None);
    check("no audio line", "m=video 4002 RTP/AVP 31\n", None);
}

#[test]
fn what_is_a_description_and_what_is_not() {
    for (what, text, why) in [
        ("the least", "v=0\no=- 1 1 IN IP4 192.0.2.7\n", None),
        ("a name for an origin", "v=0\no=- 1 1 IN IP4 host.example.com\ns= \n", None),
        ("unknown lines", "v=0\no=- 1 1 IN IP4 192.0.2.7\ni=x\ny=z\nb=AS:64\nk=clear:x\n", None),
        ("numbers of any length", "v=0\no=- 99999999999999999999999 1 IN IP4 192.0.2.7\n", None),
        (
            "two addresses of a line",
            "v=0\no=- 1 1 IN IP4 192.0.2.7\nm=audio 4/2 RTP/AVP 0\nc=IN IP4 192.0.2.1\nc=IN IP4 192.0.2.2\n",
            None,
        ),
        ("nothing", "", Some("it does not begin with v=0")),
        ("another version", "v=1\no=- 1 1 IN IP4 192.0.2.7\n", Some("it does not begin with v=0")),
        ("no origin", "v=0\ns=-\n", Some("no o= line")),
        ("two origins", "v=0\no=- 1 1 IN IP4 192.0.2.7\no=- 1 1 IN IP4 192.0.2.7\n", Some("two o= lines")),
        ("a short origin", "v=0\no=- 1 IN IP4 192.0.2.7\n", Some("a malformed o= line")),
        ("a family that does not fit", "v=0\no=- 1 1 IN IP6 192.0.2.7\n", Some("a malformed address in o=")),
        ("a line of its own kind", "v=0\no=- 1 1 IN IP4 192.0.2.7\nhello\n", Some("a line without its letter and =")),
        (
            "a blank before the =",
            "v=0\no=- 1 1 IN IP4 192.0.2.7\nm =audio 1 RTP/AVP 0\n",
            Some("a line without its letter and ="),
        ),
        ("a port that is none", "v=0\no=- 1 1 IN IP4 192.0.2.7\nm=audio 70000 RTP/AVP 0\n", Some("a malformed port in m=")),
        ("a signed port", "v=0\no=- 1 1 IN IP4 192.0.2.7\nm=audio +7 RTP/AVP 0\n", Some("a malformed port in m=")),
        ("no formats", "v=0\no=- 1 1 IN IP4 192.0.2.7\nm=audio 7 RTP/AVP\n", Some("an m= line without formats")),
        ("an address that is none", "v=0\no=- 1 1 IN IP4 192.0.2.7\nc=IN IP4 1.2.3.4 5\n", Some("a malformed c= line")),
        ("a NUL", "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=a\0b\n", Some("a control character in a line")),
        ("a nameless attribute", "v=0\no=- 1 1 IN IP4 192.0.2.7\na=:x\n", Some("an attribute without a name")),
    ] {
        assert_eq!(parse(text.as_bytes()).err().map(|unreadable| unreadable.why), why, "{what}");
    }
    let lines = |count: usize| format!("v=0\no=- 1 1 IN IP4 192.0.2.7\n{}", "m=audio 4 RTP/AVP 0\n".repeat(count));
    assert_eq!(parse(lines(8).as_bytes()).expect("eight").media.len(), MAX_MEDIA);
    assert_eq!(parse(lines(9).as_bytes()).expect_err("nine").why, "more than 8 media lines");
    assert_eq!(parse(" ".repeat(MAX_DESCRIPTION + 1).as_bytes()).expect_err("too long").why, "more than 8 KB");
    let latin = parse(b"v=0\no=J\xf6rg 1 1 IN IP4 192.0.2.7\n").expect("it can be read");
    assert_eq!(latin.origin.user, "Jörg");
}

#[test]
fn the_family_of_the_audio_can_be_asked_before_a_port_is_taken() {
    assert_eq!(
        theirs("m=audio 0 RTP/AVP 0\nm=audio 4 RTP/AVP 0\nc=IN IP6 2001:db8::7\n").audio_address(),
        "2001:db8::7".parse().ok()
    );
    assert_eq!(theirs("m=audio 4 RTP/AVP 0\n").audio_address(), Some(IpAddr::from([192, 0, 2, 7])));
    assert_eq!(theirs("m=video 4 RTP/AVP 31\n").audio_address(), None);
}

fn check_fixpoint(bytes: &[u8]) {
    let Ok(description) = parse(bytes) else { return };
    let printed = description.to_bytes();
    // Lines that end in LF alone grow by a byte each.
    if printed.len() <= MAX_DESCRIPTION {
        assert_eq!(parse(&printed).as_ref(), Ok(&description), "{}", String::from_utf8_lossy(&printed));
    }
    if let Ok((answered, _)) = answer(&description, &ours()) {
        assert_eq!(answered.media.len(), description.media.len());
    }
    let _ = accept(&offer(&ours()), &description);
    let _ = reoffer(&ours(), &description);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_fixpoint(&bytes);
    }

    #[test]
    fn mutated_descriptions_never_panic_and_print_what_they_read(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), 0usize..5, prop_oneof![
            proptest::sample::select(&b"\r\n \t:/=0am\0\xff"[..]).prop_map(|byte| vec![byte]),
            Just(b"\r\nm=audio 9 RTP/AVP 0".to_vec()), Just(b"\nc=IN IP6 ::".to_vec()), any::<u8>().prop_map(|byte| vec![byte]),
        ]), 1..6),
    ) {
        let mut bytes = b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\na=sendonly\r\n\
            m=audio 4000 RTP/AVP 8 110 97\r\na=rtpmap:97 telephone-event/8000\r\na=rtpmap:110 PCMU/8000\r\na=ptime:20\r\n\
            m=video 4002 RTP/AVP 31\r\n".to_vec();
        for (place, removed, inserted) in edits {
            let at = place.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, inserted);
        }
        check_fixpoint(&bytes);
    }
}
