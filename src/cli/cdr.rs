//! `centrala cdr`: the calls that are over.

use super::client::{Where, ask, strange};
use super::table::{Table, clean, people_time, print, print_json};
use crate::control::{Request, Response};
use crate::store::reports::CallReport;
use clap::Args;

/// Show finished calls, newest first, or one of them whole
#[derive(Args, Debug)]
pub struct Cdr {
    #[command(flatten)]
    place: Where,
    /// How many, at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// The reference of one call
    reference: Option<String>,
}

pub fn run(arguments: &Cdr) -> Result<(), String> {
    let request = Request::Cdr { limit: arguments.limit, reference: arguments.reference.clone() };
    let calls = match ask(&arguments.place, &request)? {
        Response::Cdr(calls) => calls,
        other => return Err(strange(&other)),
    };
    if let (Some(reference), true) = (&arguments.reference, calls.is_empty()) {
        return Err(format!("no finished call has the reference `{reference}`"));
    }
    if arguments.place.json {
        return print_json(&calls);
    }
    let calls = calls.into_iter().map(serde_json::from_value).collect::<Result<Vec<CallReport>, _>>();
    let calls = calls.map_err(|fault| format!("the daemon keeps records of another version: {fault}"))?;
    match (&arguments.reference, calls.first()) {
        (Some(_), Some(call)) => print(&whole(call)),
        _ => list(&calls).print("no call is over yet"),
    }
    Ok(())
}

fn list(calls: &[CallReport]) -> Table {
    let mut table =
        Table::new(&["REFERENCE", "STARTED", "LASTED", "TALKED", "FROM", "NAME", "DIALLED", "SOURCE", "OUTCOME", "ENDED BY"]);
    for call in calls {
        table.row([
            call.reference.clone(),
            people_time(&call.started),
            length(call.duration_s),
            length(call.talk_s),
            person(call.from.as_deref()),
            person(call.name.as_deref()),
            person(call.dialled.as_deref()),
            call.source.clone(),
            call.outcome.clone(),
            call.ended_by.clone(),
        ]);
    }
    table
}

pub fn whole(call: &CallReport) -> String {
    let answered = call.answered.as_deref().map_or("never".to_string(), people_time);
    let lines = [
        ("reference", call.reference.clone()),
        ("from", format!("{} {}", person(call.from.as_deref()), person(call.name.as_deref()))),
        ("dialled", person(call.dialled.as_deref())),
        ("source", call.source.clone()),
        ("started", people_time(&call.started)),
        ("answered", answered),
        ("ended", format!("{} by {}", people_time(&call.ended), call.ended_by)),
        ("lasted", format!("{}, talked {}", length(call.duration_s), length(call.talk_s))),
        ("outcome", call.outcome.clone()),
    ];
    let mut text: String = lines.iter().map(|(name, value)| format!("{name:<10} {}\n", clean(value).trim_end())).collect();
    let mut legs =
        Table::new(&["LEG", "NUMBER", "NAME", "TRUNK", "LASTED", "ENDING", "CODEC", "SENT", "RECEIVED", "LOST", "JITTER MS"]);
    for leg in &call.legs {
        legs.row([
            leg.role.clone(),
            person(leg.number.as_deref()),
            person(leg.name.as_deref()),
            leg.trunk.clone(),
            length(leg.duration_s),
            leg.ending.clone(),
            leg.codec.clone(),
            leg.packets_sent.to_string(),
            leg.packets_received.to_string(),
            leg.packets_lost.to_string(),
            format!("{:.1}", leg.jitter_ms),
        ]);
    }
    let mut steps = Table::new(&["FLOW", "NODE", "VERB", "ENTERED", "LASTED", "OUTCOME"]);
    for step in &call.path {
        steps.row([
            step.flow.clone(),
            step.node.clone(),
            step.verb.clone(),
            people_time(&step.entered),
            length(step.duration_s),
            step.outcome.clone(),
        ]);
    }
    text.push_str(&format!("\n{}\n{}", legs.text(), steps.text()));
    text
}

/// Seconds, with minutes and hours when there are any.
fn length(seconds: f64) -> String {
    let whole = seconds as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{seconds:.1}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes:02}m{seconds:02}s"),
    }
}

fn person(text: Option<&str>) -> String {
    text.unwrap_or("(erased)").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::reports::{LegReport, StepReport};

    fn call() -> CallReport {
        CallReport {
            reference: "0123456789abcdef".into(),
            started: "2026-11-21T20:15:00.250Z".into(),
            answered: Some("2026-11-21T20:15:01.000Z".into()),
            ended: "2026-11-21T20:16:05.000Z".into(),
            duration_s: 64.75,
            talk_s: 64.0,
            from: None,
            name: None,
            dialled: Some("100".into()),
            source: "trunk provider".into(),
            outcome: "completed".into(),
            ended_by: "caller".into(),
            legs: vec![LegReport { role: "caller".into(), ending: "bye".into(), ..LegReport::default() }],
            path: vec![StepReport { node: "\u{1b}[31mmenu".into(), ..StepReport::default() }],
        }
    }

    #[test]
    fn a_finished_call_is_one_row_and_an_erased_caller_is_said_to_be() {
        let text = list(&[call()]).text();
        let row = text.lines().nth(1).expect("a row");
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let expected = ["0123456789abcdef", "2026-11-21 20:15:00Z", "1m04s", "1m04s", "(erased)", "(erased)", "100"];
        assert_eq!(cells[..7], expected);
        assert_eq!(cells[7..], ["trunk provider", "completed", "caller"]);
    }

    #[test]
    fn one_call_is_shown_whole_and_harmless() {
        let text = whole(&call());
        assert!(text.contains("ended      2026-11-21 20:16:05Z by caller\n"), "{text}");
        assert!(text.contains("\ncaller"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn lengths_are_read_at_a_glance() {
        let check = |seconds: f64, expected: &str| assert_eq!(length(seconds), expected);
        check(0.0, "0.0s");
        check(59.94, "59.9s");
        check(61.0, "1m01s");
        check(3600.0 * 2.0 + 5.0, "2h00m05s");
    }
}
