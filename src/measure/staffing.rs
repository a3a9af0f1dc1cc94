//! The fewest agents that will do.
//!
//! Invariant: with one agent fewer the target would be missed; more agents never make a service level worse.

use super::erlang::{Line, Load, Patient};

/// More agents are not tried.
pub const MAX_AGENTS: u32 = 100_000;

/// What is asked: callers, how patient they are (in seconds; `None`: for ever), and what is in time (in seconds).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Demand {
    pub load: Load,
    pub patience: Option<f64>,
    pub within: f64,
}

/// What so many agents achieve.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outlook {
    pub agents: u32,
    /// Shares of all callers.
    pub service_level: f64,
    pub waits: f64,
    /// Zero of those who are patient for ever.
    pub abandons: f64,
    pub occupancy: f64,
    /// In seconds; endless when the line only grows.
    pub average_wait: f64,
    pub queue: f64,
}

impl Demand {
    pub fn outlook(&self, agents: u32) -> Outlook {
        match self.patience {
            None => {
                let line = Patient::new(self.load, agents);
                Outlook {
                    agents,
                    service_level: line.service_level(self.within),
                    waits: line.waits,
                    abandons: 0.0,
                    occupancy: line.occupancy,
                    average_wait: line.average_wait,
                    queue: line.queue,
                }
            }
            Some(patience) => {
                let line = Line::new(self.load, agents, patience, self.within);
                Outlook {
                    agents,
                    service_level: line.service_level,
                    waits: line.waits,
                    abandons: line.abandons,
                    occupancy: line.occupancy,
                    average_wait: line.average_wait,
                    queue: line.queue,
                }
            }
        }
    }

    /// The fewest agents with at least this service level (0 to 1); nothing when [`MAX_AGENTS`] are too few.
    pub fn fewest(&self, target: f64) -> Option<Outlook> {
        let enough = |agents: u32| self.outlook(agents).service_level >= target;
        let mut most = 1;
        while !enough(most) {
            most = if most == MAX_AGENTS { return None } else { (most * 2).min(MAX_AGENTS) };
        }
        let mut least = most / 2;
        while most - least > 1 {
            let middle = least + (most - least) / 2;
            *if enough(middle) { &mut most } else { &mut least } = middle;
        }
        Some(self.outlook(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hundred_in_half_an_hour(patience: Option<f64>) -> Demand {
        Demand { load: Load { rate: 100.0 / 1800.0, aht: 180.0 }, patience, within: 20.0 }
    }

    #[test]
    fn a_hundred_calls_in_half_an_hour_need_fourteen_agents_and_impatient_ones_thirteen() {
        let patient = hundred_in_half_an_hour(None).fewest(0.8).expect("enough");
        assert_eq!((patient.agents, (patient.service_level * 1000.0).round()), (14, 888.0));
        let impatient = hundred_in_half_an_hour(Some(300.0)).fewest(0.8).expect("enough");
        assert_eq!((impatient.agents, (impatient.service_level * 1000.0).round()), (13, 858.0));
    }

    #[test]
    fn with_one_agent_fewer_the_target_is_missed() {
        for (calls, aht, target) in [(1.0, 10.0, 0.5), (37.0, 240.0, 0.8), (400.0, 300.0, 0.95), (90_000.0, 200.0, 0.9)] {
            for patience in [None, Some(60.0), Some(600.0)] {
                let demand = Demand { load: Load { rate: calls / 1800.0, aht }, patience, within: 20.0 };
                let found = demand.fewest(target).expect("enough");
                assert!(found.service_level >= target, "{calls} {patience:?}: {found:?}");
                let fewer = demand.outlook(found.agents - 1).service_level;
                assert!(fewer < target, "{calls} {patience:?}: {found:?}, and one fewer reach {fewer}");
            }
        }
    }

    #[test]
    fn very_patient_callers_wait_as_those_who_are_patient_for_ever() {
        let patient = hundred_in_half_an_hour(None).outlook(14);
        let almost = hundred_in_half_an_hour(Some(1e8)).outlook(14);
        assert!((patient.service_level - almost.service_level).abs() < 1e-6, "{patient:?} {almost:?}");
        assert!((patient.average_wait - almost.average_wait).abs() < 1e-4, "{patient:?} {almost:?}");
    }

    #[test]
    fn what_cannot_be_reached_is_said() {
        assert_eq!(hundred_in_half_an_hour(None).fewest(1.1), None);
        let crowd = Demand { load: Load { rate: 1000.0, aht: 1000.0 }, patience: None, within: 0.0 };
        assert_eq!(crowd.fewest(0.8), None);
        let lost = Demand { patience: Some(30.0), ..crowd }.outlook(10);
        assert!(lost.abandons > 0.99 && lost.service_level < 0.01, "{lost:?}");
    }
}
