//! A provider, played by a script: it challenges, refuses, falls silent, comes back.

use super::pair::{PASSWORD, PHONE, Pair, at, description};
use crate::sip::message::{Challenge, Name as Header, Request, Response, Uri};
use crate::sip::*;
use crate::time::{Duration, Moment};

const REGISTRATION: RegistrationId = RegistrationId(1);

/// What our user agent (the phone's side of the pair) sends reaches nobody but the script.
struct Provider {
    pair: Pair,
}

impl Provider {
    fn new(transport: Transport) -> Provider {
        let mut pair = Pair::trunk(1, transport);
        pair.is_cut = true;
        Provider { pair }
    }

    fn register(&mut self, realm: Option<&str>) {
        let account = Account {
            registrar: self.pair.path(PHONE),
            user: "48221234567".to_string(),
            domain: "provider.test".to_string(),
            credentials: Credentials { realm: realm.map(str::to_string), ..Credentials::new("acme", PASSWORD) },
            expires: Duration::from_secs(600),
        };
        self.pair.command(PHONE, Command::Register { registration: REGISTRATION, account: Box::new(account) });
    }

    fn sent(&self, method: &str) -> usize {
        self.pair.said(PHONE).iter().filter(|said| *said == method).count()
    }

    fn last(&self, method: &str) -> Request {
        self.pair.request(PHONE, method)
    }

    fn answers(&mut self, method: &str, status: u16, headers: &[(Header, &str)]) {
        let mut answer = Response::to(&self.last(method), Status(status));
        answer.set_to_tag("provider");
        headers.iter().for_each(|(name, value)| answer.headers.push(name.clone(), value));
        self.pair.inject(PHONE, &answer.to_bytes());
    }

    fn challenges(&mut self, method: &str, nonce: &str, algorithm: &str) {
        let challenge = challenge("provider.test", nonce).with("algorithm", algorithm).to_string();
        self.answers(method, 401, &[(Header::WwwAuthenticate, &challenge)]);
    }

    fn outcomes(&self) -> Vec<Result<u64, u16>> {
        let outcome = |event: &Event| match event {
            Event::Registration { outcome, .. } => Some(outcome.map(|life| life.as_secs()).map_err(|status| status.0)),
            _ => None,
        };
        self.pair.sides[PHONE].events.iter().filter_map(outcome).collect()
    }

    /// REGISTERs that have left, repetitions not counted.
    fn sent_anew(&self) -> usize {
        usize::try_from(self.last("REGISTER").cseq().number).expect("a small number")
    }

    /// Seconds until the next REGISTER leaves, at most so many.
    fn next_register(&mut self, most: u64) -> Option<u64> {
        let before = self.last("REGISTER").cseq().number;
        (1..=most).find(|_| {
            self.pair.run(Duration::from_secs(1));
            self.last("REGISTER").cseq().number > before
        })
    }
}

fn challenge(realm: &str, nonce: &str) -> Challenge {
    Challenge::new("Digest").with("realm", realm).with("nonce", nonce).with("qop", "auth")
}

#[test]
fn a_registration_is_proved_by_either_algorithm_and_a_stale_nonce_costs_one_more_request() {
    for algorithm in ["MD5", "SHA-256"] {
        let mut provider = Provider::new(Transport::Udp);
        provider.register(None);
        provider.challenges("REGISTER", "first", algorithm);
        let proof = provider.last("REGISTER").authorization().remove(0);
        assert_eq!((proof.get("algorithm"), proof.get("nonce")), (Some(algorithm), Some("first")));
        let stale = challenge("provider.test", "second").with("stale", "true").with("algorithm", algorithm).to_string();
        provider.answers("REGISTER", 401, &[(Header::WwwAuthenticate, &stale)]);
        assert_eq!(provider.last("REGISTER").authorization().len(), 1);
        assert_eq!(provider.last("REGISTER").authorization()[0].get("nonce"), Some("second"));
        provider.answers("REGISTER", 200, &[(Header::Expires, "300")]);
        assert_eq!((provider.outcomes(), provider.sent("REGISTER")), (vec![Ok(300)], 3));
        // Renewed after four fifths.
        assert_eq!(provider.next_register(300), Some(240));
    }
}

/// SIG-22 (CVE-2020-28242): a new nonce for every answer.
#[test]
fn whoever_challenges_for_ever_is_given_up_after_two_answers() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    for nonce in ["a", "b", "c", "d"] {
        provider.challenges("REGISTER", nonce, "MD5");
    }
    assert_eq!((provider.outcomes(), provider.sent("REGISTER")), (vec![Err(401)], 3));

    let mut provider = Provider::new(Transport::Udp);
    let dialog = provider.pair.dial("acme", "600", Some(description(4000, 1)));
    for nonce in ["a", "b", "c", "d"] {
        provider.challenges("INVITE", nonce, "MD5");
    }
    assert_eq!(provider.sent("INVITE"), 3);
    let refused = Ending::Refused { status: Status(401), contacts: vec![], retry_after: None };
    assert_eq!(provider.pair.endings(PHONE), [(dialog, refused)]);
}

#[test]
fn a_proof_is_given_only_to_the_realm_that_it_is_for() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(Some("provider.test"));
    let stranger = challenge("evil.test", "n").to_string();
    provider.answers("REGISTER", 401, &[(Header::WwwAuthenticate, &stranger)]);
    assert_eq!((provider.outcomes(), provider.sent("REGISTER")), (vec![Err(401)], 1));

    // Of several it finds its own.
    let mut provider = Provider::new(Transport::Udp);
    provider.register(Some("provider.test"));
    let ours = challenge("provider.test", "n").to_string();
    provider.answers("REGISTER", 401, &[(Header::WwwAuthenticate, &stranger), (Header::WwwAuthenticate, &ours)]);
    assert_eq!(provider.last("REGISTER").authorization()[0].get("realm"), Some("provider.test"));
}

#[test]
fn a_time_that_is_too_short_is_lengthened_once() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    provider.answers("REGISTER", 423, &[(Header::MinExpires, "1800")]);
    assert_eq!(provider.last("REGISTER").expires(), Some(1800));
    provider.answers("REGISTER", 423, &[(Header::MinExpires, "3600")]);
    assert_eq!((provider.outcomes(), provider.sent("REGISTER")), (vec![Err(423)], 2));
}

/// RFC 5626 section 4.5: half to all of a bound that doubles from 30 s to half an hour.
#[test]
fn failures_are_retried_after_pauses_that_double() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    for bound in [30, 60, 120, 240, 480, 960, 1800, 1800] {
        provider.answers("REGISTER", 500, &[]);
        let pause = provider.next_register(bound + 1).expect("another attempt");
        assert!((bound / 2..=bound + 1).contains(&pause), "{pause} s, not about {bound} s");
    }
    // One success, and it begins anew.
    provider.answers("REGISTER", 200, &[]);
    assert_eq!(provider.next_register(600), Some(480));
    provider.answers("REGISTER", 500, &[]);
    assert!(provider.next_register(31).is_some());
}

#[test]
fn a_registrar_that_says_when_to_come_again_is_not_asked_before() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    provider.answers("REGISTER", 503, &[(Header::RetryAfter, "200 (maintenance)")]);
    assert_eq!(provider.next_register(199), None);
    assert!(provider.next_register(2).is_some());
}

#[test]
fn a_registrar_that_keeps_us_for_no_time_has_refused() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    provider.answers("REGISTER", 200, &[(Header::Expires, "0")]);
    assert_eq!(provider.outcomes(), [Err(480)]);
    assert_eq!(provider.next_register(14), None);
}

#[test]
fn what_is_taken_back_is_gone() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    provider.answers("REGISTER", 200, &[]);
    provider.pair.command(PHONE, Command::Unregister { registration: REGISTRATION });
    assert_eq!(provider.last("REGISTER").expires(), Some(0));
    provider.answers("REGISTER", 200, &[]);
    assert_eq!(provider.outcomes(), [Ok(600), Ok(0)]);
    provider.pair.settle();
    provider.pair.check_that_nothing_is_left();
}

/// RFC 5626 section 4.4.1: a double line break, answered by a single one.
#[test]
fn a_stream_is_kept_open_and_a_dead_one_noticed() {
    let is_ping = |sent: &&(Moment, Path, Vec<u8>)| sent.2 == b"\r\n\r\n";
    let pings = |provider: &Provider| provider.pair.sides[PHONE].sent.iter().filter(is_ping).count();
    let mut provider = Provider::new(Transport::Tcp);
    provider.register(None);
    provider.answers("REGISTER", 200, &[(Header::Expires, "3600")]);
    for number in 1..=3 {
        let before = pings(&provider);
        let pinged = (1..=121).find(|_| {
            provider.pair.run(Duration::from_secs(1));
            pings(&provider) > before
        });
        assert!(pinged.is_some_and(|seconds| seconds >= 96), "ping {number} after {pinged:?} s");
        if number < 3 {
            provider.pair.inject(PHONE, b"\r\n");
        }
    }
    // No answer: in ten seconds it is dead, and after the first pause it is registered anew.
    let register = provider.next_register(41);
    assert!(register.is_some_and(|seconds| seconds >= 15), "{register:?}");

    let mut provider = Provider::new(Transport::Tcp);
    provider.register(None);
    provider.answers("REGISTER", 200, &[(Header::Expires, "3600")]);
    provider.pair.input(PHONE, Input::Disconnected { connection: ConnectionId(1) });
    assert!(provider.next_register(31).is_some(), "the stream was closed");

    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    provider.answers("REGISTER", 200, &[(Header::Expires, "3600")]);
    provider.pair.run(Duration::from_secs(1000));
    assert_eq!(pings(&provider), 0);
}

// ---- Is it there?

fn watched(provider: &mut Provider) {
    let probing = Probing {
        target: Uri::sip("", "10.0.0.1", None),
        path: provider.pair.path(PHONE),
        interval: Duration::from_secs(30),
        patience: Duration::from_secs(4),
    };
    provider.pair.command(PHONE, Command::Watch { peer: "carrier".into(), probing: Box::new(probing) });
}

fn bearings(provider: &Provider) -> Vec<Result<(), u16>> {
    let bearing = |event: &Event| match event {
        Event::Bearing { bearing: Bearing::Up { .. }, .. } => Some(Ok(())),
        Event::Bearing { bearing: Bearing::Down { status }, .. } => Some(Err(status.0)),
        _ => None,
    };
    provider.pair.sides[PHONE].events.iter().filter_map(bearing).collect()
}

/// SIG-17.
#[test]
fn two_misses_make_a_peer_down_and_two_answers_up() {
    let mut provider = Provider::new(Transport::Udp);
    watched(&mut provider);
    provider.answers("OPTIONS", 405, &[]);
    assert_eq!(bearings(&provider), [Ok(())], "any answer will do");
    // It falls silent: asked after 30 s, given up after 4, asked again at once, given up after 4.
    provider.pair.run(Duration::from_millis(37_900));
    assert_eq!(bearings(&provider), [Ok(())]);
    provider.pair.run(Duration::from_millis(200));
    assert_eq!(bearings(&provider), [Ok(()), Err(408)]);
    // It comes back: one answer is not believed, the question is put again at once.
    provider.pair.run(Duration::from_secs(31));
    provider.answers("OPTIONS", 200, &[]);
    assert_eq!(bearings(&provider).len(), 2);
    provider.answers("OPTIONS", 200, &[]);
    assert_eq!(bearings(&provider), [Ok(()), Err(408), Ok(())]);
}

#[test]
fn a_miss_that_is_made_good_is_forgotten() {
    let mut provider = Provider::new(Transport::Udp);
    watched(&mut provider);
    provider.answers("OPTIONS", 200, &[]);
    for _ in 0..3 {
        provider.pair.run(Duration::from_secs(30 + 4));
        provider.answers("OPTIONS", 200, &[]);
    }
    // How fast it answered is told each time.
    assert_eq!(bearings(&provider), [Ok(()); 4]);
}

#[test]
fn a_peer_that_says_it_is_of_no_use_or_cannot_be_reached_is_down() {
    let mut provider = Provider::new(Transport::Udp);
    watched(&mut provider);
    provider.answers("OPTIONS", 503, &[]);
    provider.answers("OPTIONS", 503, &[]);
    assert_eq!(bearings(&provider), [Err(503)]);

    let mut provider = Provider::new(Transport::Udp);
    watched(&mut provider);
    let path = provider.pair.path(PHONE);
    provider.pair.input(PHONE, Input::Unreachable { path });
    provider.pair.input(PHONE, Input::Unreachable { path });
    assert_eq!((bearings(&provider), provider.sent("OPTIONS")), (vec![Err(503)], 2));
}

#[test]
fn who_is_watched_no_longer_is_left_in_peace() {
    let mut provider = Provider::new(Transport::Udp);
    watched(&mut provider);
    provider.answers("OPTIONS", 200, &[]);
    provider.pair.command(PHONE, Command::Unwatch { peer: "carrier".into() });
    provider.pair.run(Duration::from_secs(100));
    assert_eq!(provider.sent("OPTIONS"), 1);
    provider.pair.settle();
    provider.pair.check_that_nothing_is_left();
}

/// SIG-19: it rings, and then nothing.
#[test]
fn a_trunk_that_only_rings_is_cancelled_in_time() {
    let mut provider = Provider::new(Transport::Udp);
    provider.pair.ring = Duration::from_secs(20);
    let dialog = provider.pair.dial("acme", "600", Some(description(4000, 1)));
    provider.answers("INVITE", 180, &[]);
    provider.pair.run(Duration::from_millis(19_900));
    assert_eq!(provider.sent("CANCEL"), 0);
    provider.pair.run(Duration::from_millis(200));
    assert!(provider.sent("CANCEL") > 0);
    provider.answers("CANCEL", 200, &[]);
    provider.answers("INVITE", 487, &[]);
    assert_eq!(provider.pair.endings(PHONE), [(dialog, Ending::Timeout)]);
    assert_eq!(at("10.0.0.1:5060"), provider.pair.path(PHONE).remote);
}

/// What a provider says again, once its probes are answered.
fn comes_back(provider: &mut Provider) {
    provider.pair.command(PHONE, Command::Reregister { registration: REGISTRATION });
}

#[test]
fn a_registration_that_failed_is_tried_as_soon_as_the_provider_is_back() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    // Silent for so long that the next try would be many minutes away.
    provider.pair.run(Duration::from_secs(3600));
    assert!(provider.outcomes().len() >= 4 && provider.outcomes().iter().all(|outcome| *outcome == Err(408)));
    if provider.outcomes().len() != provider.sent_anew() {
        provider.pair.run(Duration::from_secs(33));
    }
    let before = provider.last("REGISTER").cseq().number;
    comes_back(&mut provider);
    assert_eq!(provider.last("REGISTER").cseq().number, before + 1, "at once");
    provider.answers("REGISTER", 200, &[(Header::Expires, "300")]);
    assert_eq!(provider.outcomes().last(), Some(&Ok(300)));
    // What is registered is left alone.
    comes_back(&mut provider);
    assert_eq!(provider.last("REGISTER").cseq().number, before + 1);
    assert_eq!(provider.next_register(300), Some(240));
}

#[test]
fn a_register_that_was_lost_before_the_provider_came_back_is_repeated_soon() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    provider.pair.run(Duration::from_secs(31));
    comes_back(&mut provider);
    assert_eq!(provider.last("REGISTER").cseq().number, 1, "one at a time");
    assert_eq!(provider.next_register(10), Some(2));
}

#[test]
fn a_provider_that_is_back_is_not_asked_before_it_wants_to_be() {
    let mut provider = Provider::new(Transport::Udp);
    provider.register(None);
    provider.answers("REGISTER", 503, &[(Header::RetryAfter, "200")]);
    provider.pair.run(Duration::from_secs(50));
    comes_back(&mut provider);
    assert_eq!(provider.next_register(300), Some(150));
}
