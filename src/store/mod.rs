//! The words of what must outlive the process: records and facts. No SQLite here.
//!
//! ```text
//!   pbx --Write--> [ bounded queue ] --groups--> shell::store --SQLite--> DATA/centrala.db
//!    ^                                                |
//!    +------------- Committed{Ok | Err} <-------------+
//!                                  cdr: a read-only connection --> reports::CallReport
//! ```
//!
//! | file | what |
//! |---|---|
//! | here | the words: what is written, and the answer |
//! | `schema.rs` | the tables as SQL text, and how they grow |
//! | `queueing.rs` | what happens in queues: facts and rows |
//! | `notices.rs` | what others are told of calls: the outbox of webhooks |
//! | `reports.rs` | the shape of what is read back by people and programs |
//! | `stays.rs`, `measures.rs` | facts as stays in queues and agents' time; what reports say of them |
//! | `queue_log.rs` | the same facts as Asterisk's `queue_log` |
//!
//! Invariant: telephone numbers and names of people stand in the table `parties` and nowhere else, so that forgetting somebody
//! touches one row and no fact.

pub mod measures;
pub mod notices;
pub mod queue_log;
pub mod queueing;
pub mod reports;
pub mod schema;
pub mod stays;

use crate::control::Customer;
use crate::id::{Name, WriteId};
use crate::time::Wall;
use serde::{Deserialize, Serialize};

/// One thing to be kept. The store commits in groups, in order, and answers each with [`Committed`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Write {
    pub id: WriteId,
    pub at: Wall,
    pub what: What,
}

/// A fact, and the current-state row that changes with it, committed together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum What {
    CallStarted(CallStarted),
    /// A call that lasts was answered: should the exchange die, its record says so.
    CallAnswered {
        reference: String,
        answered: Wall,
    },
    /// The finished record: its row replaces the one of `CallStarted`.
    CallEnded(CallRecord),
    /// A phone's binding, whole; replaces that of the same user and contact.
    Bound(BindingRow),
    Unbound {
        user: Name,
        contact: String,
    },
    /// What an operator says instead of a calendar; replaces what they said before.
    CalendarSaid(OverrideRow),
    CalendarCleared {
        calendar: Name,
    },
    /// Something happened to a call in a queue.
    Queue(queueing::QueueFact),
    /// What an agent does now.
    Agent(queueing::AgentFact),
    /// Each replaces the customer of the same id.
    Customers(Vec<Customer>),
    /// These ids are no customers any more.
    CustomersGone(Vec<String>),
    /// Somebody tried to pass for a customer.
    Attempt(AttemptNote),
    /// Webhooks are to be told of a call.
    Notice(notices::Notice),
    /// What became of telling one.
    Told(notices::Told),
    /// What has waited since before then is given up.
    NoticesExpire {
        before: Wall,
    },
}

/// What the shell itself writes: nobody waits for the answer. The core counts its own from one.
pub const UNASKED: WriteId = WriteId(0);

/// `outcome` says whether it is on the disk.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Committed {
    pub id: WriteId,
    pub outcome: Result<(), String>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallStarted {
    /// 16 hexadecimal digits, unique for ever.
    pub reference: String,
    pub started: Wall,
    pub from: PartyNumber,
    pub dialled: String,
    pub source: String,
}

/// A telephone number (or user) and name: kept in one erasable table, facts carry its id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct PartyNumber {
    pub number: String,
    pub name: String,
}

/// What a caller is called who does not want to be known (RFC 3323 section 4.1.1.3), and other words for nobody.
const WITHHELD: [&str; 5] = ["", "anonymous", "unknown", "restricted", "unavailable"];

impl PartyNumber {
    pub fn is_withheld(&self) -> bool {
        let number = self.number.trim();
        WITHHELD.iter().any(|word| number.eq_ignore_ascii_case(word))
    }
}

/// The truth of one call (CDR).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallRecord {
    pub reference: String,
    pub started: Wall,
    /// When we answered the caller.
    pub answered: Option<Wall>,
    pub ended: Wall,
    pub from: PartyNumber,
    pub dialled: String,
    /// "trunk NAME" or "extension NAME".
    pub source: String,
    /// One of a closed list of words ([`OUTCOMES`]).
    pub outcome: String,
    /// Who ended it: "caller", "exchange", "network".
    pub ended_by: String,
    pub legs: Vec<LegRecord>,
    pub path: Vec<PathStep>,
}

/// Every outcome a record can have.
pub const OUTCOMES: &[&str] = &["completed", "cancelled", "refused", "failed", "internal error", CRASH_LOST];

/// The outcome of a call that was going on when the exchange died; written at the next start.
pub const CRASH_LOST: &str = "crash lost";

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LegRecord {
    /// "caller", later "agent", "extension", "trunk".
    pub role: String,
    pub party: PartyNumber,
    /// The provider that brought it or carried it; empty: none.
    #[serde(default)]
    pub trunk: String,
    pub sip_call_id: String,
    pub started: Wall,
    pub answered: Option<Wall>,
    pub ended: Wall,
    /// How it ended, in a few words: "bye", "cancel", "no ack", "refused 404", "timeout".
    pub ending: String,
    pub codec: String,
    pub packets_sent: u64,
    pub packets_received: u64,
    pub packets_lost: u64,
    pub jitter_ms: f32,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PathStep {
    pub flow: String,
    pub node: String,
    pub verb: String,
    pub entered: Wall,
    pub left: Wall,
    pub outcome: String,
}

/// A phone's binding as it is kept over a restart; `body` is the serialised binding (JSON), opaque here.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BindingRow {
    pub user: Name,
    pub contact: String,
    pub expires: Wall,
    pub body: String,
}

/// An operator's word about a calendar; `body` is the serialised state (JSON), opaque here.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OverrideRow {
    pub calendar: Name,
    pub until: Wall,
    pub body: String,
}

/// An attempt to authorise, and the counts after it. The digits that were typed are not here: `customer` is somebody known.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AttemptNote {
    /// The call's reference; empty when it was an operator.
    pub call: String,
    pub customer: Option<String>,
    /// The calling number, unless it is withheld, as the numbering plan writes it.
    pub caller: Option<String>,
    /// Every way in which that number may stand in older rows.
    pub spellings: Vec<String>,
    /// "accepted", "refused", "locked", "unlocked".
    pub verdict: String,
    /// What has changed.
    pub counts: Vec<(Counted, Tally)>,
}

/// Against whom wrong attempts are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Counted {
    Customer,
    Caller,
}

/// Wrong attempts of late.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    pub wrong: u32,
    /// When they no longer count.
    pub forget: Wall,
    /// Nothing is accepted before.
    pub locked_until: Option<Wall>,
}

/// A count as it is kept over a restart: of a customer, or of a calling number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TallyRow {
    pub customer: Option<String>,
    pub caller: Option<String>,
    pub tally: Tally,
}
