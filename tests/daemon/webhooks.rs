//! A CRM is told of calls: in order, signed, and again when it was not there.

use crate::exchange::{Exchange, Folder, until};
use crate::lab::{Copy, with_queue};
use crate::phones::python;
use crate::telephone::Telephone;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(15);
/// Where nobody else listens.
const CRM: &str = "127.0.0.9:0";
const SECRET: &str = "between the two of us";

/// What somebody posted.
struct Post {
    /// By their names in small letters.
    headers: BTreeMap<String, String>,
    body: String,
}

impl Post {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Listens there, and answers the first requests with these statuses, the others with 204.
fn receiver(at: SocketAddr, statuses: &'static [u16]) -> (SocketAddr, mpsc::Receiver<Post>) {
    let listener = TcpListener::bind(at).expect("nobody else listens there");
    let address = listener.local_addr().expect("bound");
    let (sender, posts) = mpsc::channel();
    thread::spawn(move || {
        let statuses = statuses.iter().chain(std::iter::repeat(&204));
        for (stream, status) in listener.incoming().flatten().zip(statuses) {
            let post = take(stream, *status);
            // The test may be over.
            drop(sender.send(post));
        }
    });
    (address, posts)
}

fn take(stream: TcpStream, status: u16) -> Post {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    while reader.read_line(&mut line).expect("a head") > 2 {
        if let Some((name, value)) = line.trim_end().split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        line.clear();
    }
    let length = headers["content-length"].parse().expect("a length");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).expect("an answer");
    Post { headers, body: String::from_utf8(body).expect("text") }
}

/// The lab with a queue at 200 and behind key 2, and a webhook at this address.
fn lab(folder: &Folder, crm: SocketAddr) -> Copy {
    let lab = with_queue(folder, "ring: 10s, wrap_up: 0s, max_no_answer: 0", &["1001"]);
    let hook = format!("url: \"http://{crm}/calls?token=1\", secret: \"{SECRET}\", timeout: 2s");
    lab.write("webhooks.yaml", &format!("hosts: {{127.0.0.9: {{}}}}\nwebhooks: {{crm: {{{hook}}}}}\n"));
    lab
}

/// Somebody calls, presses 2, and talks with 1001.
fn calls(exchange: &Exchange) {
    let mut agent = Telephone::registered(exchange, "1001");
    let mut caller = Telephone::new(exchange, "127.0.0.2", "48221230000", "100");
    caller.dial(None);
    caller.connected();
    caller.line.send(caller.call.info('2'));
    agent.answered();
    caller.hangs_up();
}

fn next(posts: &mpsc::Receiver<Post>, exchange: &Exchange) -> Post {
    posts.recv_timeout(SOON).unwrap_or_else(|_| panic!("nothing more was told: {:#}\n{}", webhook(exchange), exchange.log()))
}

fn webhook(exchange: &Exchange) -> Value {
    exchange.ask(&["webhooks"])[0].clone()
}

/// Asks the receiver's own code, as the documentation has it.
fn is_genuine(post: &Post, secret: &str) -> bool {
    let text = include_str!("../../docs/webhooks.md");
    let code = text.split("```python").nth(1).and_then(|rest| rest.split("```").next()).expect("the receiver's code");
    let program = format!(
        "import json, sys\n{code}\nit = json.load(sys.stdin)\nprint(genuine(it['headers'], it['body'].encode(), it['secret']))"
    );
    let mut python = python();
    let mut python = python.arg("-c").arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python");
    let input = json!({ "headers": post.headers, "body": post.body, "secret": secret }).to_string();
    python.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = python.wait_with_output().expect("it ends");
    match String::from_utf8_lossy(&output.stdout).trim() {
        "True" => true,
        "False" => false,
        other => panic!("{other}"),
    }
}

#[test]
fn a_crm_hears_of_offer_answer_and_end_in_order_signed_and_with_what_is_known_of_the_caller() {
    let folder = Folder::new("crm");
    // What is refused at first comes again, and what follows it waits.
    let (crm, posts) = receiver(CRM.parse().expect("an address"), &[500]);
    let exchange = Exchange::with("crm", &lab(&folder, crm).config);
    let customers = folder.join("customers.csv");
    fs::write(&customers, "id,name,numbers,value,pin,tier\r\n7712,Ala,48221230000,12.5,,gold\r\n").expect("a file");
    exchange.ask(&["customers", "import", &customers.display().to_string()]);
    calls(&exchange);
    let refused = next(&posts, &exchange);
    let told: Vec<Post> = (0..3).map(|_| next(&posts, &exchange)).collect();
    assert_eq!(refused.headers["webhook-id"], told[0].headers["webhook-id"]);
    let events: Vec<Value> = told.iter().map(|post| post.json()["event"].clone()).collect();
    assert_eq!(events, ["offer", "answer", "end"]);
    for post in told.iter().chain([&refused]) {
        assert!(is_genuine(post, SECRET), "{:?}", post.headers);
        assert!(!is_genuine(post, "another secret"));
        let body = post.json();
        assert_eq!((&body["id"], &body["agent"]), (&post.headers["webhook-id"].clone().into(), &offered(&body)), "{body:#}");
        assert_eq!((&body["queue"], &body["call"]["from"]), (&"support".into(), &"+48221230000".into()), "{body:#}");
        assert_eq!(
            (&body["customer"]["name"], &body["customer"]["fields"]["tier"]),
            (&"Ala".into(), &"gold".into()),
            "{body:#}"
        );
        assert_eq!(body["history"]["calls_30_days"], 0, "{body:#}");
        let path = body["path"].as_array().expect("a path");
        assert!(path.iter().any(|step| step["node"] == "menu" && step["outcome"] == "key 2"), "{body:#}");
    }
    let changed = Post { headers: told[2].headers.clone(), body: told[2].body.replace("Ala", "Ola") };
    assert!(!is_genuine(&changed, SECRET));
    let end = told[2].json();
    let record = exchange.records(1).remove(0);
    assert_eq!((&end["call"]["reference"], &end["call"]["outcome"]), (&record["reference"], &record["outcome"]), "{end:#}");
    assert_eq!(end["call"]["ended"], record["ended"]);

    calls(&exchange);
    let again = next(&posts, &exchange).json();
    assert_eq!(again["history"]["calls_30_days"], 1, "{again:#}");
    assert_eq!(again["history"]["last"][0]["reference"], record["reference"], "{again:#}");
    let settled = until(SOON, || (webhook(&exchange)["delivered"] == 6).then_some(()));
    let row = webhook(&exchange);
    assert!(settled.is_some(), "{row:#}\n{}", exchange.log());
    assert_eq!((&row["waiting"], &row["given_up"]), (&0.into(), &0.into()), "{row:#}");
    assert_eq!(row["url"], format!("http://{crm}/calls"), "what follows the path is a secret");
    assert_eq!(row["last_error"], "it answered 500");
    assert!(!exchange.log().contains(SECRET));
}

/// The agent, as the offer and the answer name them; the end is of the call.
fn offered(body: &Value) -> Value {
    if body["event"] == "end" { Value::Null } else { "1001".into() }
}

#[test]
fn what_nobody_took_is_told_after_kill_9_in_the_same_order() {
    let folder = Folder::new("crm-away");
    // Its address, and nobody there.
    let crm = TcpListener::bind(CRM).and_then(|listener| listener.local_addr()).expect("a free port");
    let mut exchange = Exchange::with("crm-away", &lab(&folder, crm).config);
    calls(&exchange);
    exchange.records(1);
    let failed = until(SOON, || (webhook(&exchange)["last_error"] != Value::Null).then_some(()));
    let row = webhook(&exchange);
    assert!(failed.is_some() && row["waiting"] == 3, "{row:#}\n{}", exchange.log());
    exchange.crash_and_restart();
    let (_, posts) = receiver(crm, &[]);
    let told: Vec<Value> = (0..3).map(|_| next(&posts, &exchange).json()).collect();
    let events: Vec<&Value> = told.iter().map(|body| &body["event"]).collect();
    assert_eq!(events, ["offer", "answer", "end"]);
    assert!(told.iter().all(|body| body["call"]["reference"] == told[0]["call"]["reference"]), "{told:#?}");
    let settled = until(SOON, || (webhook(&exchange)["delivered"] == 3).then_some(()));
    assert!(settled.is_some(), "{:#}\n{}", webhook(&exchange), exchange.log());
}

#[test]
fn the_end_of_a_call_that_died_with_the_exchange_is_told() {
    let folder = Folder::new("crm-lost");
    let (crm, posts) = receiver(CRM.parse().expect("an address"), &[]);
    let mut exchange = Exchange::with("crm-lost", &lab(&folder, crm).config);
    let mut caller = Telephone::new(&exchange, "127.0.0.2", "48221230000", "101");
    caller.dial(None);
    caller.connected();
    until(SOON, || (exchange.status()["writes_open"] == 0).then_some(())).expect("everything on the disk");
    exchange.crash_and_restart();
    let end = next(&posts, &exchange).json();
    assert_eq!((&end["event"], &end["call"]["outcome"]), (&"end".into(), &"crash lost".into()), "{end:#}");
}
