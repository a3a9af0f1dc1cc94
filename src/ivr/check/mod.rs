//! What only whole flows can tell: links to nowhere, nodes that nothing leads to, loops, flows that call one another in a circle,
//! variables that nobody sets, and prompts that are not recorded in a language in which they would be heard.
//!
//! | file | subject |
//! |---|---|
//! | `graph` | one flow's nodes and the ways between them; what is reached |
//! | `loops` | ways round without the caller's input or a wait, also through called flows |
//! | `sounds` | which languages are heard where, and what is not recorded in them |
//! | `said` | values that a language's grammar cannot say as they are written |
//!
//! Invariant: a mistake is reported once, where it stands; what merely follows from it is not.

mod graph;
mod loops;
mod said;
mod sounds;

use super::World;
use super::draft::Draft;
use crate::fault::Faults;
use crate::fault::fields::Reader;
use crate::id::Name;
use graph::Graph;
use std::collections::BTreeSet;

/// Adds what is wrong, and notes in each draft whether anything was.
pub(super) fn check(drafts: &mut [Draft<'_>], world: &World, faults: &mut Faults) {
    let mut bad = vec![false; drafts.len()];
    {
        let mut judge = Judge { faults, bad: &mut bad };
        let graphs: Vec<Graph<'_>> =
            drafts.iter().enumerate().map(|(at, draft)| Graph::new(draft, &mut judge.of(at, draft))).collect();
        for (at, graph) in graphs.iter().enumerate() {
            graph.report_unreachable(&mut judge.of(at, graph.draft));
            graph.report_speech_after_hangup(&mut judge.of(at, graph.draft));
        }
        report_unset_variables(drafts, &mut judge);
        loops::report(&graphs, &mut judge);
        sounds::report_missing(&graphs, world, &mut judge);
    }
    for (draft, bad) in drafts.iter_mut().zip(bad) {
        draft.is_good &= !bad;
    }
}

/// Where faults go, and which flows have any.
pub(super) struct Judge<'j> {
    faults: &'j mut Faults,
    bad: &'j mut [bool],
}

impl Judge<'_> {
    /// A reader of one flow's file; whoever asks for it is about to complain, or may be.
    fn of<'r, 'a: 'r>(&'r mut self, flow: usize, draft: &Draft<'a>) -> Complaints<'r> {
        Complaints { reader: Reader { source: draft.source, faults: self.faults }, bad: &mut self.bad[flow] }
    }
}

/// A reader that remembers whether it had to complain.
struct Complaints<'r> {
    reader: Reader<'r>,
    bad: &'r mut bool,
}

impl Complaints<'_> {
    fn warn(&mut self, spot: crate::fault::tree::Spot, message: String) {
        let place = self.reader.source.place(spot);
        self.reader.faults.warn(place, message);
    }

    /// How much was complained about so far.
    fn count(&self) -> usize {
        self.reader.faults.len()
    }

    fn fault(&mut self, spot: crate::fault::tree::Spot, message: String) {
        *self.bad = true;
        self.reader.fault(spot, message);
    }

    fn unknown<'k>(
        &mut self,
        spot: crate::fault::tree::Spot,
        message: String,
        wrong: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<String> {
        *self.bad = true;
        self.reader.unknown(spot, message, wrong, known)
    }
}

/// Variables are shared by a flow and those that it calls, so any flow may set them.
fn report_unset_variables(drafts: &[Draft<'_>], judge: &mut Judge<'_>) {
    // Behind a mistake there may be the verb that sets it.
    if drafts.iter().any(Draft::has_gaps) {
        return;
    }
    let set: BTreeSet<&Name> = drafts.iter().flat_map(|draft| draft.seen.values()).flat_map(|seen| &seen.sets).collect();
    for (at, draft) in drafts.iter().enumerate() {
        for (name, spot) in draft.seen.values().flat_map(|seen| &seen.reads).filter(|(name, _)| !set.contains(name)) {
            let known = set.iter().map(|name| &***name);
            judge.of(at, draft).unknown(*spot, format!("no node sets `vars.{name}`"), name, known);
        }
    }
}
