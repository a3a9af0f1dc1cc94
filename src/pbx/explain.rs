//! Why a caller waits and an agent sits, in sentences: the engine's own reasons with the names that people use.
//!
//! Invariant: nothing is reasoned here; it is only said.

use super::queueing::kind_word;
use super::{Pbx, Phase};
use crate::acd::{AgentExplanation, Candidacy, ItemExplanation, ItemId, Merits, Obstacle, State, StepExplanation};
use crate::control::{Explanation, Response};
use crate::fault::fields::print_duration;
use crate::id::CallId;
use crate::time::{Duration, Now};

/// Agents named one by one.
const MOST_AGENTS: usize = 50;

impl Pbx {
    /// The one call whose reference begins so.
    pub(super) fn find_call(&self, reference: &str) -> Result<CallId, String> {
        let mut found = self.calls.values().filter(|call| call.reference.starts_with(reference)).map(|call| call.id);
        match (found.next(), found.next()) {
            (Some(call), None) if !reference.is_empty() => Ok(call),
            (Some(_), _) => Err(format!("more than one call begins with `{reference}`")),
            (None, _) => Err(format!("no call `{reference}` is going on: `centrala calls` lists those that are")),
        }
    }

    /// The item that a call is to the queues.
    pub(super) fn item_of(&self, call: CallId) -> Result<ItemId, String> {
        let here =
            self.calls.get(&call).is_some_and(|call| matches!(call.phase, Phase::Waiting { .. } | Phase::Bridged { .. }));
        let item = self.items.iter().find(|(_, id)| **id == call).map(|(item, _)| *item);
        item.filter(|_| here).ok_or_else(|| "that call is in no queue".to_string())
    }

    pub(super) fn explain_call(&self, reference: &str, now: Now) -> Response {
        let found = self.find_call(reference).and_then(|call| self.item_of(call));
        let explained = found.and_then(|item| self.acd.explain_item(item, now).ok_or("that call is in no queue".to_string()));
        match explained {
            Ok(explained) => self.explanation(self.item_lines(&explained, now), &explained),
            Err(why) => Response::Failed(why),
        }
    }

    pub(super) fn explain_agent(&self, agent: &str, now: Now) -> Response {
        match self.acd.explain_agent(agent, now) {
            Some(explained) => self.explanation(self.agent_lines(&explained, now), &explained),
            None => self.no_agent(agent),
        }
    }

    fn explanation(&self, lines: Vec<String>, data: &impl serde::Serialize) -> Response {
        Response::Explanation(Explanation { lines, data: serde_json::to_value(data).unwrap_or_default() })
    }

    fn name_of(&self, item: ItemId) -> String {
        match self.caller_of(item).and_then(|call| self.calls.get(&call)) {
            Some(call) => format!("{} from {}", call.reference, call.from.number),
            None => "a call that is gone".into(),
        }
    }

    fn item_lines(&self, it: &ItemExplanation, now: Now) -> Vec<String> {
        let mut lines = vec![match it.position {
            Some(place) => {
                format!(
                    "{} waits in `{}` ({}) at place {place}, for {}",
                    self.name_of(it.item),
                    it.queue,
                    kind_word(it.kind),
                    span(it.waited)
                )
            }
            None => format!("{} talks, after {} in `{}`", self.name_of(it.item), span(it.waited), it.queue),
        }];
        lines.push(place_line(it));
        if it.position.is_some_and(|place| place > 1) {
            let before: Vec<_> = it.before.iter().map(|item| self.name_of(*item)).collect();
            lines.push(format!("just before it, from the nearest: {}", before.join("; ")));
        }
        if let Some(wait) = it.expected_wait {
            lines.push(format!("expected wait: {}", span(wait)));
        }
        let sources: Vec<_> = it.sources.iter().map(|name| format!("`{name}`")).collect();
        let need = if it.need.is_empty() { String::new() } else { format!(" who meet `{}`", it.need) };
        lines.push(format!("for the agents of {}{need}", sources.join(", ")));
        if let Some((agent, time)) = &it.kept_for {
            lines.push(format!("kept for {agent} for another {}", span(*time)));
        }
        lines.extend(it.steps.iter().map(step_line));
        lines.extend(it.agents.iter().take(MOST_AGENTS).map(|agent| candidate_line(agent, now)));
        if it.position.is_some() {
            lines.push(change_line(it, now));
        }
        lines
    }

    fn agent_lines(&self, it: &AgentExplanation, now: Now) -> Vec<String> {
        let mut lines = vec![match &it.obstacle {
            None => format!("{} is {} and is offered the next call that is for them", it.agent, it.state),
            Some(obstacle) => {
                format!("{} is offered nothing: {}", it.agent, obstacle_and_then(obstacle, it.then.as_ref(), now))
            }
        }];
        lines.push(match it.would_get {
            Some(item) => format!("if they were free they would be offered {}", self.name_of(item)),
            None => "nothing waits that they might take".into(),
        });
        for (item, obstacle) in &it.waiting {
            let words = obstacle.as_ref().map_or("might be theirs".to_string(), |obstacle| obstacle_words(obstacle, now));
            lines.push(format!("  {}: {words}", self.name_of(*item)));
        }
        lines
    }
}

fn place_line(it: &ItemExplanation) -> String {
    let why: Vec<String> = it.merits.iter().map(|(merit, by)| format!("{} {}", merit_words(*merit), span(*by))).collect();
    let sum: Duration = it.merits.iter().map(|(_, by)| *by).sum();
    let cap = if sum > it.head_start { format!(", capped at {}", span(it.head_start)) } else { String::new() };
    let ahead = if why.is_empty() { "no head start".into() } else { format!("a head start of {}{cap}", why.join(" + ")) };
    format!("its place: class {}, here for {}, {ahead}", it.class, span(it.here_for))
}

fn merit_words(merit: Merits) -> String {
    match merit {
        Merits::Given => "given".into(),
        Merits::Value => "value".into(),
        Merits::RepeatCall => "repeat call".into(),
        Merits::AbandonedToday => "gave up today".into(),
        Merits::Step(number) => format!("step {number}"),
    }
}

fn step_line(step: &StepExplanation) -> String {
    let mut words = vec![match (step.begun, step.due_in) {
        (Some(since), _) => format!("began {} ago", span(since)),
        (None, Some(time)) => format!("not before another {}", span(time)),
        (None, None) => "has not begun".into(),
    }];
    if let (Some(when), None) = (&step.when, step.begun) {
        words.push(format!("once `{when}` holds"));
    }
    if let Some(only_if) = &step.only_if {
        let holds = if step.open { "holds" } else { "does not hold: it changes nothing" };
        words.push(format!("only if `{only_if}`, which {holds}"));
    }
    format!("step {}: {}", step.number, words.join(", "))
}

fn candidate_line(it: &Candidacy, now: Now) -> String {
    let why = match (&it.obstacle, it.has_it) {
        (_, true) => "has it".to_string(),
        (None, _) => "would be asked".to_string(),
        (Some(obstacle), _) => obstacle_and_then(obstacle, it.then.as_ref(), now),
    };
    let (calls, talked, idle) = (it.calls, span(it.talked), span(it.idle));
    format!("  {}: {why} (tier {}, skill {}, idle {idle}, {calls} calls, talked {talked})", it.agent, it.tier, it.skill)
}

/// What would let somebody take it.
fn change_line(it: &ItemExplanation, now: Now) -> String {
    let until = |agent: &Candidacy| match agent.obstacle {
        Some(Obstacle::AgentRests { until } | Obstacle::TooEarly { until } | Obstacle::KeptFor { until, .. }) => Some(until),
        _ => None,
    };
    let busy = it.agents.iter().filter(|agent| !agent.has_it && agent.then.is_none()).find(|agent| {
        matches!(agent.obstacle, Some(Obstacle::AgentIs(State::OnCall | State::WrapUp | State::Offered | State::Busy)))
    });
    let mut words = Vec::new();
    // While it rings nobody else is asked, whoever logs in.
    let rung: Vec<&str> = it.agents.iter().filter(|agent| agent.has_it).map(|agent| &*agent.agent).collect();
    if !rung.is_empty() {
        words.push(format!("{} answers, or lets it ring in vain", rung.join(" or ")));
    }
    words.extend(busy.map(|agent| format!("{} becomes free", agent.agent)));
    words.extend(
        it.agents.iter().filter_map(until).min().map(|at| format!("an agent may take it in {}", span(at.since(now.mono)))),
    );
    if rung.is_empty() && it.agents.iter().all(|agent| matches!(agent.obstacle, Some(Obstacle::Lacks { .. }))) {
        words.push("somebody who may take it logs in, or a step asks for less".into());
    } else if words.is_empty() {
        words.push("an agent logs in or resumes".into());
    }
    words.extend(it.next_change.map(|time| format!("its queue's steps and overflows act in {}", span(time))));
    format!("what would change it: {}", words.join("; "))
}

/// With what was ordered to come after it: who talks now and is to pause then becomes free for nobody.
fn obstacle_and_then(obstacle: &Obstacle, then: Option<&State>, now: Now) -> String {
    let words = obstacle_words(obstacle, now);
    match (obstacle, then) {
        (Obstacle::AgentIs(_), Some(then)) => format!("{words}, then {then}"),
        _ => words,
    }
}

fn obstacle_words(obstacle: &Obstacle, now: Now) -> String {
    let time = |until: crate::time::Moment| span(until.since(now.mono));
    match obstacle {
        Obstacle::NoSuchItem | Obstacle::NoSuchAgent => "is not here".into(),
        Obstacle::Talks => "it talks already".into(),
        Obstacle::RingsElsewhere => "it rings elsewhere".into(),
        Obstacle::OtherQueue => "serves none of its queues and groups".into(),
        Obstacle::TooEarly { until } => format!("serves it only in {}", time(*until)),
        Obstacle::KeptFor { agent, until } => format!("it is kept for {agent} for {}", time(*until)),
        Obstacle::Lacks { need } => format!("does not meet `{need}`"),
        Obstacle::AgentIs(state) => format!("is {state}"),
        Obstacle::AgentRests { until } => format!("rests for {} after an offer that came to nothing", time(*until)),
    }
}

/// To the second, in the largest units.
fn span(time: Duration) -> String {
    print_duration(Duration::from_secs(time.as_secs()))
}
