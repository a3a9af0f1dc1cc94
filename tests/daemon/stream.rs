//! TCP is a stream: two messages in one segment, one message in many, and what must close it.

use crate::endings::{answered, hang_up};
use crate::exchange::Exchange;
use crate::line::{Call, Line};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

/// SIG-11.
#[test]
fn two_messages_in_one_segment_are_two_messages() {
    let exchange = Exchange::lab("two-in-one");
    let mut line = Line::tcp("127.0.0.2", exchange.sip);
    let mut first = Call::new(&line, "48221230000", "100", exchange.sip);
    let mut second = Call::new(&line, "48221230001", "100", exchange.sip);
    line.send(first.options() + &second.options());
    let ids = [(); 2].map(|()| {
        let answer = line.expect(SOON, |message| message.answers("OPTIONS")).expect("an answer to each");
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.header("Call-ID").unwrap_or_default().to_owned()
    });
    assert_eq!(ids, [first.id.clone(), second.id.clone()]);
    // An ACK and a BYE in one segment end a call.
    line.send(first.invite(None));
    let answer = line.expect(SOON, |message| message.answers("INVITE")).expect("an answer");
    let both = first.ack(&answer) + &first.bye();
    line.send(both);
    let answer = line.expect(SOON, |message| message.answers("BYE")).expect("an answer");
    assert_eq!(answer.status(), 200, "{answer:?}");
    exchange.becomes_quiet(Duration::from_secs(10), false);
}

/// SIG-11.
#[test]
fn a_message_that_comes_byte_by_byte_is_one_message() {
    let exchange = Exchange::lab("bytewise");
    let mut line = Line::tcp("127.0.0.2", exchange.sip);
    let mut call = Call::new(&line, "48221230000", "100", exchange.sip);
    // Keep-alives before it (RFC 5626 section 3.5.1) belong to no message.
    line.send("\r\n\r\n");
    for byte in call.invite(None).into_bytes() {
        line.send([byte]);
    }
    let answer = line.expect(SOON, |message| message.answers("INVITE")).expect("an answer");
    assert_eq!(answer.status(), 200, "{answer:?}");
    line.send(call.ack(&answer));
    hang_up(&mut line, &mut call);
}

#[test]
fn a_stream_whose_framing_is_lost_is_answered_and_closed() {
    let exchange = Exchange::lab("framing");
    for (what, length) in [
        ("a negative length", "Content-Length: -1\r\n"),
        ("no length", ""),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n"),
    ] {
        let mut line = Line::tcp("127.0.0.2", exchange.sip);
        let mut call = Call::new(&line, "48221230000", "100", exchange.sip);
        line.send(call.options().replace("Content-Length: 0\r\n", length));
        let answer = line.expect(SOON, |message| message.answers("OPTIONS")).unwrap_or_else(|| panic!("no answer to {what}"));
        assert_eq!(answer.status(), 400, "{what}: {answer:?}");
        assert!(line.closes(SOON), "{what} left the stream open");
    }
    // Somebody else's broken stream is nobody's trouble.
    let mut line = Line::tcp("127.0.0.2", exchange.sip);
    let mut call = answered(&mut line, &exchange, "101");
    let mut broken = Line::tcp("127.0.0.2", exchange.sip);
    broken.send("INVITE nonsense\r\n\r\n");
    assert!(broken.closes(SOON));
    hang_up(&mut line, &mut call);
}

/// How often the last request of a flood is said, within `SOON`.
const TRIES: u32 = 5;

#[test]
fn malformed_datagrams_get_400_or_silence_and_never_a_panic() {
    let exchange = Exchange::lab("malformed");
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let good = Call::new(&line, "48221230000", "100", exchange.sip).options();
    let silent: [&[u8]; 7] = [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"hello",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE sip:100@x SIP/2.0\r\n\r\n",
        &[0xff; 65_000],
    ];
    for bytes in silent {
        line.send(bytes);
    }
    for cut in 0..good.len() {
        line.send(&good[..cut]);
    }
    line.send(good.replace("Via: ", "Via: ,"));
    line.send(good.replace("CSeq: 1", "CSeq: 99999999999"));
    // The last word is a whole request; everything that was answered before it was answered with a refusal.
    let mut last = Call::new(&line, "48221230000", "100", exchange.sip);
    // Said again like any request over UDP: after such a flood a socket may have had no room for it.
    let options = last.options();
    let answer = (0..TRIES).find_map(|_| {
        line.send(&options);
        line.expect(SOON / TRIES, |message| {
            let last = message.header("Call-ID") == Some(&last.id);
            assert!(last || (400..600).contains(&message.status()), "{message:?}");
            last
        })
    });
    assert_eq!(answer.expect("still there").status(), 200);
    assert_eq!(exchange.status()["panics_contained"], 0, "{}", exchange.log());
}
