//! What is counted: calls at once and minutes of the day for each account; calls at once, calls a second and health for each trunk.
//!
//! A day is a day of UTC. A call that is going on counts its minutes when it ends; until then it is held to what the account had
//! left when it began. Emergency calls are counted and never limited.
//!
//! Invariant: what was charged is released once, so that every count returns to nothing when all have hung up.

use super::judge::allowance;
use super::{Payer, Refusal, TrunkView};
use crate::config::{Class, Config, Phone};
use crate::id::Name;
use crate::time::{Duration, Moment, Now};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

const SECOND: Duration = Duration::from_secs(1);
const DAY_NANOS: i64 = 24 * 3600 * 1_000_000_000;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    #[serde(with = "crate::time::pairs")]
    accounts: BTreeMap<Payer, Account>,
    trunks: BTreeMap<Name, Trunk>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Account {
    calls: u32,
    /// The day that `talked` is of, counted from 1970.
    day: i64,
    talked: Duration,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Trunk {
    calls: u32,
    begun: u64,
    /// When the calls of the last second began; never more than may begin in one.
    recent: VecDeque<Moment>,
    down: bool,
    rests_until: Option<Moment>,
}

impl Ledger {
    /// Counts one call by this trunk on this account, or says why it may not be. Returns how long it may last.
    pub fn charge(
        &mut self,
        config: &Config,
        payer: &Payer,
        trunk: &Name,
        class: Class,
        now: Now,
    ) -> Result<Option<Duration>, Refusal> {
        let longest = if class == Class::Emergency { None } else { self.judge(config, payer, trunk, class, now)? };
        let it = self.trunks.entry(trunk.clone()).or_default();
        it.calls += 1;
        it.begun += 1;
        if class != Class::Emergency {
            it.recent.push_back(now.mono);
        }
        if class != Class::Internal {
            self.accounts.entry(payer.clone()).or_default().calls += 1;
        }
        Ok(longest)
    }

    fn judge(
        &mut self,
        config: &Config,
        payer: &Payer,
        trunk: &Name,
        class: Class,
        now: Now,
    ) -> Result<Option<Duration>, Refusal> {
        // A line of the administrator's is nobody's account; the trunk's own limits hold all the same.
        let longest = if class == Class::Internal { None } else { self.judge_account(config, payer, now)? };
        let limits = config.trunks.get(trunk).map(|trunk| trunk.limits.clone()).unwrap_or_default();
        let it = self.trunks.entry(trunk.clone()).or_default();
        while it.recent.front().is_some_and(|began| now.mono.since(*began) >= SECOND) {
            it.recent.pop_front();
        }
        if it.is_down(now.mono) {
            return Err(Refusal::TrunkDown);
        }
        if it.calls >= limits.calls {
            return Err(Refusal::TrunkFull);
        }
        if it.recent.len() >= usize::try_from(limits.calls_per_second).unwrap_or(usize::MAX) {
            return Err(Refusal::TrunkTooFast);
        }
        Ok(longest)
    }

    fn judge_account(&mut self, config: &Config, payer: &Payer, now: Now) -> Result<Option<Duration>, Refusal> {
        let allowance = allowance(config, payer).ok_or(Refusal::CallersFromOutside)?;
        let today = day(now);
        let account = self.accounts.entry(payer.clone()).or_default();
        if account.day != today {
            (account.day, account.talked) = (today, Duration::ZERO);
        }
        if account.calls >= allowance.calls {
            return Err(Refusal::TooManyCalls);
        }
        let minutes = allowance.minutes_per_day.filter(|_| !is_agent(config, payer));
        let Some(minutes) = minutes else { return Ok(Some(allowance.longest)) };
        let left = Duration::from_secs(u64::from(minutes) * 60).saturating_sub(account.talked);
        if left.is_zero() {
            return Err(Refusal::MinutesUsedUp);
        }
        Ok(Some(left.min(allowance.longest)))
    }

    pub fn release(&mut self, payer: &Payer, trunk: &Name, class: Class, talked: Duration, now: Now) {
        if let Some(it) = self.trunks.get_mut(trunk) {
            it.calls = it.calls.saturating_sub(1);
        }
        if class == Class::Internal {
            return;
        }
        let today = day(now);
        let Some(account) = self.accounts.get_mut(payer) else { return };
        account.calls = account.calls.saturating_sub(1);
        if account.day != today {
            (account.day, account.talked) = (today, Duration::ZERO);
        }
        if class != Class::Emergency {
            account.talked += talked;
        }
        // Forgotten where there is nothing to remember: dialling as many never fills the books.
        if account.calls == 0 && account.talked.is_zero() {
            self.accounts.remove(payer);
        }
    }

    pub fn trunk_is(&mut self, trunk: &Name, up: bool) {
        self.trunks.entry(trunk.clone()).or_default().down = !up;
    }

    pub fn trunk_rests(&mut self, trunk: &Name, until: Moment) {
        self.trunks.entry(trunk.clone()).or_default().rests_until = Some(until);
    }

    pub fn view(&self, trunk: &str, now: Now) -> TrunkView {
        let Some(it) = self.trunks.get(trunk) else { return TrunkView::default() };
        let resting = it.rests_until.is_some_and(|until| until > now.mono);
        TrunkView { down: it.down, resting, calls: it.calls, begun: it.begun }
    }
}

impl Trunk {
    fn is_down(&self, now: Moment) -> bool {
        self.down || self.rests_until.is_some_and(|until| until > now)
    }
}

/// Agents talk for a living: their day has no limit.
fn is_agent(config: &Config, payer: &Payer) -> bool {
    let Payer::Extension(extension) = payer else { return false };
    config.agents.values().any(|agent| matches!(&agent.phone, Phone::Extension(own) if own == extension))
}

fn day(now: Now) -> i64 {
    now.wall.unix_nanos().div_euclid(DAY_NANOS)
}
