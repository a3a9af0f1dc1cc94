//! `centrala outbound try`: would this extension's call to that number be made, by which trunks, and if not, why not.

use crate::cli::table::{print_json, say};
use crate::config::{self, Class, Code, Config, Destination, Overrides, When};
use crate::id::Name;
use crate::pbx::policy::{self, Refusal, Verdict};
use crate::pbx::{Lead, lead_of};
use crate::shell::files;
use crate::shell::sys::clock;
use crate::sip::Source;
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
    if let Some(service) = service(&config, &arguments.number) {
        return match arguments.json {
            true => print_json(&serde_json::json!({ "permitted": true, "inside": service })),
            false => {
                say!("inside: {service}");
                Ok(())
            }
        };
    }
    let now = Now { mono: Moment::from_nanos(0), wall: arguments.at.unwrap_or_else(|| clock::now().wall) };
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

/// The service that phones of the house reach under what is dialled.
fn service(config: &Config, dialled: &str) -> Option<String> {
    match lead_of(config, &Source::Extension(Name::default()), dialled) {
        Ok(Lead::Code(code, rest)) => {
            let what = match &code {
                Code::Login => "login as an agent".into(),
                Code::Logout => "logout as an agent".into(),
                Code::Pause(reason) => format!("a pause ({reason})"),
                Code::Resume => "the end of a pause".into(),
                Code::Forward(When::Always) => format!("calls are forwarded to {rest}"),
                Code::Forward(When::Busy) => format!("calls are forwarded to {rest} when busy"),
                Code::Forward(When::NoAnswer) => format!("calls are forwarded to {rest} when nobody answers"),
                Code::ForwardOff => "calls are forwarded no more".into(),
                Code::Pickup => format!("the call that rings at {rest} is picked up"),
                Code::Park => "whoever is transferred there is parked at the first free slot".into(),
                Code::ThreeWay => "the phone's two calls come together".into(),
                Code::Voicemail(flow) => format!("flow {flow}"),
            };
            let written = dialled.strip_suffix(rest.as_str()).unwrap_or(dialled);
            Some(format!("feature code {written}: {what}"))
        }
        Ok(Lead::Slot(slot)) => Some(format!("parking slot {slot}")),
        _ => None,
    }
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
    let classes: Vec<_> = config.outbound.allowance(extension).classes.iter().map(|class| class.word()).collect();
    let countries = &config.outbound.allowance(extension).international;
    match refusal {
        Refusal::NotPermitted(Class::International) if classes.contains(&Class::International.word()) => {
            let open = if countries.is_empty() { "none".into() } else { countries.join(", ") };
            format!("not called: that country is not open to this account; open to {extension}: {open}")
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
    fn a_verdict_is_told_to_programs_and_what_is_no_time_is_a_mistake_of_the_command_line() {
        let line = |words: &[&str]| Line::try_parse_from(["outbound", "try", "1005", "--as", "1001"].iter().chain(words));
        let What::Try(arguments) = line(&["--config", "tests/lab", "--json"]).expect("good").outbound.what;
        assert!(arguments.json);
        let config = load(&arguments).expect("the lab");
        let now = Now { mono: Moment::from_nanos(0), wall: Wall::from_unix_nanos(0) };
        let verdict = policy::explain(&config, &"1001".into(), policy::Way::Dialled, "1005", now).expect("inside");
        let expected = serde_json::json!({ "permitted": true, "inside": "extension 1005" });
        assert_eq!(object(&config, "1001", &verdict), expected);
        let mut config = Config::default();
        config.services.codes.insert("*11".into(), Code::Login);
        config.services.codes.insert("*21".into(), Code::Forward(When::Always));
        config.services.parking =
            Some(config::Parking { first: 701, last: 702, timeout: crate::time::Duration::from_secs(60) });
        for (dialled, expected) in [
            ("*11", Some("feature code *11: login as an agent")),
            ("*21601234567", Some("feature code *21: calls are forwarded to 601234567")),
            ("702", Some("parking slot 702")),
            ("703", None),
        ] {
            assert_eq!(service(&config, dialled).as_deref(), expected, "{dialled}");
        }
        config.outbound.usual.classes = [Class::National, Class::International].into();
        config.outbound.usual.international = ["+49".into(), "+420".into()].into();
        let why = refused(&config, "1001", Refusal::NotPermitted(Class::International));
        assert_eq!(why, "not called: that country is not open to this account; open to 1001: +49, +420");
        assert_eq!(line(&["--at", "tomorrow"]).map(drop).expect_err("no time").exit_code(), 2);
    }
}
