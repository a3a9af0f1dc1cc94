//! Callers of a queue, counted: what became of them and how fast.
//!
//! With a answered, aT of them within the threshold T (inclusive), b abandoned, bT within T, s short abandons and n = a + b:
//!
//! | service level | formula | says |
//! |---|---|---|
//! | `handled_only` | aT / a | those who gave up do not exist |
//! | `ignore` | aT / (n - bT) | who gave up early does not count |
//! | `negative` | aT / n | who gave up was not served |
//! | `positive` | (aT + bT) / n | who gave up early was not late |
//! | `short_excluded` | aT / (a + b - s) | only a short abandon does not count; the default |
//!
//! Invariant: `offered` is the sum of all endings and of those who have none yet.

use super::{mean, ratio, real};
use crate::time::Duration;
use serde::{Deserialize, Serialize};

/// How a service level counts those who gave up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formula {
    HandledOnly,
    Ignore,
    Negative,
    Positive,
    #[default]
    ShortExcluded,
}

impl Formula {
    pub const ALL: [Formula; 5] =
        [Formula::HandledOnly, Formula::Ignore, Formula::Negative, Formula::Positive, Formula::ShortExcluded];

    /// The word of reports and options.
    pub fn word(self) -> &'static str {
        match self {
            Formula::HandledOnly => "handled_only",
            Formula::Ignore => "ignore",
            Formula::Negative => "negative",
            Formula::Positive => "positive",
            Formula::ShortExcluded => "short_excluded",
        }
    }
}

/// What is answered in time (inclusive), and what does not count as given up (sooner than that).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Threshold {
    pub within: Duration,
    pub short: Duration,
}

impl Default for Threshold {
    fn default() -> Self {
        Threshold { within: Duration::from_secs(20), short: Duration::from_secs(5) }
    }
}

/// How a stay in a queue ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Answered,
    Abandoned,
    /// Sent on: to another queue, back to the flow, to voicemail.
    FlowedOut,
    LeftByKey,
    CallbackTaken,
    AnsweredElsewhere,
    /// The exchange ended the call, or ended itself.
    EndedByUs,
}

/// What is written down is the counts; of the waits a report says the means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Every entry, those who still wait included.
    pub offered: u64,
    pub answered: u64,
    pub answered_in_time: u64,
    pub abandoned: u64,
    pub abandoned_in_time: u64,
    pub short_abandoned: u64,
    pub flowed_out: u64,
    pub left_by_key: u64,
    pub callback_taken: u64,
    pub answered_elsewhere: u64,
    pub ended_by_us: u64,
    /// Who has no ending yet.
    pub waiting: u64,
    /// Of those who were answered.
    #[serde(skip)]
    pub answered_wait: Duration,
    /// Of those who gave up, and of those of them who did not do so at once.
    #[serde(skip)]
    pub abandoned_wait: Duration,
    #[serde(skip)]
    pub abandoned_wait_not_short: Duration,
    #[serde(skip)]
    pub longest_wait: Duration,
}

impl Counts {
    /// One who came, and how it ended, if it has.
    pub fn add(&mut self, ended: Option<Ended>, waited: Duration, threshold: Threshold) {
        self.offered += 1;
        self.longest_wait = self.longest_wait.max(waited);
        let in_time = u64::from(waited <= threshold.within);
        match ended {
            None => self.waiting += 1,
            Some(Ended::Answered) => {
                self.answered += 1;
                self.answered_in_time += in_time;
                self.answered_wait += waited;
            }
            Some(Ended::Abandoned) => self.give_up(waited, in_time, threshold),
            Some(Ended::FlowedOut) => self.flowed_out += 1,
            Some(Ended::LeftByKey) => self.left_by_key += 1,
            Some(Ended::CallbackTaken) => self.callback_taken += 1,
            Some(Ended::AnsweredElsewhere) => self.answered_elsewhere += 1,
            Some(Ended::EndedByUs) => self.ended_by_us += 1,
        }
    }

    fn give_up(&mut self, waited: Duration, in_time: u64, threshold: Threshold) {
        self.abandoned += 1;
        self.abandoned_in_time += in_time;
        self.abandoned_wait += waited;
        if waited < threshold.short {
            self.short_abandoned += 1;
        } else {
            self.abandoned_wait_not_short += waited;
        }
    }

    /// From 0 to 1.
    pub fn service_level(&self, formula: Formula) -> Option<f64> {
        let all = self.answered + self.abandoned;
        let (part, whole) = match formula {
            Formula::HandledOnly => (self.answered_in_time, self.answered),
            Formula::Ignore => (self.answered_in_time, all.saturating_sub(self.abandoned_in_time)),
            Formula::Negative => (self.answered_in_time, all),
            Formula::Positive => (self.answered_in_time + self.abandoned_in_time, all),
            Formula::ShortExcluded => (self.answered_in_time, all.saturating_sub(self.short_abandoned)),
        };
        ratio(real(part), real(whole))
    }

    /// The average speed of answer (ASA), in seconds.
    pub fn average_answer(&self) -> Option<f64> {
        mean(self.answered_wait, self.answered)
    }

    /// How long those waited who gave up, in seconds.
    pub fn time_to_abandon(&self) -> Option<f64> {
        mean(self.abandoned_wait, self.abandoned)
    }

    /// The same without short abandons.
    pub fn time_to_abandon_not_short(&self) -> Option<f64> {
        mean(self.abandoned_wait_not_short, self.abandoned - self.short_abandoned)
    }

    /// b / offered.
    pub fn abandon_rate_all(&self) -> Option<f64> {
        ratio(real(self.abandoned), real(self.offered))
    }

    /// (b - s) / (offered - s); the default.
    pub fn abandon_rate(&self) -> Option<f64> {
        ratio(real(self.abandoned - self.short_abandoned), real(self.offered - self.short_abandoned))
    }

    /// b / (a + b): of those who could have been answered.
    pub fn abandon_rate_answerable(&self) -> Option<f64> {
        ratio(real(self.abandoned), real(self.answered + self.abandoned))
    }
}
