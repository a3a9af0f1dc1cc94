//! Telephone numbers: what may be dialled, the one form in which numbers are compared (E.164), and what kind of call each makes.
//!
//! | written | means, with Poland's plan |
//! |---|---|
//! | `+48221234567`, `0048221234567`, `221234567` | `+48221234567` |
//! | `+4930123456`, `004930123456` | `+4930123456` |
//! | `112` | an emergency number, as it stands |
//! | anything else | no telephone number: an extension, a code, a mistake |
//!
//! Invariant: two [`Number`]s are the same telephone exactly when they are equal.

use super::trunks::Form;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest text that can be dialled.
pub const MAX_DIALLED: usize = 32;
/// Digits of an E.164 number, country code included (ITU-T E.164 section 6.1), and the fewest that are worth calling.
const MAX_E164: usize = 15;
const MIN_E164: usize = 7;
/// What is dialled before a country code instead of `+` (ITU-T E.164 annex, "international prefix").
const INTERNATIONAL: &str = "00";

/// Digits, star, hash and a leading plus, one to thirty-two of them: nothing else is ever dialled, looked up or sent on.
pub fn is_dialable(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let inner = |b: u8| b.is_ascii_digit() || b == b'*' || b == b'#';
    text.len() <= MAX_DIALLED && !digits.is_empty() && digits.bytes().all(inner)
}

/// One telephone, in E.164: a plus, the country code, the number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(String);

impl Number {
    /// Reads `+` and seven to fifteen digits.
    pub fn parse(text: &str) -> Option<Number> {
        let digits = text.strip_prefix('+')?;
        let sound = (MIN_E164..=MAX_E164).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        sound.then(|| Number(text.to_string()))
    }

    /// With its leading plus.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Country code and number, without the plus.
    pub fn digits(&self) -> &str {
        self.0.strip_prefix('+').unwrap_or(&self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The numbering plan of the country where the exchange stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The country code, without a plus.
    pub country: String,
    /// Digits of a national number.
    pub shortest: usize,
    pub longest: usize,
    /// What stands before a national number where that is usual ("0" in Germany); empty in Poland.
    pub trunk_prefix: String,
    /// Beginnings of national numbers that cost more than a call.
    pub premium: Vec<String>,
    /// Dialled as they stand.
    pub emergency: Vec<String>,
}

/// Poland (national numbering plan: nine digits, first 1 to 9; 70x, 30x and 40x are services at a premium rate).
impl Default for Plan {
    fn default() -> Plan {
        Plan {
            country: "48".into(),
            shortest: 9,
            longest: 9,
            trunk_prefix: String::new(),
            premium: ["70", "30", "40"].map(String::from).to_vec(),
            emergency: ["112", "997", "998", "999"].map(String::from).to_vec(),
        }
    }
}

/// What kind of call a number makes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// To a phone of the house, or to an address that the administrator wrote down.
    Internal,
    Emergency,
    National,
    /// A national number at a premium rate.
    Premium,
    International,
}

impl Class {
    pub fn word(self) -> &'static str {
        match self {
            Class::Internal => "internal",
            Class::Emergency => "emergency",
            Class::National => "national",
            Class::Premium => "premium",
            Class::International => "international",
        }
    }
}

impl Plan {
    /// The telephone that somebody here means by what they dial.
    pub fn number(&self, dialled: &str) -> Option<Number> {
        if dialled.starts_with('+') {
            return Number::parse(dialled).filter(|number| self.is_whole(number));
        }
        if let Some(rest) = dialled.strip_prefix(INTERNATIONAL) {
            return Number::parse(&format!("+{rest}")).filter(|number| self.is_whole(number));
        }
        let national = dialled.strip_prefix(self.trunk_prefix.as_str())?;
        self.is_national(national).then(|| Number::parse(&format!("+{}{national}", self.country))).flatten()
    }

    /// The telephone that a provider means: some write the country code without a plus.
    pub fn received(&self, text: &str) -> Option<Number> {
        let bare = || text.strip_prefix(self.country.as_str()).filter(|rest| self.is_national(rest));
        self.number(text).or_else(|| Number::parse(&format!("+{}{}", self.country, bare()?)))
    }

    /// The telephone that a provider says is calling: one that writes numbers without a plus does so abroad too.
    pub fn calling(&self, text: &str, form: Form) -> Option<Number> {
        let abroad = || Number::parse(&format!("+{text}")).filter(|number| self.is_whole(number));
        self.received(text).or_else(|| (form == Form::Digits).then(abroad).flatten())
    }

    /// An emergency number, or the class of a telephone.
    pub fn is_emergency(&self, dialled: &str) -> bool {
        self.emergency.iter().any(|number| number == dialled)
    }

    pub fn class(&self, number: &Number) -> Class {
        match number.digits().strip_prefix(self.country.as_str()) {
            Some(national) if self.premium.iter().any(|prefix| national.starts_with(prefix.as_str())) => Class::Premium,
            Some(_) => Class::National,
            None => Class::International,
        }
    }

    /// Without the country code, as it is dialled at home; `None` for a telephone abroad.
    pub fn national<'n>(&self, number: &'n Number) -> Option<&'n str> {
        number.digits().strip_prefix(self.country.as_str())
    }

    /// Of the country's own numbers only whole ones: +4811200 is no way to some service.
    fn is_whole(&self, number: &Number) -> bool {
        self.national(number).is_none_or(|national| self.is_national(national))
    }

    fn is_national(&self, text: &str) -> bool {
        (self.shortest..=self.longest).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && !text.starts_with('0')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form_however_it_is_dialled() {
        let plan = Plan::default();
        for (dialled, number) in [
            ("+48221234567", Some("+48221234567")),
            ("0048221234567", Some("+48221234567")),
            ("221234567", Some("+48221234567")),
            ("+4930123456", Some("+4930123456")),
            ("004930123456", Some("+4930123456")),
            ("0221234567", None),
            ("22123456", None),
            ("2212345678", None),
            ("48221234567", None),
            ("+4811200", None),
            ("+480221234567", None),
            ("112", None),
            ("+", None),
            ("+0123456789", None),
            ("+1234567890123456", None),
            ("22*234567", None),
            ("000048221234567", None),
            ("", None),
        ] {
            assert_eq!(plan.number(dialled).as_ref().map(Number::as_str), number, "{dialled}");
        }
        assert_eq!(plan.received("48221234567").as_ref().map(Number::as_str), Some("+48221234567"));
        assert_eq!(plan.received("1001"), None);
    }

    #[test]
    fn who_calls_is_one_and_the_same_however_the_provider_writes_the_number() {
        let plan = Plan::default();
        for (form, written, number) in [
            (Form::Plus, "+48600100200", Some("+48600100200")),
            (Form::Plus, "0048600100200", Some("+48600100200")),
            (Form::Digits, "48600100200", Some("+48600100200")),
            (Form::National, "600100200", Some("+48600100200")),
            (Form::National, "004930123456", Some("+4930123456")),
            (Form::Digits, "4930123456", Some("+4930123456")),
            (Form::Plus, "4930123456", None),
            (Form::Digits, "4811200", None),
            (Form::Digits, "1001", None),
            (Form::Digits, "0221234567", None),
            (Form::Digits, "anonymous", None),
            (Form::Digits, "", None),
        ] {
            assert_eq!(plan.calling(written, form).as_ref().map(Number::as_str), number, "{written}");
        }
    }

    #[test]
    fn germany_dials_a_nought_first() {
        let plan = Plan { country: "49".into(), shortest: 5, longest: 11, trunk_prefix: "0".into(), ..Plan::default() };
        assert_eq!(plan.number("030123456").as_ref().map(Number::as_str), Some("+4930123456"));
        assert_eq!(plan.number("30123456"), None);
    }

    #[test]
    fn every_number_is_of_one_class() {
        let plan = Plan::default();
        for (dialled, class) in [
            ("221234567", Class::National),
            ("601234567", Class::National),
            ("701234567", Class::Premium),
            ("0048300123456", Class::Premium),
            ("+48400123456", Class::Premium),
            ("+4930123456", Class::International),
            ("001900123456", Class::International),
        ] {
            let number = plan.number(dialled).expect("a number");
            assert_eq!(plan.class(&number), class, "{dialled}");
        }
        assert!(plan.is_emergency("112") && !plan.is_emergency("1120") && !plan.is_emergency("+112"));
    }

    #[test]
    fn only_digits_star_hash_and_a_leading_plus_are_dialled() {
        for good in ["100", "*21*221234567#", "+48221234567", "#"] {
            assert!(is_dialable(good), "{good}");
        }
        for bad in ["", "+", "1+2", "100;x", "1234&PJSIP/0048", "\u{661}00", "100@evil", "0 0", "\r\n", &"1".repeat(33)] {
            assert!(!is_dialable(bad), "{bad:?}");
        }
    }
}
