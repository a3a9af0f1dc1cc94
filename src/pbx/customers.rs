//! Customers on their way into the store.
//!
//! Invariant: no PIN comes here: only its verifier.

use super::{Action, Pbx, Unkept};
use crate::config::Plan;
use crate::control::{Customer, MAX_CUSTOMERS, Response};
use crate::id::ReplyId;
use crate::store::What;
use crate::time::Now;

/// The longest text of a customer, in characters, and how many numbers and fields one has at most.
const MAX_TEXT: usize = 200;
const MAX_NUMBERS: usize = 20;
const MAX_FIELDS: usize = 50;

impl Pbx {
    /// All of them or none; answered when they are kept.
    pub(super) fn save_customers(&mut self, reply: ReplyId, mut list: Vec<Customer>, now: Now, out: &mut Vec<Action>) {
        let plan = &self.config.outbound.plan;
        let wrong = |customer: &Customer| wrong_with(customer, plan);
        let wrong = if list.len() > MAX_CUSTOMERS { Some(too_many()) } else { list.iter().find_map(wrong) };
        if let Some(why) = wrong {
            return out.push(Action::Reply { reply, response: Response::Failed(why) });
        }
        for customer in &mut list {
            customer.numbers = customer.numbers.iter().map(|number| plan.telephone(number)).collect();
        }
        self.write_then_reply(What::Customers(list), reply, Unkept::Unchanged, now, out);
    }

    /// For whoever reads a file of customers.
    pub(super) fn numbering_plan(&self) -> Response {
        let plan = serde_json::to_value(&self.config.outbound.plan);
        plan.map_or_else(|fault| Response::Failed(fault.to_string()), Response::NumberingPlan)
    }

    pub(super) fn remove_customers(&mut self, reply: ReplyId, ids: Vec<String>, now: Now, out: &mut Vec<Action>) {
        if ids.len() > MAX_CUSTOMERS {
            return out.push(Action::Reply { reply, response: Response::Failed(too_many()) });
        }
        self.write_then_reply(What::CustomersGone(ids), reply, Unkept::Unchanged, now, out);
    }
}

fn too_many() -> String {
    format!("more than {MAX_CUSTOMERS} customers at once")
}

/// Why this is no customer; finishes no sentence of anybody else's.
fn wrong_with(customer: &Customer, plan: &Plan) -> Option<String> {
    let Customer { id, name, numbers, value, language, preferred_agent, pin, fields } = customer;
    let digits = (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
    let long = |text: &String| text.chars().count() > MAX_TEXT;
    let what = if !digits {
        "an id has 1 to 20 digits: it is typed on a telephone"
    } else if [name, language, preferred_agent, pin].into_iter().any(long) || fields.iter().any(|(a, b)| long(a) || long(b)) {
        "a text is longer than 200 characters"
    } else if numbers.len() > MAX_NUMBERS || fields.len() > MAX_FIELDS {
        "more than 20 numbers or 50 fields"
    } else if numbers.iter().any(|number| plan.kept(number).is_none()) {
        "a telephone number is one of the numbering plan, or has up to six digits"
    } else if !value.is_finite() {
        "a value is a number"
    } else if !(pin.is_empty() || pin.starts_with("$argon2id$")) {
        "a PIN is not sent in the clear"
    } else {
        return None;
    };
    Some(format!("customer {id:?}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::super::Purpose;
    use super::*;
    use crate::ask::{Ask, Digits, PinCheck, Question};
    use crate::config::Config;
    use crate::id::{CallId, Rng};
    use crate::store::{AttemptNote, Counted, Tally, TallyRow};
    use crate::time::{Duration, Moment, Wall};
    use std::sync::Arc;

    const NOW: Now = Now { mono: Moment::ZERO, wall: Wall::from_unix_nanos(1_000_000_000_000) };

    fn exchange() -> Pbx {
        Pbx::new(Arc::new(Config::default()), 1, Rng::from_seed(1), NOW)
    }

    /// What the world is asked of it.
    fn asked(pbx: &mut Pbx, question: Question) -> (Vec<Question>, Vec<AttemptNote>) {
        let mut out = Vec::new();
        pbx.ask(question, Purpose::Flow(CallId(1), 1), Duration::from_secs(2), NOW, &mut out);
        let questions = out.iter().filter_map(|action| match action {
            Action::Ask(Ask { question, .. }) => Some(question.clone()),
            _ => None,
        });
        let notes = out.iter().filter_map(|action| match action {
            Action::Write(write) => match &write.what {
                What::Attempt(note) => Some(note.clone()),
                _ => None,
            },
            _ => None,
        });
        (questions.collect(), notes.collect())
    }

    fn pin(caller: &str) -> Question {
        let digits = |text: &str| Digits::new(text.into());
        let (customer, pin, caller) = (digits("77"), digits("0000"), caller.into());
        Question::VerifyPin(PinCheck { customer, pin, caller, tries: 3, lock: Duration::from_secs(900) })
    }

    #[test]
    fn whoever_is_asked_about_a_caller_hears_one_number_however_the_provider_writes_it() {
        for (written, number) in [
            ("+48221234567", "+48221234567"),
            ("0048221234567", "+48221234567"),
            ("48221234567", "+48221234567"),
            ("221234567", "+48221234567"),
            ("1001", "1001"),
        ] {
            let question = Question::LookupCustomer { number: written.into() };
            let expected = Question::LookupCustomer { number: number.into() };
            assert_eq!(asked(&mut exchange(), question).0, [expected], "{written}");
            assert_eq!(asked(&mut exchange(), pin(written)).0, [pin(number)], "{written}");
        }
    }

    #[test]
    fn a_caller_who_is_locked_out_is_so_in_every_form_of_their_number_and_let_in_again_in_every_form() {
        let mut pbx = exchange();
        let until = NOW.wall + Duration::from_secs(600);
        let tally = |wrong, locked_until| Tally { wrong, forget: until, locked_until };
        let row = |number: &str, tally| TallyRow { customer: None, caller: Some(number.into()), tally };
        // Counted by an earlier version, in two forms.
        pbx.restore_attempts(vec![row("48221234567", tally(3, Some(until))), row("+48221234567", tally(1, None))]);
        for written in ["+48221234567", "221234567", "48221234567"] {
            let (questions, notes) = asked(&mut pbx, pin(written));
            assert_eq!((questions, notes.len()), (Vec::new(), 1), "{written}");
            assert_eq!((notes[0].caller.as_deref(), &*notes[0].verdict), (Some("+48221234567"), "locked"));
        }
        let mut out = Vec::new();
        pbx.unlock(ReplyId(1), None, &["221234567".into()], NOW, &mut out);
        let Some(Action::Write(write)) = out.pop() else { panic!("{out:?}") };
        let What::Attempt(note) = write.what else { panic!("no attempt") };
        assert_eq!(
            (note.caller.as_deref(), &note.counts[..]),
            (Some("+48221234567"), &[(Counted::Caller, Tally::default())][..])
        );
        assert!(note.spellings.iter().any(|one| one == "48221234567"), "{:?}", note.spellings);
        assert_eq!(asked(&mut pbx, pin("48221234567")).0.len(), 1);
    }

    #[test]
    fn what_was_counted_follows_the_numbering_plan() {
        let mut pbx = exchange();
        let until = NOW.wall + Duration::from_secs(600);
        let tally = Tally { wrong: 3, forget: until, locked_until: Some(until) };
        pbx.restore_attempts(vec![TallyRow { customer: None, caller: Some("030123456".into()), tally }]);
        let mut config = Config::default();
        let plan = &mut config.outbound.plan;
        (plan.country, plan.trunk_prefix, plan.shortest, plan.longest) = ("49".into(), "0".into(), 5, 11);
        pbx.reload(Arc::new(config), NOW);
        let (questions, notes) = asked(&mut pbx, pin("+4930123456"));
        assert_eq!((questions.len(), &*notes[0].verdict), (0, "locked"));
    }

    #[test]
    fn numbers_are_kept_in_one_form_and_a_mistake_is_refused() {
        let mut pbx = exchange();
        let customer = |number: &str| Customer { id: "1".into(), numbers: vec![number.into()], ..Customer::default() };
        let mut save = |number: &str| {
            let mut out = Vec::new();
            pbx.save_customers(ReplyId(1), vec![customer(number)], NOW, &mut out);
            out.pop()
        };
        for (written, kept) in [("48221234567", "+48221234567"), ("22 123 45 67", "+48221234567"), ("1001", "1001")] {
            let Some(Action::Write(write)) = save(written) else { panic!("{written} is refused") };
            assert_eq!(write.what, What::Customers(vec![customer(kept)]), "{written}");
        }
        for written in ["2212345", "phone", "", "+4811200"] {
            let refused = matches!(save(written), Some(Action::Reply { response: Response::Failed(_), .. }));
            assert!(refused, "{written:?}");
        }
        let Response::NumberingPlan(told) = pbx.numbering_plan() else { panic!("no plan") };
        assert_eq!(serde_json::from_value::<Plan>(told).expect("a plan"), Plan::default());
    }
}
