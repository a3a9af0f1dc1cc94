//! May this account call that number? A pure question about the configuration, the number and the hour.
//!
//! | in this order | refused as |
//! |---|---|
//! | digits, `*`, `#` and a leading `+`, at most 32 | not a number |
//! | an emergency number, dialled at a phone of the house | (always allowed) |
//! | a telephone of the numbering plan | no such number |
//! | not a caller from a provider | callers from outside |
//! | its class is among the payer's; abroad, its country too | not permitted |
//! | its class is among the night's, at night | night |
//! | there is a trunk | no way out |
//!
//! Invariant: the first rule that is broken is the one that is told.

use super::{Errand, Payer, Refusal, Way};
use crate::config::{Allowance, Class, Config, Destination, Form, Number, Via, is_dialable};
use crate::id::{Name, Rng};
use crate::time::Wall;

/// What is allowed: a call of this class, to this telephone.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    pub class: Class,
    /// `None` for an emergency number, and inside.
    pub number: Option<Number>,
    /// Inside: where it leads.
    pub leads: Option<Destination>,
}

/// Where a number leads within the house; a telephone that is ours is found in whatever form it was dialled.
pub fn internal(config: &Config, dialled: &str) -> Option<Destination> {
    if !is_dialable(dialled) {
        return None;
    }
    config.destination(dialled).or_else(|| config.destination(config.outbound.plan.number(dialled)?.as_str()))
}

/// Without a moment: at the best hour.
pub fn judge(config: &Config, dialled: &str, errand: &Errand, now: Option<Wall>) -> Result<Verdict, Refusal> {
    let plan = &config.outbound.plan;
    if !is_dialable(dialled) {
        return Err(Refusal::NotANumber);
    }
    if errand.has_been_at(dialled) {
        return Err(Refusal::Loop);
    }
    if plan.is_emergency(dialled) {
        return emergency(config, errand);
    }
    let number = plan.number(dialled).ok_or(Refusal::NoSuchNumber)?;
    let allowance = allowance(config, &errand.payer).ok_or(Refusal::CallersFromOutside)?;
    let class = plan.class(&number);
    if !permits(allowance, class, &number) {
        return Err(Refusal::NotPermitted(class));
    }
    if let (Some(night), Some(now)) = (&config.outbound.night, now)
        && !night.classes.contains(&class)
        && night.is_now(now)
    {
        return Err(Refusal::Night(class));
    }
    if config.outbound.via.is_empty() {
        return Err(Refusal::NoWayOut);
    }
    Ok(Verdict { class, number: Some(number), leads: None })
}

/// From the phones of the house only: a place is known of them, and nobody else may make the exchange call for help.
fn emergency(config: &Config, errand: &Errand) -> Result<Verdict, Refusal> {
    if !matches!(&errand.payer, Payer::Extension(_)) {
        return Err(Refusal::CallersFromOutside);
    }
    // Nor does a phone that sends its callers on: whoever calls it may be anywhere.
    if !matches!(errand.way, Way::Dialled | Way::Refer | Way::Api) {
        return Err(Refusal::NotPermitted(Class::Emergency));
    }
    if config.outbound.via.is_empty() {
        return Err(Refusal::NoWayOut);
    }
    Ok(Verdict { class: Class::Emergency, number: None, leads: None })
}

fn permits(allowance: &Allowance, class: Class, number: &Number) -> bool {
    let country = || allowance.international.iter().any(|prefix| number.as_str().starts_with(prefix.as_str()));
    allowance.classes.contains(&class) && (class != Class::International || country())
}

/// `None`: pays for nothing.
pub fn allowance<'c>(config: &'c Config, payer: &Payer) -> Option<&'c Allowance> {
    match payer {
        Payer::Extension(extension) => Some(config.outbound.allowance(extension)),
        Payer::Flow(_) | Payer::Group(_) | Payer::Agent(_) => Some(&config.outbound.flows),
        Payer::Trunk(_) => None,
    }
}

/// The number of ours that is shown: the payer's, else the house's, else any that we have.
pub fn caller(config: &Config, payer: &Payer) -> Option<Number> {
    let own = allowance(config, payer).and_then(|allowance| allowance.caller.clone());
    own.or_else(|| config.outbound.usual.caller.clone()).or_else(|| config.outbound.numbers.first().cloned())
}

/// The trunks as they are to be tried: lower orders first, within an order by chance and weight (as RFC 2782 has it).
pub fn in_order(via: &[Via], rng: &mut Rng) -> Vec<Name> {
    rng.in_order(via.iter().map(|via| (via.order, via.weight, via.trunk.clone())).collect())
}

/// A telephone as this provider wants it written.
pub fn written(config: &Config, trunk: &str, dialled: &str, number: Option<&Number>) -> String {
    let (Some(number), Some(trunk)) = (number, config.trunks.get(trunk)) else { return dialled.to_string() };
    write(config, trunk.numbers, number)
}

pub fn write(config: &Config, form: Form, number: &Number) -> String {
    let plan = &config.outbound.plan;
    match form {
        Form::Plus => number.as_str().to_string(),
        Form::Digits => number.digits().to_string(),
        Form::National => match plan.national(number) {
            Some(national) => format!("{}{national}", plan.trunk_prefix),
            None => format!("00{}", number.digits()),
        },
    }
}
