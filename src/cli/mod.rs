//! The command line: a file per subcommand.
//!
//! ```text
//!   centrala run ------------------> (main starts the daemon)
//!   centrala check | flow | schema | sounds | outbound | staffing | simulate | import -> files
//!   centrala status | calls | queues | queue | callback | explain | agents | agent | watch | registrations | trunks | webhooks | cdr | report
//!            | export | customers | calendar | reload | rollback | stop --client--> DATA/control.sock --> the daemon
//!   centrala phone | demo --softphone--> SIP and RTP --> any exchange
//! ```
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the daemon says no, or there is none; `run`: what keeps it from starting may pass |
//! | 2 | the command line or the configuration is wrong |
//!
//! Invariant: text that came from outside reaches a terminal only through [`table::clean`].

// The command line reads files and sockets: the core's wall ends here.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]
// It panics when nobody reads.
#![deny(clippy::print_stdout)]

mod acts;
mod agent;
mod agents;
mod calendar;
mod calls;
mod cdr;
pub mod check;
mod client;
mod customers;
mod demo;
mod explain;
mod export;
mod flow;
mod history;
mod import;
mod outbound;
mod period;
mod phone;
mod queue;
mod queues;
mod registrations;
mod reload;
mod report;
mod report_flow;
mod run;
mod schema;
mod simulate;
mod softphone;
pub mod sounds;
mod staffing;
mod status;
mod stop;
mod table;
mod trunks;
mod watch;
mod webhooks;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A telephone exchange: SIP trunks and phones, menus written in YAML, records of every call
#[derive(Parser, Debug)]
#[command(name = "centrala", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    Run(run::Run),
    Check(check::Check),
    Flow(flow::FlowCommand),
    Schema(schema::Schema),
    Status(status::Status),
    Calls(calls::Calls),
    Calendar(calendar::Calendar),
    Customers(customers::Customers),
    Registrations(registrations::Registrations),
    Queues(queues::Queues),
    Queue(queue::Queue),
    Callback(queue::Callback),
    Explain(explain::Explain),
    Agents(agents::Agents),
    Agent(agent::Agent),
    Watch(watch::Watch),
    Cdr(cdr::Cdr),
    Report(report::Report),
    Reload(reload::Reload),
    Rollback(reload::Rollback),
    Stop(stop::Stop),
    Sounds(sounds::Sounds),
    Phone(phone::Phone),
    Demo(demo::Demo),
    Outbound(outbound::Outbound),
    Trunks(trunks::Trunks),
    Webhooks(webhooks::Webhooks),
    Staffing(staffing::Staffing),
    Import(import::Import),
    Export(export::Export),
    Simulate(simulate::Simulate),
}

/// Everything but `run`, which is the daemon's.
pub fn ask(command: &Command) -> ExitCode {
    let answered = match command {
        Command::Run(_) => return ExitCode::from(2),
        Command::Check(arguments) => return check::run(arguments),
        Command::Flow(arguments) => return flow::run(arguments),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Sounds(arguments) => return sounds::run(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Calls(arguments) => calls::run(arguments),
        Command::Customers(arguments) => customers::run(arguments),
        Command::Calendar(arguments) => return calendar::run(arguments),
        Command::Registrations(arguments) => registrations::run(arguments),
        Command::Queues(arguments) => queues::run(arguments),
        Command::Queue(arguments) => queue::run(arguments),
        Command::Callback(arguments) => queue::callbacks(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Agents(arguments) => agents::run(arguments),
        Command::Agent(arguments) => agent::run(arguments),
        Command::Watch(arguments) => watch::run(arguments),
        Command::Cdr(arguments) => cdr::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Reload(arguments) => reload::run(arguments),
        Command::Rollback(arguments) => reload::back(arguments),
        Command::Stop(arguments) => stop::run(arguments),
        Command::Phone(arguments) => phone::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Outbound(arguments) => outbound::run(arguments),
        Command::Trunks(arguments) => trunks::run(arguments),
        Command::Webhooks(arguments) => webhooks::run(arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Staffing(arguments) => staffing::run(arguments),
    };
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // Some are of several lines: a fault with its excerpt.
            let lines: Vec<String> = sentence.lines().map(table::clean).collect();
            eprintln!("centrala: {}", lines.join("\n"));
            ExitCode::FAILURE
        }
    }
}
