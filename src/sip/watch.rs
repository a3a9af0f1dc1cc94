//! Peers that are watched: asked by OPTIONS, again and again, whether they are there.
//!
//! | Stands | Event | Then |
//! |---|---|---|
//! | Unknown | an answer | Up |
//! | Up, Unknown | a miss | asked again at once; the second in a row: Down |
//! | Down | an answer | asked again at once; the second in a row: Up |
//! | any | anything else | asked again after the interval |
//!
//! Any answer will do, even a refusal, but 408, 503 and 504: who says so is there, and says that he is of no use. Invariant: a
//! peer that is watched has one deadline, for its answer or for the next question.

use super::endpoint::Endpoint;
use super::message::{Method, Name as Header, NameAddr, Request, Response, Uri};
use super::transaction::{Heard, Owner, TxId};
use super::{Bearing, Event, Output, Probing, Status};
use crate::id::Name;
use crate::time::{Duration, Moment, Now, Timers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Peers watched at once; one more is not.
const MAX_WATCHED: usize = 1_000;
/// In a row, to believe it.
const ENOUGH: u8 = 2;
/// Nobody is asked more often.
const SHORTEST: Duration = Duration::from_millis(500);

/// A watched peer; the same name watched anew is another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct WatchId(u64);

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Watches {
    /// A restored endpoint is told anew whom to watch.
    #[serde(skip)]
    all: BTreeMap<WatchId, Watched>,
    #[serde(skip)]
    timers: Timers<WatchId>,
    next: u64,
}

#[derive(Clone, Debug)]
struct Watched {
    peer: Name,
    probing: Probing,
    /// The question under way, and when it was put.
    asked: Option<(TxId, Moment)>,
    is_up: Option<bool>,
    /// How often in a row the answer has spoken against what we believe.
    doubts: u8,
    call_id: String,
    tag: String,
    cseq: u32,
}

impl Watches {
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    pub fn due(&mut self, now: Moment) -> Option<WatchId> {
        self.timers.pop(now)
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    fn named(&self, peer: &str) -> Option<WatchId> {
        self.all.iter().find(|(_, watched)| &*watched.peer == peer).map(|(id, _)| *id)
    }
}

impl Endpoint {
    pub(super) fn watch(&mut self, peer: Name, probing: Probing, now: Now, out: &mut Vec<Output>) {
        if let Some(id) = self.watches.named(&peer) {
            if let Some(watched) = self.watches.all.get_mut(&id) {
                watched.probing = probing;
            }
            return;
        }
        if self.watches.len() >= MAX_WATCHED {
            return;
        }
        let (call_id, tag) = (self.rng.hex(32), self.rng.hex(16));
        self.watches.next += 1;
        let id = WatchId(self.watches.next);
        let watched = Watched { peer, probing, asked: None, is_up: None, doubts: 0, call_id, tag, cseq: 0 };
        self.watches.all.insert(id, watched);
        self.ask_watched(id, now, out);
    }

    pub(super) fn unwatch(&mut self, peer: &str) {
        if let Some(id) = self.watches.named(peer) {
            self.watches.all.remove(&id);
            self.watches.timers.cancel(&id);
        }
    }

    /// The deadline of a watched peer: its answer has not come, or it is time to ask.
    pub(super) fn watch_due(&mut self, id: WatchId, now: Now, out: &mut Vec<Output>) {
        let Some(watched) = self.watches.all.get_mut(&id) else { return };
        match watched.asked.take() {
            Some(_) => self.found(id, Err(Status(408)), now, out),
            None => self.ask_watched(id, now, out),
        }
    }

    pub(super) fn watch_answered(
        &mut self,
        id: WatchId,
        tx: TxId,
        heard: Heard,
        response: Option<&Response>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(watched) = self.watches.all.get_mut(&id) else { return };
        let Some((_, since)) = watched.asked.filter(|(asked, _)| *asked == tx) else { return };
        let finding = match (heard, response.map(|response| response.status)) {
            (Heard::Response, Some(status)) if status.is_provisional() => return,
            (Heard::Response, Some(status @ Status(408 | 503 | 504))) => Err(status),
            (Heard::Response, Some(_)) => Ok(now.mono.since(since)),
            (Heard::Unreachable, _) => Err(Status(503)),
            _ => Err(Status(408)),
        };
        watched.asked = None;
        self.found(id, finding, now, out);
    }

    fn found(&mut self, id: WatchId, finding: Result<Duration, Status>, now: Now, out: &mut Vec<Output>) {
        let Some(watched) = self.watches.all.get_mut(&id) else { return };
        let is_doubtful = watched.is_up != Some(finding.is_ok());
        watched.doubts = if is_doubtful { watched.doubts + 1 } else { 0 };
        let is_believed = watched.doubts >= ENOUGH || (watched.is_up.is_none() && finding.is_ok());
        if is_doubtful && !is_believed {
            return self.ask_watched(id, now, out);
        }
        watched.is_up = Some(finding.is_ok());
        watched.doubts = 0;
        // How fast it answers is news each time.
        if is_doubtful || finding.is_ok() {
            let bearing = match finding {
                Ok(round_trip) => Bearing::Up { round_trip },
                Err(status) => Bearing::Down { status },
            };
            out.push(Output::Event(Event::Bearing { peer: watched.peer.clone(), bearing }));
        }
        self.watches.timers.set(id, now.mono + watched.probing.interval.max(SHORTEST));
    }

    fn ask_watched(&mut self, id: WatchId, now: Now, out: &mut Vec<Output>) {
        let Some(watched) = self.watches.all.get_mut(&id) else { return };
        watched.cseq += 1;
        let path = watched.probing.path;
        let options = watched.options(self.settings.told.address(&path));
        self.watches.timers.set(id, now.mono + watched.probing.patience.max(SHORTEST));
        let tx = self.transactions.send(options, path, Owner::Watch(id), &mut self.rng, now.mono, out);
        if let Some(watched) = self.watches.all.get_mut(&id) {
            watched.asked = Some((tx, now.mono));
        }
    }
}

impl Watched {
    fn options(&self, ours: SocketAddr) -> Request {
        let (target, host) = (&self.probing.target, ours.ip().to_string());
        let mut options = Request::new(Method::Options, target.clone());
        options.set_max_forwards(70);
        options.set_from(&NameAddr::new(Uri::sip("", &host, None)).with_tag(&self.tag));
        options.set_to(&NameAddr::new(target.bare()));
        options.set_call_id(&self.call_id);
        options.set_cseq(self.cseq);
        options.set_contact(&NameAddr::new(super::dialog::our_contact("", self.probing.path.transport, ours)));
        options.headers.set(Header::Accept, "application/sdp");
        options
    }
}
