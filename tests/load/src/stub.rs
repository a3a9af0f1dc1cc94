//! The least that can answer: 200 to INVITE and BYE, nothing kept, nothing checked. What a call costs it is what the machine and
//! its kernel cost anybody, and the measure for those who do more.

use crate::message::{Message, description};
use std::net::{SocketAddrV4, UdpSocket};
use std::process::ExitCode;

/// Answers until it is killed; waits for every datagram by itself, as a plain program does.
pub fn run(address: SocketAddrV4) -> ExitCode {
    let socket = match UdpSocket::bind(address) {
        Ok(socket) => socket,
        Err(error) => {
            eprintln!("could not listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let media = SocketAddrV4::new(*address.ip(), 40_000);
    let mut buffer = [0; 4096];
    loop {
        let answered = socket.recv_from(&mut buffer).map(|(length, from)| (answer(&buffer[..length], address, media), from));
        if let Ok((Some(response), from)) = answered {
            // A lost one is a lost one.
            let _ = socket.send_to(response.as_bytes(), from);
        }
    }
}

fn answer(request: &[u8], own: SocketAddrV4, media: SocketAddrV4) -> Option<String> {
    let request = Message::read(request)?;
    if request.status().is_some() || request.method == "ACK" {
        return None;
    }
    let vias: String = request.vias.iter().map(|via| format!("Via: {via}\r\n")).collect();
    let tag = if request.to.contains(";tag=") { "" } else { ";tag=stub" };
    let (kind, body) = match request.method {
        "INVITE" => ("Content-Type: application/sdp\r\n", description(media, 1)),
        _ => ("", String::new()),
    };
    Some(format!(
        "SIP/2.0 200 OK\r\n{vias}From: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {} {}\r\nContact: <sip:{own}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        request.from,
        request.to,
        request.call_id,
        request.cseq,
        request.method,
        body.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_is_answered_and_an_ack_is_not() {
        let own = "127.0.0.1:5060".parse().expect("an address");
        let said = |text: &str| answer(text.as_bytes(), own, own);
        let invite = "INVITE sip:101@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:101@x>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\r\n";
        let response = said(invite).expect("an answer");
        let read = Message::read(response.as_bytes()).expect("a message");
        assert_eq!((read.status(), read.cseq, read.to, read.vias.len()), (Some(200), 7, "<sip:101@x>;tag=stub", 1));
        assert!(read.body.starts_with("v=0\r\n"));
        assert_eq!(said(&invite.replace("INVITE", "ACK")), None);
    }
}
