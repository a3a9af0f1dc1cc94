//! What only the whole flow can tell: links to nowhere, nodes that nothing leads to, loops, and prompts that are not recorded in a
//! language in which they would be heard.
//!
//! Invariant: a mistake is reported once, where it stands; what merely follows from it is not.

use super::World;
use super::flow::Draft;
use super::reading::Seen;
use crate::fault::fields::Reader;
use crate::fault::nearest;
use crate::fault::tree::Spot;
use crate::id::Name;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(draft: &Draft, world: &World, reader: &mut Reader<'_>) {
    let links = resolve(draft, reader);
    let graph = Graph { draft, links };
    graph.report_unreachable(reader);
    graph.report_loops(reader);
    graph.report_missing_sounds(world, reader);
}

/// Where each node leads. An unknown name counts as the known one it is nearest to.
fn resolve(draft: &Draft, reader: &mut Reader<'_>) -> BTreeMap<Name, Vec<Name>> {
    let known = || draft.seen.keys().map(|name| &**name);
    let mut unknown = |name: &Name, spot| reader.unknown(spot, format!("no node `{name}`"), name, known()).map(Name::from);
    if let Some((start, spot)) = &draft.start
        && !draft.seen.contains_key(start)
    {
        unknown(start, *spot);
    }
    let mut links = BTreeMap::new();
    for (node, seen) in &draft.seen {
        let mut targets = Vec::new();
        for (target, spot) in &seen.links {
            let target = if draft.seen.contains_key(target) { Some(target.clone()) } else { unknown(target, *spot) };
            targets.extend(target);
        }
        targets.extend(seen.guessed.iter().filter(|name| draft.seen.contains_key(*name)).cloned());
        links.insert(node.clone(), targets);
    }
    links
}

struct Graph<'d> {
    draft: &'d Draft,
    links: BTreeMap<Name, Vec<Name>>,
}

impl Graph<'_> {
    fn start(&self) -> Option<Name> {
        let (start, _) = self.draft.start.as_ref()?;
        if self.draft.seen.contains_key(start) {
            return Some(start.clone());
        }
        nearest(start, self.draft.seen.keys().map(|name| &**name)).map(Name::from)
    }

    fn seen(&self, node: &Name) -> Option<&Seen> {
        self.draft.seen.get(node)
    }

    fn links(&self, node: &Name) -> &[Name] {
        self.links.get(node).map_or(&[], Vec::as_slice)
    }

    /// Where a caller may go from it without a key or a wait.
    fn quick_links(&self, node: &Name) -> &[Name] {
        match self.seen(node) {
            Some(seen) if seen.waits => &seen.at_once,
            _ => self.links(node),
        }
    }

    fn report_unreachable(&self, reader: &mut Reader<'_>) {
        // Without a start nothing is reachable, and that was said already.
        let Some(start) = self.start() else { return };
        let mut reached = BTreeSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            open.extend(self.links(&node).iter().filter(|next| reached.insert((*next).clone())).cloned());
        }
        for (node, seen) in self.draft.seen.iter().filter(|(node, _)| !reached.contains(*node)) {
            reader.fault(seen.spot, format!("node `{node}` is never reached"));
        }
    }

    /// Every way round that takes neither input nor time; a node that is in several is named once. A depth-first walk: a link back to
    /// where the walk came through closes a loop.
    fn report_loops(&self, reader: &mut Reader<'_>) {
        let mut nodes: Vec<_> = self.draft.seen.iter().collect();
        nodes.sort_by_key(|(_, seen)| seen.spot);
        let (mut done, mut told) = (BTreeSet::new(), BTreeSet::new());
        for (first, _) in nodes {
            let mut way: Vec<(&Name, usize)> = if done.contains(first) { Vec::new() } else { vec![(first, 0)] };
            while let Some((node, link)) = way.last_mut() {
                let node: &Name = node;
                let Some(next) = self.quick_links(node).get(*link) else {
                    done.insert(node);
                    way.pop();
                    continue;
                };
                *link += 1;
                if done.contains(next) || self.seen(next).is_none() {
                    continue;
                }
                match way.iter().position(|(node, _)| *node == next) {
                    None => way.push((next, 0)),
                    Some(at) => {
                        let round: Vec<_> = way[at..].iter().map(|(node, _)| *node).collect();
                        if round.iter().all(|node| told.insert(*node)) {
                            self.report_loop(&round, reader);
                        }
                    }
                }
            }
        }
    }

    /// At the node of it that stands first in the file.
    fn report_loop(&self, round: &[&Name], reader: &mut Reader<'_>) {
        let spot = |node: &Name| self.seen(node).map(|seen| seen.spot).unwrap_or_default();
        let first = (0..round.len()).min_by_key(|at| spot(round[*at])).unwrap_or(0);
        let way: Vec<_> = (0..=round.len()).map(|step| &**round[(first + step) % round.len()]).collect();
        reader.fault(spot(round[first]), format!("a loop without the caller's input or a wait: {}", way.join(" -> ")));
    }

    /// Walks every node in every language in which a caller can come to it.
    fn report_missing_sounds(&self, world: &World, reader: &mut Reader<'_>) {
        let Some(start) = self.start() else { return };
        let languages = match &self.draft.language {
            Some(language) => vec![language.clone()],
            None => world.languages.clone(),
        };
        let mut open: Vec<_> = languages.into_iter().map(|language| (start.clone(), language)).collect();
        let mut reached: BTreeSet<_> = open.iter().cloned().collect();
        while let Some((node, language)) = open.pop() {
            let language = self.seen(&node).and_then(|seen| seen.language.clone()).unwrap_or(language);
            let next = self.links(&node).iter().map(|next| (next.clone(), language.clone()));
            open.extend(next.filter(|place| reached.insert(place.clone())));
        }
        let empty = BTreeSet::new();
        let mut missing: BTreeMap<(Spot, &Name), Vec<Name>> = BTreeMap::new();
        for (node, language) in reached {
            let Some(seen) = self.seen(&node).filter(|_| world.knows(&language)) else { continue };
            for (prompt, spot) in seen.prompts.iter().filter(|(prompt, _)| !world.has(&language, prompt)) {
                missing.entry((*spot, prompt)).or_default().push(language.clone());
            }
        }
        for ((spot, prompt), languages) in missing {
            let known = languages.iter().flat_map(|language| world.sounds.get(language).unwrap_or(&empty)).map(|name| &**name);
            // A prompt that another language has is not misspelt, only not recorded.
            let recorded = world.sounds.values().any(|sounds| sounds.contains(prompt));
            let known: Vec<_> = if recorded { Vec::new() } else { known.collect() };
            reader.unknown(spot, format!("no sound `{prompt}` in {}", languages.join(", ")), prompt, known);
        }
    }
}
