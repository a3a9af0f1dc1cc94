//! Which languages are heard where, and what is not recorded in them.
//!
//! Languages flow from node to node and through called flows until nothing changes. Invariant: a prompt is asked for in every
//! language in which a caller can come to it, and in no other unless a called flow may change the language in between.

use super::graph::{Graph, Target};
use super::{Judge, said};
use crate::fault::tree::Spot;
use crate::id::Name;
use crate::ivr::World;
use std::collections::BTreeMap;

/// Languages as bits, in the order of [`World::languages`]; the configuration allows fewer than there are bits.
type Languages = u64;

struct Heard<'g, 'd> {
    graphs: &'g [Graph<'d>],
    flows: BTreeMap<&'d Name, usize>,
    /// Who calls a flow: the flow and the node.
    callers: Vec<Vec<(usize, usize)>>,
    /// Flow -> node -> what is heard there.
    at: Vec<Vec<Languages>>,
    /// Flow -> what is heard when it returns.
    leaving: Vec<Languages>,
    open: Vec<(usize, usize)>,
}

pub(super) fn report_missing(graphs: &[Graph<'_>], world: &World, judge: &mut Judge<'_>) {
    let mut heard = Heard::new(graphs);
    for (flow, graph) in graphs.iter().enumerate() {
        let own = match &graph.draft.language {
            Some(language) => bits(world, std::slice::from_ref(language)),
            None => bits(world, &world.languages),
        };
        heard.enter(flow, own);
    }
    while let Some((flow, node)) = heard.open.pop() {
        heard.pass_on(flow, node, world);
    }
    for (flow, graph) in graphs.iter().enumerate() {
        report(graph, &heard.at[flow], world, flow, judge);
        for (seen, heard) in graph.seen.iter().zip(&heard.at[flow]) {
            let languages: Vec<&Name> = names(world, *heard).collect();
            for said in &seen.said {
                said::report(said, &languages, world, &mut judge.of(flow, graph.draft));
            }
        }
    }
}

impl<'g, 'd> Heard<'g, 'd> {
    fn new(graphs: &'g [Graph<'d>]) -> Heard<'g, 'd> {
        let flows: BTreeMap<&Name, usize> = graphs.iter().enumerate().map(|(at, graph)| (&graph.draft.name, at)).collect();
        let mut callers = vec![Vec::new(); graphs.len()];
        for (flow, graph) in graphs.iter().enumerate() {
            for (node, called, _) in graph.calls() {
                if let Some(called) = flows.get(called) {
                    callers[*called].push((flow, node));
                }
            }
        }
        let at = graphs.iter().map(|graph| vec![0; graph.names.len()]).collect();
        Heard { graphs, flows, callers, at, leaving: vec![0; graphs.len()], open: Vec::new() }
    }

    fn enter(&mut self, flow: usize, languages: Languages) {
        if let Some(start) = self.graphs[flow].start {
            self.add(flow, start, languages);
        }
    }

    fn add(&mut self, flow: usize, node: usize, languages: Languages) {
        let known = &mut self.at[flow][node];
        if *known | languages != *known {
            *known |= languages;
            self.open.push((flow, node));
        }
    }

    fn pass_on(&mut self, flow: usize, node: usize, world: &World) {
        let graph = &self.graphs[flow];
        let seen = graph.seen[node];
        let mut languages = self.at[flow][node];
        if !seen.languages.is_empty() {
            languages = bits(world, &seen.languages);
        }
        if let Some(called) = seen.calls.as_ref().and_then(|(name, _)| self.flows.get(name).copied()) {
            self.enter(called, languages);
            languages |= self.leaving[called];
        }
        for target in &graph.links[node] {
            match target {
                Target::Node(next) => self.add(flow, *next, languages),
                Target::Caller if self.leaving[flow] | languages != self.leaving[flow] => {
                    self.leaving[flow] |= languages;
                    self.open.extend(self.callers[flow].iter().copied());
                }
                Target::Caller => {}
            }
        }
    }
}

fn bits(world: &World, languages: &[Name]) -> Languages {
    let known = world.languages.iter().take(Languages::BITS as usize).enumerate();
    known.filter(|(_, name)| languages.contains(name)).fold(0, |bits, (at, _)| bits | 1 << at)
}

fn names(world: &World, languages: Languages) -> impl Iterator<Item = &Name> {
    let known = world.languages.iter().take(Languages::BITS as usize).enumerate();
    known.filter(move |(at, _)| languages & (1 << at) != 0).map(|(_, name)| name)
}

fn report(graph: &Graph<'_>, heard: &[Languages], world: &World, flow: usize, judge: &mut Judge<'_>) {
    let mut missing: BTreeMap<(Spot, &Name), Vec<&Name>> = BTreeMap::new();
    for (seen, heard) in graph.seen.iter().zip(heard) {
        for language in names(world, *heard) {
            for (prompt, spot) in seen.prompts.iter().filter(|(prompt, _)| !world.has(language, prompt)) {
                missing.entry((*spot, prompt)).or_default().push(language);
            }
        }
    }
    for ((spot, prompt), mut languages) in missing {
        languages.sort();
        let recorded = world.sounds.values().any(|sounds| sounds.contains(prompt));
        let of_languages = languages.iter().filter_map(|language| world.sounds.get(&***language)).flatten();
        // A prompt that another language has is not misspelt, only not recorded.
        let known: Vec<&str> = if recorded { Vec::new() } else { of_languages.map(|name| &**name).collect() };
        let list: Vec<&str> = languages.iter().map(|name| &***name).collect();
        judge.of(flow, graph.draft).unknown(spot, format!("no sound `{prompt}` in {}", list.join(", ")), prompt, known);
    }
}
