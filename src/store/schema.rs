//! The tables, as SQL text, and how they grow.
//!
//! The database keeps in `user_version` how many of [`MIGRATIONS`] it has seen. Times are civil, in nanoseconds since 1970
//! ([`crate::time::Wall`]). Invariant: a migration that was ever released is never edited; columns are only added.

/// Each step is applied once, in its own transaction.
pub const MIGRATIONS: &[&str] = &[FIRST, CALENDARS, QUEUEING, CUSTOMERS, REPORTS, WEBHOOKS, RETURNS, CARRIERS];

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

const QUEUEING: &str = "
-- Agents as they are, for the next start; `body` is JSON.
CREATE TABLE agents (
    agent TEXT PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- Who waits in which queue; `lost` is when a restart found them gone.
CREATE TABLE waiting (
    reference TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    party INTEGER NOT NULL REFERENCES parties (id),
    arrival INTEGER NOT NULL,
    lost INTEGER
) WITHOUT ROWID;
CREATE INDEX waiting_parties ON waiting (party);
";

/// Who calls, as the administrator knows them, and what is counted against those who try to pass for them.
const CUSTOMERS: &str = "
CREATE TABLE customers (
    id TEXT NOT NULL PRIMARY KEY,
    party INTEGER NOT NULL REFERENCES parties (id),
    value REAL NOT NULL,
    language TEXT NOT NULL,
    preferred_agent TEXT NOT NULL,
    -- An argon2id verifier, or empty.
    pin TEXT NOT NULL,
    -- Whatever else the administrator knows: JSON.
    fields TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE customer_numbers (
    party INTEGER NOT NULL REFERENCES parties (id),
    customer TEXT NOT NULL REFERENCES customers (id),
    PRIMARY KEY (party, customer)
) WITHOUT ROWID;
CREATE INDEX customer_numbers_by_customer ON customer_numbers (customer);
CREATE TABLE attempts (
    customer TEXT UNIQUE,
    party INTEGER UNIQUE REFERENCES parties (id),
    wrong INTEGER NOT NULL,
    forget INTEGER NOT NULL,
    locked_until INTEGER
);
CREATE INDEX calls_by_caller ON calls (caller, started);
";

/// What webhooks are yet to be told, and how each fares.
const WEBHOOKS: &str = "
CREATE TABLE webhooks (
    hook TEXT NOT NULL PRIMARY KEY,
    waiting INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    last_error_at INTEGER
) WITHOUT ROWID;
-- `story` is JSON without numbers; AUTOINCREMENT: receivers know a notice by its id for ever.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hook TEXT NOT NULL,
    occasion TEXT NOT NULL,
    at INTEGER NOT NULL,
    call_ref TEXT NOT NULL,
    story TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL
);
CREATE INDEX outbox_by_call ON outbox (hook, call_ref, id);
";

/// Callers whose talk broke off are back in their queue.
const RETURNS: &str = "
DROP INDEX facts_of_queues;
CREATE INDEX facts_of_queues ON facts (at)
WHERE kind IN ('queue joined', 'queue moved', 'queue answered', 'queue returned', 'queue left', 'call lost', 'offer ended',
               'agent state');
";

/// Which provider carried a leg; of those before it is not known.
const CARRIERS: &str = "ALTER TABLE legs ADD COLUMN trunk TEXT NOT NULL DEFAULT '';";

/// What is due for a webhook (1) at a moment (2), at most so many (3): of each call its first, and an end once the record is there.
pub const NOTICES_DUE: &str = "
SELECT o.id, o.attempts, o.occasion, o.at, o.call_ref, o.story,
       c.id, c.started, c.answered, c.ended, f.number, f.name, d.number, c.source, c.outcome, c.ended_by
FROM outbox o LEFT JOIN calls c ON c.reference = o.call_ref
     LEFT JOIN parties f ON f.id = c.caller LEFT JOIN parties d ON d.id = c.dialled
WHERE o.hook = ?1 AND o.due <= ?2 AND (o.occasion <> 'end' OR c.ended IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.hook = o.hook AND e.call_ref = o.call_ref AND e.id < o.id)
ORDER BY o.id LIMIT ?3";

/// How many calls of a number, in all its spellings (1: a list in JSON), began between two moments and are over.
pub const CONTACTS_BEFORE: &str = "
SELECT count(*) FROM parties p JOIN calls c ON c.caller = p.id
WHERE p.number IN (SELECT value FROM json_each(?1)) AND c.started >= ?2 AND c.started < ?3 AND c.ended IS NOT NULL";

/// The last of them before a moment (2), with the agent who talked with them.
pub const CALLS_BEFORE: &str = "
SELECT c.reference, c.started, c.ended, d.number, c.outcome,
       (SELECT a.number FROM legs l JOIN parties a ON a.id = l.party
        WHERE l.call = c.id AND l.role = 'agent' AND l.answered IS NOT NULL ORDER BY l.ordinal DESC LIMIT 1)
FROM parties p JOIN calls c ON c.caller = p.id JOIN parties d ON d.id = c.dialled
WHERE p.number IN (SELECT value FROM json_each(?1)) AND c.started < ?2 AND c.ended IS NOT NULL ORDER BY c.started DESC LIMIT ?3";

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
       l.packets_received, l.packets_lost, l.jitter_ms, l.trunk
FROM legs l JOIN parties p ON p.id = l.party WHERE l.call = ?1 ORDER BY l.ordinal";

/// What reports are computed from, between two moments, as it was written; served by an index of its own.
pub const FACTS_OF_QUEUES: &str = "
SELECT f.at, f.kind, f.call_ref, p.number, f.body
FROM facts f INDEXED BY facts_of_queues LEFT JOIN parties p ON p.id = f.party_id
WHERE f.kind IN ('queue joined', 'queue moved', 'queue answered', 'queue returned', 'queue left', 'call lost', 'offer ended',
                 'agent state')
  AND f.at >= ?1 AND f.at < ?2 ORDER BY f.id";

/// Who ended the calls that began between two moments.
pub const ENDED_BY: &str =
    "SELECT reference, ended_by FROM calls WHERE started >= ?1 AND started < ?2 AND ended_by IS NOT NULL";

pub const STEPS_OF_CALL: &str = "
SELECT flow, node, verb, entered, \"left\", outcome FROM steps WHERE call = ?1 ORDER BY ordinal";

/// By any spelling of a number (1: a list in JSON).
pub const CUSTOMER_BY_NUMBER: &str = "
SELECT u.id, n.name, u.value, u.language, u.preferred_agent, u.pin, u.fields
FROM parties p JOIN customer_numbers c ON c.party = p.id JOIN customers u ON u.id = c.customer JOIN parties n ON n.id = u.party
WHERE p.number IN (SELECT value FROM json_each(?1)) ORDER BY u.id LIMIT 1";

pub const CUSTOMER_BY_ID: &str = "
SELECT u.id, n.name, u.value, u.language, u.preferred_agent, u.pin, u.fields
FROM customers u JOIN parties n ON n.id = u.party WHERE u.id = ?1";

pub const CUSTOMERS_AFTER: &str = "
SELECT u.id, n.name, u.value, u.language, u.preferred_agent, u.pin, u.fields
FROM customers u JOIN parties n ON n.id = u.party WHERE u.id > ?1 ORDER BY u.id LIMIT ?2";

pub const NUMBERS_OF_CUSTOMER: &str = "
SELECT p.number FROM customer_numbers c JOIN parties p ON p.id = c.party
WHERE c.customer = ?1 AND p.number IS NOT NULL ORDER BY p.number";

/// The counts against a calling number, in all its spellings (1: a list in JSON).
pub const FORGIVE_SPELLINGS: &str = "
DELETE FROM attempts WHERE party IN (SELECT id FROM parties WHERE number IN (SELECT value FROM json_each(?1)))";

/// Finished calls of numbers (1: a list in JSON) since a moment.
pub const RECENT_CALLS: &str = "
SELECT count(*) FROM parties p JOIN calls c ON c.caller = p.id WHERE p.number IN (SELECT value FROM json_each(?1)) AND c.started > ?2 AND c.ended IS NOT NULL";

/// The last key that was chosen in a menu from any of these numbers (1: a list in JSON).
pub const LAST_CHOICE: &str = "
SELECT c.id, s.outcome FROM parties p JOIN calls c ON c.caller = p.id JOIN steps s ON s.call = c.id
WHERE p.number IN (SELECT value FROM json_each(?1)) AND s.verb = 'menu' AND s.outcome LIKE 'key %' ORDER BY c.id DESC, s.ordinal DESC LIMIT 1";

/// The outcome of a step in which the caller hung up.
pub const HUNG_UP: &str = "hung-up";

/// Calls that came through a flow (1) and ended since (2), and those of them that reached nobody.
pub const FLOW_CALLS: &str = "\
SELECT count(*), coalesce(sum(NOT EXISTS (
    SELECT 1 FROM legs l WHERE l.call = c.id AND l.role <> 'caller' AND l.answered IS NOT NULL) AND NOT EXISTS (
    SELECT 1 FROM steps r WHERE r.call = c.id AND r.verb IN ('queue', 'dial', 'transfer') AND r.outcome = 'answered')), 0)
FROM calls c
WHERE c.ended >= ?2 AND EXISTS (SELECT 1 FROM steps s WHERE s.call = c.id AND s.flow = ?1)";

/// The flows that calls came to which ended since (1).
pub const FLOWS_SEEN: &str = "\
SELECT DISTINCT s.flow FROM steps s JOIN calls c ON c.id = s.call WHERE c.ended >= ?1 ORDER BY s.flow LIMIT 50";

/// Node, verb, outcome, how often, mean and longest stay in nanoseconds; of a flow (1), in calls that ended since (2).
pub const FLOW_NODES: &str = "\
SELECT s.node, s.verb, s.outcome, count(*), avg(s.\"left\" - s.entered), max(s.\"left\" - s.entered) * 1.0
FROM steps s JOIN calls c ON c.id = s.call
WHERE s.flow = ?1 AND c.ended >= ?2
GROUP BY s.node, s.verb, s.outcome ORDER BY s.node, s.verb, s.outcome";
