//! The tokio thread with real sockets: peers on loopback, a client at the control socket.

use super::super::listeners;
use super::super::store::Diary;
use super::super::sys::epoll::Epoll;
use super::*;
use crate::ask::Question;
use crate::control::Status;
use crate::id::AskId;
use crate::sip::{Listener, Transport};
use crate::time::{Moment, Wall};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

struct Bench {
    reactor: Reactor,
    listener: SocketAddr,
    folder: PathBuf,
    diary: Diary,
}

const PATIENCE: Duration = Duration::from_secs(5);

impl Bench {
    fn new(name: &str) -> Bench {
        let folder = std::env::temp_dir().join(format!("centrala-reactor-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let database = folder.join("centrala.db");
        let (diary, _) = Diary::open(&database, Duration::from_millis(100), 1, Wall::default()).expect("a new database");
        let address = "127.0.0.1:0".parse().expect("an address");
        let bound = listeners::bind(&[Listener { address, transport: Transport::Tcp, algorithms: Vec::new() }]);
        let bound = bound.expect("a free port");
        let settings = ReactorSettings {
            listeners: bound.tcp,
            control_socket: folder.join("control.sock"),
            outbox: diary.outbox(&database),
            webhooks: Arc::default(),
            plan: Arc::default(),
            database,
            settled: diary.settled(),
            fence: Fence { lab: true },
            web: Arc::new(Web::new(Arc::default(), Fence { lab: true })),
            max_connections: MAX_CONNECTIONS,
        };
        let reactor = Reactor::start(settings).expect("a thread");
        Bench { reactor, listener: bound.listeners[0].address, folder, diary }
    }

    /// The next news, waited for.
    fn news(&mut self) -> News {
        let mut epoll = Epoll::new().expect("an epoll");
        epoll.add(self.reactor.fd(), 0).expect("a descriptor of ours");
        let mut news = Vec::new();
        while !self.reactor.drain(1, &mut news) {
            if let Some(news) = news.pop() {
                return news;
            }
            assert_eq!(epoll.wait(Some(PATIENCE)).expect("a wait").count(), 1, "no news came");
        }
        news.pop().expect("there was one")
    }

    fn peer(&self) -> TcpStream {
        let peer = TcpStream::connect(self.listener).expect("it listens");
        peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        peer
    }

    fn client(&self) -> BufReader<UnixStream> {
        let client = UnixStream::connect(self.folder.join("control.sock")).expect("it listens");
        client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        BufReader::new(client)
    }

    fn end(self) {
        self.reactor.stop();
        self.diary.stop();
        assert!(!self.folder.join("control.sock").exists());
        std::fs::remove_dir_all(&self.folder).expect("ours");
    }
}

fn ask(client: &mut BufReader<UnixStream>, line: &str) {
    client.get_mut().write_all(format!("{line}\n").as_bytes()).expect("it listens");
}

fn answer(client: &mut BufReader<UnixStream>) -> Response {
    let mut line = String::new();
    client.read_line(&mut line).expect("an answer");
    serde_json::from_str(&line).unwrap_or_else(|fault| panic!("{fault}: {line:?}"))
}

const OPTIONS: &str = "OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_message_comes_in_and_its_answer_goes_back_over_the_same_connection() {
    let mut bench = Bench::new("answer");
    let mut peer = bench.peer();
    // In two pieces, with the keep-alive that some phones send first.
    peer.write_all(&OPTIONS.as_bytes()[..9]).expect("connected");
    peer.flush().expect("connected");
    peer.write_all(&OPTIONS.as_bytes()[9..]).expect("connected");
    let News::Sip(Input::Received { path, bytes }) = bench.news() else { panic!("something else") };
    assert_eq!(bytes, OPTIONS.as_bytes());
    assert_eq!((path.transport, path.local), (Transport::Tcp, bench.listener));
    assert_eq!(path.remote, peer.local_addr().expect("connected"));
    bench.reactor.send(path, b"SIP/2.0 200 OK\r\n\r\n".to_vec()).expect("room");
    bench.reactor.close(path.connection.expect("a stream"));
    let mut text = String::new();
    peer.read_to_string(&mut text).expect("the answer, then the end");
    assert_eq!(text, "SIP/2.0 200 OK\r\n\r\n");
    let News::Sip(Input::Disconnected { connection }) = bench.news() else { panic!("something else") };
    assert_eq!(Some(connection), path.connection);
    bench.end();
}

#[test]
fn without_a_connection_one_is_opened_and_then_used_again() {
    let mut bench = Bench::new("connect");
    let phone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let remote = phone.local_addr().expect("bound");
    let path = Path { transport: Transport::Tcp, local: bench.listener, remote, connection: None };
    bench.reactor.send(path, b"one ".to_vec()).expect("room");
    bench.reactor.send(path, b"two ".to_vec()).expect("room");
    let (mut stream, _) = phone.accept().expect("the exchange connects");
    stream.write_all(OPTIONS.as_bytes()).expect("connected");
    let News::Sip(Input::Received { path: back, .. }) = bench.news() else { panic!("something else") };
    assert_eq!((back.local, back.remote), (path.local, path.remote));
    bench.reactor.send(path, b"three".to_vec()).expect("room");
    let mut text = [0; 13];
    stream.read_exact(&mut text).expect("three messages");
    assert_eq!(&text, b"one two three");
    drop(phone);
    drop(stream);
    assert!(matches!(bench.news(), News::Sip(Input::Disconnected { .. })));
    bench.reactor.send(path, b"four".to_vec()).expect("room");
    let News::Sip(Input::Unreachable { path: told }) = bench.news() else { panic!("something else") };
    assert_eq!(told, path);
    bench.end();
}

#[test]
fn the_lab_connects_to_nobody_and_asks_nobody() {
    let mut bench = Bench::new("lab");
    let remote = "192.0.2.1:5060".parse().expect("an address");
    let path = Path { transport: Transport::Tcp, local: bench.listener, remote, connection: None };
    bench.reactor.send(path, vec![1]).expect("room");
    assert!(matches!(bench.news(), News::Sip(Input::Unreachable { path: told }) if told == path));
    let mut check = |host: &str, expected: Reply| {
        let question = Question::Resolve { host: host.into() };
        let ask = Ask { id: AskId(7), question, deadline: Moment::ZERO };
        assert_eq!(bench.reactor.ask(ask, PATIENCE), None, "there is room");
        let News::Answer(answer) = bench.news() else { panic!("something else") };
        assert_eq!(answer, Answer { id: AskId(7), reply: expected });
    };
    check("sip.example.com", Reply::Failed("the lab asks nobody".into()));
    check("127.0.0.9", Reply::Addresses(vec!["127.0.0.9".parse().expect("an address")]));
    bench.end();
}

#[test]
fn a_source_that_proves_nothing_holds_fifty_connections() {
    let mut bench = Bench::new("limit");
    let mut peers: Vec<TcpStream> = (0..conductor::MAX_UNKNOWN).map(|_| bench.peer()).collect();
    let mut refused = bench.peer();
    assert_eq!(refused.read(&mut [0; 1]).unwrap_or(0), 0, "closed");
    // One of them is known from here on, and makes room.
    peers[0].write_all(OPTIONS.as_bytes()).expect("connected");
    let News::Sip(Input::Received { path, .. }) = bench.news() else { panic!("something else") };
    bench.reactor.send(path, b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n".to_vec()).expect("room");
    assert_ne!(peers[0].read(&mut [0; 64]).expect("the answer"), 0);
    let mut next = bench.peer();
    next.write_all(OPTIONS.as_bytes()).expect("connected");
    assert!(matches!(bench.news(), News::Sip(Input::Received { .. })));
    drop((peers, next));
    bench.end();
}

#[test]
fn an_operator_asks_line_by_line_and_is_answered_in_order() {
    let mut bench = Bench::new("control");
    let mut client = bench.client();
    ask(&mut client, "\"status\"\n\"calls\"");
    let News::Request { reply, request } = bench.news() else { panic!("something else") };
    assert_eq!(request, Request::Status);
    bench.reactor.reply(reply, Response::Status(Status { calls: 3, ..Status::default() }));
    assert!(matches!(answer(&mut client), Response::Status(Status { calls: 3, .. })));
    let News::Request { reply, request } = bench.news() else { panic!("something else") };
    assert_eq!(request, Request::Calls);
    bench.reactor.reply(reply, Response::Calls(Vec::new()));
    assert_eq!(answer(&mut client), Response::Calls(Vec::new()));
    ask(&mut client, r#"{"cdr":{"limit":5,"reference":null}}"#);
    assert_eq!(answer(&mut client), Response::Cdr(Vec::new()), "answered without the exchange");
    bench.end();
}

#[test]
fn nonsense_at_the_control_socket_is_refused_and_bounded() {
    let bench = Bench::new("nonsense");
    let mut client = bench.client();
    ask(&mut client, "{\"reboot\": true}");
    let Response::Failed(why) = answer(&mut client) else { panic!("obeyed") };
    assert!(why.starts_with("not a request: unknown variant `reboot`"), "{why}");
    let _ = client.get_mut().write_all(&vec![b'x'; crate::control::MAX_REQUEST]);
    assert!(matches!(answer(&mut client), Response::Failed(_)));
    // The rest was never read, so the connection may end with a reset.
    assert_eq!(client.read_line(&mut String::new()).unwrap_or(0), 0, "closed");
    bench.end();
}

#[test]
fn a_second_daemon_does_not_take_the_socket_of_a_living_one() {
    let bench = Bench::new("second");
    let fault = control::bind(&bench.folder.join("control.sock")).err().expect("refused");
    assert_eq!(fault.to_string(), "another centrala uses this data folder");
    bench.end();
}
