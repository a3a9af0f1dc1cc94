//! A case played step by step against what happens.
//!
//! Invariant: a step is judged by what happened after the step before it; what a step does not name is let pass.

use super::props::Props;
use super::script::{Case, Left, Step, StepKind};
use super::stage::{Happening, Stage};
use crate::expression::{Declared, Expression, Type};
use crate::id::Name;
use crate::ivr::Flow;
use crate::time::{Duration, Moment};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long a step waits, in the caller's time, for what it expects.
const PATIENCE: Duration = Duration::from_secs(600);
/// Events within one step; more is a flow that never rests.
const MAX_EVENTS: usize = 10_000;
/// A caller presses a key so long after they have heard enough, and one key after the other.
const REACTION: Duration = Duration::from_millis(100);
/// How much of a sound a caller hears who interrupts it.
const EARSHOT: Duration = Duration::from_millis(500);

/// What became of a case.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    pub difference: Option<Difference>,
    /// The nodes that the caller came through: flow and node.
    pub visited: BTreeSet<(Name, Name)>,
    /// How long the call was, in the caller's time.
    pub lasted: Duration,
}

/// What was expected and did not come.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// The step, from 0.
    pub step: usize,
    pub expected: String,
    /// Why it cannot come any more.
    pub why: String,
    /// What happened instead: when, in which node, what.
    pub instead: Vec<String>,
}

/// Plays one case. `props` is what every case may rely on: the calendars.
pub fn play(case: &Case, flows: &BTreeMap<Name, Arc<Flow>>, props: &Props) -> Verdict {
    let Some(flow) = flows.get(&case.flow) else {
        let expected = format!("the caller comes to flow {}", case.flow);
        let difference =
            Difference { step: 0, expected, why: "there is no such flow without faults".into(), instead: Vec::new() };
        return Verdict { difference: Some(difference), visited: BTreeSet::new(), lasted: Duration::ZERO };
    };
    let mut own = case.props.clone();
    own.calendars = props.calendars.clone();
    own.speech = props.speech.clone();
    let stage = Stage::new(flow.clone(), flows, case.caller.clone(), own, case.at);
    let mut player = Player { stage, read: 0 };
    let difference = case.steps.iter().enumerate().find_map(|(at, step)| player.step(at, step).err());
    let visits = player.stage.session().visits().iter();
    Verdict {
        difference,
        visited: visits.map(|visit| (visit.flow.clone(), visit.node.clone())).collect(),
        lasted: player.stage.passed(),
    }
}

struct Player {
    stage: Stage,
    /// What has happened and is accounted for.
    read: usize,
}

impl Player {
    fn step(&mut self, at: usize, step: &Step) -> Result<(), Difference> {
        let before = self.read;
        self.act(&step.kind).map_err(|why| {
            let told =
                |(when, node, what): &(Duration, Name, Happening)| format!("{:>7.1} s  {node}: {what}", when.as_secs_f64());
            let instead = self.stage.log.iter().skip(before).map(told).collect();
            Difference { step: at, expected: step.kind.to_string(), why, instead }
        })
    }

    /// The error says why what was expected cannot come.
    fn act(&mut self, step: &StepKind) -> Result<(), String> {
        match step {
            StepKind::Hears(sounds) => self.hear(sounds),
            StepKind::Presses(keys) => {
                self.hear_out();
                self.press(keys)
            }
            StepKind::Interrupts(keys) => {
                self.stage.wait(EARSHOT);
                self.press(keys)
            }
            StepKind::SaysNothing(time) => {
                self.stage.wait(*time);
                Ok(())
            }
            StepKind::HangsUp => {
                self.stage.hang_up();
                Ok(())
            }
            StepKind::QueueEnds(end) => said(self.stage.queue_ends(*end), "the caller is in no queue"),
            StepKind::DialEnds(end) => said(self.stage.dial_ends(*end), "nobody is being rung"),
            StepKind::Language(language) => {
                let spoken = self.stage.session().language().clone();
                said(spoken == *language, &format!("the caller hears {spoken}"))
            }
            StepKind::Node(node) => {
                let here = self.stage.session().node().clone();
                said(here == *node, &format!("the caller is in node {here}"))
            }
            StepKind::Knows(name, wanted) => self.knows(name, wanted),
            StepKind::Joins { queue, need, value } => self.until(|happening| match happening {
                Happening::Joins { queue: joined, need: needs, value: worth } => {
                    joined == queue && (need.is_none() || needs == need) && (value.is_none() || worth == value)
                }
                _ => false,
            }),
            StepKind::Dials(to) => {
                self.until(|happening| matches!(happening, Happening::Dials { to: dialled } if dialled == to))
            }
            StepKind::Transfers(to) => {
                self.until(|happening| matches!(happening, Happening::Transfers { to: given } if given == to))
            }
            StepKind::Asks { url, posts, body } => self.until(|happening| match happening {
                Happening::Asks { url: asked, body: sent } => {
                    asked == url && sent.is_some() == *posts && (body.is_none() || sent == body)
                }
                _ => false,
            }),
            StepKind::Leaves(left) => self.until(|happening| matches!(happening, Happening::Leaves(what) if left.is(what))),
            StepKind::Ends(ending) => self.until(|happening| matches!(happening, Happening::Ends(how) if how == ending)),
        }
    }

    /// Lets the call go on until the next thing of this kind.
    fn until(&mut self, wanted: impl Fn(&Happening) -> bool) -> Result<(), String> {
        self.go_on(|player| {
            let found = player.stage.log.iter().skip(player.read).position(|(_, _, happening)| wanted(happening));
            found.map(|at| player.read + at + 1)
        })
    }

    /// These sounds, one right after the other; whatever is heard before the first of them is let pass.
    fn hear(&mut self, sounds: &[Name]) -> Result<(), String> {
        self.go_on(|player| {
            let heard: Vec<(usize, &Name)> = (player.read..player.stage.log.len())
                .filter_map(|at| match &player.stage.log[at].2 {
                    Happening::Hears { sound, .. } => Some((at, sound)),
                    _ => None,
                })
                .collect();
            let fits = |run: &&[(usize, &Name)]| run.iter().zip(sounds).all(|((_, heard), wanted)| *heard == wanted);
            heard.windows(sounds.len()).find(fits).and_then(|run| run.last()).map(|(at, _)| at + 1)
        })
    }

    /// Until `found` says up to where the log is accounted for.
    fn go_on(&mut self, found: impl Fn(&Player) -> Option<usize>) -> Result<(), String> {
        let until = self.stage.now().mono + PATIENCE;
        for _ in 0..MAX_EVENTS {
            if let Some(read) = found(self) {
                self.read = read;
                return Ok(());
            }
            if self.stage.next().is_some_and(|next| next > until) {
                return Err(format!("nothing of the kind within {} minutes", PATIENCE.as_secs() / 60));
            }
            if !self.stage.advance() {
                return Err(self.standstill());
            }
        }
        Err("the flow never comes to rest".into())
    }

    /// Why nothing happens any more.
    fn standstill(&self) -> String {
        if self.stage.is_over() {
            return "the call is over".into();
        }
        match self.stage.held() {
            Some(held) => {
                let last = self.stage.log.iter().rev().map(|(_, _, happening)| happening);
                let mut last = last.filter(|happening| held.is_begun_by(happening));
                match last.next() {
                    Some(Happening::Joins { queue, .. }) => {
                        format!("the caller waits in queue {queue}: say how that ends (`queue: answered`)")
                    }
                    Some(Happening::Dials { to }) => format!("the phone of {to} rings: say how that ends (`dial: answered`)"),
                    Some(Happening::Transfers { to }) => {
                        format!("the caller is given to {to}: say how that ends (`dial: answered`)")
                    }
                    _ => "somebody else has the caller: say how that ends".into(),
                }
            }
            None => format!("nothing more happens in node {}", self.stage.session().node()),
        }
    }

    /// To the end of the sound that is heard.
    fn hear_out(&mut self) {
        if let Some(ends) = self.stage.sound_ends() {
            while self.stage.next().is_some_and(|next: Moment| next <= ends) && self.stage.advance() {}
        }
    }

    fn press(&mut self, keys: &str) -> Result<(), String> {
        for key in keys.chars() {
            if self.stage.is_over() {
                return Err("the call is over".into());
            }
            self.stage.wait(REACTION);
            self.stage.press(key);
        }
        Ok(())
    }

    fn knows(&mut self, name: &str, wanted: &str) -> Result<(), String> {
        let names = Declared::new([("*", Type::Any)]);
        let expression = Expression::compile(name, &names).map_err(|mistakes| mistakes[0].to_string())?;
        let now = self.stage.now();
        let found = self.stage.session_mut().evaluate(&expression, now).text().unwrap_or_else(|| "nothing".into());
        said(found == wanted, &format!("{name} is {found}"))
    }
}

impl Left {
    fn is(&self, what: &crate::ivr::Keep) -> bool {
        use crate::ivr::Keep;
        match (self, what) {
            (Left::Message(wanted), Keep::Message { mailbox, .. }) => wanted == mailbox,
            (Left::Recording(wanted), Keep::Recording { name, .. }) => wanted == name,
            (Left::Callback { queue: wanted, number: at }, Keep::Callback { queue, number }) => {
                wanted == queue && at.as_ref().is_none_or(|at| at == number)
            }
            (Left::Survey { name: wanted, answers: given }, Keep::Survey { name, answers }) => {
                wanted == name && given.as_ref().is_none_or(|given| *given == answers.iter().collect::<String>())
            }
            _ => false,
        }
    }
}

fn said(true_: bool, otherwise: &str) -> Result<(), String> {
    if true_ { Ok(()) } else { Err(otherwise.to_string()) }
}
