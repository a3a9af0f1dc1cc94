//! The tables, as SQL text, and how they grow.
//!
//! The database keeps in `user_version` how many of [`MIGRATIONS`] it has seen. Times are civil, in nanoseconds since 1970
//! ([`crate::time::Wall`]). Invariant: a migration that was ever released is never edited; columns are only added.

/// Each step is applied once, in its own transaction.
pub const MIGRATIONS: &[&str] = &[FIRST, CALENDARS, REPORTS];

/// The version that facts are written with. A reader of facts must know every version up to its own.
pub const FACT_VERSION: u32 = 1;

/// How every connection that writes is set up. FULL: a commit that was acknowledged survives the loss of power.
pub const WRITER_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;";

const FIRST: &str = "
-- Everybody who called or was called. The only table with their numbers and names; both NULL once erased.
CREATE TABLE parties (
    id INTEGER PRIMARY KEY,
    number TEXT,
    name TEXT,
    UNIQUE (number, name)
);

-- What happened, in order, for ever. `body` is JSON and names parties by their id.
CREATE TABLE facts (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    call_ref TEXT,
    party_id INTEGER REFERENCES parties (id),
    body TEXT NOT NULL
);
CREATE TRIGGER facts_are_not_changed BEFORE UPDATE ON facts BEGIN SELECT RAISE(ABORT, 'facts are only added'); END;
CREATE TRIGGER facts_are_not_removed BEFORE DELETE ON facts BEGIN SELECT RAISE(ABORT, 'facts are only added'); END;

-- One row per call; `ended` and `outcome` are NULL while it lasts.
CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    started INTEGER NOT NULL,
    answered INTEGER,
    ended INTEGER,
    caller INTEGER NOT NULL REFERENCES parties (id),
    dialled INTEGER NOT NULL REFERENCES parties (id),
    source TEXT NOT NULL,
    outcome TEXT,
    ended_by TEXT
);
CREATE INDEX calls_going_on ON calls (id) WHERE ended IS NULL;

CREATE TABLE legs (
    call INTEGER NOT NULL REFERENCES calls (id),
    ordinal INTEGER NOT NULL,
    role TEXT NOT NULL,
    party INTEGER NOT NULL REFERENCES parties (id),
    sip_call_id TEXT NOT NULL,
    started INTEGER NOT NULL,
    answered INTEGER,
    ended INTEGER NOT NULL,
    ending TEXT NOT NULL,
    codec TEXT NOT NULL,
    packets_sent INTEGER NOT NULL,
    packets_received INTEGER NOT NULL,
    packets_lost INTEGER NOT NULL,
    jitter_ms REAL NOT NULL,
    PRIMARY KEY (call, ordinal)
) WITHOUT ROWID;

-- The way a call took through its flows.
CREATE TABLE steps (
    call INTEGER NOT NULL REFERENCES calls (id),
    ordinal INTEGER NOT NULL,
    flow TEXT NOT NULL,
    node TEXT NOT NULL,
    verb TEXT NOT NULL,
    entered INTEGER NOT NULL,
    \"left\" INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (call, ordinal)
) WITHOUT ROWID;

-- Where the registered phones are, as it was last known.
CREATE TABLE bindings (
    user TEXT NOT NULL,
    contact TEXT NOT NULL,
    expires INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (user, contact)
) WITHOUT ROWID;

-- How far which process has come: tells after a failed commit whether it reached the disk after all.
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    boot INTEGER NOT NULL,
    groups INTEGER NOT NULL
);
INSERT INTO progress VALUES (1, 0, 0);
";

/// What operators say instead of calendars.
const CALENDARS: &str = "
CREATE TABLE calendar_overrides (
    calendar TEXT NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
";

/// Reports read the facts of a time.
const REPORTS: &str = "
CREATE INDEX facts_of_queues ON facts (at)
WHERE kind IN ('queue joined', 'queue moved', 'queue answered', 'queue left', 'call lost', 'offer ended', 'agent state');
";

/// Forgets one person: every fact and record stays, nobody can be found by it.
pub const ERASE_PARTY: &str = "UPDATE parties SET number = NULL, name = NULL WHERE number = ?1";

/// The finished calls, newest first.
pub const NEWEST_CALLS: &str = "
SELECT c.id, c.reference, c.started, c.answered, c.ended, f.number, f.name, d.number, c.source, c.outcome, c.ended_by
FROM calls c JOIN parties f ON f.id = c.caller JOIN parties d ON d.id = c.dialled
WHERE c.ended IS NOT NULL ORDER BY c.id DESC LIMIT ?1";

/// One finished call.
pub const ONE_CALL: &str = "
SELECT c.id, c.reference, c.started, c.answered, c.ended, f.number, f.name, d.number, c.source, c.outcome, c.ended_by
FROM calls c JOIN parties f ON f.id = c.caller JOIN parties d ON d.id = c.dialled
WHERE c.ended IS NOT NULL AND c.reference = ?1";

pub const LEGS_OF_CALL: &str = "
SELECT l.role, p.number, p.name, l.sip_call_id, l.started, l.answered, l.ended, l.ending, l.codec, l.packets_sent,
       l.packets_received, l.packets_lost, l.jitter_ms
FROM legs l JOIN parties p ON p.id = l.party WHERE l.call = ?1 ORDER BY l.ordinal";

/// What reports are computed from, between two moments, as it was written; served by an index of its own.
pub const FACTS_OF_QUEUES: &str = "
SELECT f.at, f.kind, f.call_ref, p.number, f.body
FROM facts f INDEXED BY facts_of_queues LEFT JOIN parties p ON p.id = f.party_id
WHERE f.kind IN ('queue joined', 'queue moved', 'queue answered', 'queue left', 'call lost', 'offer ended', 'agent state')
  AND f.at >= ?1 AND f.at < ?2 ORDER BY f.id";

/// Who ended the calls that began between two moments.
pub const ENDED_BY: &str =
    "SELECT reference, ended_by FROM calls WHERE started >= ?1 AND started < ?2 AND ended_by IS NOT NULL";

pub const STEPS_OF_CALL: &str = "
SELECT flow, node, verb, entered, \"left\", outcome FROM steps WHERE call = ?1 ORDER BY ordinal";
