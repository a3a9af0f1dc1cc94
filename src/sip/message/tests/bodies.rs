//! What a body is to a call: a description, nothing, or something that we would have to understand.

use super::*;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\n";

#[track_caller]
fn check(fields: &str, body: &str, expected: Body<'_>) {
    let bytes = format!(
        "{}{fields}Content-Length: {}\r\n\r\n{body}",
        &INVITE[..INVITE.find("Content-Type").expect("there")],
        body.len()
    );
    let invite = request(bytes);
    assert_eq!(Body::of(&invite.headers, &invite.body), expected, "{fields}{body}");
}

#[test]
fn a_description_is_found_alone_or_among_other_parts() {
    let sdp = Body::Sdp(SDP.as_bytes());
    check("", "", Body::Nothing);
    check("Content-Type: application/sdp\r\n", SDP, sdp);
    check("c: Application / SDP;charset=utf-8\r\n", SDP, Body::Foreign);
    check("c: Application/SDP;charset=utf-8\r\nContent-Encoding: identity\r\n", SDP, sdp);
    check("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", SDP, Body::Foreign);
    check("", SDP, Body::Foreign);
    check("Content-Type: text/plain\r\n", "hello", Body::Foreign);
    check("Content-Type: text/plain\r\nContent-Disposition: render ; handling=Optional\r\n", "hello", Body::Nothing);

    let mixed = "Content-Type: multipart/mixed;boundary=\"=_1\"\r\n";
    let isup =
        "Content-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\u{1}\u{11}\n";
    let part = format!("Content-Type: application/sdp\r\n\r\n{SDP}");
    check(mixed, &format!("--=_1\r\n{part}\r\n--=_1\r\n{isup}\r\n--=_1--\r\n"), sdp);
    check(mixed, &format!("\r\nnobody reads this\r\n--=_1  \r\n{isup}\r\n--=_1\r\n{part}\r\n--=_1--"), sdp);
    check(mixed, &format!("--=_1\n{}\n--=_1--\n", part.replace("\r\n\r\n", "\n\n")), sdp);
    // What is behind the end, or is never begun, is not there.
    check(mixed, &format!("--=_1\r\n{isup}\r\n--=_1--\r\n--=_1\r\n{part}\r\n--=_1--\r\n"), Body::Nothing);
    check(mixed, &format!("--=_1\r\n\r\nplain text\r\n--=_1\r\n{isup}\r\n--=_1--\r\n"), Body::Foreign);
    check(mixed, "no boundary at all", Body::Nothing);
    check("Content-Type: multipart/mixed\r\n", &part, Body::Foreign);
    // However many parts somebody sends.
    let many = "--=_1\r\n\r\n\r\n".repeat(40);
    check(mixed, &format!("{many}--=_1\r\n{part}\r\n--=_1--\r\n"), Body::Foreign);
}
