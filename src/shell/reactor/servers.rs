//! Where a domain's SIP is served: its SRV records, asked of the system's name servers, else the host's own addresses (RFC 2782,
//! RFC 3263 section 4.2).
//!
//! Invariant: an answer is believed only from the server that was asked, to the question that was put.

use super::super::fence::Fence;
use super::super::sys::clock;
use crate::ask::{Reply, Server};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;

/// SIP over UDP, the only transport that we speak to providers by.
const SERVICE: &str = "_sip._udp";
const PORT: u16 = 5060;
/// Records of one answer that are followed, those of the lowest priority first.
const MAX_RECORDS: usize = 8;
/// Name servers that are asked, one after the other, as resolv.conf(5) has it; and how long each is waited for.
const MAX_NAME_SERVERS: usize = 3;
const ATTEMPT: Duration = Duration::from_secs(1);
/// The longest message over UDP that is asked for (RFC 1035 section 4.2.1).
const DATAGRAM: usize = 512;

/// What an SRV record says.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Record {
    priority: u16,
    weight: u16,
    port: u16,
    /// Empty: the service is decidedly not there (RFC 2782, "Target").
    target: String,
}

/// The servers of a domain.
pub async fn servers(host: &str, fence: Fence, turns: &Semaphore) -> Reply {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Reply::Servers(vec![Server { priority: 0, weight: 0, address: SocketAddr::new(address, PORT) }]);
    }
    if fence.lab {
        return Reply::Failed("the lab asks nobody".into());
    }
    let Ok(_turn) = turns.acquire().await else {
        return Reply::Failed("the exchange is stopping".into());
    };
    let written = tokio::fs::read_to_string("/etc/resolv.conf").await.unwrap_or_default();
    found(host, &name_servers(&written)).await
}

async fn found(host: &str, name_servers: &[SocketAddr]) -> Reply {
    let records = records(host, name_servers).await;
    if records.is_empty() {
        return of_host(host).await;
    }
    let mut servers = Vec::new();
    for Record { priority, weight, port, target } in records.into_iter().filter(|record| !record.target.is_empty()) {
        // A target that is not found is one server less.
        let Ok(addresses) = tokio::net::lookup_host((target, port)).await else { continue };
        servers.extend(addresses.map(|address| Server { priority, weight, address }));
    }
    if servers.is_empty() { Reply::Failed("the domain's servers have no address".into()) } else { Reply::Servers(servers) }
}

/// No records: the host itself is the server.
async fn of_host(host: &str) -> Reply {
    match tokio::net::lookup_host((host, PORT)).await {
        Ok(addresses) => Reply::Servers(addresses.map(|address| Server { priority: 0, weight: 0, address }).collect()),
        Err(fault) => Reply::Failed(fault.to_string()),
    }
}

/// The name servers of resolv.conf(5); without any, the one of this host.
fn name_servers(written: &str) -> Vec<SocketAddr> {
    let named = written.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = named.filter_map(|rest| rest.trim().parse::<IpAddr>().ok());
    let servers: Vec<_> = addresses.take(MAX_NAME_SERVERS).map(|address| SocketAddr::new(address, 53)).collect();
    if servers.is_empty() { vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 53))] } else { servers }
}

/// The records of the first name server that answers, the lowest priority first; none when none does.
async fn records(host: &str, name_servers: &[SocketAddr]) -> Vec<Record> {
    for server in name_servers {
        match ask(host, *server).await {
            Ok(records) => return records,
            Err(fault) => tracing::debug!(%server, %fault, "a name server has not answered"),
        }
    }
    Vec::new()
}

async fn ask(host: &str, server: SocketAddr) -> io::Result<Vec<Record>> {
    let [low, high, ..] = clock::entropy()?;
    let id = u16::from_be_bytes([high, low]);
    let service = format!("{SERVICE}.{host}");
    let query = question(id, &service).ok_or_else(|| wrong("no such name can be asked for"))?;
    let said = in_time(over_udp(&query, server)).await?;
    match read(&said, id, &service)? {
        Said::Records(records) => Ok(records),
        Said::TooLong => match read(&in_time(over_tcp(&query, server)).await?, id, &service)? {
            Said::Records(records) => Ok(records),
            Said::TooLong => Err(wrong("an answer is cut off over TCP as well")),
        },
    }
}

async fn in_time(asking: impl Future<Output = io::Result<Vec<u8>>>) -> io::Result<Vec<u8>> {
    tokio::time::timeout(ATTEMPT, asking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn question(id: u16, service: &str) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(service).ok()?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().ok()
}

async fn over_udp(query: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // Connected: the kernel lets nobody else answer.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut said = vec![0; DATAGRAM];
    let length = socket.recv(&mut said).await?;
    said.truncate(length);
    Ok(said)
}

/// Over TCP each message has its length in front (RFC 1035 section 4.2.2).
async fn over_tcp(query: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(|_| wrong("the question is too long"))?;
    stream.write_all(&[&length.to_be_bytes()[..], query].concat()).await?;
    let mut said = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut said).await?;
    Ok(said)
}

enum Said {
    Records(Vec<Record>),
    TooLong,
}

fn read(said: &[u8], id: u16, service: &str) -> io::Result<Said> {
    let packet = Packet::parse(said).map_err(|_| wrong("an answer cannot be read"))?;
    let is_ours = |question: &Question<'_>| question.qname.to_string().eq_ignore_ascii_case(service);
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) || !packet.questions.first().is_some_and(is_ours) {
        return Err(wrong("an answer to another question"));
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Ok(Said::TooLong);
    }
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Ok(Said::Records(Vec::new())),
        _ => return Err(wrong("the name server has failed")),
    }
    let record = |data: &RData<'_>| match data {
        RData::SRV(it) => {
            Some(Record { priority: it.priority, weight: it.weight, port: it.port, target: it.target.to_string() })
        }
        _ => None,
    };
    let mut records: Vec<Record> = packet.answers.iter().filter_map(|answer| record(&answer.rdata)).collect();
    records.sort_by_key(|record| record.priority);
    records.truncate(MAX_RECORDS);
    Ok(Said::Records(records))
}

fn wrong(why: &str) -> io::Error {
    io::Error::other(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::SRV;

    const DOMAIN: &str = "carrier.test";
    type Written = (u16, u16, u16, &'static str);

    /// The answer of a name server to this question, with these records.
    fn answer(query: &[u8], records: &[Written], is_cut: bool) -> Vec<u8> {
        let query = Packet::parse(query).expect("a question");
        let mut reply = Packet::new_reply(query.id());
        reply.questions = query.questions.clone();
        if is_cut {
            reply.set_flags(PacketFlag::TRUNCATION);
        }
        for (priority, weight, port, target) in records {
            let target = Name::new(target).expect("a name");
            let data = RData::SRV(SRV { priority: *priority, weight: *weight, port: *port, target });
            reply.answers.push(ResourceRecord::new(query.questions[0].qname.clone(), CLASS::IN, 60, data));
        }
        reply.build_bytes_vec().expect("bytes")
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test);
    }

    #[test]
    fn records_come_lowest_priority_first_and_are_followed_to_addresses() {
        run(async {
            let server = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
            let at = server.local_addr().expect("bound");
            let says = async {
                let mut query = [0; DATAGRAM];
                let (length, from) = server.recv_from(&mut query).await.expect("a question");
                let records = [(20, 0, 5071, "localhost"), (10, 7, 5072, "localhost"), (30, 0, 1, "")];
                server.send_to(&answer(&query[..length], &records, false), from).await.expect("sent");
            };
            let name_servers = [at];
            let (reply, ()) = tokio::join!(found(DOMAIN, &name_servers), says);
            let Reply::Servers(servers) = reply else { panic!("{reply:?}") };
            let seen: Vec<_> = servers
                .iter()
                .filter(|it| it.address.is_ipv4())
                .map(|it| (it.priority, it.weight, it.address.to_string()))
                .collect();
            assert_eq!(seen, [(10, 7, "127.0.0.1:5072".to_string()), (20, 0, "127.0.0.1:5071".to_string())]);
        });
    }

    #[test]
    fn a_name_server_that_is_silent_is_passed_over_and_a_long_answer_comes_by_tcp() {
        run(async {
            let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let at = listener.local_addr().expect("bound");
            let server = UdpSocket::bind(at).await.expect("the same port");
            let says = async {
                let mut query = [0; DATAGRAM];
                let (length, from) = server.recv_from(&mut query).await.expect("a question");
                server.send_to(&answer(&query[..length], &[], true), from).await.expect("sent");
                let (mut stream, _) = listener.accept().await.expect("a client");
                let mut query = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
                stream.read_exact(&mut query).await.expect("a question");
                let said = answer(&query, &[(1, 2, 3, "a.carrier.test")], false);
                let length = u16::try_from(said.len()).expect("short");
                stream.write_all(&[&length.to_be_bytes()[..], &said].concat()).await.expect("sent");
            };
            let servers = [silent.local_addr().expect("bound"), at];
            let (records, ()) = tokio::join!(records(DOMAIN, &servers), says);
            assert_eq!(records, [Record { priority: 1, weight: 2, port: 3, target: "a.carrier.test".into() }]);
        });
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let service = format!("{SERVICE}.{DOMAIN}");
        let query = question(7, &service).expect("a question");
        let said = answer(&query, &[(1, 1, 1, "a")], false);
        let check = |id: u16, service: &str, bytes: &[u8], is_read: bool| {
            assert_eq!(read(bytes, id, service).is_ok(), is_read, "{id} {service}");
        };
        check(7, &service, &said, true);
        check(8, &service, &said, false);
        check(7, "_sip._udp.other.test", &said, false);
        check(7, &service, &query, false);
        check(7, &service, &said[..said.len() - 3], false);
    }

    #[test]
    fn name_servers_are_read_as_the_system_reads_them() {
        let check = |written: &str, expected: &[&str]| {
            let read: Vec<_> = name_servers(written).iter().map(ToString::to_string).collect();
            assert_eq!(read, expected, "{written}");
        };
        check("# comment\nnameserver 192.0.2.1\nsearch x\nnameserver 2001:db8::1\n", &["192.0.2.1:53", "[2001:db8::1]:53"]);
        check("nameserver a\nnameserver\t1.1.1.1\n", &["1.1.1.1:53"]);
        check("", &["127.0.0.1:53"]);
    }
}
