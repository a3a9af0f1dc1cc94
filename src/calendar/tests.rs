use super::*;

fn zone(name: &str) -> Zone {
    name.parse().expect("a zone")
}

fn at(zone_name: &str, date: &str, time: &str) -> Wall {
    let zone = zone(zone_name);
    zone.first_moment(date.parse().expect("a date"), hours::parse_minute(time).expect("a time")).expect("a moment")
}

fn spans(texts: &[&str]) -> Vec<Span> {
    texts.iter().map(|text| text.parse().expect("a span")).collect()
}

/// Monday to Friday from eight to four in Warsaw, with the Polish holidays.
fn office() -> Calendar {
    let mut office = Calendar::new(zone("Europe/Warsaw"));
    for day in 0..5 {
        office.week[day] = spans(&["08:00-16:00"]);
    }
    office.feasts = pack("poland").expect("a pack");
    office
}

fn check(calendar: &Calendar, date: &str, time: &str, expected: &str) {
    let state = calendar.state(at(calendar.zone.name(), date, time));
    assert_eq!(state.to_string(), expected, "{date} {time}");
}

#[test]
fn the_first_minute_is_open_and_the_last_is_not() {
    let office = office();
    check(&office, "2026-11-23", "07:59", "closed");
    check(&office, "2026-11-23", "08:00", "open");
    check(&office, "2026-11-23", "15:59", "open");
    check(&office, "2026-11-23", "16:00", "closed");
    check(&office, "2026-11-22", "12:00", "closed");
}

#[test]
fn a_holiday_is_one_all_day_and_a_law_begins_in_its_year() {
    let office = office();
    check(&office, "2026-12-24", "12:00", "holiday (Wigilia)");
    check(&office, "2024-12-24", "12:00", "open");
    check(&office, "2026-12-25", "03:00", "holiday (Boże Narodzenie)");
    check(&office, "2027-03-29", "12:00", "holiday (Poniedziałek Wielkanocny)");
    check(&office, "2026-06-04", "12:00", "holiday (Boże Ciało)");
}

#[test]
fn a_dated_exception_goes_before_feasts_and_hours() {
    let mut office = office();
    let half = Exception { hours: spans(&["08:00-12:00"]), holiday: Some("before Christmas".into()) };
    office.dates.insert("2026-12-24".parse().expect("a date"), half);
    office.dates.insert("2026-11-23".parse().expect("a date"), Exception::default());
    check(&office, "2026-12-24", "11:59", "open");
    check(&office, "2026-12-24", "12:00", "holiday (before Christmas)");
    check(&office, "2026-11-23", "12:00", "closed");
}

#[test]
fn a_night_shift_belongs_to_the_day_on_which_it_begins() {
    let mut night = Calendar::new(zone("Europe/Warsaw"));
    night.week[Weekday::Friday.index()] = spans(&["22:00-06:00"]);
    night.dates.insert("2026-11-28".parse().expect("a Saturday"), Exception { hours: vec![], holiday: Some("party".into()) });
    check(&night, "2026-11-27", "21:59", "closed");
    check(&night, "2026-11-27", "22:00", "open");
    check(&night, "2026-11-28", "05:59", "open");
    check(&night, "2026-11-28", "06:00", "holiday (party)");
    check(&night, "2026-11-29", "05:00", "closed");
}

#[test]
fn the_clock_on_the_wall_decides_when_it_is_put_forward_and_back() {
    let mut early = Calendar::new(zone("Europe/Warsaw"));
    early.week[Weekday::Sunday.index()] = spans(&["02:30-04:00"]);
    let changes = |from: &str| -> Vec<String> {
        let from = at("Europe/Warsaw", from, "00:00");
        let list = early.changes(from, from + crate::time::Duration::from_secs(86_400));
        list.map(|(at, state)| format!("{} {state}", (at.unix_seconds() - from.unix_seconds()) / 60)).collect()
    };
    // 02:30 does not exist: open from 03:00, which is 120 minutes after midnight, to 04:00.
    assert_eq!(changes("2027-03-28"), ["120 open", "180 closed"]);
    // 02:30 comes twice: open from the first, closed when the wall shows 02:00 again, open from the second on.
    assert_eq!(changes("2027-10-31"), ["150 open", "180 closed", "210 open", "300 closed"]);
}

#[test]
fn an_override_holds_until_it_expires() {
    let office = office();
    let noon = at("Europe/Warsaw", "2026-11-23", "12:00");
    let two = at("Europe/Warsaw", "2026-11-23", "14:00");
    let instead = Override { state: State::Closed, until: two };
    assert_eq!(office.state_with(noon, Some(&instead)), State::Closed);
    assert_eq!(office.state_with(two, Some(&instead)), State::Open);
    assert_eq!(office.next_change(noon, Some(&instead)), Some((two, State::Open)));
    assert_eq!(office.next_change(noon, None), Some((at("Europe/Warsaw", "2026-11-23", "16:00"), State::Closed)));
}

#[test]
fn a_calendar_that_never_changes_has_no_next_change() {
    let never = Calendar::new(zone("Europe/Warsaw"));
    assert_eq!(never.next_change(at("Europe/Warsaw", "2026-11-23", "12:00"), None), None);
    let mut always = never.clone();
    always.week = std::array::from_fn(|_| spans(&["00:00-24:00"]));
    assert_eq!(always.next_change(at("Europe/Warsaw", "2026-11-23", "12:00"), None), None);
}

#[test]
fn rules_of_the_year_are_read_and_find_their_day() {
    for (rule, year, expected) in [
        ("12-25", 2026, "2026-12-25"),
        ("02-29", 2026, "none"),
        ("02-29", 2028, "2028-02-29"),
        ("first monday of may", 2026, "2026-05-04"),
        ("last Monday of October", 2027, "2027-10-25"),
        ("fifth sunday of february", 2026, "none"),
        ("second tue of november", 2026, "2026-11-10"),
        ("monday on or after 08-15", 2026, "2026-08-17"),
        ("saturday on or after 08-15", 2026, "2026-08-15"),
        ("friday on or before 05-03", 2026, "2026-05-01"),
        ("easter", 2027, "2027-03-28"),
        ("easter - 2", 2026, "2026-04-03"),
        ("easter + 60", 2038, "2038-06-24"),
        ("orthodox easter", 2026, "2026-04-12"),
        ("orthodox easter + 1", 2024, "2024-05-06"),
    ] {
        let day: FeastDay = rule.parse().expect(rule);
        assert_eq!(day.in_year(year).map_or("none".to_string(), |date| date.to_string()), expected, "{rule} {year}");
    }
    for wrong in [
        "",
        "13-01",
        "02-30",
        "1-1",
        "sixth monday of may",
        "first moonday of may",
        "first monday of mai",
        "easter +1 day",
        "easter + 400",
        "easter 1",
        "monday after 08-15",
        "christmas",
    ] {
        assert!(wrong.parse::<FeastDay>().is_err(), "{wrong}");
    }
}

#[test]
fn overlapping_hours_are_found_over_midnight_and_over_the_week() {
    let mut week: [Vec<Span>; 7] = Default::default();
    week[6] = spans(&["20:00-02:00"]);
    week[0] = spans(&["02:00-10:00", "10:00-12:00"]);
    assert_eq!(overlap(&week), None);
    week[0] = spans(&["01:59-10:00"]);
    assert_eq!(overlap(&week).map(|(day, ..)| day), Some(Weekday::Sunday));
    week[0] = spans(&["08:00-12:00", "11:00-13:00"]);
    assert_eq!(overlap(&week).map(|(day, ..)| day), Some(Weekday::Monday));
}

#[test]
fn an_icalendar_file_closes_its_days() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261102\r\nDTEND;VALUE=DATE:20261104\r\nSUMMARY:Stock\r\n \
        taking\\, all\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20261105T090000Z\r\nDTEND:20261105T100000Z\r\nSUMMARY:Drill\r\n\
        END:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20201231\r\nDTEND;VALUE=DATE:20210102\r\nRRULE:FREQ=YEARLY;COUNT=7\r\n\
        SUMMARY:Turn\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261109\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\nEND:VCALENDAR";
    let mut office = office();
    office.feasts.clear();
    office.events = read_ical(text, &office.zone).expect("events");
    check(&office, "2026-11-02", "12:00", "holiday (Stocktaking, all)");
    check(&office, "2026-11-03", "12:00", "holiday (Stocktaking, all)");
    check(&office, "2026-11-04", "12:00", "open");
    check(&office, "2026-11-05", "10:30", "holiday (Drill)");
    check(&office, "2026-11-05", "11:00", "open");
    check(&office, "2026-11-09", "11:00", "open");
    check(&office, "2026-12-31", "12:00", "holiday (Turn)");
    check(&office, "2027-01-01", "12:00", "holiday (Turn)");
    check(&office, "2027-12-31", "12:00", "open");
    let five = at("Europe/Warsaw", "2026-11-05", "08:30");
    assert_eq!(office.next_change(five, None).map(|(at, _)| at), Some(at("Europe/Warsaw", "2026-11-05", "10:00")));
}

#[test]
fn what_an_icalendar_file_says_and_we_do_not_understand_is_refused_with_its_line() {
    let check = |body: &str, expected: &str| {
        let text = format!("BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261102\n{body}\nEND:VEVENT");
        let told = read_ical(&text, &zone("Europe/Lisbon")).map_err(|list| format!("{}: {}", list[0].0, list[0].1));
        assert_eq!(told.map(|events| events.len().to_string()).unwrap_or_else(|wrong| wrong), expected, "{body}");
    };
    check("", "1");
    check("RRULE:FREQ=WEEKLY", "1: `FREQ=WEEKLY` of `RRULE` is not understood here: only FREQ=YEARLY with UNTIL or COUNT");
    check("EXDATE:20261102", "3: `EXDATE` is not understood here");
    check("DTEND;VALUE=DATE:20261102", "1: this event ends before it begins, or lasts longer than 400 days");
    check("DTEND:20261102T1200", "1: this event begins with a date and ends with a time, or the other way round");
    check("DTEND:2026", "3: `2026` is not a date (20261224) or a time (20261224T120000Z)");
    check("DTEND;TZID=Mars/North:20261102T120000", "3: there is no time zone `Mars/North`");
    assert!(read_ical("hello", &zone("UTC")).is_err());
}

#[test]
fn an_operator_says_until_when_in_the_calendars_zone() {
    let warsaw = zone("Europe/Warsaw");
    let now = at("Europe/Warsaw", "2026-11-23", "12:00");
    for (text, expected) in [
        ("14:00", Ok(("2026-11-23", "14:00"))),
        ("11:00", Ok(("2026-11-24", "11:00"))),
        ("2026-12-24", Ok(("2026-12-24", "00:00"))),
        ("2026-12-24T14:30", Ok(("2026-12-24", "14:30"))),
        ("2026-12-24 14:30", Ok(("2026-12-24", "14:30"))),
        ("2h", Ok(("2026-11-23", "14:00"))),
        ("90m", Ok(("2026-11-23", "13:30"))),
        ("2026-11-22", Err("`2026-11-22` is over")),
        ("2030-01-01", Err("`2030-01-01` is more than 400 days ahead")),
        ("25:00", Err("`25:00` is no time of day, written as 14:00")),
        ("soon", Err("`soon` is no duration, written as 30m, 2h or 3d")),
        ("2026-13-01", Err("`2026-13-01` is no date, written as 2026-12-24")),
        ("", Err("`` is no time: 14:00, 2026-12-24, 2026-12-24 14:00 or 2h")),
        ("5ż", Err("`5ż` is no duration, written as 30m, 2h or 3d")),
    ] {
        let expected = expected.map(|(date, time)| at("Europe/Warsaw", date, time)).map_err(str::to_string);
        assert_eq!(parse_until(text, &warsaw, now), expected, "{text}");
    }
}

#[test]
fn a_calendar_survives_being_written_down() {
    let mut office = office();
    office.dates.insert("2026-12-24".parse().expect("a date"), Exception::default());
    let text = serde_json::to_string(&office).expect("plain data");
    assert_eq!(serde_json::from_str::<Calendar>(&text).expect("the same data"), office);
}
