//! A finished call as a record (CDR): every leg, the times, the outcome, the path through the flow.

use super::call::{Audio, Call, Leg, Phase};
use super::{EndedBy, Outcome, on_sip};
use crate::ivr::Visit;
use crate::media::Statistics;
use crate::store::{CallRecord, LegRecord, PathStep};
use crate::time::Now;

/// The truth about `call`, which is over.
pub fn record(mut call: Call, now: Now) -> CallRecord {
    // The exchange's own steps were noted while a flow still held the call.
    call.path.sort_by_key(|visit| visit.entered);
    let (outcome, by, ended) = match call.phase {
        Phase::Ended { outcome, by, at } => (outcome, by, at),
        _ => (Outcome::InternalError, EndedBy::Exchange, call.clock(now).wall),
    };
    CallRecord {
        source: on_sip::source_words(&call.source),
        reference: call.reference,
        started: call.started,
        answered: call.answered,
        ended,
        from: call.from,
        dialled: call.dialled,
        outcome: outcome.word().into(),
        ended_by: by.word().into(),
        legs: call.gone,
        path: call.path.iter().map(|visit| step(visit, ended)).collect(),
    }
}

/// What a leg leaves with its call.
pub fn leg_record(leg: &Leg, now: Now) -> LegRecord {
    let statistics = match leg.audio {
        Audio::Closed { statistics } => statistics,
        Audio::Opening { .. } | Audio::Open { .. } | Audio::Closing { .. } => Statistics::default(),
    };
    let (ended, ending) = leg.ended.clone().unwrap_or((now.wall, "lost".into()));
    LegRecord {
        role: leg.role.word().into(),
        party: leg.party.clone(),
        trunk: leg.carrier.as_ref().map(ToString::to_string).unwrap_or_default(),
        sip_call_id: leg.sip_call_id.clone(),
        started: leg.started,
        answered: leg.answered,
        ended,
        ending,
        codec: leg.agreed.as_ref().map(|agreed| agreed.codec.clone()).unwrap_or_default(),
        packets_sent: statistics.sent,
        packets_received: statistics.received,
        packets_lost: statistics.lost,
        jitter_ms: statistics.jitter_ms,
    }
}

pub fn step(visit: &Visit, ended: crate::time::Wall) -> PathStep {
    PathStep {
        flow: visit.flow.to_string(),
        node: visit.node.to_string(),
        verb: visit.verb.to_string(),
        entered: visit.entered,
        left: visit.left.unwrap_or(ended),
        outcome: visit.outcome.clone(),
    }
}
