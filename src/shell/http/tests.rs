use super::address::Address;
use super::*;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;

/// A server that gives each connection the next answer, after it has read a request. Its port, and what it was asked.
fn server(answers: Vec<Vec<u8>>) -> (u16, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let serve = move || {
        let mut asked = Vec::new();
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else { break };
            let mut request = vec![0; 8192];
            let count = stream.read(&mut request).unwrap_or(0);
            asked.push(String::from_utf8_lossy(&request[..count]).into_owned());
            // Whoever has heard enough hangs up.
            let _ = stream.write_all(&answer);
        }
        asked
    };
    (port, std::thread::spawn(serve))
}

fn web() -> Web {
    let host = WebHost { headers: vec![("X-Key".into(), "secret".into())], ca: None };
    Web::new(Arc::new([("127.0.0.1".to_string(), host)].into()), Fence { lab: true })
}

fn ask(web: &Web, request: &HttpRequest) -> Reply {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(web.ask(request))
}

fn request(port: u16, retries: u32) -> HttpRequest {
    let url = format!("http://127.0.0.1:{port}/balance?id=7");
    HttpRequest { url, body: None, service: None, timeout: Duration::from_millis(1500), retries }
}

#[track_caller]
fn check(answer: impl Into<Vec<u8>>, expected: Result<(u16, serde_json::Value), &str>) {
    let (port, served) = server(vec![answer.into()]);
    let reply = ask(&web(), &request(port, 0));
    served.join().expect("no panic");
    match (reply, expected) {
        (Reply::Http(reply), Ok((status, body))) => assert_eq!((reply.status, reply.body), (status, body)),
        (Reply::Failed(why), Err(part)) => assert!(why.contains(part), "{why}"),
        (reply, expected) => panic!("{reply:?}, expected {expected:?}"),
    }
}

#[test]
fn an_answer_is_read_whatever_its_framing() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}more", Ok((200, json!({"a": 1}))));
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n",
        Ok((200, json!({"a": 1}))),
    );
    check("HTTP/1.0 200 OK\r\n\r\n[1,2]", Ok((200, json!([1, 2]))));
    check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", Ok((201, json!({}))));
    check("HTTP/1.1 204 No Content\r\n\r\n", Ok((204, json!(null))));
    check("HTTP/1.1 200 OK\r\n\r\nnot JSON", Ok((200, json!(null))));
    check("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Ok((404, json!(null))));
    check("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", Ok((302, json!(null))));
}

#[test]
fn a_server_that_lies_or_never_ends_fails() {
    check("", Err("hung up without an answer"));
    check("hello\r\n\r\n", Err("not HTTP"));
    check("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", Err("hung up in the middle"));
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", Err("not HTTP"));
    check("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Err("not HTTP"));
    check("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", Err("not HTTP"));
    check("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", Err("longer than"));
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Err("not HTTP"));
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n", Err("cannot be read"));
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n", Err("longer than"));
    check(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(40_000)), Err("head of its answer is longer"));
    check(format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(exchange::MAX_BODY + 10)), Err("longer than"));
    check("HTTP/1.1 100 Continue\r\n\r\n".repeat(20), Err("only says that it is going to answer"));
}

#[test]
fn a_server_that_says_nothing_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let quick = HttpRequest { timeout: Duration::from_millis(100), ..request(port, 1) };
    assert!(matches!(ask(&web(), &quick), Reply::Failed(why) if why.contains("no answer in time")));
}

/// Each byte comes in time, the answer never.
#[test]
fn a_server_that_answers_a_byte_at_a_time_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        stream.set_read_timeout(Some(std::time::Duration::from_millis(20))).expect("our socket");
        let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".iter().chain(b"7".iter().cycle());
        let mut buffer = [0; 4096];
        // Waiting for more to read is the pace.
        while !matches!(stream.read(&mut buffer), Ok(0)) {
            let byte = bytes.next().copied().unwrap_or(b'7');
            if stream.write_all(&[byte]).is_err() {
                break;
            }
        }
    });
    let began = std::time::Instant::now();
    let patient = HttpRequest { timeout: Duration::from_millis(300), ..request(port, 0) };
    assert!(matches!(ask(&web(), &patient), Reply::Failed(why) if why.contains("no answer in time")));
    assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
    served.join().expect("no panic");
}

#[test]
fn a_server_that_fails_is_asked_again_and_told_what_the_configuration_says() {
    let bad = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec();
    let good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec();
    let (port, served) = server(vec![bad, good]);
    let posted = HttpRequest { body: Some(json!({"id": 7})), ..request(port, 2) };
    assert_eq!(ask(&web(), &posted), Reply::Http(HttpReply { status: 200, body: json!({}) }));
    let asked = served.join().expect("no panic");
    assert_eq!(asked.len(), 2);
    assert!(asked[0].starts_with("POST /balance?id=7 HTTP/1.1\r\nHost: 127.0.0.1:"), "{}", asked[0]);
    assert!(asked[0].contains("\r\nX-Key: secret\r\n"), "{}", asked[0]);
    assert!(asked[0].ends_with("Content-Length: 8\r\n\r\n{\"id\":7}"), "{}", asked[0]);
}

#[test]
fn nobody_is_asked_who_is_not_in_the_configuration_or_not_in_the_lab() {
    let url = |url: &str| HttpRequest { url: url.into(), ..request(1, 0) };
    let failed = |web: &Web, url: &HttpRequest| match ask(web, url) {
        Reply::Failed(why) => why,
        other => panic!("{other:?}"),
    };
    assert!(failed(&web(), &url("http://127.0.0.2/")).contains("may not be asked"));
    let outside = Web::new(Arc::new([("192.0.2.1".to_string(), WebHost::default())].into()), Fence { lab: true });
    assert!(failed(&outside, &url("http://192.0.2.1/")).contains("the lab reaches this machine only"));
}

#[test]
fn a_server_that_is_gone_is_left_alone_after_a_while() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let web = web();
    let tries: Vec<Reply> = (0..6).map(|_| ask(&web, &request(gone, 0))).collect();
    assert!(matches!(&tries[4], Reply::Failed(why) if why.contains("could not connect")), "{tries:?}");
    assert!(matches!(&tries[5], Reply::Failed(why) if why.contains("left alone")), "{tries:?}");
}

#[test]
fn an_address_is_read_or_refused() {
    let read = |url: &str| url.parse::<Address>().map(|a| (a.secure, a.host, a.port, a.path)).ok();
    assert_eq!(read("https://CRM.internal/a?b=c#d"), Some((true, "crm.internal".into(), 443, "/a?b=c".into())));
    assert_eq!(read("http://[::1]:8080"), Some((false, "::1".into(), 8080, "/".into())));
    assert_eq!(read("http://crm?x"), Some((false, "crm".into(), 80, "/?x".into())));
    for wrong in [
        "ftp://a/",
        "http:///x",
        "http://a b/",
        "http://user@crm/",
        "http://a:99999/",
        "http://a/\r\nX: y",
        "http://[::1/",
        "http://a:/",
    ] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

/// One connection over TLS, with the test authority's certificate for `localhost`. Its port.
fn secure_server() -> (u16, std::thread::JoinHandle<bool>) {
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::{ServerConfig, crypto};
    let folder = format!("{}/tests/data/tls", env!("CARGO_MANIFEST_DIR"));
    let certificate = CertificateDer::from_pem_file(format!("{folder}/server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/server.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let serve = async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        listener.set_nonblocking(true).expect("a socket");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
        let (stream, _) = listener.accept().await.expect("somebody comes");
        let Ok(mut stream) = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await else { return false };
        let mut request = vec![0; 4096];
        let count = stream.read(&mut request).await.unwrap_or(0);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue").await;
        let _ = stream.shutdown().await;
        count > 0
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    (port, std::thread::spawn(move || runtime.block_on(serve)))
}

#[test]
fn a_certificate_of_the_hosts_own_authority_is_trusted_and_no_other() {
    let check = |host: &str, ca: Option<String>, expected: Result<serde_json::Value, &str>, asked: bool| {
        let (port, served) = secure_server();
        let hosts: WebHosts = [(host.to_string(), WebHost { headers: Vec::new(), ca })].into();
        let web = Web::new(Arc::new(hosts), Fence { lab: true });
        let url = format!("https://{host}:{port}/");
        let reply = ask(&web, &HttpRequest { url, timeout: Duration::from_secs(5), ..request(port, 0) });
        match (reply, expected) {
            (Reply::Http(reply), Ok(body)) => assert_eq!(reply.body, body),
            (Reply::Failed(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (reply, expected) => panic!("{reply:?}, expected {expected:?}"),
        }
        assert_eq!(served.join().expect("no panic"), asked, "{host}");
    };
    let own = Some(format!("{}/tests/data/tls/ca.pem", env!("CARGO_MANIFEST_DIR")));
    check("localhost", own.clone(), Ok(json!(true)), true);
    // Another name than the certificate's, and an authority that nobody knows.
    check("127.0.0.1", own, Err("no secure connection"), false);
    check("localhost", None, Err("no secure connection"), false);
}
