//! What a flow knows: who calls, which customer that is, what it has set and asked. The names of its expressions.
//!
//! | names | from |
//! |---|---|
//! | `caller.*`, `call.*` | the call |
//! | `customer.*` | `identify` and `authorize` |
//! | `http.status`, `http.body.*` | the last `http` that was answered |
//! | `queue.NAME.*` | the queues, looked at when the node is entered |
//! | `time.*` | the clock, in the exchange's zone |
//! | `vars.*` | `set`, `collect` and `record` |
//!
//! Invariant: a name that [`names`] declares has a value or is nothing, and no other name compiles.

use super::flow::World;
use super::{Caller, QueueGlance};
use crate::ask::{Customer, Digits, HttpReply};
use crate::calendar::{Civil, Zone};
use crate::expression::{Declared, Number, Scope, Type, Value};
use crate::id::Name;
use crate::time::Now;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Variables of one call; a further one is not set.
pub const MAX_VARS: usize = 100;

const FIXED: &[(&str, Type)] = &[
    ("caller.number", Type::Text),
    ("caller.name", Type::Text),
    ("caller.withheld", Type::Bool),
    ("call.dialled", Type::Text),
    ("call.source", Type::Text),
    ("call.reference", Type::Text),
    ("call.language", Type::Text),
    ("customer.known", Type::Bool),
    ("customer.id", Type::Text),
    ("customer.name", Type::Text),
    ("customer.value", Type::Number),
    ("customer.language", Type::Text),
    ("customer.preferred_agent", Type::Text),
    ("customer.recent_calls", Type::Number),
    ("customer.last_choice", Type::Text),
    ("customer.fields.*", Type::Text),
    ("http.status", Type::Number),
    ("http.body", Type::Any),
    ("http.body.*", Type::Any),
    ("time.year", Type::Number),
    ("time.month", Type::Number),
    ("time.day", Type::Number),
    ("time.weekday", Type::Number),
    ("time.hour", Type::Number),
    ("time.minute", Type::Number),
    ("time.date", Type::Text),
    ("time.clock", Type::Text),
    ("vars.*", Type::Any),
];

const OF_QUEUE: [&str; 4] = ["waiting", "agents", "free", "longest_wait"];

/// Every name that an expression of a flow may use. Which `vars` there are is known only when all flows are read.
pub(super) fn names(world: &World) -> Declared {
    let mut names = Declared::new(FIXED.iter().copied());
    for queue in &world.queues {
        for what in OF_QUEUE {
            names.add(&format!("queue.{queue}.{what}"), Type::Number);
        }
    }
    names
}

/// The queue that a name asks about.
pub(super) fn queue_of(path: &str) -> Option<&str> {
    path.strip_prefix("queue.")?.rsplit_once('.').map(|(queue, _)| queue)
}

/// The variable that a name stands for, or is a part of.
pub(super) fn variable_of(path: &str) -> Option<&str> {
    path.strip_prefix("vars.")?.split('.').next()
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Knowledge {
    pub caller: Caller,
    pub customer: Option<Customer>,
    pub vars: BTreeMap<Name, Value>,
    /// Variables that were typed as secrets: never printed, never written down.
    pub secrets: BTreeMap<Name, Digits>,
    pub http: Option<HttpReply>,
    pub queues: BTreeMap<Name, QueueGlance>,
}

impl Knowledge {
    pub fn set(&mut self, name: &Name, value: Value) {
        if self.vars.contains_key(name) || self.vars.len() < MAX_VARS {
            self.secrets.remove(name);
            self.vars.insert(name.clone(), value);
        }
    }

    /// As `set`, of digits that nobody may read but an expression.
    pub fn hide(&mut self, name: &Name, digits: Digits) {
        self.set(name, Value::Nothing);
        if self.vars.contains_key(name) {
            self.secrets.insert(name.clone(), digits);
        }
    }

    fn variable(&self, name: &str) -> Value {
        match self.secrets.get(name) {
            Some(digits) => Value::from(digits.reveal()),
            None => self.vars.get(name).cloned().unwrap_or_default(),
        }
    }
}

/// What is known, at a moment: what expressions are evaluated in.
pub(super) struct Known<'k> {
    pub knowledge: &'k Knowledge,
    pub language: &'k str,
    pub now: Now,
}

impl Scope for Known<'_> {
    fn value(&self, path: &str) -> Value {
        let Some((first, rest)) = path.split_once('.') else { return Value::Nothing };
        let Knowledge { caller, customer, http, queues, .. } = self.knowledge;
        match first {
            "caller" => of_caller(caller, rest),
            "call" => self.of_call(rest),
            "customer" => of_customer(customer.as_ref(), rest),
            "http" => http.as_ref().map_or(Value::Nothing, |http| of_http(http, rest)),
            "queue" => queue_of(path).and_then(|name| queues.get(name)).map_or(Value::Nothing, |queue| of_queue(queue, rest)),
            "time" => of_time(&zone_of(&caller.zone).civil(self.now.wall), rest),
            "vars" => self.knowledge.variable(rest),
            _ => Value::Nothing,
        }
    }
}

impl Known<'_> {
    fn of_call(&self, what: &str) -> Value {
        let caller = &self.knowledge.caller;
        match what {
            "dialled" => text(&caller.dialled),
            "source" => text(&caller.source),
            "reference" => text(&caller.reference),
            "language" => text(self.language),
            _ => Value::Nothing,
        }
    }
}

fn of_caller(caller: &Caller, what: &str) -> Value {
    match what {
        "number" => text(&caller.number),
        "name" => text(&caller.name),
        "withheld" => Value::Bool(caller.number.is_empty()),
        _ => Value::Nothing,
    }
}

fn of_customer(customer: Option<&Customer>, what: &str) -> Value {
    let Some(customer) = customer else {
        return if what == "known" { Value::Bool(false) } else { Value::Nothing };
    };
    match what {
        "known" => Value::Bool(true),
        "id" => text(&customer.id),
        "name" => text(&customer.name),
        "value" => Number::from_f64(customer.value).map_or(Value::Nothing, Value::Number),
        "language" => text(&customer.language),
        "preferred_agent" => text(&customer.preferred_agent),
        "recent_calls" => Value::from(i64::from(customer.recent_calls)),
        "last_choice" => text(&customer.last_choice),
        other => other.strip_prefix("fields.").and_then(|name| customer.fields.get(name)).map_or(Value::Nothing, |it| text(it)),
    }
}

fn of_http(http: &HttpReply, what: &str) -> Value {
    match what.strip_prefix("body") {
        Some(path) => Value::of_json(&http.body, path.trim_start_matches('.')),
        None => Value::from(i64::from(http.status)),
    }
}

fn of_queue(queue: &QueueGlance, rest: &str) -> Value {
    let number = match rest.rsplit('.').next().unwrap_or_default() {
        "waiting" => queue.waiting,
        "agents" => queue.agents,
        "free" => queue.free,
        "longest_wait" => queue.longest_wait,
        _ => return Value::Nothing,
    };
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The weekday counts from Monday, 1.
fn of_time(time: &Civil, what: &str) -> Value {
    let whole = |number: u16| Value::from(i64::from(number));
    match what {
        "year" => Value::from(i64::from(time.date.year())),
        "month" => Value::from(i64::from(time.date.month())),
        "day" => Value::from(i64::from(time.date.day())),
        "weekday" => Value::from(i64::from(time.date.weekday().to_monday_one_offset())),
        "hour" => whole(time.hour()),
        "minute" => whole(time.minute % 60),
        "date" => Value::Text(time.date.to_string()),
        "clock" => Value::Text(format!("{:02}:{:02}", time.hour(), time.minute % 60)),
        _ => Value::Nothing,
    }
}

/// A zone by its name; UTC when there is none of that name.
fn zone_of(name: &str) -> Zone {
    Zone::try_from(name.to_string()).unwrap_or_else(|_| Zone::utc())
}

/// An absent text is nothing, so that `default(x, ...)` means what it says.
fn text(text: &str) -> Value {
    if text.is_empty() { Value::Nothing } else { Value::Text(text.to_string()) }
}
