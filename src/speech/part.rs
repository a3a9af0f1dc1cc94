//! What there is to say, read from the texts that flows make.
//!
//! | kind | written |
//! |---|---|
//! | `number` | `12`, `-3.50` |
//! | `ordinal`, `position` | `5` |
//! | `date` | `2026-12-24`, `12-24` |
//! | `time` | `14:05` |
//! | `duration` | `95` (seconds), `1h30m`, `5m`, `2d` |
//! | `money` | `120.10 PLN` |
//! | `digits` | `+48 22 123`: the digits of it, one by one |
//!
//! Invariant: a [`Part`] is in range: a day of its month, a minute of its hour, a number below [`MAX_NUMBER`].

use serde::{Deserialize, Serialize};

/// Numbers from here on are not said.
pub const MAX_NUMBER: u64 = 1_000_000_000_000;
/// Digits said one after the other, and digits after a decimal point.
const MAX_DIGITS: usize = 40;
const MAX_FRACTION: usize = 6;

/// Every kind, as it is written in a flow.
pub const KINDS: &[&str] = &["number", "ordinal", "position", "date", "time", "duration", "money", "digits"];

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Number {
        negative: bool,
        whole: u64,
        /// The digits after the point, without zeros at their end.
        fraction: String,
    },
    Ordinal(u64),
    Position(u64),
    Date {
        year: Option<u64>,
        month: u64,
        day: u64,
    },
    Time {
        hour: u64,
        minute: u64,
    },
    /// In seconds.
    Duration(u64),
    Money {
        negative: bool,
        whole: u64,
        hundredths: u64,
        /// `PLN`.
        currency: String,
    },
    Digits(String),
}

impl Part {
    /// `None` when the text does not say such a thing.
    pub fn read(kind: &str, text: &str) -> Option<Part> {
        let text = text.trim();
        match kind {
            "number" => number(text).map(|(negative, whole, fraction)| Part::Number { negative, whole, fraction }),
            "ordinal" => counted(text).map(Part::Ordinal),
            "position" => counted(text).filter(|place| *place > 0).map(Part::Position),
            "date" => date(text),
            "time" => time(text),
            "duration" => duration(text).map(Part::Duration),
            "money" => money(text),
            "digits" => {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                (1..=MAX_DIGITS).contains(&digits.len()).then_some(Part::Digits(digits))
            }
            _ => None,
        }
    }
}

fn counted(text: &str) -> Option<u64> {
    let good = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if good { text.parse().ok().filter(|number| *number < MAX_NUMBER) } else { None }
}

fn number(text: &str) -> Option<(bool, u64, String)> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let good = fraction.len() <= MAX_FRACTION && fraction.bytes().all(|b| b.is_ascii_digit());
    let whole = counted(whole)?;
    good.then(|| (negative && (whole > 0 || !fraction.is_empty()), whole, fraction.to_string()))
}

fn money(text: &str) -> Option<Part> {
    let (amount, currency) = text.split_once(' ')?;
    let (negative, mut whole, fraction) = number(amount)?;
    let digits = format!("{fraction:0<6}");
    let hundredths: u64 = digits.get(..2)?.parse().ok()?;
    let rest: u64 = digits.get(2..)?.parse().ok()?;
    // Half of the smallest coin is rounded up.
    let mut hundredths = if rest >= 5000 { hundredths + 1 } else { hundredths };
    if hundredths == 100 {
        (whole, hundredths) = (whole + 1, 0);
    }
    Some(Part::Money { negative: negative && whole + hundredths > 0, whole, hundredths, currency: currency.trim().to_string() })
}

const DAYS: [u64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

fn date(text: &str) -> Option<Part> {
    // A moment's date is said as well: what follows a `T` is its time.
    let text = text.split('T').next()?;
    let parts: Vec<Option<u64>> = text.split('-').map(counted).collect();
    let (year, month, day) = match parts.as_slice() {
        [Some(year), Some(month), Some(day)] => (Some(*year), *month, *day),
        [Some(month), Some(day)] => (None, *month, *day),
        _ => return None,
    };
    let most = *DAYS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let leap = year.is_none_or(|year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let most = if month == 2 && !leap { 28 } else { most };
    ((1..=most).contains(&day) && year.is_none_or(|year| (1..=9999).contains(&year))).then_some(Part::Date { year, month, day })
}

fn time(text: &str) -> Option<Part> {
    let text = text.rsplit('T').next()?;
    let mut parts = text.split(':');
    let (hour, minute) = (counted(parts.next()?)?, counted(parts.next()?)?);
    (hour < 24 && minute < 60).then_some(Part::Time { hour, minute })
}

fn duration(text: &str) -> Option<u64> {
    if let Some((negative, whole, _)) = number(text) {
        return (!negative).then_some(whole);
    }
    let (mut total, mut digits) = (0u64, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(counted(&digits)?.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && !text.is_empty() && total < MAX_NUMBER).then_some(total)
}
