//! How a queue decides, as it is written: order, needs, steps, overflow, head starts, announcements, pauses.
//!
//! ```yaml
//! need: "english >= 4"
//! steps:
//!   - {prefer: last_agent for 20s}
//!   - {after: 30s, need: "english >= 2"}
//!   - {when: "ewt > 2m", add: [sales], only_if: "sales.service_level > 80%"}
//! overflow:
//!   - {after: 10m, move: sales}
//!   - {when: waiting > 50, hang_up: busy}
//! ```
//!
//! Invariant: every queue, group, agent, skill and sound that is named exists.

use super::{POSITION_PROMPT, WAIT_PROMPT};
use crate::acd::{
    Announce, Comparator, Condition, Destination, HangUp, HeadStarts, MAX_COMPARATORS, MAX_OVERFLOWS, MAX_STEPS, MIN_EVERY,
    Need, Order, Overflow, OverflowAct, PauseRule, Prefer, ServiceLevel, Step, Strategy, Trigger, Whom,
};
use crate::expression::{Declared, Names, Type};
use crate::fault::fields::{Fields, Reader, parse_duration, shorten};
use crate::fault::tree::{Node, Spot, Value};
use crate::id::Name;
use crate::ivr::World;
use crate::time::Duration;
use std::collections::BTreeSet;

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Names in one list of a step, an overflow or an announcement.
const MAX_NAMES: usize = 32;

/// Ours, and what the same is called by `app_queue` and `mod_callcenter`.
const STRATEGIES: &[(&str, Strategy)] = &[
    ("longest_idle", Strategy::LongestIdle),
    ("ring_all", Strategy::RingAll),
    ("ring_in_turn", Strategy::RingInTurn),
    ("linear", Strategy::Linear),
    ("round_robin", Strategy::RoundRobin),
    ("fewest_calls", Strategy::FewestCalls),
    ("least_talk", Strategy::LeastTalk),
    ("best_skill", Strategy::BestSkill),
    ("random", Strategy::Random),
    ("weighted_random", Strategy::WeightedRandom),
    ("leastrecent", Strategy::LongestIdle),
    ("ringall", Strategy::RingAll),
    ("rrmemory", Strategy::RoundRobin),
    ("rrordered", Strategy::RoundRobin),
    ("fewestcalls", Strategy::FewestCalls),
    ("wrandom", Strategy::WeightedRandom),
    ("longest-idle-agent", Strategy::LongestIdle),
    ("ring-all", Strategy::RingAll),
    ("round-robin", Strategy::RoundRobin),
    ("top-down", Strategy::Linear),
    ("sequentially-by-agent-order", Strategy::RingInTurn),
    ("agent-with-least-talk-time", Strategy::LeastTalk),
    ("agent-with-fewest-calls", Strategy::FewestCalls),
];
const COMPARATORS: &[(&str, Comparator)] = &[("tier", Comparator::Tier), ("best_skill", Comparator::BestSkill)];
const HANG_UPS: &[(&str, HangUp)] = &[("normal", HangUp::Normal), ("busy", HangUp::Busy), ("unavailable", HangUp::Unavailable)];

/// What may be named.
pub(super) struct Known<'a> {
    pub world: &'a World,
    pub skills: Declared,
    pub groups: BTreeSet<Name>,
    pub agents: BTreeSet<Name>,
}

/// `longest_idle`, or `[best_skill, tier, longest_idle]`: what goes first, and the strategy.
pub(super) fn order(node: &Node, reader: &mut Reader<'_>) -> Option<Order> {
    if !matches!(node.value, Value::List(_)) {
        return reader.word("`strategy`", node, STRATEGIES).map(Order::from);
    }
    let Some((last, first)) = reader.items(node).split_last() else {
        reader.fault(node.spot, "`strategy` names none: one word, or a list that ends in one");
        return None;
    };
    if first.len() > MAX_COMPARATORS {
        reader.fault(node.spot, format!("at most {MAX_COMPARATORS} go before the strategy: `tier` and `best_skill`"));
        return None;
    }
    let then = reader.word("the last of `strategy`", last, STRATEGIES)?;
    let first =
        first.iter().map(|node| reader.word("what goes before the strategy", node, COMPARATORS)).collect::<Option<_>>()?;
    Some(Order { first, then })
}

fn any_name() -> Declared {
    Declared::new([("*", Type::Number)])
}

/// A need that names the skill means the skill.
pub(super) fn is_askable(skill: &str) -> bool {
    Need::compile(skill, &any_name()).is_ok_and(|need| need.skills().iter().any(|named| **named == *skill))
}

impl Known<'_> {
    pub fn need(&self, what: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Need> {
        let text = reader.text(what, node)?;
        if text.trim().is_empty() {
            return Some(Need::default());
        }
        // As if every name were a skill's: those that are none are told as what they are.
        let named = Need::compile(text, &any_name()).map(|need| need.skills().to_vec()).unwrap_or_default();
        let strange: Vec<_> = named.iter().filter(|skill| self.skills.kind(skill).is_none()).collect();
        for skill in &strange {
            let message = format!(
                "{what}: there is no skill `{}`: no agent has it (`skills: {{english: 5}}`), and no `skills:` names it",
                shorten(skill)
            );
            let nearest = self.skills.nearest(skill);
            reader.unknown(node.spot, message, skill, nearest.as_deref());
        }
        if !strange.is_empty() {
            return None;
        }
        match Need::compile(text, &self.skills) {
            Ok(need) => Some(need),
            Err(mistakes) => {
                for mistake in mistakes {
                    reader.fault(node.spot, format!("{what} `{}`, column {}: {mistake}", shorten(text), mistake.column));
                }
                None
            }
        }
    }

    pub fn condition(&self, what: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Condition> {
        let text = reader.text(what, node)?;
        let condition = match Condition::parse(text) {
            Ok(condition) => condition,
            Err(wrong) => {
                let message = format!("{what}: {}", wrong.why);
                if wrong.wrong.is_empty() {
                    reader.fault(node.spot, message);
                } else {
                    reader.unknown(node.spot, message, &wrong.wrong, Condition::words());
                }
                return None;
            }
        };
        for queue in condition.clauses().iter().filter_map(|clause| clause.queue.as_ref()) {
            if !self.world.queues.contains(queue) {
                let known = self.world.queues.iter().map(|name| &**name);
                reader.unknown(node.spot, format!("{what}: no queue `{}`", shorten(queue)), queue, known);
                return None;
            }
        }
        Some(condition)
    }

    /// Queues and groups.
    fn sources(&self, what: &str, node: &Node, reader: &mut Reader<'_>) -> Vec<Name> {
        let mut names = Vec::new();
        for item in reader.items(node).iter().take(MAX_NAMES) {
            let Some(text) = reader.text(what, item) else { continue };
            match self.world.queues.get(text).or_else(|| self.groups.get(text)) {
                Some(name) => names.push(name.clone()),
                None => {
                    let known = self.world.queues.iter().chain(&self.groups).map(|name| &**name);
                    reader.unknown(item.spot, format!("{what}: no queue and no group `{}`", shorten(text)), text, known);
                }
            }
        }
        names
    }

    fn queue(&self, what: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Name> {
        let text = reader.text(what, node)?;
        let queue = self.world.queues.get(text).cloned();
        if queue.is_none() {
            let known = self.world.queues.iter().map(|name| &**name);
            reader.unknown(node.spot, format!("no queue `{}`", shorten(text)), text, known);
        }
        queue
    }

    /// A sound that callers of every language hear.
    fn sound(&self, what: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Name> {
        let name = reader.name(what, node)?;
        let silent: Vec<_> =
            self.world.languages.iter().filter(|language| !self.world.has(language, &name)).map(|name| &**name).collect();
        if silent.is_empty() {
            return Some(name);
        }
        let known = self.world.sounds.values().flatten().map(|name| &**name);
        reader.unknown(node.spot, format!("no sound `{name}` in {}", silent.join(", ")), &name, known);
        None
    }

    /// The whole sentences that begin with `prefix`, in every language.
    fn spoken(&self, prefix: &str, spot: Spot, reader: &mut Reader<'_>) {
        let sentence = format!("{prefix}1");
        let silent: Vec<_> =
            self.world.languages.iter().filter(|language| !self.world.has(language, &sentence)).map(|name| &**name).collect();
        if !silent.is_empty() {
            let silent = silent.join(", ");
            reader.fault(spot, format!("no sounds `{prefix}...` in {silent}; `centrala sounds build` makes them"));
        }
    }

    fn sounds(&self, what: &str, node: &Node, reader: &mut Reader<'_>) -> Vec<Name> {
        reader.items(node).iter().take(MAX_NAMES).filter_map(|item| self.sound(what, item, reader)).collect()
    }

    /// Each step with the place of its words, for those who judge them together.
    pub fn steps(&self, node: &Node, reader: &mut Reader<'_>) -> Vec<(Step, Spot)> {
        let items = reader.items(node);
        if items.len() > MAX_STEPS {
            reader.fault(node.spot, format!("a queue has at most {MAX_STEPS} steps, not {}", items.len()));
        }
        items.iter().take(MAX_STEPS).filter_map(|item| Some((self.step(item, reader)?, item.spot))).collect()
    }

    fn step(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Step> {
        let mut fields = reader.fields("a step", node.spot, node)?;
        let mut step = Step::default();
        if let Some(node) = fields.value("after") {
            step.after = reader.duration("`after`", node, Duration::ZERO..=DAY).unwrap_or_default();
        }
        step.when = fields.value("when").and_then(|node| self.condition("`when`", node, reader));
        step.only_if = fields.value("only_if").and_then(|node| self.condition("`only_if`", node, reader));
        step.need = fields.value("need").and_then(|node| self.need("`need`", node, reader));
        step.prefer = fields.value("prefer").and_then(|node| self.prefer(node, reader));
        step.add = fields.value("add").map(|node| self.sources("`add`", node, reader)).unwrap_or_default();
        step.replace = fields.value("replace").map(|node| self.sources("`replace`", node, reader)).unwrap_or_default();
        if let Some(node) = fields.value("bump") {
            step.bump = reader.duration("`bump`", node, Duration::ZERO..=DAY).unwrap_or_default();
        }
        let says = ["need", "prefer", "add", "replace", "bump"];
        let empty = !matches!(&node.value, Value::Map(entries) if entries.iter().any(|entry| says.contains(&&*entry.key)));
        fields.finish(reader);
        if !step.add.is_empty() && !step.replace.is_empty() {
            let message =
                "`add` and `replace` in one step: `replace` names all who may take it, so what is added belongs there";
            reader.faults.warn(reader.source.place(node.spot), message);
        }
        if empty {
            reader.fault(node.spot, format!("a step that changes nothing: it has one of {}", says.join(", ")));
        }
        Some(step)
    }

    /// `last_agent for 20s`, `anna for 1m`.
    fn prefer(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Prefer> {
        let text = reader.text("`prefer`", node)?;
        let parts = text.rsplit_once(" for ").and_then(|(whom, hold)| Some((whom.trim(), parse_duration(hold.trim())?)));
        let Some((whom, hold)) = parts.filter(|(_, hold)| *hold <= DAY) else {
            reader.fault(node.spot, format!("`prefer` is WHOM for TIME, as `last_agent for 20s`, not `{}`", shorten(text)));
            return None;
        };
        if whom == "last_agent" {
            return Some(Prefer { whom: Whom::LastAgent, hold });
        }
        let Some(agent) = self.agents.get(whom) else {
            let known = self.agents.iter().map(|name| &**name).chain(["last_agent"]);
            reader.unknown(node.spot, format!("`prefer`: no agent `{}`", shorten(whom)), whom, known);
            return None;
        };
        Some(Prefer { whom: Whom::Agent(agent.clone()), hold })
    }

    pub fn overflow(&self, node: &Node, reader: &mut Reader<'_>) -> Vec<(Overflow, Spot)> {
        let items = reader.items(node);
        if items.len() > MAX_OVERFLOWS {
            reader.fault(node.spot, format!("a queue has at most {MAX_OVERFLOWS} overflow rules, not {}", items.len()));
        }
        items.iter().take(MAX_OVERFLOWS).filter_map(|item| Some((self.overflow_rule(item, reader)?, item.spot))).collect()
    }

    fn overflow_rule(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Overflow> {
        let mut fields = reader.fields("an overflow", node.spot, node)?;
        let on = self.trigger(&mut fields, node.spot, reader);
        let acts: Vec<Option<OverflowAct>> = [
            fields.value("move").map(|node| self.queue("`move`", node, reader).map(OverflowAct::Move)),
            fields.value("add").map(|node| Some(OverflowAct::Add(self.sources("`add`", node, reader)))),
            fields.value("play").map(|node| self.sound("`play`", node, reader).map(OverflowAct::Play)),
            fields.value("continue").map(|node| flag("`continue`", node, Destination::Flow, reader)),
            fields.value("callback").map(|node| flag("`callback`", node, Destination::Callback, reader)),
            fields.value("voicemail").map(|node| self.mailbox(node, reader).map(|name| leave(Destination::Voicemail(name)))),
            fields.value("transfer").map(|node| self.extension(node, reader).map(|name| leave(Destination::Extension(name)))),
            fields
                .value("hang_up")
                .map(|node| reader.word("`hang_up`", node, HANG_UPS).map(|how| leave(Destination::HangUp(how)))),
        ]
        .into_iter()
        .flatten()
        .collect();
        fields.finish(reader);
        if acts.len() != 1 {
            let acts = "move, add, play, continue, callback, voicemail, transfer, hang_up";
            reader.fault(node.spot, format!("an overflow does one thing, one of {acts}"));
            return None;
        }
        Some(Overflow { on: on?, act: acts.into_iter().next()?? })
    }

    fn mailbox(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Name> {
        let text = reader.text("`voicemail`", node)?;
        let mailbox = self.world.mailboxes.get(text).cloned();
        if mailbox.is_none() {
            let known = self.world.mailboxes.iter().map(|name| &**name);
            reader.unknown(node.spot, format!("`voicemail`: no mailbox `{}`", shorten(text)), text, known);
        }
        mailbox
    }

    fn extension(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Name> {
        let text = reader.text("`transfer`", node)?;
        let extension = self.world.extensions.get(text).cloned();
        if extension.is_none() {
            let known = self.world.extensions.iter().map(|name| &**name);
            reader.unknown(node.spot, format!("`transfer`: no extension `{}`", shorten(text)), text, known);
        }
        extension
    }

    fn trigger(&self, fields: &mut Fields<'_>, spot: Spot, reader: &mut Reader<'_>) -> Option<Trigger> {
        const WHO: &[(&str, bool)] = &[("newcomers", false), ("everybody", true)];
        let after = fields.value("after").map(|node| reader.duration("`after`", node, Duration::ZERO..=DAY));
        let when = fields.value("when").map(|node| self.condition("`when`", node, reader));
        let everybody = fields.value("for").map(|node| reader.word("`for`", node, WHO));
        match (after, when) {
            (Some(after), None) if everybody.is_none() => after.map(Trigger::After),
            (None, Some(when)) => {
                let when = when?;
                // Nobody there, and closed, are true for those who wait as for those who come.
                let usual = when.is_state();
                Some(match everybody.unwrap_or(Some(usual))? {
                    true => Trigger::Everybody(when),
                    false => Trigger::Newcomers(when),
                })
            }
            _ => {
                reader.fault(
                    spot,
                    "an overflow has either `after` (for each caller) or `when` (with `for: newcomers` or `everybody`)",
                );
                None
            }
        }
    }
}

fn leave(to: Destination) -> OverflowAct {
    OverflowAct::Leave(to)
}

fn flag(what: &str, node: &Node, to: Destination, reader: &mut Reader<'_>) -> Option<OverflowAct> {
    if reader.boolean(what, node)? {
        return Some(leave(to));
    }
    reader.fault(node.spot, format!("{what} is `true`, or is left out"));
    None
}

/// The rules, and the most that they give together. `capped`: `max_head_start` says that already.
pub(super) fn head_starts(node: &Node, capped: bool, reader: &mut Reader<'_>) -> Option<(HeadStarts, Option<Duration>)> {
    let mut fields = reader.fields("`head_start`", node.spot, node)?;
    let mut rules = HeadStarts::default();
    let hour = Duration::from_secs(3600);
    if let Some(node) = fields.value("value") {
        let unit = reader.duration("`value`", node, Duration::ZERO..=hour).unwrap_or_default();
        rules.value = u32::try_from(unit.as_millis()).unwrap_or(u32::MAX);
    }
    if let Some(node) = fields.value("repeat_call")
        && let Some(mut fields) = reader.fields("`repeat_call`", node.spot, node)
    {
        let within = fields.required("within").and_then(|node| reader.duration("`within`", node, Duration::ZERO..=WEEK));
        let add = fields.required("add").and_then(|node| reader.duration("`add`", node, Duration::ZERO..=DAY));
        fields.finish(reader);
        rules.repeat_call = within.zip(add);
    }
    if let Some(node) = fields.value("abandoned_today") {
        rules.abandoned_today = reader.duration("`abandoned_today`", node, Duration::ZERO..=DAY).unwrap_or_default();
    }
    let cap = fields.value("cap").map(|node| (node.spot, reader.duration("`cap`", node, Duration::ZERO..=DAY)));
    if let Some((spot, _)) = cap.filter(|_| capped) {
        reader.fault(spot, "`cap` and the queue's `max_head_start` are the same: one of them is written");
    }
    fields.finish(reader);
    Some((rules, cap.and_then(|(_, cap)| cap)))
}

pub(super) fn announce(node: &Node, known: &Known<'_>, reader: &mut Reader<'_>) -> Option<Announce> {
    const SAYS: &[(&str, bool)] = &[("position", true), ("expected_wait", false)];
    let mut fields = reader.fields("`announce`", node.spot, node)?;
    let mut announce = Announce { first: Duration::from_secs(30), ..Announce::default() };
    if let Some(node) = fields.value("first") {
        announce.first = reader.duration("`first`", node, Duration::from_secs(1)..=DAY).unwrap_or(announce.first);
    }
    if let Some(node) = fields.value("every") {
        announce.every = reader.duration("`every`", node, MIN_EVERY..=DAY).unwrap_or_default();
    }
    for item in fields.value("say").map(|node| reader.items(node)).unwrap_or_default() {
        let says = reader.word("`say`", item, SAYS);
        match says {
            Some(true) => announce.position = true,
            Some(false) => announce.expected_wait = true,
            None => continue,
        }
        let prefix = if announce.position && says == Some(true) { POSITION_PROMPT } else { WAIT_PROMPT };
        known.spoken(prefix, item.spot, reader);
    }
    if let Some(node) = fields.value("comfort") {
        announce.comfort = known.sounds("`comfort`", node, reader);
    }
    if let Some(node) = fields.value("comfort_first") {
        announce.comfort_first = reader.boolean("`comfort_first`", node).unwrap_or_default();
    }
    fields.finish(reader);
    if !announce.position && !announce.expected_wait && announce.comfort.is_empty() {
        let message = "`announce` says nothing: `say` (position, expected_wait) or `comfort` (sounds) is missing";
        reader.faults.warn(reader.source.place(node.spot), message);
    }
    Some(announce)
}

pub(super) fn service_level(node: &Node, reader: &mut Reader<'_>) -> Option<ServiceLevel> {
    let mut fields = reader.fields("`service_level`", node.spot, node)?;
    let mut level = ServiceLevel::default();
    for (name, value) in [("within", &mut level.within), ("short_abandon", &mut level.short)] {
        if let Some(node) = fields.value(name) {
            *value = reader.duration(&format!("`{name}`"), node, Duration::ZERO..=DAY).unwrap_or(*value);
        }
    }
    fields.finish(reader);
    Some(level)
}

pub(super) fn pause(name: &str, node: &Node, spot: Spot, known: &Known<'_>, reader: &mut Reader<'_>) -> Option<PauseRule> {
    let mut fields = reader.fields(format!("pause `{name}`"), spot, node)?;
    let mut rule = PauseRule::default();
    for (name, value) in [("paid", &mut rule.paid), ("approval", &mut rule.approval)] {
        if let Some(node) = fields.value(name) {
            *value = reader.boolean(&format!("`{name}`"), node).unwrap_or_default();
        }
    }
    rule.quota = fields.value("quota").and_then(|node| reader.duration("`quota`", node, Duration::from_secs(1)..=DAY));
    if let Some(node) = fields.value("only_if") {
        rule.only_if = known.condition("`only_if`", node, reader);
        if rule.only_if.as_ref().is_some_and(|only_if| only_if.clauses().iter().any(|clause| clause.queue.is_none())) {
            reader.fault(node.spot, "a pause is of no queue: say of which, as `support.service_level > 80%`");
        }
    }
    fields.finish(reader);
    Some(rule)
}
