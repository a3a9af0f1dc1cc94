//! A flow as an SVG drawing: boxes in layers from the start downwards, arrows between them.
//!
//! A box stands one layer below the nearest box that leads to it; within a layer boxes stand below those that lead to them. Ways back
//! up go round on the right. Invariant: every box and every arrow of the picture is drawn once.

use super::graph::Picture;
use std::collections::VecDeque;
use std::fmt::Write;

const BOX_WIDTH: usize = 150;
const BOX_HEIGHT: usize = 44;
const GAP_X: usize = 40;
const GAP_Y: usize = 70;
const MARGIN: usize = 30;
/// How far the ways back stand from the boxes, and from one another.
const LANE: usize = 14;

pub fn draw(picture: &Picture) -> String {
    let layers = layers(picture);
    let places = places(picture, &layers);
    let widest = layers.iter().map(Vec::len).max().unwrap_or(1);
    let right = MARGIN + widest * (BOX_WIDTH + GAP_X);
    let back = picture.arrows.iter().filter(|(from, to, _)| places[*to].1 <= places[*from].1).count();
    let (width, height) = (right + (back + 2) * LANE + 120, 2 * MARGIN + layers.len() * (BOX_HEIGHT + GAP_Y));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{}</title>\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" \
         refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n",
        escape(&picture.title)
    );
    let mut lanes = 0;
    for (from, to, outcomes) in &picture.arrows {
        let (start, end) = (places[*from], places[*to]);
        if end.1 > start.1 {
            forward(&mut text, start, end, outcomes);
        } else {
            lanes += 1;
            backward(&mut text, start, end, right + lanes * LANE, outcomes);
        }
    }
    for (at, (name, verb)) in picture.boxes.iter().enumerate() {
        draw_box(&mut text, places[at], name, verb, at == picture.start);
    }
    text.push_str("</svg>\n");
    text
}

/// Boxes by their distance from the start; those that cannot be reached from it (only after a hang-up) come last.
fn layers(picture: &Picture) -> Vec<Vec<usize>> {
    let mut distance: Vec<Option<usize>> = vec![None; picture.boxes.len()];
    let mut open = VecDeque::from([(picture.start, 0)]);
    while let Some((at, far)) = open.pop_front() {
        let Some(known) = distance.get_mut(at).filter(|known| known.is_none()) else { continue };
        *known = Some(far);
        open.extend(picture.arrows.iter().filter(|(from, _, _)| *from == at).map(|(_, to, _)| (*to, far + 1)));
    }
    let last = distance.iter().flatten().max().map_or(0, |last| last + 1);
    let mut layers = vec![Vec::new(); last + 1];
    for (at, far) in distance.iter().enumerate() {
        layers[far.unwrap_or(last)].push(at);
    }
    layers.retain(|layer| !layer.is_empty());
    layers
}

/// Each box's left upper corner. Within a layer by the mean place of those that lead to it from above.
fn places(picture: &Picture, layers: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut column: Vec<Option<usize>> = vec![None; picture.boxes.len()];
    let mut places = vec![(0, 0); picture.boxes.len()];
    for (row, layer) in layers.iter().enumerate() {
        let mut ordered: Vec<(usize, usize)> = layer
            .iter()
            .map(|at| {
                let above = picture.arrows.iter().filter(|(_, to, _)| to == at).filter_map(|(from, _, _)| column[*from]);
                let (sum, count) = above.fold((0, 0), |(sum, count), column| (sum + column, count + 1));
                // In thousandths, so that the order is total.
                ((sum * 1000).checked_div(count).unwrap_or(0), *at)
            })
            .collect();
        ordered.sort_unstable();
        for (place, (_, at)) in ordered.into_iter().enumerate() {
            column[at] = Some(place);
            places[at] = (MARGIN + place * (BOX_WIDTH + GAP_X), MARGIN + row * (BOX_HEIGHT + GAP_Y));
        }
    }
    places
}

fn draw_box(text: &mut String, (x, y): (usize, usize), name: &str, verb: &str, first: bool) {
    let width = if first { 3 } else { 1 };
    let middle = x + BOX_WIDTH / 2;
    let _ = writeln!(
        text,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"#f4f7fb\" stroke=\"#345\" \
         stroke-width=\"{width}\"/><text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-weight=\"bold\">{}</text>\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" fill=\"#567\">{}</text>",
        y + 18,
        escape(name),
        y + 35,
        escape(verb)
    );
}

fn forward(text: &mut String, (x, y): (usize, usize), (to_x, to_y): (usize, usize), outcomes: &str) {
    let (from_x, from_y, to_x) = (x + BOX_WIDTH / 2, y + BOX_HEIGHT, to_x + BOX_WIDTH / 2);
    let bend = GAP_Y / 2;
    let path = format!("M{from_x} {from_y} C{from_x} {} {to_x} {} {to_x} {to_y}", from_y + bend, to_y - bend);
    // Nearer to where it leads, so that the labels of one box's ways out do not lie on one another.
    label(text, &path, (from_x + 2 * to_x) / 3, (from_y + 2 * to_y) / 3, outcomes);
}

fn backward(text: &mut String, (x, y): (usize, usize), (to_x, to_y): (usize, usize), lane: usize, outcomes: &str) {
    let (from_x, from_y) = (x + BOX_WIDTH, y + BOX_HEIGHT / 2 + 6);
    let (to_x, to_y) = (to_x + BOX_WIDTH, to_y + BOX_HEIGHT / 2 - 6);
    let path = format!("M{from_x} {from_y} H{lane} V{to_y} H{to_x}");
    label(text, &path, lane + 4, (from_y + to_y) / 2, outcomes);
}

fn label(text: &mut String, path: &str, x: usize, y: usize, outcomes: &str) {
    let _ = writeln!(
        text,
        "<path d=\"{path}\" fill=\"none\" stroke=\"#789\" marker-end=\"url(#tip)\"/><text x=\"{x}\" y=\"{y}\" \
         font-size=\"10\" fill=\"#234\">{}</text>",
        escape(outcomes)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
