//! Telephone numbers as people and providers write them, brought to the one form in which they are compared and kept.
//!
//! | written | with Poland's plan |
//! |---|---|
//! | `+48221234567`, `0048221234567`, `48221234567`, `221234567`, `+48 22 123-45-67` | `+48221234567` |
//! | `1001`, `19191` | itself: an extension, a short code |
//! | `2212345`, `anonymous` | no number of the plan; compared as it stands |
//!
//! Invariant: whatever [`Plan::spellings`] gives for a number, [`Plan::telephone`] makes that number of.

use super::number::{Number, Plan};
use std::collections::BTreeSet;

/// What may stand between the digits of one number.
const BETWEEN: &[char] = &['-', '.', '(', ')', '/', '\u{2010}', '\u{2011}', '\u{2013}'];
/// What stands between two numbers, beside blanks.
const SEPARATORS: &[char] = &[';', '|', ',', '\n'];
/// The most digits that a number may have which the plan does not know.
const SHORT: usize = 6;
/// The longest text that is read as numbers.
const MAX_TEXT: usize = 1000;

impl Plan {
    /// Who somebody is by their number, however it is written; what is no number of the plan is itself.
    pub fn telephone(&self, text: &str) -> String {
        let bare = bare(text).filter(|bare| !bare.is_empty());
        let number = bare.as_ref().and_then(|bare| self.received(bare));
        number.map(|number| number.as_str().to_string()).or(bare).unwrap_or_else(|| text.trim().to_string())
    }

    /// Every way in which providers write this number: how it may stand in records. The first is [`Plan::telephone`]'s.
    pub fn spellings(&self, text: &str) -> Vec<String> {
        let telephone = self.telephone(text);
        let mut all = vec![telephone.clone(), text.to_string()];
        if let Some(number) = Number::parse(&telephone).filter(|number| self.received(number.as_str()).is_some()) {
            all.extend([number.digits().to_string(), format!("00{}", number.digits())]);
            all.extend(self.national(&number).map(|national| format!("{}{national}", self.trunk_prefix)));
        }
        let mut seen = BTreeSet::new();
        all.retain(|one| !one.is_empty() && self.telephone(one) == telephone && seen.insert(one.clone()));
        all
    }

    /// As a number is kept of somebody: one that the plan knows, or a short one of up to six digits; `None` for a mistake.
    pub fn kept(&self, text: &str) -> Option<String> {
        let bare = bare(text)?;
        let short = (1..=SHORT).contains(&bare.len()) && !bare.starts_with('+');
        self.received(&bare).map(|number| number.as_str().to_string()).or(short.then_some(bare))
    }

    /// The numbers that stand in a cell of a table, each once. Blanks stand between two numbers or within one: they are read in
    /// the only way that makes whole numbers of all digits. What has none, or more than one, is the error.
    pub fn numbers_in<'t>(&self, cell: &'t str) -> Result<Vec<String>, &'t str> {
        let mut numbers: Vec<String> = Vec::new();
        if cell.len() > MAX_TEXT {
            return Err(cell);
        }
        for piece in cell.split(SEPARATORS).map(str::trim).filter(|piece| !piece.is_empty()) {
            let read = self.kept_apart(piece).ok_or(piece)?;
            for number in read {
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
        Ok(numbers)
    }

    /// One number, or several with blanks between them.
    fn kept_apart(&self, piece: &str) -> Option<Vec<String>> {
        let words: Vec<&str> = piece.split_whitespace().collect();
        if let [word] = words[..] {
            return Some(vec![self.kept(word)?]);
        }
        // The readings of the first 0, 1, 2... words: two are as bad as many.
        let mut readings: Vec<Vec<Vec<String>>> = vec![vec![Vec::new()]];
        for end in 1..=words.len() {
            let mut here: Vec<Vec<String>> = Vec::new();
            for (start, before) in readings.iter().enumerate().filter(|(_, before)| !before.is_empty()) {
                let Some(number) = bare(&words[start..end].concat()).and_then(|bare| self.received(&bare)) else { continue };
                for reading in before {
                    let reading = [reading.as_slice(), &[number.as_str().to_string()]].concat();
                    if here.len() < 2 && !here.contains(&reading) {
                        here.push(reading);
                    }
                }
            }
            readings.push(here);
        }
        readings.pop().filter(|whole| whole.len() == 1)?.pop()
    }
}

/// Digits, and the `+` before them; `0048...` is `+48...`. `None` when anything else stands there.
fn bare(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|c| !c.is_whitespace() && !BETWEEN.contains(c)).collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match kept.strip_prefix("00") {
        Some(rest) if rest.len() >= 7 => Some(format!("+{rest}")),
        _ => Some(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_however_a_provider_writes_it_and_is_found_in_each_way() {
        let germany = Plan { country: "49".into(), shortest: 5, longest: 11, trunk_prefix: "0".into(), ..Plan::default() };
        for (plan, written, telephone, spelled) in [
            (
                Plan::default(),
                vec!["+48221234567", "0048221234567", "48221234567", "221234567", " +48 22 123-45-67"],
                "+48221234567",
                vec!["+48221234567", "48221234567", "0048221234567", "221234567"],
            ),
            (Plan::default(), vec!["+4930123456", "004930123456"], "+4930123456", vec!["+4930123456", "004930123456"]),
            (
                germany,
                vec!["+4930123456", "030123456", "4930123456"],
                "+4930123456",
                vec!["+4930123456", "4930123456", "004930123456", "030123456"],
            ),
            (Plan::default(), vec!["1001"], "1001", vec!["1001"]),
            (Plan::default(), vec!["anna7"], "anna7", vec!["anna7"]),
            (Plan::default(), vec!["0049123456"], "+49123456", vec!["+49123456", "0049123456"]),
            (Plan::default(), vec!["", " "], "", vec![]),
        ] {
            for text in written {
                assert_eq!(plan.telephone(text), telephone, "{text}");
                let all = plan.spellings(text);
                assert!(all.iter().all(|one| plan.telephone(one) == telephone), "{all:?}");
                let missing: Vec<_> = spelled.iter().filter(|one| !all.iter().any(|it| it == *one)).collect();
                assert!(missing.is_empty(), "{text}: {all:?} has no {missing:?}");
            }
        }
    }

    #[test]
    fn a_cell_is_read_as_whole_numbers_or_not_at_all() {
        let plan = Plan::default();
        for (cell, numbers) in [
            ("+48 22 123 45 71", Ok(vec!["+48221234571"])),
            ("+48-22-1234572", Ok(vec!["+48221234572"])),
            ("(22) 123.45.73", Ok(vec!["+48221234573"])),
            ("0048 221234567;48500100200", Ok(vec!["+48221234567", "+48500100200"])),
            ("+48500100200 +48500100201", Ok(vec!["+48500100200", "+48500100201"])),
            ("500 100 200 500 100 201 | +49 30 123456", Ok(vec!["+48500100200", "+48500100201", "+4930123456"])),
            ("+48 22 123 45 71 - 22 123 45 72", Ok(vec!["+48221234571", "+48221234572"])),
            ("+48221234567 48221234567, 221234567", Ok(vec!["+48221234567"])),
            ("1001; 1002", Ok(vec!["1001", "1002"])),
            ("", Ok(vec![])),
            (" ; ", Ok(vec![])),
            ("1001 1002", Err("1001 1002")),
            ("+48221234567; 22 123 45", Err("22 123 45")),
            ("+48221234567 48", Err("+48221234567 48")),
            ("2212345", Err("2212345")),
            ("+4811200", Err("+4811200")),
            ("22 123+4571", Err("22 123+4571")),
            ("phone", Err("phone")),
            ("-", Err("-")),
        ] {
            let read = plan.numbers_in(cell);
            let numbers = numbers.map(|list: Vec<&str>| list.into_iter().map(String::from).collect::<Vec<_>>());
            assert_eq!(read, numbers, "{cell}");
        }
        // Five digits or eleven: where a number ends cannot be told, so nobody guesses.
        let open = Plan { country: "43".into(), shortest: 5, longest: 11, ..Plan::default() };
        assert_eq!(open.numbers_in("12345 67891"), Err("12345 67891"));
        assert_eq!(open.numbers_in("12345; 67891").as_deref(), Ok(&["+4312345".to_string(), "+4367891".to_string()][..]));
    }
}
