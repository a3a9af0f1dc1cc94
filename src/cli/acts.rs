//! What is done in a call of `centrala phone`, and when: `2s:1,500ms:#,10s:hangup`.
//!
//! Invariant: a list that was read has at most [`MAX_ACTS`] entries, none of them later than a day after the one before.

use crate::time::Duration;
use std::collections::VecDeque;

/// Keys on one command line.
const MAX_ACTS: usize = 1000;
/// The longest of all delays: a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What is done in a call, each so long after the one before.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Acts(pub VecDeque<(Duration, Act)>);

/// One thing that is done.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Act {
    Press(char),
    Hold,
    Resume,
    Hangup,
}

/// A delay as it is written: `500ms`, `2s`, `3m`.
pub fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time such as 500ms, 2s or 3m");
    let (number, scale) = match () {
        () if text.ends_with("ms") => (text.trim_end_matches("ms"), 0.001),
        () if text.ends_with('s') => (text.trim_end_matches('s'), 1.0),
        () if text.ends_with('m') => (text.trim_end_matches('m'), 60.0),
        () => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let time = Duration::try_from_secs_f64(number * scale).map_err(|_| wrong())?;
    if time > LONGEST { Err(format!("`{text}` is more than a day")) } else { Ok(time) }
}

/// Keys with their delays.
pub fn acts(text: &str) -> Result<Acts, String> {
    let acts = text.split(',').map(str::trim).filter(|act| !act.is_empty()).map(|act| {
        let (after, what) = act.split_once(':').ok_or_else(|| format!("`{act}` is not TIME:KEY, such as 2s:1"))?;
        let what = match what {
            "hold" => Act::Hold,
            "resume" => Act::Resume,
            "hangup" => Act::Hangup,
            key => match key.chars().collect::<Vec<char>>()[..] {
                [digit @ ('0'..='9' | '*' | '#' | 'A'..='D')] => Act::Press(digit),
                _ => return Err(format!("`{key}` is no key: 0-9, *, #, A-D, hold, resume, hangup")),
            },
        };
        Ok((time(after)?, what))
    });
    let acts = acts.collect::<Result<VecDeque<_>, String>>()?;
    if acts.len() > MAX_ACTS { Err(format!("more than {MAX_ACTS} keys")) } else { Ok(Acts(acts)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_with_their_delays_or_refused_with_the_reason() {
        let good = acts("2s:1, 500ms:#,1m:hold,0.5s:resume,1s:hangup").expect("all are keys");
        let expected =
            [(2000, Act::Press('1')), (500, Act::Press('#')), (60_000, Act::Hold), (500, Act::Resume), (1000, Act::Hangup)];
        assert_eq!(good.0, expected.map(|(millis, act)| (Duration::from_millis(millis), act)));
        assert_eq!(acts(""), Ok(Acts::default()));
        let check = |text: &str, reason: &str| assert_eq!(acts(text), Err(reason.to_string()), "{text}");
        check("1", "`1` is not TIME:KEY, such as 2s:1");
        check("2:1", "`2` is no time such as 500ms, 2s or 3m");
        check("-1s:1", "`-1s` is no time such as 500ms, 2s or 3m");
        check("2000m:1", "`2000m` is more than a day");
        check("1s:12", "`12` is no key: 0-9, *, #, A-D, hold, resume, hangup");
    }
}
