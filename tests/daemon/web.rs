//! A web service for flows to ask.
//!
//! Invariant: it answers one request, and keeps what it was asked.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

/// The port of a service that answers once, with this JSON; and the request that it got.
pub fn answers_once(body: &'static str) -> (u16, JoinHandle<String>) {
    let service = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = service.local_addr().expect("bound").port();
    let asked = thread::spawn(move || {
        let (mut stream, _) = service.accept().expect("somebody asks");
        let mut request = vec![0; 4096];
        let count = stream.read(&mut request).expect("a request");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).expect("an answer");
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    (port, asked)
}
