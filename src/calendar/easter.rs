//! Easter: the first Sunday after the full moon of spring, by each church's tables.
//!
//! Invariant: both dates are given in the calendar of the civil world (Gregorian).

use jiff::civil::Date;

/// The Western date: the anonymous Gregorian computus (Nature, 1876; Meeus, Astronomical Algorithms, chapter 8).
pub(super) fn western(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let (month, day) = ((h + l - 7 * m + 114) / 31, (h + l - 7 * m + 114) % 31 + 1);
    date(year, month, day)
}

/// The Orthodox date: the Julian computus (Meeus), then the days by which the two calendars differ in that year.
pub(super) fn orthodox(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 4, y % 7, y % 19);
    let d = (19 * c + 15) % 30;
    let e = (2 * a + 4 * b - d + 34) % 7;
    let (month, day) = ((d + e + 114) / 31, (d + e + 114) % 31 + 1);
    let apart = y / 100 - y / 400 - 2;
    date(year, month, day)?.checked_add(jiff::Span::new().days(apart)).ok()
}

fn date(year: i16, month: i32, day: i32) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}
