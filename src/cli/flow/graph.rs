//! `centrala flow graph NAME`: the nodes of a flow and the ways between them, as Mermaid or as a drawing.
//!
//! Invariant: names come from a checked flow, so none can break out of the text that they stand in.

use super::{Files, Repertoire, svg};
use crate::id::Name;
use crate::ivr::{Flow, RETURN};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

/// Draw a flow: Mermaid text, or SVG
#[derive(Args, Debug)]
pub struct Graph {
    #[command(flatten)]
    files: Files,
    /// The flow
    name: String,
    /// An SVG drawing in place of Mermaid text
    #[arg(long)]
    svg: bool,
}

pub fn run(arguments: &Graph) -> Result<ExitCode, String> {
    let repertoire = Repertoire::read(&arguments.files)?;
    let picture = Picture::of(repertoire.flow(&arguments.name)?);
    let text = if arguments.svg { svg::draw(&picture) } else { mermaid(&picture) };
    crate::cli::table::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// A flow as boxes and arrows.
pub struct Picture {
    pub title: String,
    /// What stands in each box: the node's name, and its verb.
    pub boxes: Vec<(String, String)>,
    pub start: usize,
    /// From, to, and the outcomes that lead there.
    pub arrows: Vec<(usize, usize, String)>,
}

impl Picture {
    pub fn of(flow: &Flow) -> Picture {
        let mut boxes: Vec<(String, String)> = Vec::new();
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, node) in &flow.nodes {
            numbers.insert(name, boxes.len());
            let verb = match &node.calls {
                Some(called) => format!("{} {called}", node.verb.name()),
                None => node.verb.name().to_string(),
            };
            boxes.push((name.to_string(), verb));
        }
        if flow.nodes.values().any(|node| node.links.iter().any(|(_, to)| &**to == RETURN)) {
            numbers.insert(RETURN, boxes.len());
            boxes.push((RETURN.to_string(), "back to the caller".into()));
        }
        let mut arrows: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
        let hangup: Name = "on_hangup".into();
        for (name, node) in &flow.nodes {
            let after = node.on_hangup.iter().map(|to| (&hangup, to));
            for (outcome, to) in node.links.iter().map(|(outcome, to)| (outcome, to)).chain(after) {
                if let (Some(from), Some(to)) = (numbers.get(&**name), numbers.get(&**to)) {
                    let outcomes = arrows.entry((*from, *to)).or_default();
                    if !outcomes.contains(&&**outcome) {
                        outcomes.push(outcome);
                    }
                }
            }
        }
        Picture {
            title: flow.name.to_string(),
            start: numbers.get(&*flow.start).copied().unwrap_or(0),
            arrows: arrows.into_iter().map(|((from, to), outcomes)| (from, to, outcomes.join(", "))).collect(),
            boxes,
        }
    }
}

fn mermaid(picture: &Picture) -> String {
    let mut text = format!("---\ntitle: {}\n---\nflowchart TD\n  start([start]) --> n{}\n", picture.title, picture.start);
    for (at, (name, verb)) in picture.boxes.iter().enumerate() {
        let _ = writeln!(text, "  n{at}[\"{name}<br/><i>{verb}</i>\"]");
    }
    for (from, to, outcomes) in &picture.arrows {
        let _ = writeln!(text, "  n{from} -->|\"{}\"| n{to}", outcomes.replace('#', "&num;"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ivr::World;
    use std::collections::BTreeSet;

    fn picture() -> Picture {
        let sounds = BTreeSet::from(["menu".into()]);
        let world =
            World { languages: vec!["en".into()], sounds: BTreeMap::from([(Name::from("en"), sounds)]), ..World::default() };
        let yaml = "start: m\nnodes:\n  m: {menu: {prompt: menu, keys: {1: m, \"#\": bye}, invalid: bye}}\n  bye: {hangup: {}}";
        Picture::of(&Flow::parse("f.yaml", yaml.as_bytes(), &world).expect("a good flow"))
    }

    #[test]
    fn a_flow_is_drawn_as_mermaid() {
        let expected = "---\ntitle: f\n---\nflowchart TD\n  start([start]) --> n1\n  n0[\"bye<br/><i>hangup</i>\"]\n  \
             n1[\"m<br/><i>menu</i>\"]\n  n1 -->|\"key &num;, invalid\"| n0\n  n1 -->|\"key 1\"| n1\n";
        assert_eq!(mermaid(&picture()), expected);
    }

    #[test]
    fn a_drawing_has_every_box_and_every_outcome() {
        let drawing = svg::draw(&picture());
        for part in ["<svg ", ">bye<", ">menu<", ">key #, invalid<", ">key 1<", "</svg>"] {
            assert!(drawing.contains(part), "{part} in\n{drawing}");
        }
        assert_eq!(drawing.matches("<rect ").count(), 2);
    }
}
