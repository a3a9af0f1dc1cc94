//! URIs and names: their parts, what they are equal to, how they are written.

use super::*;

#[track_caller]
fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

#[test]
fn the_parts_of_a_sip_uri() {
    let whole = uri("sips:anna%20k:secret@[2001:db8::10]:5061;transport=TCP;lr;maddr=192.0.2.1?Subject=x&Route=y");
    assert_eq!(whole.scheme(), Scheme::Sips);
    assert_eq!((&*whole.user(), whole.raw_user(), whole.password()), ("anna k", Some("anna%20k"), Some("secret")));
    assert_eq!(whole.host_port(), ("2001:db8::10", Some(5061)));
    assert_eq!(whole.ip(), "2001:db8::10".parse().ok());
    assert_eq!((whole.transport().as_deref(), whole.param("LR"), whole.param("x")), (Some("tcp"), Some(""), None));
    assert_eq!(whole.headers(), Some("Subject=x&Route=y"));
    assert_eq!(whole.bare().as_str(), "sips:anna%20k:secret@[2001:db8::10]:5061");
    assert_eq!(uri("sip:b.example?a=b").bare().as_str(), "sip:b.example");

    let short = uri("sip:b.example");
    assert_eq!((&*short.user(), short.host_port(), short.headers()), ("", ("b.example", None), None));
    assert_eq!(short.ip(), None);

    let tel = uri("tel:+48-22-123;phone-context=pl");
    assert_eq!(
        (tel.scheme(), &*tel.user(), tel.host(), tel.param("phone-context")),
        (Scheme::Tel, "+48-22-123", "", Some("pl"))
    );
    assert_eq!(uri("mailto:a@b").scheme(), Scheme::Other);
}

#[test]
fn a_subscriber_is_the_user_without_what_stands_behind_the_number() {
    for (text, subscriber) in [
        ("sip:101;phone-context=x@192.0.2.1;user=phone", "101"),
        ("sip:%2b48;ext=1@192.0.2.1", "+48"),
        ("sip:anna@192.0.2.1", "anna"),
        ("sip:192.0.2.1", ""),
    ] {
        assert_eq!(uri(text).subscriber(), subscriber, "{text}");
    }
}

#[test]
fn what_is_a_uri_and_what_is_not() {
    for good in [
        "sip:*21#@b.example",
        "SIP:a@B.example",
        "sip:a@b_c.example",
        "sip:a@b.example.",
        "sip:%00@b.example",
        "sip:łucja@b.example",
        "sip:a:@b.example",
        "sip:a;b?c/d@b.example",
        // RFC 5118 sections 4.1, 4.3, 4.4, 4.9, 4.10.
        "sip:[2001:db8::10]",
        "sip:[2001:db8::10:5070]",
        "sip:[2001:db8::10]:5070",
        "sip:a@[::ffff:192.0.2.10]",
        "sip:a@[2001:db8:::192.0.2.1]",
        "tel:*100",
        "soap.beep://192.0.2.103:3002",
    ] {
        assert_eq!(uri(good).as_str(), good);
    }
    for bad in [
        "",
        "sip",
        "sip:",
        ":a@b",
        "1sip:a@b.example",
        "sip:@b.example",
        "sip:a@",
        "sip:a@b@c",
        "sip:a%4@b.example",
        "sip:a@b c",
        "sip:a@b\u{7f}",
        "<sip:a@b>",
        // RFC 5118 section 4.2.
        "sip:2001:db8::10",
        "sip:a@[2001:db8::10",
        "sip:a@[2001:db8::10]x",
        "sip:a@[192.0.2.1]",
        "sip:a@192.0.2.999",
        "sip:a@192.0.2",
        "sip:a@b.example:",
        "sip:a@b.example:0",
        "sip:a@b.example:65536",
        "sip:a@b.example:5060x",
        "sip:a@b.example;",
        "sip:a@b.example;;lr",
        "sip:a@b.example;=x",
        "sip:a@b.example?",
        "tel:",
        "tel:+",
        "tel:abc xyz",
        "tel:anna",
    ] {
        assert!(Uri::parse(bad).is_err(), "{bad}");
    }
    assert!(Uri::parse(b"sip:\xff@b.example").is_err());
    assert!(Uri::parse(format!("sip:{}@b.example", "a".repeat(MAX_URI))).is_err());
}

#[test]
fn addresses_of_our_own_are_written_so_that_they_read_back() {
    assert_eq!(Uri::sip("100", "192.0.2.1", Some(5060)).as_str(), "sip:100@192.0.2.1:5060");
    assert_eq!(Uri::sip("", "pbx.example", None).as_str(), "sip:pbx.example");
    assert_eq!(Uri::sip("a b@c#\0ż", "2001:db8::1", None).as_str(), "sip:a%20b%40c%23%00%C5%BC@[2001:db8::1]");
    assert_eq!(Uri::sip("a b@c#\0ż", "[2001:db8::1]", None).user(), "a b@c#\0ż");
    assert_eq!(Uri::sip("x", "evil\r\nVia: y", None).as_str(), "sip:x@evilViay");
    assert_eq!(Uri::sip("x", "", None), Uri::invalid());
    assert_eq!(Uri::parse(Uri::invalid().as_str()), Ok(Uri::invalid()));
    assert_eq!(uri("sip:a@b?x=y").with_param("transport", "tcp").with_param("lr", "").as_str(), "sip:a@b;transport=tcp;lr?x=y");
    assert_eq!(uri("sip:a@b").with_param("x", "\r\n").as_str(), "sip:a@b");
    assert_eq!(uri("tel:1").with_param("x", "y").as_str(), "tel:1");
}

/// The examples of RFC 3261 section 19.1.4, and some of ours.
#[test]
fn which_addresses_mean_the_same() {
    for (one, other, same) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            true,
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            true,
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com", false),
        ("sip:a%3Bb@b.example", "sip:a;b@b.example", false),
        ("sip:a%3bb@b.example", "sip:a%3Bb@b.example", true),
        ("sip:%00@b.example", "sip:%00%00@b.example", false),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]", true),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]", false),
        ("sip:a:x@b.example", "sip:a@b.example", false),
        ("sip:a@b.example", "sip:b.example", false),
        ("tel:+48-22-123", "tel:+4822123", true),
        ("tel:123;phone-context=pl", "tel:123", false),
        ("urn:a", "urn:a", true),
        ("urn:a", "urn:A", false),
    ] {
        let (one, other) = (uri(one), uri(other));
        assert_eq!(one.same_as(&other), same, "{one} and {other}");
        assert_eq!(other.same_as(&one), same, "{other} and {one}");
    }
}

#[test]
fn display_names_come_out_as_text_whatever_they_were_written_in() {
    for (value, display) in [
        (&b"\"Anna \\\"K\\\"\" <sip:a@b>"[..], "Anna \"K\""),
        (b"\"\xc5\x81ucja\" <sip:a@b>", "Łucja"),
        (b"\"J\xf6rg\" <sip:a@b>", "Jörg"),
        (b"J\xf6rg  M <sip:a@b>", "Jörg  M"),
        (b"Kowalska, Anna <sip:a@b>", "Kowalska, Anna"),
        (b"\"\" <sip:a@b>", ""),
        (b"sip:a@b", ""),
    ] {
        let address = NameAddr::parse(value).expect("an address");
        assert_eq!((address.display.as_str(), address.uri.as_str()), (display, "sip:a@b"));
        assert_eq!(NameAddr::parse(address.to_string()).as_ref(), Ok(&address));
    }
}

#[test]
fn parameters_are_found_set_and_left_out() {
    let mut contact = NameAddr::parse("<sip:a@b>;Expires=60;q=0.7;+sip.instance=\"<urn:x;y>\";flag").expect("a contact");
    assert_eq!((contact.expires(), contact.q()), (Some(60), 700));
    assert_eq!(contact.params.get("+SIP.instance"), Some("<urn:x;y>"));
    assert!(contact.params.has("flag"));
    contact.params.set("expires", "30");
    contact.params.remove("q");
    assert_eq!(contact.to_string(), "<sip:a@b>;+sip.instance=\"<urn:x;y>\";flag;expires=30");
    contact.params.set("note", "two words");
    assert_eq!(NameAddr::parse(contact.to_string()), Ok(contact));
    for (value, expires) in [("99999999999999999999", Some(u32::MAX)), ("-1", None), ("x", None)] {
        let contact = NameAddr::parse(format!("<sip:a@b>;expires={value}")).expect("a contact");
        assert_eq!(contact.expires(), expires, "{value}");
    }
    for (q, thousandths) in [("1", 1000), ("0.33", 330), ("0", 0), ("1.5", 1000), ("2", 1000), ("x", 1000), ("0.0001", 1000)] {
        assert_eq!(NameAddr::parse(format!("<sip:a@b>;q={q}")).expect("a contact").q(), thousandths, "{q}");
    }
}

#[test]
fn a_via_is_marked_with_where_the_request_came_from() {
    for (via, source, marked) in [
        ("SIP/2.0/UDP 192.0.2.7:5060;branch=z", "192.0.2.7:5060", "SIP/2.0/UDP 192.0.2.7:5060;branch=z"),
        ("SIP/2.0/UDP 192.0.2.7;branch=z", "192.0.2.8:1", "SIP/2.0/UDP 192.0.2.7;branch=z;received=192.0.2.8"),
        ("SIP/2.0/UDP a.example", "192.0.2.8:1", "SIP/2.0/UDP a.example;received=192.0.2.8"),
        ("SIP/2.0/UDP 192.0.2.7;rport;branch=z", "192.0.2.7:99", "SIP/2.0/UDP 192.0.2.7;branch=z;rport=99;received=192.0.2.7"),
        ("SIP/2.0/UDP 192.0.2.7;received=192.0.2.66", "192.0.2.7:1", "SIP/2.0/UDP 192.0.2.7"),
        ("SIP/2.0/UDP 192.0.2.7;rport=1", "192.0.2.7:2", "SIP/2.0/UDP 192.0.2.7;rport=2;received=192.0.2.7"),
        ("SIP/2.0/UDP [2001:DB8::9]", "[2001:db8::9]:5060", "SIP/2.0/UDP [2001:DB8::9]"),
        ("SIP/2.0/UDP 192.0.2.7", "[::ffff:192.0.2.7]:5060", "SIP/2.0/UDP 192.0.2.7"),
        ("SIP/2.0/UDP [2001:db8::9]", "[2001:db8::a]:5060", "SIP/2.0/UDP [2001:db8::9];received=2001:db8::a"),
    ] {
        let mut read = Via::parse(via).expect("a Via");
        read.received_from(source.parse().expect("an address"));
        assert_eq!(read.to_string(), marked);
    }
    // RFC 5118 section 4.5: with and without brackets.
    for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
        let via = Via::parse(format!("SIP/2.0/UDP [2001:db8::9:1];received={received}")).expect("a Via");
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
    }
    let ours = Via::new("UDP", "[2001:db8::1]:5060".parse().expect("an address"), "z9hG4bKx");
    assert_eq!(ours.to_string(), "SIP/2.0/UDP [2001:db8::1]:5060;rport;branch=z9hG4bKx");
    assert_eq!((ours.rport(), ours.is_3261()), (Some(None), true));
}

#[test]
fn challenges_and_credentials_are_read_and_written() {
    let challenge =
        Challenge::parse("Digest realm=\"pbx, \\\"main\\\"\", NONCE=\"x=\",qop=\"auth\" , algorithm=SHA-256, stale=true")
            .expect("one");
    assert!(challenge.is_digest());
    assert_eq!(
        (challenge.get("realm"), challenge.get("nonce"), challenge.get("stale")),
        (Some("pbx, \"main\""), Some("x="), Some("true"))
    );
    assert_eq!(
        challenge.to_string(),
        "Digest realm=\"pbx, \\\"main\\\"\", nonce=\"x=\", qop=\"auth\", algorithm=SHA-256, stale=true"
    );
    let credentials =
        Credentials::new("Digest").with("username", "1001").with("uri", "sip:a@b").with("nc", "00000001").with("qop", "auth");
    assert_eq!(credentials.to_string(), "Digest username=\"1001\", uri=\"sip:a@b\", nc=00000001, qop=auth");
    assert_eq!(Credentials::parse(credentials.to_string()), Some(credentials));
    for bad in ["", "Digest realm", "Digest realm=", "Digest realm=\"x", "Digest a=1 b=2", "Digest a=1, A=2", "Digest ,"] {
        assert_eq!(Credentials::parse(bad), None, "{bad}");
    }
    assert_eq!(Credentials::parse("Digest"), Some(Credentials::new("Digest")));
}
