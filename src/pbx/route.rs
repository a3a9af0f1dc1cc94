//! Where a dialled number leads.

use crate::config::{Config, Destination};
use crate::id::Name;
use crate::sip::{Source, Status};

/// The longest number or user that can be dialled.
const LONGEST: usize = 32;

/// What takes a call to `dialled`, or the status that refuses it.
pub fn route(config: &Config, dialled: &str) -> Result<Destination, Status> {
    if !is_number(dialled) {
        return Err(Status(404));
    }
    match config.destination(dialled) {
        // A checked configuration has no such flow; a call must not depend on that.
        Some(Destination::Flow(flow)) if !config.flows.contains_key(&flow) => Err(Status(500)),
        Some(destination) => Ok(destination),
        None => Err(Status(404)),
    }
}

/// The caller's language: their own, else their trunk's, else the house's.
pub fn language(config: &Config, source: &Source) -> Name {
    let own = match source {
        Source::Extension(name) => config.extensions.get(name).and_then(|extension| extension.language.clone()),
        Source::Trunk(name) => config.trunks.get(name).and_then(|trunk| trunk.language.clone()),
    };
    own.unwrap_or_else(|| config.language.clone())
}

/// Digits, star, hash and a leading plus are all that is ever dialled: nothing else is looked up, logged or interpolated.
fn is_number(dialled: &str) -> bool {
    let digits = dialled.strip_prefix('+').unwrap_or(dialled);
    (1..=LONGEST).contains(&dialled.len())
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn only_configured_numbers_lead_anywhere() {
        let mut config = Config::default();
        config.flows.insert("main".into(), Arc::default());
        config.numbers.insert("100".into(), Destination::Flow("main".into()));
        config.numbers.insert("+48221234567".into(), Destination::Flow("main".into()));
        config.numbers.insert("100;x".into(), Destination::Flow("main".into()));
        for (dialled, expected) in [
            ("100", Ok(Destination::Flow("main".into()))),
            ("+48221234567", Ok(Destination::Flow("main".into()))),
            ("101", Err(Status(404))),
            ("", Err(Status(404))),
            ("+", Err(Status(404))),
            ("100;x", Err(Status(404))),
            ("1234&PJSIP/0048", Err(Status(404))),
            ("\u{661}00", Err(Status(404))),
            ("100000000000000000000000000000000", Err(Status(404))),
        ] {
            assert_eq!(route(&config, dialled), expected, "{dialled:?}");
        }
    }
}
