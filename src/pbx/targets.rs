//! What a permit allows, as addresses: where a phone is, who it is told that calls, by which listener the call leaves.
//!
//! Invariant: a [`Target`] is made from a [`Permit`], and from nothing else.

use super::call::{Role, Target};
use super::policy::{Payer, Permit, Place, write};
use super::{Call, Pbx};
use crate::config::{Class, Number, TrunkHost};
use crate::id::Name;
use crate::sip::message::Uri;
use crate::sip::{Carried, DiversionHeader, MAX_DIVERSIONS, OutgoingCall, Party, Source};
use crate::store::PartyNumber;

/// Phones that ring together for one callee.
pub const MAX_TARGETS: usize = 5;
/// Who calls when the number is not to be told (RFC 3323 section 4.1.1.3).
const ANONYMOUS: &str = "anonymous";

impl Pbx {
    /// The phones that the permit lets ring.
    pub(super) fn targets(&self, permit: &Permit, role: Role) -> Vec<Target> {
        match permit.place() {
            Place::Extension(extension) => self.phones_of(extension, permit, role),
            Place::Address { agent, uri } => {
                let party = PartyNumber { number: agent.to_string(), name: String::new() };
                self.address(uri.clone(), Source::Trunk(agent.clone()), role, party, permit).into_iter().collect()
            }
            Place::Trunk { trunk, user, .. } => self.at_provider(trunk, user, permit, role).into_iter().collect(),
        }
    }

    fn phones_of(&self, extension: &str, permit: &Permit, role: Role) -> Vec<Target> {
        let name = self.config.extensions.get(extension).map(|it| it.name.clone()).unwrap_or_default();
        self.endpoint
            .bindings(extension)
            .take(MAX_TARGETS)
            .map(|binding| Target {
                uri: binding.contact.clone(),
                path: Some(binding.path),
                local: binding.path.local,
                peer: Source::Extension(binding.user.clone()),
                role,
                party: PartyNumber { number: extension.to_string(), name: name.clone() },
                permit: permit.clone(),
            })
            .collect()
    }

    /// A number at a provider. An agent who answers there is an agent, whatever carries the call.
    fn at_provider(&self, trunk: &Name, user: &str, permit: &Permit, role: Role) -> Option<Target> {
        let provider = self.config.trunks.get(trunk)?;
        let host = provider.send_to.as_ref()?;
        let agent = match permit.payer() {
            Payer::Agent(agent) if role == Role::Agent => Some(agent.to_string()),
            _ => None,
        };
        let role = if agent.is_some() { Role::Agent } else { Role::Trunk };
        // A telephone has one name, whatever form its provider wants.
        let number = || permit.place().telephone().map_or_else(|| user.to_string(), ToString::to_string);
        let party = PartyNumber { number: agent.unwrap_or_else(number), name: String::new() };
        let path = self.path_to(trunk);
        // With the way known the URI names the domain that the account belongs to: the address is but the next hop (RFC 3261
        // section 8.1.1.1).
        let domain = provider.account.as_ref().and_then(|account| account.domain.clone()).filter(|_| path.is_some());
        let place = domain.unwrap_or_else(|| host.to_string());
        let uri = Uri::parse(format!("sip:{}@{place}", escaped(user))).ok()?;
        if path.is_none() && matches!(host.host, TrunkHost::Name(_)) {
            // Not found, or only where no call may go.
            return None;
        }
        let mut target = self.address(uri, Source::Trunk(trunk.clone()), role, party, permit)?;
        if let Some(path) = path {
            (target.local, target.path) = (path.local, Some(path));
        }
        Some(target)
    }

    /// A fixed address.
    fn address(&self, uri: Uri, peer: Source, role: Role, party: PartyNumber, permit: &Permit) -> Option<Target> {
        let local = self.listener_towards(uri.ip())?;
        Some(Target { uri, path: None, local, peer, role, party, permit: permit.clone() })
    }

    /// What the called are told of the call.
    pub(super) fn outgoing(&self, call: &Call, target: Target) -> OutgoingCall {
        let caller = self.legs.get(&call.caller).map_or(&call.from, |leg| &leg.party);
        let mut outgoing = OutgoingCall {
            target: target.uri,
            path: target.path,
            local: target.local,
            // Whoever would talk with them: not who has called, where that one has sent the other on and leaves.
            from: Party { display: caller.name.clone(), user: caller.number.clone() },
            domain: None,
            to: Party { display: target.party.name, user: target.party.number },
            sdp: None,
            credentials: None,
            ring: super::dial::RING,
            // One exchange fewer is left to pass (RFC 3261 section 16.6, step 3).
            carried: Carried { hops: call.carried.hops.saturating_sub(1), ..Carried::default() },
            diversion_header: DiversionHeader::default(),
        };
        let told = self.config.sip.told.ip(target.local.ip(), target.path.map_or(target.local, |path| path.remote).ip());
        match (target.permit.place(), call.transfer.as_ref().map(|transfer| &transfer.back_to)) {
            (Place::Trunk { trunk, user, number }, _) => {
                outgoing.to = Party { display: String::new(), user: user.clone() };
                self.introduce(call, trunk, number.as_ref(), &target.permit, &mut outgoing);
            }
            // A phone of the house is told who sends it the call; no provider is.
            (_, Some(Source::Extension(referrer))) => {
                outgoing.carried.referred_by = Some(Uri::sip(referrer, &told.to_string(), None));
            }
            _ => {}
        }
        outgoing
    }

    /// Who calls, as this provider is to be told: a number of ours, or nobody's.
    fn introduce(&self, call: &Call, name: &Name, number: Option<&Number>, permit: &Permit, outgoing: &mut OutgoingCall) {
        let Some(trunk) = self.config.trunks.get(name) else { return };
        outgoing.credentials = self.config.accounts.get(name).cloned();
        let account = trunk.account.as_ref().map(|account| account.user.clone());
        outgoing.domain = trunk.domain();
        let own = permit.caller().map(|own| write(&self.config, trunk.numbers, own));
        // A line of the administrator's is no telephone network: it is told who calls, as a phone of the house is.
        let is_telephone = number.is_some() || permit.class() == Class::Emergency;
        if !is_telephone && own.is_none() && account.is_none() {
            return;
        }
        let shown = own.clone().or_else(|| account.clone()).unwrap_or_else(|| self.house_number(call));
        let party = Party { display: String::new(), user: shown };
        // Who called wanted that; who stays in their place did not.
        let called = self.legs.get(&call.caller).is_none_or(|leg| leg.role == Role::Caller);
        outgoing.carried.withheld = call.carried.withheld && called && permit.class() != Class::Emergency;
        if trunk.identity.asserted {
            outgoing.carried.asserted = Some(party.clone());
            outgoing.from = Party { display: String::new(), user: account.unwrap_or(party.user) };
        } else {
            outgoing.from = party;
        }
        if let Some(header) = trunk.identity.diversion {
            outgoing.diversion_header = header;
            outgoing.carried.diversions = permit.errand().trail.iter().rev().take(MAX_DIVERSIONS).cloned().collect();
        }
    }

    /// The extension that calls; a caller from outside is never shown as if the number were ours.
    fn house_number(&self, call: &Call) -> String {
        match self.legs.get(&call.caller).map_or(&call.source, |leg| &leg.peer) {
            Source::Extension(extension) => extension.to_string(),
            Source::Trunk(_) => ANONYMOUS.into(),
        }
    }
}

/// `#` cannot stand in the user part of a URI as it is (RFC 3261 section 25.1).
fn escaped(user: &str) -> String {
    user.replace('#', "%23")
}
