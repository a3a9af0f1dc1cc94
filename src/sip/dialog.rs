//! Dialogs: what two user agents remember of each other between requests (RFC 3261 section 12).
//!
//! Invariant: our CSeq only rises, theirs never falls, and the tags never change once both are known.

use super::message::{Headers, Method, Name, NameAddr, Request, Uri};
use super::paths::{self, default_port};
use super::{Path, Transport};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// A longer route set is cut: nobody's calls cross more proxies.
const MAX_ROUTES: usize = 16;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dialog {
    pub call_id: String,
    /// We, with our tag.
    pub local: NameAddr,
    /// They; the tag comes with their first answer, and never from a peer of RFC 2543.
    pub remote: NameAddr,
    pub local_cseq: u32,
    pub remote_cseq: Option<u32>,
    /// Their Contact: the Request-URI of what we send.
    pub target: Uri,
    pub routes: Vec<NameAddr>,
    /// The way that the last message came, or the first one went.
    pub path: Path,
    /// Where we are, as they were told.
    pub ours: SocketAddr,
    /// Whether their Contact says where they are. Of a phone we know the way that it registered or called by, and a Contact
    /// from behind a NAT says nothing.
    pub follows_contact: bool,
    /// Where the host name of the next hop was found to be.
    pub resolved: Option<SocketAddr>,
    /// Our Contact's user.
    pub user: String,
}

/// What a request in the dialog finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    InOrder,
    /// Older than one that has been seen (RFC 3261 section 12.2.2).
    Late,
}

impl Dialog {
    /// The callee's side, from the INVITE (RFC 3261 section 12.1.1).
    pub fn of_invite(invite: &Request, local_tag: &str, path: Path, ours: SocketAddr, follows_contact: bool) -> Dialog {
        let mut local = NameAddr::new(invite.to_().uri.clone());
        local = local.with_tag(local_tag);
        let mut routes = invite.record_route();
        routes.truncate(MAX_ROUTES);
        Dialog {
            call_id: invite.call_id().to_string(),
            local,
            remote: named(invite.from_()),
            local_cseq: 0,
            remote_cseq: Some(invite.cseq().number),
            target: invite.contacts().first().map_or_else(|| invite.from_().uri.clone(), |contact| contact.uri.clone()),
            routes,
            path,
            ours,
            follows_contact,
            resolved: None,
            user: invite.uri.user().into_owned(),
        }
    }

    /// The caller's side learns who answered (RFC 3261 section 12.1.2).
    pub fn answered(&mut self, headers: &Headers) {
        self.remote = named(headers.to_());
        self.routes = headers.record_route();
        self.routes.reverse();
        self.routes.truncate(MAX_ROUTES);
        self.refresh(headers);
    }

    /// A request or response that refreshes the remote target (RFC 3261 section 12.2).
    pub fn refresh(&mut self, headers: &Headers) {
        if let Some(contact) = headers.contacts().first()
            && contact.uri != self.target
        {
            self.target = contact.uri.clone();
            self.resolved = None;
        }
    }

    /// A new request in this dialog, with everything but Via and body (RFC 3261 section 12.2.1.1).
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq += 1;
        self.request_numbered(method, self.local_cseq)
    }

    /// The ACK of a 2xx, which has the number of its INVITE (RFC 3261 section 13.2.2.4).
    pub fn request_numbered(&self, method: Method, cseq: u32) -> Request {
        let is_loose = self.routes.first().is_none_or(|route| route.uri.param("lr").is_some());
        let uri = match self.routes.first() {
            Some(route) if !is_loose => super::registrar::without_headers(&route.uri),
            _ => super::registrar::without_headers(&self.target),
        };
        let mut request = Request::new(method, uri);
        request.set_max_forwards(70);
        if is_loose {
            self.routes.iter().for_each(|route| request.headers.push_written(Name::Route, route));
        } else {
            // A strict router finds itself in the Request-URI and the target at the end (RFC 3261 section 12.2.1.1).
            self.routes.iter().skip(1).for_each(|route| request.headers.push_written(Name::Route, route));
            request.headers.push_written(Name::Route, format_args!("<{}>", self.target));
        }
        request.set_from(&self.local);
        request.set_to(&self.remote);
        request.set_call_id(&self.call_id);
        request.set_cseq(cseq);
        if request.method.creates_or_refreshes_target() {
            request.set_contact(&NameAddr::new(self.contact()));
        }
        request
    }

    /// Our Contact.
    pub fn contact(&self) -> Uri {
        our_contact(&self.user, self.path.transport, self.ours)
    }

    /// Checks and notes the CSeq of their next request.
    pub fn check_order(&mut self, cseq: u32) -> Order {
        match self.remote_cseq {
            Some(last) if cseq < last => Order::Late,
            _ => {
                self.remote_cseq = Some(cseq);
                Order::InOrder
            }
        }
    }

    /// The host name that must be resolved before requests can follow the target, if it is one.
    pub fn host_to_resolve(&self) -> Option<&str> {
        let hop = self.next_hop();
        let is_name = hop.is_sip() && hop.ip().is_none() && self.resolved.is_none();
        (self.follows_contact && is_name && self.path.connection.is_none()).then(|| hop.host())
    }

    pub fn set_resolved(&mut self, address: IpAddr) {
        if paths::is_somebody(address) {
            self.resolved = Some(SocketAddr::new(address, port_of(self.next_hop(), self.path.transport)));
        }
    }

    /// The way of our next request: the open stream; else what the target or the first route says, where that can be right;
    /// else the way that the dialog last used.
    pub fn way(&self) -> Path {
        if self.path.connection.is_some() || !self.follows_contact {
            return self.path;
        }
        let hop = self.next_hop();
        let written = hop.ip().map(|address| SocketAddr::new(address, port_of(hop, self.path.transport)));
        match written.or(self.resolved) {
            Some(remote) if paths::is_plausible(remote.ip(), self.path.remote.ip()) => Path { remote, ..self.path },
            _ => self.path,
        }
    }

    /// True when `address` is one that this dialog's peer is known by: a request from elsewhere is not the peer's.
    pub fn is_from(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let hop = self.next_hop().ip().filter(|_| self.follows_contact);
        let known = [Some(self.path.remote.ip()), hop, self.resolved.map(|resolved| resolved.ip())];
        known.into_iter().flatten().any(|known| known.to_canonical() == address)
    }

    fn next_hop(&self) -> &Uri {
        self.routes.first().map_or(&self.target, |route| &route.uri)
    }
}

/// The name and address with its tag alone: what From and To repeat in every request of a dialog.
fn named(party: &NameAddr) -> NameAddr {
    let named = NameAddr::new(party.uri.clone()).with_display(&party.display);
    match party.tag() {
        Some(tag) => named.with_tag(tag),
        None => named,
    }
}

/// Where we can be reached.
pub fn our_contact(user: &str, transport: Transport, ours: SocketAddr) -> Uri {
    let uri = Uri::sip(user, &ours.ip().to_string(), Some(ours.port()));
    match transport {
        Transport::Udp => uri,
        transport => uri.with_param("transport", &transport.token().to_ascii_lowercase()),
    }
}

/// The port of a URI, or the one that its transport implies.
pub fn port_of(uri: &Uri, transport: Transport) -> u16 {
    uri.port().unwrap_or(default_port(transport))
}

impl Method {
    /// Requests that carry a Contact which becomes the peer's target (RFC 3261 section 12, RFC 3311).
    pub(super) fn creates_or_refreshes_target(&self) -> bool {
        matches!(self, Method::Invite | Method::Update | Method::Refer | Method::Subscribe | Method::Notify)
    }
}
