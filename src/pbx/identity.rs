//! Who calls, as everybody in the house is told: the called phone, `calls`, the record, webhooks, a flow.
//!
//! | who calls | number | name |
//! |---|---|---|
//! | a phone of the house | its extension, as it has proved | as configured; else as the phone says |
//! | from a provider that is trusted | whom it asserts, unless they want to stay unknown (RFC 3325 section 7) | the same |
//! | from any other | whom From names | the same |
//!
//! Invariant: a telephone has one name, that which can be dialled from anywhere (E.164), however its provider writes it.

use super::Pbx;
use super::on_sip::clipped;
use crate::config::Form;
use crate::sip::{IncomingCall, Party, Source};
use crate::store::PartyNumber;

impl Pbx {
    pub(super) fn caller_as_shown(&self, invite: &IncomingCall) -> PartyNumber {
        let shown = self.shown_of(invite);
        let (number, name) = match &invite.source {
            Source::Extension(extension) => {
                let configured = self.config.extensions.get(extension).map(|it| it.name.as_str());
                (shown.user.clone(), configured.filter(|name| !name.is_empty()).unwrap_or(&shown.display))
            }
            Source::Trunk(trunk) => {
                let form = self.config.trunks.get(trunk).map_or(Form::Plus, |trunk| trunk.numbers);
                let telephone = self.config.outbound.plan.calling(&shown.user, form);
                (telephone.map_or_else(|| shown.user.clone(), |number| number.to_string()), shown.display.as_str())
            }
        };
        PartyNumber { number: clipped(&number), name: clipped(name) }
    }

    fn shown_of<'a>(&self, invite: &'a IncomingCall) -> &'a Party {
        let is_trusted = match &invite.source {
            Source::Trunk(name) => self.config.trunks.get(name).is_some_and(|trunk| trunk.identity.trusted),
            Source::Extension(_) => false,
        };
        let asserted = invite.carried.asserted.as_ref().filter(|_| is_trusted && !invite.carried.withheld);
        asserted.unwrap_or(&invite.from)
    }
}
