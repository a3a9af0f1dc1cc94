//! Tables for people, JSON for programs, and text made harmless for terminals.
//!
//! Invariant: every cell is cleaned when it is put in.

use crate::store::reports::rfc3339;
use crate::time::Wall;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};
use std::process;

/// A cell longer than this is cut: a caller chooses their own name.
const WIDEST: usize = 40;

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(header: &[&str]) -> Table {
        Table { rows: vec![header.iter().map(ToString::to_string).collect()] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| shortened(&clean(&cell))).collect());
    }

    /// Columns as wide as their widest cell, two spaces between them, nothing after the last.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = padded.collect::<Vec<_>>().join("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// The table, or a sentence when it has no rows.
    pub fn print(&self, none: &str) {
        if self.rows.len() == 1 {
            print(&format!("{none}\n"));
        } else {
            print(&self.text());
        }
    }
}

/// To the standard output. Who does not want to read on (`| head`) closes it, and that is the end; what cannot be written, as to
/// a full disk, is a failure.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => {
            eprintln!("centrala: could not write to the standard output: {error}");
            process::exit(1);
        }
    }
}

/// A line to the standard output, as [`print`] does it: `println!` would panic there.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::cli::table::print(&format!("{}\n", format_args!($($words)*)))
    };
}
pub(crate) use say;

/// As indented JSON, with civil times as RFC 3339.
pub fn print_json(value: &impl Serialize) -> Result<(), String> {
    let mut value = serde_json::to_value(value).map_err(|fault| format!("could not write JSON: {fault}"))?;
    readable_times(&mut value);
    print(&format!("{value:#}\n"));
    Ok(())
}

/// Numbers of a moment's name below this are no moments but counts, as `answered` in a report: this is the year 2001.
const EARLIEST: i64 = 1_000_000_000_000_000_000;

/// On the control socket times are nanoseconds; a program that reads our JSON is given what every language can parse.
fn readable_times(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(readable_times),
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field.as_i64()) {
                    (
                        "started" | "answered" | "node_since" | "until" | "ended" | "expires" | "changes" | "overridden",
                        Some(nanos @ EARLIEST..),
                    ) => {
                        *field = Value::from(rfc3339(Wall::from_unix_nanos(nanos)));
                    }
                    _ => readable_times(field),
                }
            }
        }
        _ => {}
    }
}

/// A civil time for people: to the second, in UTC.
pub fn time(wall: Wall) -> String {
    people_time(&rfc3339(wall))
}

/// Milliseconds for people: `7s`, `2m05s`, `1h02m`.
pub fn seconds(millis: u64) -> String {
    let seconds = millis / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

/// `2026-11-21T20:15:00.250Z` as `2026-11-21 20:15:00Z`.
pub fn people_time(rfc3339: &str) -> String {
    match rfc3339.split_once('.') {
        Some((seconds, _)) => format!("{}Z", seconds.replace('T', " ")),
        None => rfc3339.to_string(),
    }
}

/// Text without what a terminal would obey: C0 and C1 controls, escapes, and the marks that reverse the direction of writing.
pub fn clean(text: &str) -> String {
    let harmless = |c: char| match c {
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{061C}' | '\u{FEFF}' => false,
        c => !c.is_control(),
    };
    text.chars().map(|c| if harmless(c) { c } else { '\u{FFFD}' }).collect()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_string();
    }
    let kept: String = text.chars().take(WIDEST - 1).collect();
    format!("{kept}\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["FROM", "NAME"]);
        table.row(["+48221234567".into(), "Żółć".into()]);
        table.row(["1".into(), String::new()]);
        assert_eq!(table.text(), "FROM          NAME\n+48221234567  Żółć\n1\n");
    }

    #[test]
    fn a_callers_name_cannot_write_to_the_terminal() {
        let mut table = Table::new(&["NAME"]);
        table.row(["\u{1b}[2Jroot\r\n\u{9b}31m\u{202e}gnp.exe".into()]);
        let text = table.text();
        let row = text.lines().nth(1).expect("a row");
        assert_eq!(row, "\u{FFFD}[2Jroot\u{FFFD}\u{FFFD}\u{FFFD}31m\u{FFFD}gnp.exe");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_moment_is_written_as_one_and_a_count_of_the_same_name_is_not() {
        let mut value =
            serde_json::json!({ "answered": 3, "calls": [{ "answered": 1_795_331_243_000_000_000i64, "ended": null }] });
        readable_times(&mut value);
        assert_eq!(
            value,
            serde_json::json!({ "answered": 3, "calls": [{ "answered": "2026-11-22T07:07:23.000Z", "ended": null }] })
        );
    }

    #[test]
    fn a_wait_is_read_at_a_glance() {
        let told = [7_900, 125_000, 3_720_000].map(seconds);
        assert_eq!(told, ["7s", "2m05s", "1h02m"]);
    }

    #[test]
    fn a_long_cell_is_cut() {
        let mut table = Table::new(&["NAME"]);
        table.row(["x".repeat(1000)]);
        assert_eq!(table.text().lines().nth(1).map(|row| row.chars().count()), Some(WIDEST));
    }

    #[test]
    fn json_times_are_rfc_3339_wherever_they_stand() {
        let mut value = serde_json::json!([{ "started": 1_795_292_100_250_000_000_i64, "answered": null, "calls": 5 }]);
        readable_times(&mut value);
        let expected = serde_json::json!([{ "started": "2026-11-21T20:15:00.250Z", "answered": null, "calls": 5 }]);
        assert_eq!(value, expected);
        assert_eq!(people_time("2026-11-21T20:15:00.250Z"), "2026-11-21 20:15:00Z");
    }
}
