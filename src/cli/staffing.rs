//! `centrala staffing`: how many agents a load needs, by Erlang C, or by Erlang A for callers who hang up.
//!
//! Invariant: the fewest agents that reach the target are printed, with what one fewer and some more would achieve.

use super::table::{Table, print, print_json};
use crate::fault::fields::{parse_duration, print_duration};
use crate::measure::erlang::Load;
use crate::measure::staffing::{Demand, MAX_AGENTS, Outlook};
use crate::time::Duration;
use clap::Args;
use serde_json::{Value, json};

/// How many agents are needed: Erlang C, or with --patience Erlang A
#[derive(Args, Debug)]
pub struct Staffing {
    /// Calls in the period
    #[arg(long, value_name = "N", value_parser = calls)]
    calls: f64,
    /// The period: 30m, 1h
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time)]
    per: Duration,
    /// Average handling time: talk, hold and wrap-up together
    #[arg(long, value_name = "TIME", value_parser = time)]
    aht: Duration,
    /// What is answered in time
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = time_or_none)]
    within: Duration,
    /// The share of calls to be answered in time: 80%
    #[arg(long, value_name = "PERCENT", default_value = "80%", value_parser = percent)]
    target: f64,
    /// How long callers wait on average before they hang up; without it they wait for ever
    #[arg(long, value_name = "TIME", value_parser = time)]
    patience: Option<Duration>,
    /// The share of paid time in which an agent is not there: breaks, training, illness
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    shrinkage: Option<f64>,
    /// What so many agents achieve, instead of how many are needed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_AGENTS)))]
    agents: Option<u32>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// How many more agents than needed are shown.
const MORE: u32 = 3;
/// The busiest line that is calculated.
const MOST_ERLANGS: f64 = 50_000.0;

pub fn run(arguments: &Staffing) -> Result<(), String> {
    let demand = demand(arguments)?;
    let outlook = match arguments.agents {
        Some(agents) => demand.outlook(agents),
        None => demand
            .fewest(arguments.target)
            .ok_or_else(|| format!("not even {MAX_AGENTS} agents answer {:.1} % of them in time", arguments.target * 100.0))?,
    };
    if arguments.json {
        return print_json(&object(arguments, &demand, &outlook));
    }
    print(&text(arguments, &demand, &outlook));
    Ok(())
}

fn demand(arguments: &Staffing) -> Result<Demand, String> {
    let load = Load { rate: arguments.calls / arguments.per.as_secs_f64(), aht: arguments.aht.as_secs_f64() };
    if load.erlangs() > MOST_ERLANGS {
        return Err(format!("{:.0} erlangs are more than {MOST_ERLANGS:.0}, the most that is calculated", load.erlangs()));
    }
    Ok(Demand { load, patience: arguments.patience.map(|it| it.as_secs_f64()), within: arguments.within.as_secs_f64() })
}

fn text(arguments: &Staffing, demand: &Demand, outlook: &Outlook) -> String {
    let within = print_duration(arguments.within);
    let wanted = match arguments.agents {
        Some(_) => String::new(),
        None => format!(", {:.1} % wanted", arguments.target * 100.0),
    };
    let noun = if outlook.agents == 1 { "agent" } else { "agents" };
    let mut text = format!("{} {noun}: {} answered within {within}{wanted}\n", outlook.agents, share(outlook.service_level));
    if let Some(people) = people(arguments, outlook) {
        text.push_str(&format!("{people} people to be employed, {} of them away\n", share(arguments.shrinkage.unwrap_or(0.0))));
    }
    let model = if arguments.patience.is_some() { "Erlang A" } else { "Erlang C" };
    text.push_str(&format!("{:.2} erlangs, {model}\n\n", demand.load.erlangs()));
    let mut table = Table::new(&["AGENTS", "IN TIME", "WAIT", "AVERAGE WAIT", "GIVE UP", "OCCUPANCY", "WAITING"]);
    for agents in outlook.agents.saturating_sub(1).max(1)..=(outlook.agents + MORE).min(MAX_AGENTS) {
        let line = demand.outlook(agents);
        table.row([
            agents.to_string(),
            share(line.service_level),
            share(line.waits),
            finite(line.average_wait).map_or("endless".into(), |wait| format!("{wait:.1} s")),
            arguments.patience.map_or("-".into(), |_| share(line.abandons)),
            share(line.occupancy),
            finite(line.queue).map_or("endless".into(), |queue| format!("{queue:.2}")),
        ]);
    }
    text + &table.text()
}

fn object(arguments: &Staffing, demand: &Demand, outlook: &Outlook) -> Value {
    json!({
        "agents": outlook.agents,
        "people": people(arguments, outlook),
        "model": if arguments.patience.is_some() { "erlang_a" } else { "erlang_c" },
        "erlangs": demand.load.erlangs(),
        "within_s": demand.within,
        "target": arguments.target,
        "service_level": outlook.service_level,
        "probability_of_waiting": outlook.waits,
        "average_wait_s": finite(outlook.average_wait),
        "abandoned": outlook.abandons,
        "occupancy": outlook.occupancy,
        "waiting": finite(outlook.queue),
    })
}

/// So many must be employed for so many to be there.
fn people(arguments: &Staffing, outlook: &Outlook) -> Option<u64> {
    let there = 1.0 - arguments.shrinkage?;
    Some((f64::from(outlook.agents) / there).ceil() as u64)
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

fn share(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn calls(text: &str) -> Result<f64, String> {
    let good = |calls: &f64| *calls > 0.0 && *calls <= 1e9;
    text.parse().ok().filter(good).ok_or_else(|| "a number of calls, more than none".into())
}

fn time(text: &str) -> Result<Duration, String> {
    time_or_none(text)?.checked_sub(Duration::from_millis(1)).ok_or("longer than nothing")?;
    time_or_none(text)
}

fn time_or_none(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let parsed = parse_duration(text).filter(|time| *time <= DAY);
    parsed.ok_or_else(|| "a time with its unit (20s, 30m, 1h), a day at most".into())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    // 0.8 may mean either.
    let good = |percent: &f64| *percent > 0.0 && *percent < 100.0 && (*percent >= 1.0 || text.ends_with('%'));
    number
        .filter(good)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "a percentage above 0 and below 100, as 80%; below 1 with its sign, as 0.5%".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        staffing: Staffing,
    }

    fn arguments(line: &str) -> Result<Staffing, String> {
        let words = std::iter::once("staffing").chain(line.split(' '));
        Line::try_parse_from(words).map(|line| line.staffing).map_err(|fault| fault.to_string())
    }

    fn check(line: &str, first: &str) {
        let arguments = arguments(line).expect(line);
        let demand = demand(&arguments).expect(line);
        let outlook = demand.fewest(arguments.target).expect(line);
        assert_eq!(text(&arguments, &demand, &outlook).lines().next(), Some(first), "{line}");
    }

    #[test]
    fn the_first_line_says_how_many_agents_and_how_good_that_is() {
        let asked = "--calls 100 --per 30m --aht 180s --within 20s --target 80%";
        check(asked, "14 agents: 88.8 % answered within 20s, 80.0 % wanted");
        check(&format!("{asked} --patience 300s"), "13 agents: 85.8 % answered within 20s, 80.0 % wanted");
        check("--calls 360 --aht 4m --within 15s --target 80", "55 agents: 84.6 % answered within 15s, 80.0 % wanted");
    }

    #[test]
    fn who_is_away_is_employed_as_well() {
        let arguments = arguments("--calls 100 --aht 180s --shrinkage 30%").expect("good");
        let demand = demand(&arguments).expect("good");
        let outlook = demand.fewest(0.8).expect("enough");
        assert_eq!(object(&arguments, &demand, &outlook)["people"], 20);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--calls 0 --aht 3m",
            "--calls -5 --aht 3m",
            "--calls NaN --aht 3m",
            "--calls 10 --aht 0s",
            "--calls 10 --aht 180",
            "--calls 10 --aht 3m --target 100%",
            "--calls 10 --aht 3m --target 0.8",
            "--calls 10 --aht 3m --patience 0s",
            "--calls 10 --aht 3m --agents 0",
        ] {
            assert!(arguments(line).is_err(), "{line}");
        }
    }
}
