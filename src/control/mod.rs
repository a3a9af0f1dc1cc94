//! The words on the control socket: one JSON request per line, one JSON response per line.

use crate::time::Wall;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    Status,
    Calls,
    Registrations,
    Trunks,
    Queues,
    Agents,
    /// What a supervisor orders an agent, or the agent themself.
    Agent {
        agent: String,
        order: AgentOrder,
    },
    /// Every calendar: what it says now, and when that changes.
    Calendars,
    /// What an operator says instead of a calendar, for a while.
    Calendar {
        calendar: String,
        order: CalendarOrder,
    },
    /// Finished calls, newest first. Answered by the daemon's read-only connection, not by the core.
    Cdr {
        limit: u32,
        reference: Option<String>,
    },
    /// What reports must know of the configuration.
    ReportSettings,
    /// Computed from facts by the daemon's read-only connection, as `cdr`.
    Report(ReportRequest),
    /// Lines of Asterisk's `queue_log`, from facts.
    QueueLog {
        from: Wall,
        to: Wall,
    },
    /// End as SIGTERM would.
    Stop,
}

/// The name of the control socket in the data folder.
pub const SOCKET: &str = "control.sock";
/// At most this many records are given at once.
pub const MAX_CDR: u32 = 10_000;
/// A request line longer than this is refused.
pub const MAX_REQUEST: usize = 64 * 1024;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    Status(Status),
    Calls(Vec<LiveCall>),
    Registrations(Vec<Registration>),
    Trunks(Vec<TrunkRow>),
    Queues(Vec<QueueRow>),
    Agents(Vec<AgentRow>),
    Calendars(Vec<CalendarRow>),
    Cdr(Vec<serde_json::Value>),
    ReportSettings(ReportSettings),
    Report(serde_json::Value),
    QueueLog(Vec<String>),
    Done,
    Failed(String),
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub started: Wall,
    pub calls: u64,
    pub legs: u64,
    /// Media ports granted now, and free ones still resting.
    pub ports_used: u64,
    pub ports_resting: u64,
    /// Unfinished SIP transactions, and finished ones kept for retransmissions.
    pub transactions: u64,
    pub transactions_finished: u64,
    pub dialogs: u64,
    pub registrations: u64,
    pub questions_open: u64,
    pub writes_open: u64,
    pub calls_total: u64,
    pub answered_total: u64,
    pub rejected_total: u64,
    pub panics_contained: u64,
    /// Calls to the outside that somebody tried and may not.
    #[serde(default)]
    pub not_permitted: u64,
    pub listeners: Vec<String>,
    /// What the shell counts: signalling datagrams that found no room or no way out, and those that the lab's fence stopped;
    /// media ticks that began late, and what a full media queue lost.
    #[serde(default)]
    pub datagrams_dropped: u64,
    #[serde(default)]
    pub datagrams_fenced: u64,
    #[serde(default)]
    pub media_late_ticks: u64,
    #[serde(default)]
    pub media_dropped: u64,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LiveCall {
    pub reference: String,
    /// "routing", "in-flow", ... (the architecture's `Phase`).
    pub phase: String,
    pub from: String,
    pub name: String,
    pub dialled: String,
    pub source: String,
    pub started: Wall,
    pub answered: Option<Wall>,
    pub flow: Option<String>,
    pub node: Option<String>,
    pub language: String,
    /// Who has the call: "flow main", "queue support", "agent 1001", "extension 1003".
    pub holder: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentOrder {
    Login,
    Logout,
    Pause { reason: String },
    Resume,
}

/// The longest pause reason.
pub const MAX_REASON: usize = 64;

/// One queue as it is now, and what became of its callers since the start.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QueueRow {
    pub name: String,
    pub strategy: String,
    pub waiting: u64,
    pub ringing: u64,
    pub talking: u64,
    /// When the one who has waited longest began to wait, in milliseconds of waiting.
    pub longest_wait_ms: u64,
    pub agents: u64,
    pub logged_in: u64,
    pub free: u64,
    pub offered: u64,
    pub answered: u64,
    pub abandoned: u64,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentRow {
    pub name: String,
    pub state: String,
    /// For how long they have been in that state.
    pub for_ms: u64,
    pub queues: Vec<String>,
    pub reachable: bool,
    pub calls: u64,
    pub talked_ms: u64,
    /// Offers in a row that they did not answer.
    pub no_answers: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    Queue,
    Agent,
    Interval,
}

/// A report of what began from `from` (inclusive) to `to` (exclusive).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ReportRequest {
    pub what: ReportKind,
    pub from: Wall,
    pub to: Wall,
    pub now: Wall,
    /// The length of an interval.
    #[serde(default)]
    pub every_ms: u64,
    #[serde(default)]
    pub thresholds: Vec<QueueThreshold>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueueThreshold {
    pub queue: String,
    /// Answered in time, inclusive; given up sooner than `short_ms` does not count as given up.
    pub within_ms: u64,
    pub short_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ReportSettings {
    /// IANA.
    pub zone: String,
    pub queues: Vec<QueueThreshold>,
}

/// `until` is a time of day, a date, both, or a duration, in the calendar's zone: `14:00`, `2026-12-24 14:00`, `2h`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CalendarOrder {
    Open {
        until: String,
    },
    Close {
        until: String,
    },
    Holiday {
        name: String,
        until: String,
    },
    /// What was said before holds no longer.
    Clear,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CalendarRow {
    pub name: String,
    pub zone: String,
    /// "open", "closed", "holiday (NAME)".
    pub state: String,
    /// When that changes, if it does, and to what.
    pub changes: Option<Wall>,
    pub next: Option<String>,
    /// Until when an operator's word holds.
    pub overridden: Option<Wall>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Registration {
    pub user: String,
    pub contact: String,
    pub address: String,
    pub transport: String,
    pub expires: Wall,
    pub user_agent: String,
}

/// One provider as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TrunkRow {
    pub name: String,
    /// As it is configured; empty for a trunk that only brings calls.
    pub send_to: String,
    /// Where it is, as far as it has been found.
    pub address: String,
    /// "up", "down", "resting" (it asked for a pause), "not watched", "inbound".
    pub state: String,
    pub round_trip_ms: Option<u64>,
    /// "registered", "refused 403", "not yet", or "-" where we do not.
    pub registered: String,
    /// Calls that we have sent there: now, at most, since the start.
    pub calls: u32,
    pub max_calls: u32,
    pub begun: u64,
}
