//! Queues and agents judged together: needs that nobody meets, steps that never fire, overflows that go round in circles.
//!
//! Invariant: what is complained of here would have been noticed by a caller first.

use super::doubts;
use super::sections::Section;
use crate::acd::{self, Measure, Need, OverflowAct, Skills, Step, Trigger};
use crate::fault::Faults;
use crate::fault::fields::print_duration;
use crate::fault::tree::Spot;
use crate::id::Name;
use crate::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// A queue with the places of what is judged.
pub(super) struct Judged<'d> {
    pub name: Name,
    pub section: Section<'d>,
    pub need: Spot,
    pub steps: Vec<Spot>,
    pub overflow: Vec<Spot>,
}

pub(super) fn judge(
    queues: &[Judged<'_>],
    agents: &BTreeMap<Name, Section<'_>>,
    settings: &acd::Settings,
    with_hours: &BTreeSet<Name>,
    faults: &mut Faults,
) {
    for judged in queues {
        let Some(queue) = settings.queues.get(&judged.name) else { continue };
        needs(judged, queue, settings, faults);
        steps(judged, queue, faults);
        always_open(judged, queue, with_hours, faults);
    }
    circles(queues, settings, faults);
    // Where something is wrong, whom they serve is not known.
    if !faults.is_empty() {
        return;
    }
    for judged in queues {
        if let Some(queue) = settings.queues.get(&judged.name) {
            doubts::doubt(judged, queue, settings, faults);
        }
    }
    let added: BTreeSet<&Name> = settings.queues.values().flat_map(names_added).collect();
    for (name, section) in agents {
        let idle = |agent: &&acd::Agent| agent.queues.is_empty() && !agent.groups.keys().any(|group| added.contains(group));
        if settings.agents.get(name).filter(idle).is_some() {
            let message = format!("agent `{name}` is in no queue, and in no group that a queue adds: no call reaches them");
            faults.warn(section.source.place(section.entry.spot), message);
        }
    }
}

/// Queues and groups whose agents a queue may borrow.
pub(super) fn names_added(queue: &acd::Queue) -> impl Iterator<Item = &Name> {
    let steps = queue.steps.iter().flat_map(|step| step.add.iter().chain(&step.replace));
    let adds = queue.overflow.iter().filter_map(|rule| match &rule.act {
        OverflowAct::Add(names) => Some(names),
        _ => None,
    });
    steps.chain(adds.flatten())
}

/// Nobody who may ever be asked meets what is needed.
fn needs(judged: &Judged<'_>, queue: &acd::Queue, settings: &acd::Settings, faults: &mut Faults) {
    let staff: Vec<&Skills> = settings
        .agents
        .values()
        .filter(|agent| {
            let serves = |name: &Name| agent.queues.contains_key(name) || agent.groups.contains_key(name);
            serves(&judged.name) || names_added(queue).any(serves)
        })
        .map(|agent| &agent.skills)
        .collect();
    let unmet = |need: &Need| !need.is_nothing() && !staff.is_empty() && !staff.iter().any(|skills| need.is_met_by(skills));
    let relaxed = queue.steps.iter().any(|step| step.need.as_ref().is_some_and(|need| !unmet(need)));
    if unmet(&queue.need) && !relaxed {
        let message = format!("queue `{}` is served by nobody: no agent of it meets `{}`", judged.name, queue.need);
        judged.section.source.complain(faults, judged.need, message);
    }
    for (step, spot) in queue.steps.iter().zip(&judged.steps) {
        if let Some(need) = step.need.as_ref().filter(|need| unmet(need)) {
            judged.section.source.complain(faults, *spot, format!("no agent who may be asked meets `{need}`"));
        }
    }
}

/// Those that come after everybody has left, and those whose condition never holds.
fn steps(judged: &Judged<'_>, queue: &acd::Queue, faults: &mut Faults) {
    let gone_after = queue.overflow.iter().filter_map(|rule| match (&rule.on, &rule.act) {
        (Trigger::After(after), OverflowAct::Leave(_) | OverflowAct::Move(_)) => Some(*after),
        _ => None,
    });
    let gone_after: Option<Duration> = gone_after.min();
    for (step, spot) in queue.steps.iter().zip(&judged.steps) {
        if let Some(why) = never(step, gone_after, queue.max_waiting) {
            judged.section.source.complain(faults, *spot, format!("this step never fires: {why}"));
        }
    }
    idle_steps(judged, queue, faults);
    for (rule, spot) in queue.overflow.iter().zip(&judged.overflow) {
        if let Trigger::Newcomers(when) | Trigger::Everybody(when) = &rule.on
            && when.is_impossible(queue.max_waiting)
        {
            judged.section.source.complain(faults, *spot, format!("this overflow never fires: `{when}` cannot be"));
        }
    }
}

/// A step that asks for what is asked for already, whichever steps before it fire, and does nothing else.
fn idle_steps(judged: &Judged<'_>, queue: &acd::Queue, faults: &mut Faults) {
    let mut asked = vec![&queue.need];
    for (step, spot) in queue.steps.iter().zip(&judged.steps) {
        let Some(need) = &step.need else { continue };
        let only = step.prefer.is_none() && step.add.is_empty() && step.replace.is_empty() && step.bump == Duration::ZERO;
        if only && asked.iter().all(|before| *before == need) {
            judged.section.source.complain(faults, *spot, format!("this step changes nothing: `{need}` is needed already"));
        }
        asked.push(need);
    }
}

/// Whoever asks whether a queue is closed that has no hours.
fn always_open(judged: &Judged<'_>, queue: &acd::Queue, with_hours: &BTreeSet<Name>, faults: &mut Faults) {
    let steps = queue.steps.iter().zip(&judged.steps);
    let steps = steps.flat_map(|(step, spot)| step.when.iter().chain(&step.only_if).map(|condition| (condition, *spot)));
    let overflows = queue.overflow.iter().zip(&judged.overflow).filter_map(|(rule, spot)| match &rule.on {
        Trigger::Newcomers(when) | Trigger::Everybody(when) => Some((when, *spot)),
        Trigger::After(_) => None,
    });
    for (condition, spot) in steps.chain(overflows) {
        let closed = condition.clauses().iter().filter(|clause| clause.measure == Measure::Closed);
        let mut asked = closed.map(|clause| clause.queue.as_ref().unwrap_or(&judged.name));
        if let Some(open) = asked.find(|queue| !with_hours.contains(*queue)) {
            let message = format!("`{condition}` never holds: queue `{open}` is never closed without `hours: CALENDAR`");
            judged.section.source.complain(faults, spot, message);
        }
    }
}

fn never(step: &Step, gone_after: Option<Duration>, max_waiting: usize) -> Option<String> {
    if let Some(gone) = gone_after.filter(|gone| step.after >= *gone) {
        return Some(format!("callers leave the queue after {}", print_duration(gone)));
    }
    let impossible = step.when.iter().chain(&step.only_if).find(|condition| condition.is_impossible(max_waiting));
    impossible.map(|condition| format!("`{condition}` cannot be"))
}

/// A circle of overflows that move, whatever triggers them.
fn circles(queues: &[Judged<'_>], settings: &acd::Settings, faults: &mut Faults) {
    let moves = |name: &Name| {
        let rules = settings.queues.get(name).into_iter().flat_map(|queue| queue.overflow.iter().enumerate());
        rules.filter_map(|(index, rule)| match &rule.act {
            OverflowAct::Move(to) => Some((index, to.clone())),
            _ => None,
        })
    };
    let mut told: BTreeSet<Name> = BTreeSet::new();
    for judged in queues {
        for (index, first) in moves(&judged.name) {
            let mut seen: BTreeSet<Name> = BTreeSet::new();
            let mut open = vec![first];
            let mut found = false;
            while let Some(name) = open.pop() {
                found |= name == judged.name;
                if seen.insert(name.clone()) {
                    open.extend(moves(&name).map(|(_, to)| to));
                }
            }
            if found && !told.contains(&judged.name) {
                told.extend(seen);
                told.insert(judged.name.clone());
                let spot = judged.overflow.get(index).copied().unwrap_or(judged.section.entry.spot);
                let message = format!("overflows go round in a circle: from here callers of `{}` come back to it", judged.name);
                judged.section.source.complain(faults, spot, message);
            }
        }
    }
}
