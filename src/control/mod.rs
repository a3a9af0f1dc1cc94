//! The words on the control socket: one JSON request per line, one JSON response per line.

use crate::time::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

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
    /// Why a call waits where it waits, or an agent is offered what they are offered.
    Explain(Explain),
    /// Who waits in a queue, and what a supervisor orders there.
    Queue {
        queue: String,
        order: QueueOrder,
    },
    /// Those who are to be called back.
    Callbacks,
    /// At most `limit` customers after this id. Answered by the daemon's read-only connection, not by the core.
    Customers {
        after: String,
        limit: u32,
    },
    /// Each replaces the customer of the same id.
    SaveCustomers(Vec<Customer>),
    RemoveCustomers(Vec<String>),
    /// How telephone numbers are read here.
    NumberingPlan,
    /// Who is locked out after wrong PINs.
    Locks,
    /// Forgets the wrong PINs that were counted against a customer and against these calling numbers, their locks included.
    Unlock {
        customer: Option<String>,
        numbers: Vec<String>,
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
    /// What callers did in a flow. Answered as `Cdr` is.
    FlowReport {
        flow: String,
        days: u32,
    },
    /// How each webhook fares. Answered by the daemon's read-only connection, as `cdr`.
    Webhooks,
    /// Read the administrator's files again, as SIGHUP does. Answered by the daemon, not by the core.
    Reload,
    /// Back to what was in force before the last reload.
    Rollback,
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
    Explanation(Explanation),
    Waiting(Vec<WaitingRow>),
    Customers(Vec<Customer>),
    Locks(Vec<LockRow>),
    /// As the configuration has it, in JSON.
    NumberingPlan(serde_json::Value),
    Cdr(Vec<serde_json::Value>),
    ReportSettings(ReportSettings),
    Report(serde_json::Value),
    QueueLog(Vec<String>),
    Flow(FlowFacts),
    Webhooks(Vec<WebhookRow>),
    Reloaded(Reloaded),
    /// Not reloaded: each fault as `check` prints it.
    Faulty(Vec<String>),
    Done,
    /// Done, with something to say of it.
    Told(String),
    Failed(String),
}

/// How a webhook fares.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct WebhookRow {
    pub name: String,
    /// Without what follows the path: secrets may be there.
    pub url: String,
    pub events: Vec<String>,
    pub waiting: u64,
    /// Since when the oldest of them waits, RFC 3339.
    pub oldest: Option<String>,
    pub delivered: u64,
    pub given_up: u64,
    pub last_error: Option<String>,
    pub last_error_at: Option<String>,
}

/// What a reload has changed.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Reloaded {
    /// One line for each kind of thing.
    pub changes: Vec<String>,
    /// What is as it was until the daemon is started anew.
    pub restart: Vec<String>,
    pub warnings: Vec<String>,
}

/// A customer, or a calling number, from whom no PIN is accepted for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockRow {
    pub customer: Option<String>,
    pub number: Option<String>,
    /// Wrong PINs in a row.
    pub wrong: u32,
    pub until: Wall,
}

/// What callers did in a flow.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct FlowFacts {
    /// Calls that came through it, and those of them that reached no agent and no extension.
    pub calls: u64,
    pub contained: u64,
    pub nodes: Vec<NodeFacts>,
    /// Where there were none: the flows that calls came to.
    #[serde(default)]
    pub flows: Vec<String>,
}

impl FlowFacts {
    /// `contained / calls`; 0 when there were none.
    pub fn containment(&self) -> f64 {
        if self.calls == 0 { 0.0 } else { self.contained as f64 / self.calls as f64 }
    }
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct NodeFacts {
    pub node: String,
    pub verb: String,
    pub entered: u64,
    /// Times that the caller hung up in it.
    pub hung_up: u64,
    pub mean_s: f64,
    pub longest_s: f64,
    /// How it was left, and how often.
    pub outcomes: Vec<(String, u64)>,
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
    /// Given up by the store since the start: a full disk, a broken one.
    pub writes_lost: u64,
    pub calls_total: u64,
    pub answered_total: u64,
    pub rejected_total: u64,
    pub panics_contained: u64,
    /// Calls, and legs of calls, that were refused because the exchange was full: `limits.calls`, media ports.
    #[serde(default)]
    pub refused_full: u64,
    /// Calls to the outside that somebody tried and may not.
    #[serde(default)]
    pub not_permitted: u64,
    /// Agents whose offer, talk, wrap-up or rest does not end: nought, or a fault of ours.
    #[serde(default)]
    pub agents_stuck: u64,
    /// How late, in milliseconds, the queue engine kept the latest of its deadlines of the last minute or two.
    #[serde(default)]
    pub dispatch_lag_ms: u64,
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
    /// Since when they are in that node.
    #[serde(default)]
    pub node_since: Option<Wall>,
    pub language: String,
    /// Who has the call: "flow main", "queue support", "agent 1001", "extension 1003".
    pub holder: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentOrder {
    Login,
    Logout,
    /// The agent's own wish.
    Pause {
        reason: String,
    },
    Resume,
    /// A supervisor agrees to a pause that was asked for, or not.
    Approve,
    Deny,
    /// A supervisor sends them away, whatever the rules say, and calls them back.
    Force {
        reason: String,
    },
    Release,
    /// Ends the wrap-up, or moves its end.
    Ready,
    Extend {
        by_ms: u64,
    },
    /// What the present or last call was about.
    Dispose {
        code: String,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Explain {
    /// By its reference, or the beginning of it.
    Call(String),
    Agent(String),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueOrder {
    Show,
    /// A call by its reference, to another queue, its place kept.
    Move {
        call: String,
        to: String,
    },
    /// To this agent now, past order and skills.
    Pick {
        call: String,
        agent: String,
    },
}

/// Sentences for people, the same as data for programs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    pub lines: Vec<String>,
    pub data: serde_json::Value,
}

/// Somebody in a queue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WaitingRow {
    pub queue: String,
    /// From 1; `None` for one who talks.
    pub position: Option<u64>,
    /// The call's reference.
    pub call: String,
    pub from: String,
    pub kind: String,
    pub waited_ms: u64,
    pub class: u16,
    pub head_start_ms: u64,
    /// Who is rung for them, or talks with them.
    pub agents: Vec<String>,
}

/// The longest pause reason.
pub const MAX_REASON: usize = 64;

/// One queue as it is now, and what became of its callers since the start.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QueueRow {
    pub name: String,
    pub strategy: String,
    /// Its hours are over.
    pub closed: bool,
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
    /// What was ordered to come after the present call: "paused (lunch)", "offline".
    #[serde(default)]
    pub then: Option<String>,
    /// For how long they have been in that state.
    pub for_ms: u64,
    pub queues: Vec<String>,
    pub reachable: bool,
    pub calls: u64,
    pub talked_ms: u64,
    /// Offers in a row that they did not answer.
    pub no_answers: u64,
    /// The reason of a pause that a supervisor is to agree to.
    #[serde(default)]
    pub wish: Option<String>,
    #[serde(default)]
    pub skills: std::collections::BTreeMap<String, u8>,
}

/// Customers in one request or answer at most.
pub const MAX_CUSTOMERS: usize = 200;

/// A customer as the administrator knows them.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Customer {
    /// The number that they type to say who they are.
    pub id: String,
    pub name: String,
    /// As the numbering plan writes them: `+48221234567`, or a short one.
    pub numbers: Vec<String>,
    pub value: f64,
    pub language: String,
    pub preferred_agent: String,
    /// The verifier of their PIN (argon2id), or empty. Never the PIN.
    pub pin: String,
    pub fields: BTreeMap<String, String>,
}

/// Without the verifier.
impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer").field("id", &self.id).field("numbers", &self.numbers.len()).finish_non_exhaustive()
    }
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
    /// The flows of the configuration.
    #[serde(default)]
    pub flows: Vec<String>,
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
