//! sipload: load on a SIP exchange, and the instrument that reads it. One process, one thread, no dependency but libc.
//!
//! ```text
//!   options ──▶ load ─────────────── the agenda: new calls, RTP every 20 ms, retransmissions, hang-ups
//!                │  ▲
//!         socket │  │ hears ──────── answers, requests and RTP that come in
//!                ▼  │
//!            the exchange            call, message, digest: what is said     report, histogram: what was measured
//!                                    stub: an exchange that only answers, for comparison
//! ```
//!
//! It measures INVITE to 1xx and 200, BYE, failures, RTP spacing by the kernel's arrival stamps, the delay of relayed RTP (the
//! moment of sending travels in the payload), an agent becoming free to its next INVITE (dispatch), and a caller's INVITE to the
//! first packet of an agent (to_agent). Latencies are on the wall; CPU time of the exchange is the driver's business (`bench.py`).

mod call;
mod clock;
mod digest;
mod hears;
mod histogram;
mod load;
mod message;
mod options;
mod report;
mod socket;
mod stub;

use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match options::Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    if options.stub {
        return stub::run(options.target);
    }
    let csv = options.csv.clone();
    let (json, tally) = load::Load::new(options).run();
    println!("{json}");
    match csv.map(|path| (std::fs::write(&path, tally.csv()), path)) {
        Some((Err(error), path)) => {
            eprintln!("could not write {path}: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
