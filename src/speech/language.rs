//! A language's grammar as data, and how it says a part.
//!
//! Invariant: a part is said whole or not at all.

use super::phrase::{Case, Filled, How, Noun, Piece};
use super::rules::{RuleSet, Spelling};
use super::{Fragment, MAX_FRAGMENTS, Part};
use crate::id::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Language {
    pub name: String,
    /// The case of what nothing else is said of; a language without cases has none.
    pub(super) usual_case: Option<String>,
    pub(super) usual_gender: Option<String>,
    pub(super) cases: Vec<String>,
    pub(super) genders: Vec<String>,
    /// Which form a number wants of its noun; the first that fits.
    pub(super) plurals: Vec<Plural>,
    /// Plural -> the case of the number -> the case of the noun, where they differ.
    pub(super) government: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) nouns: BTreeMap<String, Declension>,
    pub(super) sets: BTreeMap<String, RuleSet>,
    pub(super) lists: BTreeMap<String, BTreeMap<String, Vec<Vec<Fragment>>>>,
    /// Phrase -> case ("" for any) -> pieces.
    pub(super) phrases: BTreeMap<String, BTreeMap<String, Vec<Piece>>>,
    /// Currency -> its noun, and the noun of its hundredth.
    pub(super) currencies: BTreeMap<String, (String, String)>,
    /// Every fragment, and the word that it is.
    pub(super) words: BTreeMap<Fragment, String>,
}

/// Which numbers want this form of a noun.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Plural {
    pub(super) name: String,
    /// Exactly this number.
    pub(super) is: Option<u64>,
    /// The last digit, and the last two that are excepted.
    pub(super) ends: Option<(u64, u64)>,
    pub(super) but: Option<(u64, u64)>,
    /// The forms of the noun that it takes: singular or plural.
    pub(super) singular: bool,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Declension {
    pub(super) gender: Option<String>,
    /// Case ("" in a language without cases) -> words.
    pub(super) singular: BTreeMap<String, Vec<Fragment>>,
    pub(super) plural: BTreeMap<String, Vec<Fragment>>,
}

/// Where in a sentence a part stands: what its number, date or amount has to agree with. The language's usual ones when absent,
/// and in a language that knows no such thing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Slot {
    pub gender: Option<Name>,
    pub case: Option<Name>,
}

/// The numbers that a phrase is filled with.
type Numbers<'a> = &'a [(&'static str, u64)];

impl Language {
    /// As fragments; `None` when the language has no words for it.
    pub fn say(&self, part: &Part, slot: &Slot) -> Option<Vec<Fragment>> {
        let mut said = Spelling { language: self, said: Vec::new(), steps: 0 };
        let case = slot.case.as_deref().filter(|case| self.cases.iter().any(|known| known == case));
        let asked = Asked { case: case.or(self.usual_case.as_deref()), gender: slot.gender.as_deref(), currency: None };
        match part {
            Part::Number { negative, whole, fraction } => {
                self.sign(*negative, &mut said);
                self.spell("cardinal", *whole, &asked, &mut said)?;
                if !fraction.is_empty() {
                    self.phrase("point", &asked, &[], &mut said)?;
                    self.digits(fraction, &mut said)?;
                }
            }
            Part::Ordinal(number) => self.spell("ordinal", *number, &asked, &mut said)?,
            Part::Position(number) => self.phrase("position", &asked, &[("place", *number)], &mut said)?,
            Part::Date { year, month, day } => {
                let numbers = [("day", *day), ("month", *month), ("year", year.unwrap_or(0))];
                self.phrase("date", &asked, &numbers, &mut said)?;
            }
            Part::Time { hour, minute } => self.phrase("time", &asked, &time(*hour, *minute), &mut said)?,
            Part::Duration(0) => self.phrase("no-time", &asked, &[("seconds", 0)], &mut said)?,
            Part::Duration(seconds) => self.phrase("duration", &asked, &duration(*seconds), &mut said)?,
            Part::Money { negative, whole, hundredths, currency } => {
                self.sign(*negative, &mut said);
                let asked = Asked { currency: Some(self.currencies.get(currency)?), ..asked };
                let numbers = [("whole", *whole), ("hundredths", *hundredths)];
                let phrase = if *whole == 0 && *hundredths > 0 { "small-change" } else { "money" };
                self.phrase(phrase, &asked, &numbers, &mut said)?;
            }
            Part::Digits(digits) => self.digits(digits, &mut said)?,
        }
        (!said.said.is_empty() && said.said.len() <= MAX_FRAGMENTS).then_some(said.said)
    }

    /// As the words that would be spoken: for people, and for tests.
    pub fn write(&self, part: &Part, slot: &Slot) -> Option<String> {
        let said = self.say(part, slot)?;
        Some(said.iter().filter_map(|fragment| self.words.get(fragment)).map(String::as_str).collect::<Vec<_>>().join(" "))
    }

    /// Every fragment that anything could be said with, and the word that it is.
    pub fn fragments(&self) -> &BTreeMap<Fragment, String> {
        &self.words
    }

    pub fn cases(&self) -> &[String] {
        &self.cases
    }

    pub fn genders(&self) -> &[String] {
        &self.genders
    }

    /// The codes of the currencies that have names.
    pub fn currencies(&self) -> impl Iterator<Item = &str> {
        self.currencies.keys().map(String::as_str)
    }

    fn sign(&self, negative: bool, said: &mut Spelling<'_>) {
        if negative {
            // A language that has no word for it says the number without it only if the data file lacks it, which is refused.
            let _ = self.phrase("minus", &Asked::default(), &[], said);
        }
    }

    fn digits(&self, digits: &str, said: &mut Spelling<'_>) -> Option<()> {
        for digit in digits.bytes() {
            // Each digit is a word of its own, however many there are.
            said.steps = 0;
            said.number(self.set("digit", None, None)?, u64::from(digit - b'0'))?;
        }
        Some(())
    }

    fn phrase(&self, name: &str, asked: &Asked<'_>, numbers: Numbers<'_>, said: &mut Spelling<'_>) -> Option<()> {
        let variants = self.phrases.get(name)?;
        let pieces = asked.case.and_then(|case| variants.get(case)).or_else(|| variants.get(""))?;
        self.pieces(pieces, asked, numbers, said)
    }

    fn pieces(&self, pieces: &[Piece], asked: &Asked<'_>, numbers: Numbers<'_>, said: &mut Spelling<'_>) -> Option<()> {
        for piece in pieces {
            match piece {
                Piece::Word(word) => said.said.push(word.clone()),
                Piece::Slot(slot) => self.slot(slot, asked, numbers, said)?,
                Piece::Optional(inner) if is_there(inner, numbers) => self.pieces(inner, asked, numbers, said)?,
                Piece::Optional(_) => {}
            }
        }
        Some(())
    }

    fn slot(&self, slot: &Filled, asked: &Asked<'_>, numbers: Numbers<'_>, said: &mut Spelling<'_>) -> Option<()> {
        let number = value(&slot.name, numbers)?;
        said.steps = 0;
        match &slot.how {
            How::Number { kind, gender, case } => {
                let gender = gender.as_deref().map(|gender| if gender == "$" { asked.gender } else { Some(gender) });
                let asked = Asked { case: Case::resolve(case.as_ref(), asked.case), gender: gender.flatten(), currency: None };
                self.spell(kind, number, &asked, said)
            }
            How::Count { noun, case } => {
                let noun = match (noun.as_str(), asked.currency) {
                    ("major", Some((major, _))) => major,
                    ("minor", Some((_, minor))) => minor,
                    _ => noun,
                };
                let case = Case::resolve(case.as_ref(), asked.case);
                let gender = self.nouns.get(noun)?.gender.as_deref();
                self.spell("cardinal", number, &Asked { case, gender, currency: None }, said)?;
                let noun = Noun { noun: noun.to_string(), case: case.map(str::to_string) };
                said.said.extend(self.noun(&noun, number)?.iter().cloned());
                Some(())
            }
            How::Listed { list, case } => {
                let forms = self.lists.get(list)?;
                let case = Case::resolve(case.as_ref(), asked.case).unwrap_or_default();
                let words = forms.get(case).or_else(|| forms.get(""))?.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
                said.said.extend(words.iter().cloned());
                Some(())
            }
        }
    }

    fn spell(&self, kind: &str, number: u64, asked: &Asked<'_>, said: &mut Spelling<'_>) -> Option<()> {
        said.number(self.set(kind, asked.gender.or(self.usual_gender.as_deref()), asked.case)?, number)
    }

    /// The most particular set of rules: `cardinal-f-genitive`, `cardinal-genitive`, `cardinal-f`, `cardinal`.
    fn set(&self, kind: &str, gender: Option<&str>, case: Option<&str>) -> Option<&str> {
        let (gender, case) = (gender.unwrap_or_default(), case.unwrap_or_default());
        let names = [format!("{kind}-{gender}-{case}"), format!("{kind}-{case}"), format!("{kind}-{gender}"), kind.to_string()];
        names.iter().find_map(|name| self.sets.get_key_value(name)).map(|(name, _)| name.as_str())
    }

    /// The noun in the form that this number wants.
    pub(super) fn noun(&self, noun: &Noun, number: u64) -> Option<&[Fragment]> {
        let plural = self.plurals.iter().find(|plural| plural.fits(number))?;
        let forms = self.nouns.get(&noun.noun)?;
        let case = noun.case.as_deref().or(self.usual_case.as_deref()).unwrap_or_default();
        let case = self.government.get(&plural.name).and_then(|cases| cases.get(case)).map_or(case, String::as_str);
        let forms = if plural.singular { &forms.singular } else { &forms.plural };
        forms.get(case).or_else(|| forms.get("")).map(Vec::as_slice)
    }
}

impl Plural {
    fn fits(&self, number: u64) -> bool {
        let within = |range: Option<(u64, u64)>, value: u64| range.map(|(least, most)| (least..=most).contains(&value));
        self.is.is_none_or(|is| is == number)
            && within(self.ends, number % 10).unwrap_or(true)
            && !within(self.but, number % 100).unwrap_or(false)
    }
}

#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    case: Option<&'a str>,
    gender: Option<&'a str>,
    currency: Option<&'a (String, String)>,
}

fn value(name: &str, numbers: Numbers<'_>) -> Option<u64> {
    numbers.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

fn is_there(pieces: &[Piece], numbers: Numbers<'_>) -> bool {
    pieces.iter().all(|piece| match piece {
        Piece::Slot(slot) => value(&slot.name, numbers).is_some_and(|number| number > 0),
        _ => true,
    })
}

/// On a clock of twenty-four hours, and on one of twelve; `half` is 1 before noon and 2 from it on.
fn time(hour: u64, minute: u64) -> [(&'static str, u64); 4] {
    let twelve = if hour.is_multiple_of(12) { 12 } else { hour % 12 };
    [("hour", hour), ("hour12", twelve), ("half", hour / 12 + 1), ("minute", minute)]
}

/// From a day on, seconds are not said; from an hour on neither.
fn duration(seconds: u64) -> [(&'static str, u64); 4] {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let rest = if seconds >= 3600 { 0 } else { seconds % 60 };
    [("days", days), ("hours", hours), ("minutes", minutes), ("seconds", rest)]
}
