//! Where a dialled number leads.
//!
//! | dialled | by a phone of the house | by a caller from a provider |
//! |---|---|---|
//! | a code, a parking slot | the service | nobody |
//! | a number of the list, an extension, a family's queue | there | there |
//! | anything else | outside, as far as policy permits | nobody |
//! | the account that we registered | - | where the number in To leads, or as above |

use super::policy;
use crate::config::{Code, Config, Destination, is_dialable};
use crate::id::{LegId, Name};
use crate::sip::{Source, Status};
use serde::{Deserialize, Serialize};

/// What takes a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Lead {
    To(Destination),
    /// Somebody outside: policy decides.
    Outside(String),
    /// A service of the house, with the number that was dialled after the code.
    Code(Code, String),
    /// Whoever is parked there.
    Slot(u32),
    /// The place of this leg (Replaces, RFC 3891).
    PlaceOf(LegId),
}

/// What takes a call to `dialled`, or the status that refuses it.
pub fn route(config: &Config, source: &Source, dialled: &str) -> Result<Lead, Status> {
    if !is_dialable(dialled) {
        return Err(Status(404));
    }
    if matches!(source, Source::Extension(_)) {
        if let Some((code, rest)) = config.services.code(dialled) {
            return Ok(Lead::Code(code.clone(), rest.to_string()));
        }
        if let Some(slot) = config.services.parking.as_ref().and_then(|parking| parking.slot(dialled)) {
            return Ok(Lead::Slot(slot));
        }
    }
    match inside(config, source, dialled) {
        // A checked configuration has no such flow; a call must not depend on that.
        Some(Destination::Flow(flow)) if !config.flows.contains_key(&flow) => Err(Status(500)),
        Some(destination) => Ok(Lead::To(destination)),
        None if matches!(source, Source::Extension(_)) => Ok(Lead::Outside(dialled.to_string())),
        None => Err(Status(404)),
    }
}

/// Whether a provider called the account that we registered there, and wrote the number of ours that was dialled into To.
pub fn is_for_account(config: &Config, source: &Source, dialled: &str, to: &str) -> bool {
    let Source::Trunk(trunk) = source else { return false };
    let account = config.trunks.get(trunk).and_then(|trunk| trunk.account.as_ref());
    account.is_some_and(|account| account.user == dialled) && route(config, source, to).is_ok()
}

/// Providers write our numbers in their own way.
fn inside(config: &Config, source: &Source, dialled: &str) -> Option<Destination> {
    let as_received = || match source {
        Source::Trunk(_) => config.destination(config.outbound.plan.received(dialled)?.as_str()),
        Source::Extension(_) => None,
    };
    policy::internal(config, dialled).or_else(as_received)
}

/// The caller's language: their own, else their trunk's, else the house's.
pub fn language(config: &Config, source: &Source) -> Name {
    let own = match source {
        Source::Extension(name) => config.extensions.get(name).and_then(|extension| extension.language.clone()),
        Source::Trunk(name) => config.trunks.get(name).and_then(|trunk| trunk.language.clone()),
    };
    own.unwrap_or_else(|| config.language.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Parking, Trunk, TrunkAccount};
    use crate::time::Duration;
    use std::sync::Arc;

    fn config() -> Config {
        let mut config = Config::default();
        config.flows.insert("main".into(), Arc::default());
        for number in ["100", "+48221234567", "100;x"] {
            config.numbers.insert(number.into(), Destination::Flow("main".into()));
        }
        config.services.codes.insert("*8".into(), Code::Pickup);
        config.services.parking = Some(Parking { first: 701, last: 702, timeout: Duration::from_secs(60) });
        config
    }

    fn main() -> Result<Lead, Status> {
        Ok(Lead::To(Destination::Flow("main".into())))
    }

    #[test]
    fn callers_from_outside_reach_configured_numbers_and_nothing_else() {
        for (dialled, expected) in [
            ("100", main()),
            ("+48221234567", main()),
            ("48221234567", main()),
            ("221234567", main()),
            ("0048221234567", main()),
            ("101", Err(Status(404))),
            ("", Err(Status(404))),
            ("+", Err(Status(404))),
            ("100;x", Err(Status(404))),
            ("1234&PJSIP/0048", Err(Status(404))),
            ("\u{661}00", Err(Status(404))),
            ("100000000000000000000000000000000", Err(Status(404))),
            ("601234567", Err(Status(404))),
            ("112", Err(Status(404))),
            ("*8100", Err(Status(404))),
            ("701", Err(Status(404))),
        ] {
            assert_eq!(route(&config(), &Source::Trunk("provider".into()), dialled), expected, "{dialled:?}");
        }
    }

    #[test]
    fn a_call_to_the_account_is_for_the_number_of_ours_that_to_has() {
        let mut config = config();
        let account = TrunkAccount { user: "acct".into(), domain: None, register: None };
        config.trunks.insert("provider".into(), Trunk { account: Some(account), ..Trunk::default() });
        let [provider, other] = ["provider", "other"].map(|name| Source::Trunk(name.into()));
        for (source, dialled, to, expected) in [
            (&provider, "acct", "0048221234567", true),
            (&provider, "acct", "601234567", false),
            (&provider, "acct", "acct", false),
            (&provider, "100", "0048221234567", false),
            (&other, "acct", "0048221234567", false),
            (&Source::Extension("acct".into()), "acct", "0048221234567", false),
        ] {
            assert_eq!(is_for_account(&config, source, dialled, to), expected, "{source:?} {dialled} {to}");
        }
    }

    #[test]
    fn phones_of_the_house_reach_services_too_and_ask_for_the_rest() {
        for (dialled, expected) in [
            ("100", main()),
            ("221234567", main()),
            ("*81001", Ok(Lead::Code(Code::Pickup, "1001".into()))),
            ("702", Ok(Lead::Slot(702))),
            ("703", Ok(Lead::Outside("703".into()))),
            ("601234567", Ok(Lead::Outside("601234567".into()))),
            ("100;x", Err(Status(404))),
        ] {
            assert_eq!(route(&config(), &Source::Extension("1001".into()), dialled), expected, "{dialled:?}");
        }
    }
}
