//! What was counted and measured, and how it is printed: one JSON object on stdout.

use crate::clock;
use crate::histogram::Histogram;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Tally {
    pub started: u64,
    pub answered: u64,
    pub failed: u64,
    pub done: u64,
    pub active: usize,
    pub peak: usize,
    pub uas_calls: u64,
    pub uas_done: u64,
    pub registered: u64,
    pub repeated: u64,
    pub unexpected: u64,
    /// By kind; those named `info-...` are no failures.
    pub failures: BTreeMap<String, u64>,
    /// Per side: callers, agents.
    pub received: [u64; 2],
    pub lost: [u64; 2],
    pub out_of_order: u64,
    pub invite_200: Histogram,
    pub invite_1xx: Histogram,
    pub bye: Histogram,
    pub jitter: [Histogram; 2],
    pub relay: Histogram,
    pub dispatch: Histogram,
    pub to_agent: Histogram,
    pub ack: Histogram,
    /// For --csv: microseconds since the start, and the delay.
    pub dispatches: Vec<(u64, u64)>,
}

impl Tally {
    pub fn note(&mut self, failure: &str) -> u64 {
        let count = self.failures.entry(failure.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub fn json(&self, elapsed_us: u64, sent: [u64; 2]) -> String {
        let failures: Vec<String> = self.failures.iter().map(|(kind, count)| format!("\"{kind}\":{count}")).collect();
        let counts = [
            ("started", self.started),
            ("answered", self.answered),
            ("failed", self.failed),
            ("done", self.done),
            ("peak", self.peak as u64),
            ("uas_calls", self.uas_calls),
            ("uas_done", self.uas_done),
            ("regs_ok", self.registered),
            ("retrans", self.repeated),
            ("unexp", self.unexpected),
            ("rx_uac", self.received[0]),
            ("rx_uas", self.received[1]),
            ("tx_uac", sent[0]),
            ("tx_uas", sent[1]),
            ("lost_uac", self.lost[0]),
            ("lost_uas", self.lost[1]),
            ("ooo", self.out_of_order),
        ];
        let counts: String = counts.iter().map(|(name, count)| format!("\"{name}\":{count},")).collect();
        let measured = [
            ("inv200", &self.invite_200),
            ("inv1xx", &self.invite_1xx),
            ("bye", &self.bye),
            ("jitter_uac", &self.jitter[0]),
            ("jitter_uas", &self.jitter[1]),
            ("relay", &self.relay),
            ("dispatch", &self.dispatch),
            ("to_agent", &self.to_agent),
            ("ack_rtt", &self.ack),
        ];
        let measured: Vec<String> =
            measured.iter().map(|(name, histogram)| format!("\n \"{name}\":{}", histogram.json())).collect();
        format!(
            "{{\"elapsed_s\":{:.2},{counts}\"fails\":{{{}}},\"gen_cpu_s\":{:.2},{}}}",
            elapsed_us as f64 / 1e6,
            failures.join(","),
            clock::own_cpu_seconds(),
            measured.join(",")
        )
    }

    pub fn csv(&self) -> String {
        self.dispatches.iter().map(|(at, delay)| format!("{at},{delay}\n")).collect()
    }
}
