//! What the core and the layer say to each other of a transaction.
//!
//! Invariant: whoever is named as an owner may have gone meanwhile; that is nobody's fault.

use crate::sip::message::{Request, Response};
use crate::sip::watch::WatchId;
use crate::sip::{DialogId, Path, ReferralId, RegistrationId, SubscriptionId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TxId(pub(super) u64);

/// On whose behalf a transaction runs: who is told what becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Owner {
    /// Whatever comes back is dropped: CANCEL, the BYE of a session that has ended, requests that the core answered itself.
    Nobody,
    /// The INVITE that began a session, ours or theirs.
    Invite(DialogId),
    /// A later INVITE or UPDATE in it, ours or theirs.
    Offer(DialogId),
    Bye(DialogId),
    Probe(DialogId),
    Digit(DialogId),
    /// Our PRACK of a provisional answer.
    Prack(DialogId),
    /// Our UPDATE that only refreshes it.
    Refresh(DialogId),
    /// Our REFER in it.
    Refer(DialogId),
    /// A NOTIFY that says how a REFER of theirs goes.
    Referral(ReferralId),
    /// A NOTIFY that says how something stands.
    Notify(SubscriptionId),
    /// A question to a peer that is watched.
    Watch(WatchId),
    Register(RegistrationId),
}

/// What the layer tells the core about a client transaction.
#[derive(Clone, Debug)]
pub struct Notice {
    pub tx: TxId,
    pub owner: Owner,
    pub heard: Heard,
    /// With a challenge and other refusals that ask for the request anew: the request, and the way it went.
    pub request: Option<Box<(Request, Path)>>,
}

/// A response to a request of ours, with what is known of the request.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub notice: &'a Notice,
    pub response: &'a Response,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    Response,
    Timeout,
    Unreachable,
}
