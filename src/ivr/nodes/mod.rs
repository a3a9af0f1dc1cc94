//! The verbs of flows, one per file.
//!
//! ```text
//!   YAML fields --Verb::read--> the verb (plain data in the Flow) --enter, hear--> Step
//!                                        its state (in the Session) <---- Stay
//! ```
//!
//! A new verb is one new file and two lines here: its `mod`, and its row in the list below, from which the closed enums are made.
//! Invariant: a verb never changes; what changes during a call is its `State`, which the session keeps.

mod answer;
mod authorize;
mod branch;
mod calendar;
mod callback;
#[cfg(test)]
mod chime;
mod collect;
mod dial;
mod flow;
mod hangup;
mod http;
mod identify;
mod language;
mod menu;
mod play;
mod queue;
mod record;
mod say;
mod set;
mod survey;
mod transfer;
mod voicemail;

pub use http::{host_of, port_is_good};

use super::reading::NodeFields;
use super::turn::Turn;
use super::{Cause, DialEnd, Hours, KeepEnd, QueueEnd};
use crate::ask::Reply;
use crate::id::Name;
use serde::{Deserialize, Serialize};

/// What every verb is.
pub(super) trait Node: Sized {
    /// What the session keeps while the caller is in the node.
    type State;

    /// From the fields of its YAML; mistakes are noted by whoever is asked for a field.
    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Self>;

    /// True when the caller must hear us, so that the call is answered before the node begins.
    fn speaks(&self) -> bool;

    fn enter(&self, turn: &mut Turn<'_>) -> Step<Self::State>;

    fn hear(&self, state: Self::State, heard: Heard, turn: &mut Turn<'_>) -> Step<Self::State>;
}

/// What reaches a node while the caller is in it.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Heard {
    /// What the node was playing came to its end.
    Played,
    Key(char),
    /// The deadline set by [`Turn::wait`] has come.
    TimeUp,
    /// What [`Turn::enqueue`], [`Turn::dial`] or [`Turn::transfer`] began is over.
    Queue(QueueEnd),
    Dial(DialEnd),
    Transfer(DialEnd),
    /// What became of [`Turn::keep_for_later`].
    Kept(KeepEnd),
    /// What [`Turn::look_up_hours`] asked.
    Hours(Hours),
    /// What [`Turn::ask`] asked.
    Reply(Reply),
    /// The flow that [`Step::Call`] began has come to its end.
    Returned,
}

/// What a node decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step<S> {
    Stay(S),
    /// Into another flow; [`Heard::Returned`] when it is over.
    Call {
        flow: Name,
        state: S,
    },
    /// On to the next node; to nowhere, the call ends normally.
    Leave {
        outcome: String,
        to: Option<Name>,
    },
    /// The call is somebody else's from here on; the flow is over.
    GiveAway {
        outcome: String,
    },
    Hangup(Cause),
}

impl<S> Step<S> {
    pub fn leave(outcome: impl Into<String>, to: Option<Name>) -> Step<S> {
        Step::Leave { outcome: outcome.into(), to }
    }

    fn map<T>(self, kept: impl FnOnce(S) -> T) -> Step<T> {
        match self {
            Step::Stay(state) => Step::Stay(kept(state)),
            Step::Call { flow, state } => Step::Call { flow, state: kept(state) },
            Step::Leave { outcome, to } => Step::Leave { outcome, to },
            Step::GiveAway { outcome } => Step::GiveAway { outcome },
            Step::Hangup(cause) => Step::Hangup(cause),
        }
    }
}

/// The closed enums of all verbs and of their states, and the way from a verb's word to its file.
macro_rules! verbs {
    ($($(#[$when:meta])? $word:literal => $name:ident($module:ident)),* $(,)?) => {
        /// Every verb's word.
        pub const VERBS: &[&str] = &[$($(#[$when])? $word),*];

        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Verb {
            $($(#[$when])? $name($module::$name)),*
        }

        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(super) enum State {
            $($(#[$when])? $name(<$module::$name as Node>::State)),*
        }

        impl Verb {
            /// `None` with faults noted, or when there is no such verb.
            pub(super) fn read(word: &str, fields: &mut NodeFields<'_, '_, '_>) -> Option<Verb> {
                match word {
                    $($(#[$when])? $word => <$module::$name as Node>::read(fields).map(Verb::$name),)*
                    _ => None,
                }
            }

            pub fn name(&self) -> &'static str {
                match self {
                    $($(#[$when])? Verb::$name(_) => $word),*
                }
            }

            pub(super) fn speaks(&self) -> bool {
                match self {
                    $($(#[$when])? Verb::$name(verb) => verb.speaks()),*
                }
            }

            pub(super) fn enter(&self, turn: &mut Turn<'_>) -> Step<State> {
                match self {
                    $($(#[$when])? Verb::$name(verb) => verb.enter(turn).map(State::$name)),*
                }
            }

            pub(super) fn hear(&self, state: State, heard: Heard, turn: &mut Turn<'_>) -> Step<State> {
                match (self, state) {
                    $($(#[$when])? (Verb::$name(verb), State::$name(state)) => verb.hear(state, heard, turn).map(State::$name),)*
                    (_, state) => unreachable!("{} was given the state of another verb: {state:?}", self.name()),
                }
            }
        }
    };
}

verbs! {
    "answer" => Answer(answer),
    "authorize" => Authorize(authorize),
    "branch" => Branch(branch),
    "calendar" => Calendar(calendar),
    "callback" => Callback(callback),
    #[cfg(test)] "chime" => Chime(chime),
    "collect" => Collect(collect),
    "dial" => Dial(dial),
    "flow" => Flow(flow),
    "hangup" => Hangup(hangup),
    "http" => Http(http),
    "identify" => Identify(identify),
    "language" => Language(language),
    "menu" => Menu(menu),
    "play" => Play(play),
    "queue" => Queue(queue),
    "record" => Record(record),
    "say" => Say(say),
    "set" => Set(set),
    "survey" => Survey(survey),
    "transfer" => Transfer(transfer),
    "voicemail" => Voicemail(voicemail),
}
