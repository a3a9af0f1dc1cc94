//! `centrala outbound try`: would this extension's call to that number be made, by which trunks, and if not, why not.

use crate::cli::table::{print_json, say};
use crate::config::{self, Code, Config, Destination, Overrides};
use crate::pbx::policy::{self, Refusal, Verdict};
use crate::shell::files;
use crate::shell::sys::clock;
use crate::time::{Moment, Now, Wall};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Ask the rules of calls to the outside
#[derive(Args, Debug)]
pub struct Outbound {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Try(Try),
}

/// Explain what would become of a number that an extension dials; nothing is called
#[derive(Args, Debug)]
struct Try {
    /// What is dialled
    number: String,
    /// The extension that dials it
    #[arg(long = "as", value_name = "EXT")]
    extension: String,
    /// The configuration folder
    #[arg(long, value_name = "DIR", default_value = "config")]
    config: PathBuf,
    /// The data folder: where `${file:NAME}` secrets are
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// At this time, as 2026-11-23T02:00:00Z, instead of now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Wall>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Outbound) -> Result<(), String> {
    let What::Try(arguments) = &arguments.what;
    let config = load(arguments)?;
    let Some((extension, _)) = config.extensions.get_key_value(arguments.extension.as_str()) else {
        let known = crate::fault::nearest(&arguments.extension, config.extensions.keys().map(AsRef::as_ref));
        let hint = known.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        return Err(format!("there is no extension `{}`{hint}", arguments.extension));
    };
    let now = Now { mono: Moment::from_nanos(0), wall: arguments.at.unwrap_or_else(|| clock::now().wall) };
    if let Some(service) = service(&config, &arguments.number) {
        if arguments.json {
            return print_json(&serde_json::json!({ "permitted": true, "inside": service }));
        }
        say!("inside: {service}");
        return Ok(());
    }
    match policy::explain(&config, extension, policy::Way::Dialled, &arguments.number, now) {
        Ok(verdict) if arguments.json => print_json(&object(&config, extension, &verdict)),
        Ok(verdict) => {
            print(&config, extension, &verdict);
            Ok(())
        }
        Err(refusal) => {
            let why = refused(&config, extension, refusal);
            if arguments.json {
                print_json(&serde_json::json!({ "permitted": false, "why": why }))?;
            }
            Err(why)
        }
    }
}

/// What a phone of the house reaches before any number: a service by its code, a parked caller by their slot.
fn service(config: &Config, dialled: &str) -> Option<String> {
    let services = &config.services;
    let slot = || Some(format!("parking slot {}", services.parking.as_ref()?.slot(dialled)?));
    let code = services.code(dialled).map(|(code, rest)| match code {
        Code::Login => "feature code: logs the agent in".to_string(),
        Code::Logout => "feature code: logs the agent out".into(),
        Code::Pause(reason) => format!("feature code: pauses the agent ({reason})"),
        Code::Resume => "feature code: ends the agent's pause".into(),
        Code::Forward(_) => format!("feature code: forwards the extension to {rest}"),
        Code::ForwardOff => "feature code: ends the extension's forwards".into(),
        Code::Pickup => format!("feature code: picks up the call that rings at {rest}"),
        Code::Park => "feature code: parks a call".into(),
        Code::ThreeWay => "feature code: brings the phone's two calls together".into(),
        Code::Voicemail(flow) => format!("feature code: flow {flow}"),
    });
    code.or_else(slot)
}

/// What `print` says, for programs.
fn object(config: &Config, extension: &str, verdict: &Verdict) -> serde_json::Value {
    if let Some(destination) = &verdict.leads {
        return serde_json::json!({ "permitted": true, "inside": leads(destination) });
    }
    let allowance = config.outbound.allowance(extension);
    let limits = (verdict.class != config::Class::Emergency).then(|| {
        serde_json::json!({
            "calls": allowance.calls,
            "minutes_per_day": allowance.minutes_per_day,
            "longest_s": allowance.longest.as_secs(),
        })
    });
    let via =
        |via: &config::Via| serde_json::json!({ "trunk": via.trunk.to_string(), "order": via.order, "weight": via.weight });
    serde_json::json!({
        "permitted": true,
        "number": verdict.number.as_ref().map(ToString::to_string),
        "class": verdict.class.word(),
        "by": config.outbound.via.iter().map(via).collect::<Vec<_>>(),
        "shown_as": policy::caller(config, extension).map(|caller| caller.to_string()),
        "limits": limits,
    })
}

fn load(arguments: &Try) -> Result<Config, String> {
    let sources = files::gather(&arguments.config)?;
    // The rules have no use for secrets.
    let secrets = |_: &config::SecretRef| Ok("-".repeat(config::MIN_SECRET));
    config::load(&sources, &Overrides::default(), &secrets).map_err(|faults| {
        let list: Vec<_> = faults.iter().filter(|fault| !fault.warning).map(ToString::to_string).collect();
        list.join("\n")
    })
}

fn moment(text: &str) -> Result<Wall, String> {
    let stamp = text.parse::<jiff::Timestamp>().map_err(|_| "a time as 2026-11-23T02:00:00Z")?;
    i64::try_from(stamp.as_nanosecond()).map(Wall::from_unix_nanos).map_err(|_| "that time is too far away".into())
}

fn print(config: &Config, extension: &str, verdict: &Verdict) {
    if let Some(destination) = &verdict.leads {
        say!("inside: {}", leads(destination));
        return;
    }
    let allowance = config.outbound.allowance(extension);
    let number = verdict.number.as_ref().map(ToString::to_string).unwrap_or_else(|| "as it is dialled".into());
    say!("permitted: {} ({})", number, verdict.class.word());
    for via in &config.outbound.via {
        say!("  by trunk {} (order {}, weight {})", via.trunk, via.order, via.weight);
    }
    if let Some(caller) = policy::caller(config, extension) {
        say!("  shown as {caller}");
    }
    if verdict.class == config::Class::Emergency {
        return say!("  without limits");
    }
    let minutes = allowance.minutes_per_day.map_or("as many as there are".into(), |minutes| minutes.to_string());
    let longest = allowance.longest.as_secs() / 60;
    say!("  {} calls at once; minutes a day: {minutes}; {longest} min at most each", allowance.calls);
}

fn refused(config: &Config, extension: &str, refusal: Refusal) -> String {
    let sentence = format!("not called: {refusal}");
    let allowance = config.outbound.allowance(extension);
    let classes: Vec<_> = allowance.classes.iter().map(|class| class.word()).collect();
    match refusal {
        Refusal::NotPermitted(config::Class::International) if !allowance.international.is_empty() => {
            let countries = allowance.international.join(", ");
            format!("not called: no calls to that country are permitted to {extension}; permitted: {countries}")
        }
        Refusal::NotPermitted(_) => format!("{sentence}; permitted to {extension}: {}", list(&classes)),
        _ => sentence,
    }
}

fn list(words: &[&str]) -> String {
    if words.is_empty() { "emergency calls only".into() } else { words.join(", ") }
}

fn leads(destination: &Destination) -> String {
    match destination {
        Destination::Flow(flow) => format!("flow {flow}"),
        Destination::Extension(extension) => format!("extension {extension}"),
        Destination::Queue(queue) => format!("queue {queue}"),
        Destination::Group(group) => format!("ring group {group}"),
        Destination::Trunk { trunk, user, .. } => format!("{user} at trunk {trunk}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        outbound: Outbound,
    }

    #[test]
    fn codes_slots_and_the_countries_that_are_open_are_said() {
        use crate::config::{Parking, Services, When};
        let codes = [("*11".to_string(), Code::Login), ("*21".to_string(), Code::Forward(When::Always))].into();
        let parking = Some(Parking { first: 701, last: 709, timeout: crate::time::Duration::from_secs(60) });
        let mut config = Config { services: Services { codes, parking, ..Services::default() }, ..Config::default() };
        for (dialled, reached) in [
            ("*11", Some("feature code: logs the agent in")),
            ("*21601234567", Some("feature code: forwards the extension to 601234567")),
            ("701", Some("parking slot 701")),
            ("710", None),
        ] {
            assert_eq!(service(&config, dialled).as_deref(), reached, "{dialled}");
        }
        config.outbound.usual.classes = [config::Class::International].into();
        config.outbound.usual.international = vec!["+49".into(), "+420".into()];
        let why = refused(&config, "1001", Refusal::NotPermitted(config::Class::International));
        assert_eq!(why, "not called: no calls to that country are permitted to 1001; permitted: +49, +420");
    }

    #[test]
    fn a_verdict_is_told_to_programs_and_what_is_no_time_is_a_mistake_of_the_command_line() {
        let line = |words: &[&str]| Line::try_parse_from(["outbound", "try", "1005", "--as", "1001"].iter().chain(words));
        let What::Try(arguments) = line(&["--config", "tests/lab", "--json"]).expect("good").outbound.what;
        assert!(arguments.json);
        let config = load(&arguments).expect("the lab");
        let now = Now { mono: Moment::from_nanos(0), wall: Wall::from_unix_nanos(0) };
        let verdict = policy::explain(&config, &"1001".into(), policy::Way::Dialled, "1005", now).expect("inside");
        let expected = serde_json::json!({ "permitted": true, "inside": "extension 1005" });
        assert_eq!(object(&config, "1001", &verdict), expected);
        assert_eq!(line(&["--at", "tomorrow"]).map(drop).expect_err("no time").exit_code(), 2);
    }
}
