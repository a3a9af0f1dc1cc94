//! What the world answers in a rehearsal: customers, web services, queues, calendars, and whether things can be kept.
//!
//! Invariant: what the script does not name is as calendars are configured, and otherwise not there: a web service does not answer, nobody
//! is a customer, queues are empty.

use crate::ask::{Customer, HttpReply, HttpRequest, PinCheck, PinVerdict, Question, Reply};
use crate::calendar::Calendar;
use crate::id::Name;
use crate::ivr::{Hours, KeepEnd, QueueGlance};
use crate::speech::Language;
use crate::time::Wall;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub struct Props {
    pub customers: Vec<Client>,
    pub web: Vec<WebAnswer>,
    pub queues: BTreeMap<Name, QueueGlance>,
    /// In place of what the calendar says.
    pub hours: BTreeMap<Name, Hours>,
    pub calendars: BTreeMap<Name, Arc<Calendar>>,
    pub speech: BTreeMap<Name, Arc<Language>>,
    /// What becomes of messages, recordings, callbacks and surveys.
    pub keeps: Option<KeepEnd>,
    /// Wrong PINs in a row, by customer.
    pub wrong: BTreeMap<String, u32>,
}

/// A customer, how they are known, and their PIN.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Client {
    pub customer: Customer,
    pub numbers: Vec<String>,
    pub pin: String,
}

/// What a web service answers to one address.
#[derive(Clone, PartialEq, Debug)]
pub struct WebAnswer {
    pub posts: bool,
    pub url: String,
    /// `None`: it does not answer.
    pub reply: Option<HttpReply>,
}

impl Props {
    pub fn hours(&self, calendar: &str, at: Wall) -> Hours {
        match (self.hours.get(calendar), self.calendars.get(calendar)) {
            (Some(hours), _) => *hours,
            (None, Some(calendar)) => Hours::from(&calendar.state(at)),
            (None, None) => Hours::Closed,
        }
    }

    pub fn glance(&self, queues: &[Name]) -> BTreeMap<Name, QueueGlance> {
        queues.iter().map(|queue| (queue.clone(), self.queues.get(queue).copied().unwrap_or_default())).collect()
    }

    pub fn answer(&mut self, question: &Question) -> Reply {
        match question {
            Question::LookupCustomer { number } => {
                let found = self.customers.iter().find(|client| client.numbers.contains(number));
                Reply::Customer(found.map(|client| client.customer.clone()))
            }
            Question::Http(request) => self.ask_web(request),
            Question::VerifyPin(check) => Reply::Pin(self.verify(check)),
            Question::Resolve { .. } | Question::Servers { .. } => Reply::Failed("a rehearsal has no network".into()),
        }
    }

    fn ask_web(&self, request: &HttpRequest) -> Reply {
        let fits = |answer: &&WebAnswer| answer.url == request.url && answer.posts == request.body.is_some();
        match self.web.iter().find(fits) {
            Some(WebAnswer { reply: Some(reply), .. }) => Reply::Http(reply.clone()),
            _ => Reply::Failed("nobody answers there".into()),
        }
    }

    fn verify(&mut self, check: &PinCheck) -> PinVerdict {
        let id = check.customer.reveal();
        let wrong = self.wrong.entry(id.to_string()).or_default();
        if *wrong >= check.tries {
            return PinVerdict::Locked;
        }
        match self.customers.iter().find(|client| client.customer.id == id && client.pin == check.pin.reveal()) {
            Some(client) => {
                *wrong = 0;
                PinVerdict::Accepted(client.customer.clone())
            }
            None => {
                *wrong += 1;
                PinVerdict::Refused
            }
        }
    }
}
