//! `centrala calendar`: what calendars say, what operators say instead, and what will be said in the next days.
//!
//! `list`, `open`, `close`, `holiday` and `clear` speak to the daemon; `preview` reads the configuration and needs none.

use super::check;
use super::client::{Where, ask, strange};
use super::table::{Table, clean, print_json, time};
use crate::calendar::{Date, State};
use crate::control::{CalendarOrder, Request, Response};
use crate::shell::sys::clock;
use crate::time::{Duration, Wall};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// See and override when the company is open
#[derive(Args, Debug)]
pub struct Calendar {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Every calendar: what it says now, and when that changes
    List(Where),
    /// Say that it is open: `centrala calendar open office until 20:00`
    Open(Word),
    /// Say that it is closed: `centrala calendar close office until 14:00`
    Close(Word),
    /// Say that it is a holiday
    Holiday {
        /// What it is called
        #[arg(long, default_value = "holiday")]
        name: String,
        #[command(flatten)]
        word: Word,
    },
    /// Let the calendar speak for itself again
    Clear {
        /// The calendar's name
        calendar: String,
        #[command(flatten)]
        place: Where,
    },
    /// Print every change of the coming days, from the configuration
    Preview(Preview),
}

#[derive(Args, Debug)]
struct Word {
    /// The calendar's name
    calendar: String,
    /// Until when: `until 14:00`, `until 2026-12-24`, `until 2026-12-24 14:00`, `for 2h`
    #[arg(required = true, num_args = 2..=3, value_name = "until TIME")]
    until: Vec<String>,
    #[command(flatten)]
    place: Where,
}

#[derive(Args, Debug)]
struct Preview {
    /// The calendar's name
    calendar: String,
    /// How many days
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=4000))]
    days: u32,
    /// The first of them (2026-12-24); today when it is left out
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// The configuration folder
    #[arg(long, value_name = "DIR", default_value = "config")]
    config: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Calendar) -> ExitCode {
    let done = match &arguments.what {
        What::List(place) => list(place),
        What::Open(word) => said(word, |until| CalendarOrder::Open { until }),
        What::Close(word) => said(word, |until| CalendarOrder::Close { until }),
        What::Holiday { name, word } => said(word, |until| CalendarOrder::Holiday { name: name.clone(), until }),
        What::Clear { calendar, place } => order(calendar, CalendarOrder::Clear, place),
        What::Preview(arguments) => return preview(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => refuse(&sentence, 1),
    }
}

fn refuse(sentence: &str, code: u8) -> ExitCode {
    let lines: Vec<String> = sentence.lines().map(clean).collect();
    eprintln!("centrala: {}", lines.join("\n"));
    ExitCode::from(code)
}

fn list(place: &Where) -> Result<(), String> {
    let calendars = match ask(place, &Request::Calendars)? {
        Response::Calendars(calendars) => calendars,
        other => return Err(strange(&other)),
    };
    if place.json {
        return print_json(&calendars);
    }
    let mut table = Table::new(&["CALENDAR", "NOW", "CHANGES", "TO", "OVERRIDDEN UNTIL", "ZONE"]);
    let maybe = |at: Option<Wall>| at.map_or_else(|| "-".to_string(), time);
    for row in calendars {
        let (changes, overridden) = (maybe(row.changes), maybe(row.overridden));
        table.row([row.name, row.state, changes, row.next.unwrap_or_default(), overridden, row.zone]);
    }
    table.print("no calendar is configured");
    Ok(())
}

fn said(word: &Word, order_of: impl FnOnce(String) -> CalendarOrder) -> Result<(), String> {
    match word.until.split_first() {
        Some((first, rest)) if first == "until" || first == "for" => {
            order(&word.calendar, order_of(rest.join(" ")), &word.place)
        }
        _ => Err("say until when: `until 14:00`, `until 2026-12-24 14:00`, `for 2h`".into()),
    }
}

fn order(calendar: &str, order: CalendarOrder, place: &Where) -> Result<(), String> {
    match ask(place, &Request::Calendar { calendar: calendar.to_string(), order })? {
        Response::Done if place.json => print_json(&serde_json::json!({ "calendar": calendar, "done": true })),
        Response::Done => Ok(()),
        other => Err(strange(&other)),
    }
}

/// 0: printed; 2: the configuration is wrong, or has no such calendar.
fn preview(arguments: &Preview) -> ExitCode {
    let config = match check::configuration(&arguments.config) {
        Ok(config) => config,
        Err(sentence) => return refuse(&sentence, 2),
    };
    let Some(calendar) = config.calendars.get(arguments.calendar.as_str()) else {
        let known: Vec<&str> = config.calendars.keys().map(AsRef::as_ref).collect();
        return refuse(&format!("there is no calendar `{}`; there are: {}", arguments.calendar, known.join(", ")), 2);
    };
    let first = arguments.from.unwrap_or_else(|| calendar.zone.civil(clock::now().wall).date);
    let Some(from) = calendar.zone.first_moment(first, 0) else { return refuse("that date is too far away", 2) };
    let last = first.checked_add(jiff::Span::new().days(arguments.days)).ok();
    let until = last.and_then(|last| calendar.zone.first_moment(last, 0));
    let until = until.unwrap_or(from + Duration::from_secs(u64::from(arguments.days) * 86_400));
    let mut changes = vec![(from, calendar.state(from))];
    changes.extend(calendar.changes(from, until));
    let local = |at: Wall| calendar.zone.local(at);
    if arguments.json {
        let row = |(at, state): &(Wall, State)| serde_json::json!({ "at": local(*at), "state": state.word(), "holiday": named(state) });
        let printed = print_json(&changes.iter().map(row).collect::<Vec<_>>());
        return printed.map_or_else(|sentence| refuse(&sentence, 1), |()| ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["FROM", "DAY", "STATE"]);
    for (at, state) in &changes {
        let day = calendar.zone.civil(*at).weekday.word()[..3].to_string();
        table.row([local(*at), day, state.to_string()]);
    }
    table.print("nothing");
    ExitCode::SUCCESS
}

fn named(state: &State) -> Option<&str> {
    match state {
        State::Holiday(name) => Some(name),
        _ => None,
    }
}
