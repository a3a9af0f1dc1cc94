//! Subscriptions: who wants to be told how something stands, and is told whenever it changes (RFC 6665).
//!
//! | State | Event | Next | Does |
//! |---|---|---|---|
//! | Asked | granted | Told, gone for a question asked once | 200, NOTIFY |
//! | Asked | refused; no decision in time | gone | the refusal; 500 |
//! | Told | something changed | Told | NOTIFY, or it waits for the one under way |
//! | Told | SUBSCRIBE | Told | 200; the exchange is asked for the whole state |
//! | Told | SUBSCRIBE with Expires 0; time is up; we end it | gone | 200; the last NOTIFY |
//! | Told | a NOTIFY is refused, unanswered, cannot be sent | gone | nothing |
//!
//! The bodies are the exchange's; here is who gets them, when and for how long. Invariant: one NOTIFY is under way at a time, so
//! a subscriber never sees an older state after a newer one; every subscription has a deadline.

use super::dialog::{Dialog, Order};
use super::endpoint::Endpoint;
use super::message::{Method, Name as Header, NameAddr, Request, Response, Uri};
use super::transaction::{Heard, Owner, TxId};
use super::uas::{MAX_AGENT, RETRY_AFTER};
use super::{Dismissal, Event, Output, Package, Path, Rejection, Source, Status, Subscribing, SubscriptionId};
use crate::id::Table;
use crate::time::{Duration, Moment, Now, Timers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Subscriptions at once.
pub const MAX_SUBSCRIPTIONS: usize = 50_000;
/// Of one extension or trunk: a desk with a hundred lamps and its mailbox, twice.
pub const MAX_EACH: usize = 256;
/// Bytes of a state that is told.
const MAX_BODY: usize = 8 * 1024;
/// How long the exchange may think.
const DECISION: Duration = Duration::from_secs(20);
/// What is granted when nothing is asked for, and at most (RFC 6665 section 4.2.1.1 leaves it to the package).
const LONGEST: Duration = Duration::from_secs(3600);
/// Less is refused (423); a question asked once, with zero, is not.
const SHORTEST: Duration = Duration::from_secs(60);

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Subscriptions {
    #[serde(with = "crate::time::pairs")]
    all: BTreeMap<SubscriptionId, Kept>,
    /// By our own tag.
    by_tag: Table<String, SubscriptionId>,
    #[serde(with = "crate::time::pairs")]
    each: BTreeMap<Source, usize>,
    timers: Timers<SubscriptionId>,
    next: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    dialog: Dialog,
    source: Source,
    package: Package,
    /// The `id` of its Event header, which is given back.
    event_id: Option<String>,
    granted: Duration,
    state: State,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    Asked { tx: TxId, response: Box<Response> },
    Told { under_way: Option<TxId>, waiting: Option<String> },
}

/// What a NOTIFY says of the subscription itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Active,
    Over(&'static str),
}

/// Time is up, or the subscriber wants no more (RFC 6665 section 4.1.3).
const TIMEOUT: Standing = Standing::Over("timeout");

impl Subscriptions {
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    pub fn due(&mut self, now: Moment) -> Option<SubscriptionId> {
        self.timers.pop(now)
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    fn is_full(&self, source: &Source) -> bool {
        self.all.len() >= MAX_SUBSCRIPTIONS || self.each.get(source).is_some_and(|count| *count >= MAX_EACH)
    }

    fn keep(&mut self, tag: String, kept: Kept, deadline: Moment) -> SubscriptionId {
        self.next += 1;
        let id = SubscriptionId(self.next);
        *self.each.entry(kept.source.clone()).or_default() += 1;
        self.by_tag.insert(tag, id);
        self.all.insert(id, kept);
        self.timers.set(id, deadline);
        id
    }

    fn forget(&mut self, id: SubscriptionId) -> Option<Kept> {
        self.timers.cancel(&id);
        let kept = self.all.remove(&id)?;
        self.by_tag.remove(kept.dialog.local.tag().unwrap_or_default());
        if let Some(count) = self.each.get_mut(&kept.source) {
            *count -= 1;
            if *count == 0 {
                self.each.remove(&kept.source);
            }
        }
        Some(kept)
    }
}

impl Endpoint {
    /// A SUBSCRIBE that begins something.
    pub(super) fn subscribe_came(&mut self, request: Request, path: Path, tx: TxId, now: Now, out: &mut Vec<Output>) {
        let Some(source) = self.who(&request, path, tx, now, out) else { return };
        if !self.has_extensions(&request, tx, now, out) {
            return;
        }
        let Some(package) = self.package_of(&request, tx, now, out) else { return };
        let granted = match granted(request.expires()) {
            Some(granted) => granted,
            None => {
                let least = SHORTEST.as_secs().to_string();
                return self.refuse_with(&request, tx, Status(423), &[(Header::MinExpires, &least)], now, out);
            }
        };
        if self.subscriptions.is_full(&source) {
            self.rejected(path, Status(503), Rejection::Limit("subscriptions".to_string()), out);
            return self.refuse_with(&request, tx, Status(503), &[(Header::RetryAfter, RETRY_AFTER)], now, out);
        }
        let tag = self.rng.hex(16);
        let mut response = Response::to(&request, Status(200));
        response.set_to_tag(&tag);
        response.headers.copy(&request.headers, Header::RecordRoute);
        let kept = Kept {
            dialog: Dialog::of_invite(
                &request,
                &tag,
                path,
                self.settings.told.address(&path),
                matches!(source, Source::Trunk(_)),
            ),
            source: source.clone(),
            package,
            event_id: event_id(&request),
            granted,
            state: State::Asked { tx, response: Box::new(response) },
        };
        let id = self.subscriptions.keep(tag, kept, now.mono + DECISION);
        let asked = Subscribing {
            source,
            package,
            target: request.uri.user().into_owned(),
            exchange: Uri::sip("", request.uri.host(), request.uri.port()),
            expires: granted,
            user_agent: request.user_agent().unwrap_or_default().chars().take(MAX_AGENT).collect(),
        };
        out.push(Output::Event(Event::Subscribe { subscription: id, request: Box::new(asked) }));
    }

    /// What is asked for, in a form that the subscriber reads. `None`: it has been refused.
    fn package_of(&mut self, request: &Request, tx: TxId, now: Now, out: &mut Vec<Output>) -> Option<Package> {
        let Some(package) = request.headers.text(Header::Event).and_then(|event| Package::of(&event)) else {
            self.refuse_with(request, tx, Status(489), &[(Header::AllowEvents, Package::ALL)], now, out);
            return None;
        };
        if request.headers.has(Header::Accept) && !request.headers.accepts(package.content_type()) {
            self.refuse_with(request, tx, Status(406), &[(Header::Accept, package.content_type())], now, out);
            return None;
        }
        Some(package)
    }

    pub(super) fn accept_subscription(&mut self, id: SubscriptionId, body: String, now: Now, out: &mut Vec<Output>) {
        let Some(kept) = self.subscriptions.all.get_mut(&id) else { return };
        if !matches!(kept.state, State::Asked { .. }) {
            return;
        }
        let told = State::Told { under_way: None, waiting: None };
        let State::Asked { tx, mut response } = std::mem::replace(&mut kept.state, told) else { return };
        let granted = kept.granted;
        response.set_contact(&NameAddr::new(kept.dialog.contact()));
        response.headers.set(Header::Expires, granted.as_secs().to_string());
        self.say(tx, *response, now, out);
        if granted.is_zero() {
            self.part(id, TIMEOUT, Some(&body), now, out);
        } else {
            self.subscriptions.timers.set(id, now.mono + granted);
            self.notify(id, body, now, out);
        }
    }

    pub(super) fn refuse_subscription(&mut self, id: SubscriptionId, status: Status, now: Now, out: &mut Vec<Output>) {
        let Some(Kept { state: State::Asked { tx, response }, .. }) = self.subscriptions.all.get(&id) else { return };
        let (tx, mut response) = (*tx, (**response).clone());
        response.status = if status.0 >= 300 { status } else { Status(603) };
        response.reason = response.status.reason_phrase().to_string();
        response.headers.remove(Header::RecordRoute);
        self.say(tx, response, now, out);
        self.subscriptions.forget(id);
        out.push(Output::Event(Event::Unsubscribed { subscription: id }));
    }

    pub(super) fn notify(&mut self, id: SubscriptionId, body: String, now: Now, out: &mut Vec<Output>) {
        let Some(Kept { state: State::Told { under_way, waiting }, .. }) = self.subscriptions.all.get_mut(&id) else { return };
        if under_way.is_some() {
            *waiting = Some(body);
            return;
        }
        let left = self.subscriptions.timers.deadline(&id).map_or(0, |deadline| deadline.since(now.mono).as_secs());
        let Some(tx) = self.send_notify(id, Standing::Active, left, Some(&body), Owner::Notify(id), now, out) else { return };
        if let Some(Kept { state: State::Told { under_way, .. }, .. }) = self.subscriptions.all.get_mut(&id) {
            *under_way = Some(tx);
        }
    }

    pub(super) fn end_subscription(&mut self, id: SubscriptionId, why: Dismissal, now: Now, out: &mut Vec<Output>) {
        match self.subscriptions.all.get(&id).map(|kept| &kept.state) {
            Some(State::Asked { .. }) => self.refuse_subscription(id, Status(480), now, out),
            Some(State::Told { .. }) => self.part(id, Standing::Over(why.token()), None, now, out),
            None => {}
        }
    }

    /// A SUBSCRIBE in the dialog of a subscription. False when it is in none.
    pub(super) fn resubscribe_came(
        &mut self,
        request: &Request,
        path: Path,
        tx: TxId,
        now: Now,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(id) = request.to_().tag().and_then(|tag| self.subscriptions.by_tag.get(tag)).copied() else { return false };
        let Some(kept) = self.subscriptions.all.get_mut(&id) else { return false };
        let is_its_own = kept.dialog.call_id == request.call_id()
            && kept.dialog.remote.tag() == request.from_().tag()
            && kept.dialog.is_from(path.remote.ip());
        if !is_its_own || !matches!(kept.state, State::Told { .. }) {
            return false;
        }
        if request.method != Method::Subscribe {
            self.refuse(request, tx, Status(405), now, out);
            return true;
        }
        if kept.dialog.check_order(request.cseq().number) == Order::Late {
            self.refuse(request, tx, Status(500), now, out);
            return true;
        }
        kept.dialog.path = path;
        kept.dialog.refresh(&request.headers);
        let Some(granted) = granted(request.expires()) else {
            let least = SHORTEST.as_secs().to_string();
            self.refuse_with(request, tx, Status(423), &[(Header::MinExpires, &least)], now, out);
            return true;
        };
        kept.granted = granted;
        let mut response = Response::to(request, Status(200));
        response.set_contact(&NameAddr::new(kept.dialog.contact()));
        response.headers.set(Header::Expires, granted.as_secs().to_string());
        self.say(tx, response, now, out);
        if granted.is_zero() {
            self.part(id, TIMEOUT, None, now, out);
        } else {
            self.subscriptions.timers.set(id, now.mono + granted);
            out.push(Output::Event(Event::Resubscribed { subscription: id }));
        }
        true
    }

    /// A NOTIFY was answered, or not (RFC 6665 section 4.2.2).
    pub(super) fn notified(
        &mut self,
        id: SubscriptionId,
        tx: TxId,
        heard: Heard,
        response: Option<&Response>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(Kept { state: State::Told { under_way, waiting }, .. }) = self.subscriptions.all.get_mut(&id) else { return };
        if *under_way != Some(tx) {
            return;
        }
        match response.map(|response| response.status.0) {
            Some(..=199) => {}
            // A subscriber that is busy for a moment is still one.
            Some(200..=299 | 500 | 503) if heard == Heard::Response => {
                *under_way = None;
                if let Some(body) = waiting.take() {
                    self.notify(id, body, now, out);
                }
            }
            _ => {
                self.subscriptions.forget(id);
                out.push(Output::Event(Event::Unsubscribed { subscription: id }));
            }
        }
    }

    /// Time is up: for the exchange to decide, or for the subscriber to renew.
    pub(super) fn subscription_due(&mut self, id: SubscriptionId, now: Now, out: &mut Vec<Output>) {
        match self.subscriptions.all.get(&id).map(|kept| &kept.state) {
            Some(State::Asked { .. }) => self.refuse_subscription(id, Status(500), now, out),
            Some(State::Told { .. }) => self.part(id, TIMEOUT, None, now, out),
            None => {}
        }
    }

    /// The last NOTIFY, and the subscription is over. What still waits is the last state to be told.
    fn part(&mut self, id: SubscriptionId, standing: Standing, body: Option<&str>, now: Now, out: &mut Vec<Output>) {
        let waiting = match self.subscriptions.all.get_mut(&id).map(|kept| &mut kept.state) {
            Some(State::Told { waiting, .. }) => waiting.take(),
            _ => None,
        };
        self.send_notify(id, standing, 0, body.or(waiting.as_deref()), Owner::Nobody, now, out);
        self.subscriptions.forget(id);
        out.push(Output::Event(Event::Unsubscribed { subscription: id }));
    }

    #[allow(clippy::too_many_arguments)]
    fn send_notify(
        &mut self,
        id: SubscriptionId,
        standing: Standing,
        left: u64,
        body: Option<&str>,
        owner: Owner,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Option<TxId> {
        let kept = self.subscriptions.all.get_mut(&id)?;
        let mut notify = kept.dialog.request(Method::Notify);
        notify.headers.set(Header::Event, kept.event());
        let state = match standing {
            Standing::Active => format!("active;expires={left}"),
            Standing::Over(reason) => format!("terminated;reason={reason}"),
        };
        notify.headers.set(Header::SubscriptionState, state);
        if let Some(body) = body.filter(|body| body.len() <= MAX_BODY) {
            notify.set_body(kept.package.content_type(), body.as_bytes().to_vec());
        }
        let dialog = kept.dialog.clone();
        let way = self.living_way(&dialog);
        Some(self.transactions.send(notify, way, owner, &mut self.rng, now.mono, out))
    }
}

impl Kept {
    fn event(&self) -> String {
        match &self.event_id {
            Some(id) => format!("{};id={id}", self.package.token()),
            None => self.package.token().to_string(),
        }
    }
}

impl Package {
    /// In an Allow-Events.
    pub(super) const ALL: &str = "message-summary, dialog, presence";

    fn token(self) -> &'static str {
        match self {
            Package::MessageSummary => "message-summary",
            Package::Dialog => "dialog",
            Package::Presence => "presence",
        }
    }

    /// The type of its body.
    pub fn content_type(self) -> &'static str {
        match self {
            Package::MessageSummary => "application/simple-message-summary",
            Package::Dialog => "application/dialog-info+xml",
            Package::Presence => "application/pidf+xml",
        }
    }

    /// Of an Event header.
    fn of(event: &str) -> Option<Package> {
        let token = event.split(';').next().unwrap_or_default().trim();
        let all = [Package::MessageSummary, Package::Dialog, Package::Presence];
        all.into_iter().find(|package| package.token().eq_ignore_ascii_case(token))
    }
}

impl Dismissal {
    fn token(self) -> &'static str {
        match self {
            Dismissal::Gone => "noresource",
            Dismissal::Rejected => "rejected",
            Dismissal::Deactivated => "deactivated",
        }
    }
}

/// How long it is granted; `None` when that is too short to be worth it.
fn granted(asked: Option<u32>) -> Option<Duration> {
    match asked.map(|seconds| Duration::from_secs(u64::from(seconds))) {
        None => Some(LONGEST),
        Some(Duration::ZERO) => Some(Duration::ZERO),
        Some(asked) if asked < SHORTEST => None,
        Some(asked) => Some(asked.min(LONGEST)),
    }
}

fn event_id(request: &Request) -> Option<String> {
    let event = request.headers.text(Header::Event)?;
    let mut params = event.split(';').skip(1).filter_map(|param| param.split_once('='));
    params.find(|(name, _)| name.trim().eq_ignore_ascii_case("id")).map(|(_, id)| id.trim().to_string())
}
