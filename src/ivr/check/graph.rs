//! One flow's nodes and the ways between them.
//!
//! Invariant: an unknown node counts as the known one that its name is nearest to, so one mistake does not make a branch
//! unreachable.

use super::Complaints;
use crate::fault::nearest;
use crate::fault::tree::Spot;
use crate::id::Name;
use crate::ivr::draft::Draft;
use crate::ivr::flow::RETURN;
use crate::ivr::reading::Seen;
use std::collections::BTreeMap;

/// Where a link leads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Target {
    Node(usize),
    /// Back to the flow that called this one.
    Caller,
}

/// Nodes are numbered in the order of their names.
pub(super) struct Graph<'d> {
    pub draft: &'d Draft<'d>,
    pub names: Vec<&'d Name>,
    pub seen: Vec<&'d Seen>,
    pub links: Vec<Vec<Target>>,
    /// Those of `links` that may be taken without a key or a wait.
    pub quick: Vec<Vec<Target>>,
    pub on_hangup: Vec<Option<usize>>,
    pub start: Option<usize>,
}

impl<'d> Graph<'d> {
    /// Complains about links to nowhere.
    pub fn new(draft: &'d Draft<'d>, complaints: &mut Complaints<'_>) -> Graph<'d> {
        let names: Vec<_> = draft.seen.keys().collect();
        let seen: Vec<_> = draft.seen.values().collect();
        let numbers: BTreeMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (&***name, at)).collect();
        let resolve = |name: &Name, spot: Spot, complaints: &mut Complaints<'_>| match numbers.get(&**name) {
            Some(at) => Some(*at),
            None => {
                let known = complaints.unknown(spot, format!("no node `{name}`"), name, numbers.keys().copied());
                known.and_then(|known| numbers.get(&*known).copied())
            }
        };
        let start = draft.start.as_ref().and_then(|(start, spot)| {
            let found = resolve(start, *spot, complaints);
            found.or_else(|| nearest(start, numbers.keys().copied()).and_then(|name| numbers.get(&*name).copied()))
        });
        let mut graph = Graph { draft, names, seen, links: Vec::new(), quick: Vec::new(), on_hangup: Vec::new(), start };
        for seen in draft.seen.values() {
            let (mut links, mut quick) = (Vec::new(), Vec::new());
            for link in &seen.links {
                let returns = &*link.to == RETURN;
                let target =
                    if returns { Some(Target::Caller) } else { resolve(&link.to, link.spot, complaints).map(Target::Node) };
                links.extend(target);
                quick.extend(target.filter(|_| !seen.waits || seen.at_once.contains(&link.to)));
            }
            links.extend(seen.guessed.iter().filter_map(|name| numbers.get(&**name)).map(|at| Target::Node(*at)));
            let after = seen.on_hangup.as_ref().and_then(|(to, spot)| resolve(to, *spot, complaints));
            graph.links.push(links);
            graph.quick.push(quick);
            graph.on_hangup.push(after);
        }
        graph
    }

    /// The nodes and whether the end is among what is reached from these.
    fn reached(&self, from: impl IntoIterator<Item = usize>, also_after_hangup: bool) -> Vec<bool> {
        let mut reached = vec![false; self.names.len()];
        let mut open: Vec<usize> = from.into_iter().collect();
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut reached[node], true) {
                continue;
            }
            open.extend(self.links[node].iter().filter_map(|target| target.node()));
            open.extend(self.on_hangup[node].filter(|_| also_after_hangup));
        }
        reached
    }

    pub fn report_unreachable(&self, complaints: &mut Complaints<'_>) {
        // Without a start nothing is reachable, and that was said already.
        let Some(start) = self.start else { return };
        let reached = self.reached([start], true);
        for at in (0..self.names.len()).filter(|at| !reached[*at]) {
            complaints.fault(self.seen[at].spot, format!("node `{}` is never reached", self.names[at]));
        }
    }

    /// After the caller has hung up nobody hears anything.
    pub fn report_speech_after_hangup(&self, complaints: &mut Complaints<'_>) {
        for (at, first) in self.on_hangup.iter().enumerate() {
            let (Some(first), Some((_, spot))) = (first, &self.seen[at].on_hangup) else { continue };
            let reached = self.reached([*first], false);
            if let Some(speaker) = (0..self.names.len()).find(|node| reached[*node] && self.seen[*node].speaks) {
                let message = format!("after the caller has hung up, node `{}` speaks to nobody", self.names[speaker]);
                complaints.fault(*spot, message);
            }
        }
    }

    /// Calls of other flows: the node, the flow's name, where it stands.
    pub fn calls(&self) -> impl Iterator<Item = (usize, &'d Name, Spot)> + '_ {
        self.seen.iter().enumerate().filter_map(|(at, seen)| seen.calls.as_ref().map(|(flow, spot)| (at, flow, *spot)))
    }
}

impl Target {
    pub fn node(self) -> Option<usize> {
        match self {
            Target::Node(at) => Some(at),
            Target::Caller => None,
        }
    }
}
