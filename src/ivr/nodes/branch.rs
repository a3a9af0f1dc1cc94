//! `branch: {if: "customer.value >= 100", then: NODE, else: NODE}` goes one way or another; with several conditions
//! `branch: {cases: [{if: ..., then: NODE}, ...], else: NODE}` takes the first that holds.
//!
//! What is absent does not hold. A condition that cannot be judged (a text compared with a number) leads to `failed`, else to `else`.

use super::{Heard, Node, Step};
use crate::expression::{Expression, Type};
use crate::fault::tree;
use crate::id::Name;
use crate::ivr::reading::{Kind, NodeFields};
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Branch {
    /// Condition, outcome, node.
    cases: Vec<(Expression, Name, Name)>,
    otherwise: Name,
    failed: Name,
}

impl Node for Branch {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Branch> {
        let many = fields.list("cases", Kind::Cases, false);
        let cases = if many.is_empty() { one_case(fields).map(|case| vec![case]) } else { read_cases(many, fields) };
        let otherwise = fields.link("else");
        let failed = fields.link_or("failed", &otherwise);
        Some(Branch { cases: cases?, otherwise: otherwise?, failed: failed? })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        for (condition, outcome, to) in &self.cases {
            match condition.holds(&turn.known()) {
                Ok(true) => return Step::leave(&**outcome, Some(to.clone())),
                Ok(false) => {}
                Err(_) => return Step::leave("failed", Some(self.failed.clone())),
            }
        }
        Step::leave("else", Some(self.otherwise.clone()))
    }

    fn hear(&self, state: (), _heard: Heard, _turn: &mut Turn<'_>) -> Step<()> {
        Step::Stay(state)
    }
}

fn one_case(fields: &mut NodeFields<'_, '_, '_>) -> Option<(Expression, Name, Name)> {
    let condition = fields.expression("if", Type::Bool);
    let then = fields.link("then");
    Some((condition?, "then".into(), then?))
}

fn read_cases(items: &[tree::Node], fields: &mut NodeFields<'_, '_, '_>) -> Option<Vec<(Expression, Name, Name)>> {
    let mut cases = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let outcome = format!("case {}", number + 1);
        cases.extend(read_case(&outcome, item, fields));
    }
    (cases.len() == items.len()).then_some(cases)
}

fn read_case(outcome: &str, item: &tree::Node, fields: &mut NodeFields<'_, '_, '_>) -> Option<(Expression, Name, Name)> {
    let mut case = fields.reader.fields("a case", item.spot, item)?;
    let condition = case.required("if").and_then(|node| fields.expression_of("if", Type::Bool, node));
    let then = case.required("then").and_then(|node| fields.follow("then", outcome, node));
    case.finish(fields.reader);
    Some((condition?, outcome.into(), then?))
}
