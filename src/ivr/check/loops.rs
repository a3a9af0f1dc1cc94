//! Ways round without the caller's input or a wait, also through called flows; and flows that call one another in a circle.
//!
//! Invariant: a flow without such a way round cannot keep the exchange busy: between two events it enters each node at most once.

use super::graph::{Graph, Target};
use super::{Complaints, Judge};
use crate::id::Name;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn report(graphs: &[Graph<'_>], judge: &mut Judge<'_>) {
    let flows: BTreeMap<&Name, usize> = graphs.iter().enumerate().map(|(at, graph)| (&graph.draft.name, at)).collect();
    let quick = quick_links(graphs, &flows);
    for (at, graph) in graphs.iter().enumerate() {
        report_loops(graph, &quick[at], &mut judge.of(at, graph.draft));
    }
    report_circles(graphs, &flows, judge);
}

/// For each flow and node the nodes to which a caller may come without a key or a wait. Through a called flow they come so only
/// when that one returns so.
fn quick_links(graphs: &[Graph<'_>], flows: &BTreeMap<&Name, usize>) -> Vec<Vec<Vec<usize>>> {
    let mut returns: BTreeSet<usize> = BTreeSet::new();
    loop {
        let links: Vec<Vec<Vec<Target>>> = graphs.iter().map(|graph| links_of(graph, flows, &returns)).collect();
        let found: BTreeSet<usize> = (0..graphs.len()).filter(|at| returns_quickly(&graphs[*at], &links[*at])).collect();
        if found == returns {
            let nodes = |links: Vec<Target>| links.into_iter().filter_map(Target::node).collect();
            return links.into_iter().map(|flow| flow.into_iter().map(nodes).collect()).collect();
        }
        returns = found;
    }
}

fn links_of(graph: &Graph<'_>, flows: &BTreeMap<&Name, usize>, returns: &BTreeSet<usize>) -> Vec<Vec<Target>> {
    let mut links = graph.quick.clone();
    for (node, flow, _) in graph.calls() {
        if !flows.get(flow).is_some_and(|called| returns.contains(called)) {
            links[node].clear();
        }
    }
    links
}

fn returns_quickly(graph: &Graph<'_>, links: &[Vec<Target>]) -> bool {
    let mut reached = vec![false; links.len()];
    let mut open: Vec<usize> = graph.start.into_iter().collect();
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut reached[node], true) {
            continue;
        }
        if links[node].contains(&Target::Caller) {
            return true;
        }
        open.extend(links[node].iter().filter_map(|target| target.node()));
    }
    false
}

/// Every way round; a node that is in several is named once. A depth-first walk: a link back to where the walk came through
/// closes a loop.
fn report_loops(graph: &Graph<'_>, quick: &[Vec<usize>], complaints: &mut Complaints<'_>) {
    let mut nodes: Vec<usize> = (0..quick.len()).collect();
    nodes.sort_by_key(|at| graph.seen[*at].spot);
    let (mut done, mut told) = (vec![false; quick.len()], BTreeSet::new());
    for first in nodes {
        let mut way = if done[first] { Vec::new() } else { vec![(first, 0)] };
        while let Some((node, link)) = way.last_mut() {
            let node = *node;
            let Some(next) = quick[node].get(*link).copied() else {
                done[node] = true;
                way.pop();
                continue;
            };
            *link += 1;
            if done[next] {
                continue;
            }
            match way.iter().position(|(node, _)| *node == next) {
                None => way.push((next, 0)),
                Some(at) => {
                    let round: Vec<usize> = way[at..].iter().map(|(node, _)| *node).collect();
                    if round.iter().all(|node| told.insert(*node)) {
                        report_loop(graph, &round, complaints);
                    }
                }
            }
        }
    }
}

/// At the node of it that stands first in the file.
fn report_loop(graph: &Graph<'_>, round: &[usize], complaints: &mut Complaints<'_>) {
    let spot = |node: usize| graph.seen[node].spot;
    let first = (0..round.len()).min_by_key(|at| spot(round[*at])).unwrap_or(0);
    let way: Vec<&str> = (0..=round.len()).map(|step| &**graph.names[round[(first + step) % round.len()]]).collect();
    let message = format!("a loop without the caller's input or a wait: {}", way.join(" -> "));
    complaints.fault(spot(round[first]), message);
}

/// A flow that is called inside itself would never be left: whoever calls waits for it to return.
fn report_circles(graphs: &[Graph<'_>], flows: &BTreeMap<&Name, usize>, judge: &mut Judge<'_>) {
    let mut done = vec![false; graphs.len()];
    for first in 0..graphs.len() {
        let mut way = if done[first] { Vec::new() } else { vec![(first, graphs[first].calls().collect::<Vec<_>>())] };
        while let Some((flow, calls)) = way.last_mut() {
            let flow = *flow;
            let Some((_, name, spot)) = calls.pop() else {
                done[flow] = true;
                way.pop();
                continue;
            };
            let Some(called) = flows.get(name).copied().filter(|called| !done[*called]) else { continue };
            match way.iter().position(|(flow, _)| *flow == called) {
                None => way.push((called, graphs[called].calls().collect())),
                Some(at) => {
                    let mut circle: Vec<&str> = way[at..].iter().map(|(flow, _)| &*graphs[*flow].draft.name).collect();
                    circle.push(name);
                    let message = format!(
                        "flows call one another in a circle: {}; a called flow goes back by `return`",
                        circle.join(" -> ")
                    );
                    judge.of(flow, graphs[flow].draft).fault(spot, message);
                }
            }
        }
    }
}
