//! Calendars against an oracle that shares nothing with them, and as an administrator writes them.

// A test reads files and runs programs.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::calendar::{Calendar, State};
use centrala::config::{self, Config, Overrides, SecretRef, Sources};
use centrala::id::Name;
use centrala::time::Wall;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

/// What the program printed, as JSON.
fn printed(program: &str, arguments: &[&str]) -> serde_json::Value {
    let run = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let run = run.unwrap_or_else(|error| panic!("{program} could not be run: {error}"));
    assert!(run.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{program} printed no JSON: {error}"))
}

#[test]
fn every_transition_from_2024_to_2030_is_the_oracles() {
    let oracle = printed("python3", &["tests/calendars/oracle.py"]);
    for office in ["warsaw", "lisbon", "dublin"] {
        // 2,557 days are the seven years.
        let arguments = ["calendar", "preview", office, "--from", "2024-01-01", "--days", "2557", "--json", "--config"];
        let ours = printed(env!("CARGO_BIN_EXE_centrala"), &[&arguments[..], &["tests/calendars/config"]].concat());
        let ours = ours.as_array().expect("a list").iter().map(|change| (change["at"].clone(), change["state"].clone()));
        let theirs = oracle[office].as_array().expect("a list").iter().map(|change| (change[0].clone(), change[1].clone()));
        let (mut ours, theirs): (Vec<_>, Vec<_>) = (ours.collect(), theirs.collect());
        // The oracle does not know the names of holidays: one after the other is one to it.
        ours.dedup_by(|next, before| next.1 == before.1);
        assert!(theirs.len() > 7000, "{office}: the oracle knows {} changes only", theirs.len());
        if let Some((one, other)) = ours.iter().zip(&theirs).find(|(one, other)| one != other) {
            panic!("{office}: we say {one:?}, the oracle {other:?}");
        }
        assert_eq!(ours.len(), theirs.len(), "{office}");
    }
}

/// Sections that make a whole configuration with these calendars.
fn sources(calendars: &str, icals: &[(&str, &str)]) -> Sources {
    let indented: String = calendars.lines().map(|line| format!("  {line}\n")).collect();
    let file = format!("calendars:\n{indented}");
    Sources {
        files: BTreeMap::from([
            ("config/calendars.yaml".to_string(), file.into_bytes()),
            ("config/centrala.yaml".to_string(), b"lab: true\nlanguage: en\n".to_vec()),
        ]),
        sounds: BTreeMap::from([(Name::from("en"), [Name::from("hold-music")].into())]),
        icals: icals.iter().map(|(name, text)| (name.to_string(), text.as_bytes().to_vec())).collect(),
        ..Sources::default()
    }
}

fn load(sources: &Sources) -> Result<Config, Vec<String>> {
    let secrets = |_: &SecretRef| Err("there are none".to_string());
    config::load(sources, &Overrides::default(), &secrets).map_err(|faults| {
        let print = |fault: &centrala::fault::Fault| {
            let hint = fault.suggestion.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            format!("{}:{} {}{hint}", fault.place.line, fault.place.column, fault.message)
        };
        faults.iter().map(print).collect()
    })
}

fn calendar(text: &str) -> Arc<Calendar> {
    let config = load(&sources(text, &[])).unwrap_or_else(|faults| panic!("{faults:#?}"));
    config.calendars.values().next().expect("a calendar").clone()
}

fn state(calendar: &Calendar, local: &str) -> String {
    let (date, time) = local.split_once(' ').expect("a date and a time");
    let (hour, minute) = time.split_once(':').expect("a time");
    let minute: u16 = hour.parse::<u16>().expect("an hour") * 60 + minute.parse::<u16>().expect("a minute");
    let at: Wall = calendar.zone.first_moment(date.parse().expect("a date"), minute).expect("a moment");
    calendar.state(at).to_string()
}

#[test]
fn a_calendar_means_what_its_yaml_says() {
    let office = calendar(
        "office:
  zone: Europe/Warsaw
  hours: {mon-fri: 08:00-16:00, sat: [09:00-12:00, 13:00-15:00]}
  holidays: [poland]
  days:
    - {on: 12-31, name: New Year's Eve, hours: 08:00-12:00}
    - {on: first monday of june, name: Company day, from: 2026, until: 2027}
    - {on: orthodox easter, name: Pascha}
  dates:
    2026-05-02: closed
    2026-12-24: 08:00-10:00
    2026-12-28..2026-12-30: {holiday: Stocktaking, hours: [10:00-11:00]}",
    );
    for (local, expected) in [
        ("2026-11-23 08:00", "open"),
        ("2026-11-28 12:30", "closed"),
        ("2026-11-28 13:00", "open"),
        ("2026-11-29 10:00", "closed"),
        ("2026-12-25 10:00", "holiday (Boże Narodzenie)"),
        ("2026-12-31 11:59", "open"),
        ("2026-12-31 12:00", "holiday (New Year's Eve)"),
        ("2026-06-01 10:00", "holiday (Company day)"),
        ("2025-06-02 10:00", "open"),
        ("2028-06-05 10:00", "open"),
        ("2027-05-02 10:00", "holiday (Pascha)"),
        ("2026-05-02 10:00", "closed"),
        ("2026-12-24 09:59", "open"),
        ("2026-12-24 10:00", "closed"),
        ("2026-12-29 10:30", "open"),
        ("2026-12-30 11:00", "holiday (Stocktaking)"),
    ] {
        assert_eq!(state(&office, local), expected, "{local}");
    }
}

#[test]
fn an_icalendar_file_of_the_folder_closes_its_days() {
    let ical = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261123\nSUMMARY:Move\nEND:VEVENT\n";
    let text = "office: {zone: Europe/Dublin, hours: {daily: 00:00-24:00}, files: [moves.ics]}";
    let config = load(&sources(text, &[("moves.ics", ical)])).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let office = &config.calendars["office"];
    assert_eq!(state(office, "2026-11-23 12:00"), State::Holiday("Move".into()).to_string());
    assert_eq!(state(office, "2026-11-24 12:00"), "open");
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(load(&sources(text, &[("bad.ics", "hello")])).expect_err("faults"), expected, "{text}");
}

#[test]
fn every_mistake_in_a_calendar_is_told_with_its_place() {
    check(
        "office:
  zone: Europe/Warsav
  hours:
    mon-fri: 08:00-16:00
    fri: 09:00-10:00
    moonday: 09:00-10:00
    sat: [09:00-12:00, 11:00-13:00, 9-10]
    sun: 25:00-26:00
  holidays: [polnad]
  days:
    - {on: 13-01, name: A}
    - {on: first monday of juni, name: B}
    - {name: C}
    - {on: 12-24, name: D, from: 2027, until: 2026}
  dates:
    2026-02-30: closed
    2026-05-03..2026-05-01: closed
    2026-06-01..2026-06-03: closed
    2026-06-02: closed
  files: [none.ics]
  colour: red",
        &[
            "3:11 there is no time zone `Europe/Warsav`; did you mean Europe/Warsaw?",
            "6:7 friday stands here twice; first on line 5",
            "7:7 `moonday` is no day of the week: mon, mon-fri, `sat, sun` or daily; did you mean monday?",
            "8:26 11:00-13:00 overlaps 09:00-12:00",
            "8:39 `9-10` is not a span of time, written as 08:00-16:00",
            "9:12 `25:00-26:00` is not a span of time, written as 08:00-16:00",
            "10:16 there is no pack of holidays `polnad`; there are ireland, poland, portugal; did you mean poland?",
            "12:14 `13-01` is not a day of the year, written as 12-25 (month, day)",
            "13:14 `juni` is not a month",
            "14:9 a day lacks `on`",
            "15:9 this day ends in 2026, before it begins in 2027",
            "17:7 `2026-02-30` is no date, written as 2026-12-24",
            "18:7 2026-05-03 is after 2026-05-01",
            "20:7 2026-06-02 stands here twice",
            "21:13 there is no `none.ics` (a name that ends in `.ics`) in the configuration's folder",
            "22:5 calendar `office` has no field `colour`",
        ],
    );
}

#[test]
fn nights_that_run_into_the_next_morning_are_found() {
    check(
        "office: {zone: UTC, hours: {sun: 20:00-02:00, mon: 01:00-08:00}}",
        &["2:30 the hours of sunday overlap: 20:00-02:00 and 01:00-08:00"],
    );
    check(
        "office: {zone: UTC, hours: {mon: 08:00-08:00}}",
        &["2:36 `08:00-08:00` ends when it begins; a whole day is 00:00-24:00"],
    );
    check(
        "office: {hours: closed}",
        &["2:3 calendar `office` lacks `zone`", "2:19 `hours` is a mapping (`mon-fri: 08:00-16:00`), not a text"],
    );
    check("office: {zone: UTC, hours: {mon: 08:00-09:00}, files: bad.ics}", &["0:1 no event in it (`BEGIN:VEVENT`)"]);
}
