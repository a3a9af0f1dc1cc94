//! Exact decimal numbers: six places after the point, up to 10^18 before it. Ten cents and twenty are thirty.
//!
//! Invariant: no number lies outside ±10^18; what would is `None`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number, in millionths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Number(i128);

const UNIT: i128 = 1_000_000;
const PLACES: usize = 6;
const MOST: i128 = 1_000_000_000_000_000_000 * UNIT;

impl Number {
    /// From millionths.
    pub fn from_millionths(millionths: i128) -> Option<Number> {
        (-MOST..=MOST).contains(&millionths).then_some(Number(millionths))
    }

    /// The nearest number to one that came from outside; `None` for what is not finite or too large.
    pub fn from_f64(value: f64) -> Option<Number> {
        let millionths = (value * 1e6).round();
        // The comparison is false for what is not a number.
        (millionths.abs() <= MOST as f64).then_some(millionths as i128).and_then(Number::from_millionths)
    }

    pub fn millionths(self) -> i128 {
        self.0
    }

    /// Itself when it is a whole number that fits.
    pub fn whole(self) -> Option<i64> {
        if self.0 % UNIT == 0 { i64::try_from(self.0 / UNIT).ok() } else { None }
    }

    /// In hundredths, rounded half away from zero: an amount of money in its small unit.
    pub fn hundredths(self) -> Option<i64> {
        i64::try_from(divide(self.0, UNIT / 100)).ok()
    }

    /// Rounded half away from zero to so many places, at most six.
    pub fn round(self, places: u32) -> Number {
        let unit = 10_i128.pow(6 - places.min(6));
        Number(divide(self.0, unit) * unit)
    }

    pub fn plus(self, other: Number) -> Option<Number> {
        Number::from_millionths(self.0 + other.0)
    }

    pub fn minus(self, other: Number) -> Option<Number> {
        Number::from_millionths(self.0 - other.0)
    }

    /// To the sixth place, half away from zero.
    pub fn times(self, other: Number) -> Option<Number> {
        Number::from_millionths(divide(self.0.checked_mul(other.0)?, UNIT))
    }

    /// To the sixth place, half away from zero; `None` also by zero.
    pub fn over(self, other: Number) -> Option<Number> {
        if other.0 == 0 { None } else { Number::from_millionths(divide(self.0 * UNIT, other.0)) }
    }

    pub fn negate(self) -> Number {
        Number(-self.0)
    }
}

/// Rounds half away from zero. `by` is not zero.
fn divide(number: i128, by: i128) -> i128 {
    let (whole, rest) = (number / by, number % by);
    let away = if (number < 0) == (by < 0) { 1 } else { -1 };
    if rest.unsigned_abs() * 2 >= by.unsigned_abs() { whole + away } else { whole }
}

impl From<i64> for Number {
    /// Saturates at the bounds.
    fn from(whole: i64) -> Number {
        Number((i128::from(whole) * UNIT).clamp(-MOST, MOST))
    }
}

/// `12`, `-3.50`; no exponent, no signs of thousands, at most six places.
impl std::str::FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Number, String> {
        let wrong = || "not a number: digits with at most six after the point, such as 12 or 3.50".to_string();
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let (before, after) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(before, 24) || !is_digits(after, PLACES) {
            return Err(wrong());
        }
        let read = |part: &str| part.parse::<i128>().map_err(|_| wrong());
        let millionths = read(before)? * UNIT + read(&format!("{after:0<PLACES$}"))?;
        Number::from_millionths(if negative { -millionths } else { millionths })
            .ok_or_else(|| "a number larger than 10^18".to_string())
    }
}

/// Without needless zeros: `3.5`, `12`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.unsigned_abs() / UNIT.unsigned_abs(), self.0.unsigned_abs() % UNIT.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{rest:0PLACES$}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Number> for String {
    fn from(number: Number) -> String {
        number.to_string()
    }
}

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Number, String> {
        text.parse()
    }
}
