//! The facts of queues as Asterisk's `queue_log`: `epoch|uniqueid|queue|agent|event|data...`, for the tools that read it.
//!
//! | event | data | from |
//! |---|---|---|
//! | `ENTERQUEUE` | url (empty), caller, position | `queue joined`, `queue moved` |
//! | `CONNECT` | wait, bridged channel (the call's reference), ring time | `queue answered` |
//! | `COMPLETECALLER`, `COMPLETEAGENT` | wait, talk, first position | `queue left`, answered; by who hung up |
//! | `BLINDTRANSFER`, `ATTENDEDTRANSFER` | number (empty), context (empty), wait, talk, first position | the same, sent on by the agent |
//! | `ABANDON` | position, first position, wait | abandoned |
//! | `EXITWITHKEY` | key, position, first position, wait | left by key |
//! | `EXITWITHTIMEOUT` | position, first position, wait | flowed out, callback taken, answered elsewhere, ended by us; the exchange died meanwhile |
//! | `RINGNOANSWER` | ring time in ms | an offer that its phone did not take |
//! | `RINGCANCELED` | ring time in ms | an offer whose caller left meanwhile; one that another agent took is no event |
//! | `PAUSEALL`, `UNPAUSEALL` | reason | an agent's state |
//! | `AGENTLOGIN`, `AGENTLOGOFF` | empty; seconds logged in | an agent's state |
//!
//! Invariant: a `|` or a line end inside a value becomes a space, so that a line has the fields that its event has.

use super::stays::Fact;
use crate::time::{Duration, Wall};
use serde::Deserialize;
use std::collections::BTreeMap;

/// At most so many lines at once.
pub const MAX_LINES: usize = 200_000;

/// Nobody, nothing: how Asterisk writes it.
const NONE: &str = "NONE";

#[derive(Debug)]
pub struct QueueLog {
    from: Wall,
    to: Wall,
    /// Call -> who hung up.
    ended_by: BTreeMap<String, String>,
    /// Queue -> those who wait, in the order in which they came.
    lines_of: BTreeMap<String, Vec<String>>,
    stays: BTreeMap<String, Open>,
    /// Agent -> since when logged in, and for what paused.
    agents: BTreeMap<String, Presence>,
    lines: Vec<String>,
    too_many: bool,
}

#[derive(Debug)]
struct Open {
    queue: String,
    since: Wall,
    /// Who waits: said once, when they come.
    number: String,
    first: usize,
    /// Once answered.
    agent: Option<String>,
    connected: Wall,
    waited: u64,
}

#[derive(Debug, Default)]
struct Presence {
    login: Option<Wall>,
    paused: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    queue: String,
    agent: Option<String>,
    outcome: String,
    state: String,
    by: Option<String>,
    waited_ms: u64,
    talked_ms: u64,
    rang_ms: u64,
    ended: Option<Wall>,
}

impl QueueLog {
    pub fn new(from: Wall, to: Wall, ended_by: BTreeMap<String, String>) -> QueueLog {
        QueueLog {
            from,
            to,
            ended_by,
            lines_of: BTreeMap::new(),
            stays: BTreeMap::new(),
            agents: BTreeMap::new(),
            lines: Vec::new(),
            too_many: false,
        }
    }

    /// Those of the period, in order; an error when they are too many.
    pub fn lines(self) -> Result<Vec<String>, String> {
        if self.too_many {
            return Err(format!("more than {MAX_LINES} lines: take a shorter time"));
        }
        Ok(self.lines)
    }

    /// Facts come in the order in which they were written; earlier ones than the period only say how things stood.
    pub fn read(&mut self, fact: Fact) {
        let Ok(body) = serde_json::from_str::<Body>(&fact.body) else { return };
        match fact.kind.as_str() {
            "queue joined" => self.enter(&fact, &body.queue),
            "queue moved" => {
                let before = self.stays.get(&fact.call).map(|open| (fact.at.since(open.since).as_secs(), open.number.clone()));
                let (waited, number) = before.unwrap_or_default();
                self.exit(&fact, "EXITWITHTIMEOUT", &[], waited);
                self.enter(&Fact { number: fact.number.clone().or(Some(number)), ..fact }, &body.queue);
            }
            "offer ended" => self.rang(&fact, &body),
            "queue answered" => self.connected(&fact, &body),
            "queue returned" => self.returned(&fact, &body),
            "queue left" => self.left(&fact, &body),
            "call lost" => self.lost(&fact, &body),
            "agent state" => self.turned(&fact, &body),
            _ => {}
        }
    }

    fn enter(&mut self, fact: &Fact, queue: &str) {
        let line = self.lines_of.entry(queue.to_string()).or_default();
        line.push(fact.call.clone());
        let first = line.len();
        let number = fact.number.clone().unwrap_or_default();
        let open = Open {
            queue: queue.to_string(),
            since: fact.at,
            number: number.clone(),
            first,
            agent: None,
            connected: fact.at,
            waited: 0,
        };
        self.stays.insert(fact.call.clone(), open);
        self.say(fact.at, &fact.call, queue, NONE, "ENTERQUEUE", &[String::new(), number, first.to_string()]);
    }

    fn rang(&mut self, fact: &Fact, body: &Body) {
        let Some(agent) = &body.agent else { return };
        let event = match body.outcome.as_str() {
            "caller_gone" => "RINGCANCELED",
            // Told by its CONNECT, or by another agent's.
            "answered" | "lost_race" | "cancelled" => return,
            _ => "RINGNOANSWER",
        };
        self.say(fact.at, &fact.call, &body.queue, agent, event, &[body.rang_ms.to_string()]);
    }

    fn connected(&mut self, fact: &Fact, body: &Body) {
        let Some(open) = self.stays.get_mut(&fact.call) else { return };
        open.agent = body.agent.clone();
        open.connected = fact.at;
        open.waited = body.waited_ms / 1000;
        let (queue, data) =
            (open.queue.clone(), [open.waited.to_string(), fact.call.clone(), (body.rang_ms / 1000).to_string()]);
        self.lines_of.entry(queue.clone()).or_default().retain(|call| *call != fact.call);
        self.say(fact.at, &fact.call, &queue, body.agent.as_deref().unwrap_or(NONE), "CONNECT", &data);
    }

    /// Back in the line; what its own format has no event for. While they talked they did not wait.
    fn returned(&mut self, fact: &Fact, body: &Body) {
        let Some(open) = self.stays.get_mut(&fact.call) else { return };
        open.agent = None;
        open.since = open.since + Duration::from_millis(body.talked_ms);
        self.lines_of.entry(open.queue.clone()).or_default().insert(0, fact.call.clone());
    }

    fn left(&mut self, fact: &Fact, body: &Body) {
        let waited = body.waited_ms / 1000;
        match body.outcome.as_str() {
            "answered" => {
                let Some(open) = self.stays.remove(&fact.call) else { return };
                let by = body.by.as_deref().or(self.ended_by.get(&fact.call).map(String::as_str));
                let (event, before) = match by {
                    Some("caller") => ("COMPLETECALLER", 0),
                    Some("blind transfer") => ("BLINDTRANSFER", 2),
                    Some("attended transfer") => ("ATTENDEDTRANSFER", 2),
                    _ => ("COMPLETEAGENT", 0),
                };
                let mut data = vec![String::new(); before];
                data.extend([waited.to_string(), (body.talked_ms / 1000).to_string(), open.first.to_string()]);
                let agent = body.agent.as_deref().or(open.agent.as_deref()).unwrap_or(NONE);
                self.say(fact.at, &fact.call, &open.queue, agent, event, &data);
            }
            "abandoned" => self.exit(fact, "ABANDON", &[], waited),
            "left_by_key" => self.exit(fact, "EXITWITHKEY", &[body.by.clone().unwrap_or_default()], waited),
            "full" | "no_such_queue" | "too_many_needs" => {}
            _ => self.exit(fact, "EXITWITHTIMEOUT", &[], waited),
        }
    }

    /// The exchange died, at the last moment that is known of it. Who talked was served. Who waited did not give up: we ended the call.
    fn lost(&mut self, fact: &Fact, body: &Body) {
        let Some(open) = self.stays.get(&fact.call) else { return };
        let end = body.ended.unwrap_or(fact.at);
        let Some(agent) = open.agent.clone() else {
            return self.exit(fact, "EXITWITHTIMEOUT", &[], end.since(open.since).as_secs());
        };
        let talked = end.since(open.connected).as_secs();
        let (queue, data) = (open.queue.clone(), [open.waited.to_string(), talked.to_string(), open.first.to_string()]);
        self.stays.remove(&fact.call);
        self.say(fact.at, &fact.call, &queue, &agent, "COMPLETEAGENT", &data);
    }

    /// Out without having been answered.
    fn exit(&mut self, fact: &Fact, event: &str, first: &[String], waited: u64) {
        let Some(open) = self.stays.remove(&fact.call) else { return };
        let line = self.lines_of.entry(open.queue.clone()).or_default();
        let position = line.iter().position(|call| *call == fact.call).map_or(open.first, |place| place + 1);
        line.retain(|call| *call != fact.call);
        let rest = [position.to_string(), open.first.to_string(), waited.to_string()];
        let data: Vec<String> = first.iter().cloned().chain(rest).collect();
        self.say(fact.at, &fact.call, &open.queue, NONE, event, &data);
    }

    fn turned(&mut self, fact: &Fact, body: &Body) {
        let Some(agent) = &body.agent else { return };
        let reason = body.state.strip_prefix("paused (").and_then(|rest| rest.strip_suffix(')')).map(str::to_string);
        let presence = self.agents.entry(agent.clone()).or_default();
        let before = std::mem::take(presence);
        let offline = body.state == "offline";
        presence.login = if offline { None } else { before.login.or(Some(fact.at)) };
        presence.paused.clone_from(&reason);
        let mut said: Vec<(&str, Vec<String>)> = Vec::new();
        if before.login.is_none() && !offline {
            said.push(("AGENTLOGIN", vec![String::new()]));
        }
        if before.paused.is_some() && before.paused != reason {
            said.push(("UNPAUSEALL", before.paused.into_iter().collect()));
        } else if before.paused.is_none() {
            said.extend(reason.map(|reason| ("PAUSEALL", vec![reason])));
        }
        if let Some(login) = before.login.filter(|_| offline) {
            said.push(("AGENTLOGOFF", vec![String::new(), fact.at.since(login).as_secs().to_string()]));
        }
        for (event, data) in said {
            self.say(fact.at, NONE, NONE, agent, event, &data);
        }
    }

    fn say(&mut self, at: Wall, call: &str, queue: &str, agent: &str, event: &str, data: &[String]) {
        if at < self.from || at >= self.to {
            return;
        }
        if self.lines.len() >= MAX_LINES {
            self.too_many = true;
            return;
        }
        let fields = [call, queue, agent, event].into_iter().chain(data.iter().map(String::as_str)).map(harmless);
        let fields: Vec<String> = fields.collect();
        self.lines.push(format!("{}|{}", at.unix_seconds(), fields.join("|")));
    }
}

fn harmless(text: &str) -> String {
    text.chars().map(|c| if c == '|' || c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Wall {
        Wall::from_unix_nanos(second * 1_000_000_000)
    }

    /// Call `a` joins `support` at second 10 and `b` after it; what is said of these facts (second, kind, body) of `a`.
    fn check(what: &str, facts: &[(i64, &str, &str)], expected: &[&str]) {
        let mut log = QueueLog::new(at(0), at(1000), BTreeMap::new());
        let joins = [("a", 10), ("b", 11)].map(|(call, second)| (second, "queue joined", call, r#"{"queue":"support"}"#));
        for (second, kind, call, body) in joins.into_iter().chain(facts.iter().map(|(at, kind, body)| (*at, *kind, "a", *body)))
        {
            log.read(Fact { at: at(second), kind: kind.into(), call: call.into(), number: None, body: body.into() });
        }
        assert_eq!(log.lines().expect("few")[2..], *expected, "{what}");
    }

    #[test]
    fn offers_and_talks_end_in_the_event_that_says_how() {
        const ANSWERED: (i64, &str, &str) = (20, "queue answered", r#"{"queue":"support","agent":"anna","waited_ms":10000}"#);
        const CONNECT: &str = "20|a|support|anna|CONNECT|10|a|0";
        let offer = |outcome: &str| format!(r#"{{"queue":"support","agent":"anna","outcome":"{outcome}","rang_ms":4200}}"#);
        for (outcome, line) in [
            ("caller_gone", Some("15|a|support|anna|RINGCANCELED|4200")),
            ("no_answer", Some("15|a|support|anna|RINGNOANSWER|4200")),
            ("busy", Some("15|a|support|anna|RINGNOANSWER|4200")),
            ("lost_race", None),
            ("cancelled", None),
        ] {
            check(outcome, &[(15, "offer ended", &offer(outcome))], line.as_slice());
        }
        for (by, line) in [
            (r#""caller""#, "50|a|support|anna|COMPLETECALLER|10|30|1"),
            (r#""agent""#, "50|a|support|anna|COMPLETEAGENT|10|30|1"),
            (r#""exchange""#, "50|a|support|anna|COMPLETEAGENT|10|30|1"),
            (r#""blind transfer""#, "50|a|support|anna|BLINDTRANSFER|||10|30|1"),
            (r#""attended transfer""#, "50|a|support|anna|ATTENDEDTRANSFER|||10|30|1"),
            ("null", "50|a|support|anna|COMPLETEAGENT|10|30|1"),
        ] {
            let left = format!(
                r#"{{"queue":"support","agent":"anna","outcome":"answered","waited_ms":10000,"talked_ms":30000,"by":{by}}}"#
            );
            check(by, &[ANSWERED, (50, "queue left", &left)], &[CONNECT, line]);
        }
    }

    #[test]
    fn whoever_returns_is_first_in_the_line_again_and_nobodys() {
        let answered = (20, "queue answered", r#"{"queue":"support","agent":"anna","waited_ms":10000}"#);
        let returned = (40, "queue returned", r#"{"queue":"support","agent":"anna","talked_ms":20000}"#);
        let left = |outcome: &str| format!(r#"{{"queue":"support","outcome":"{outcome}","waited_ms":15000,"talked_ms":0}}"#);
        let connect = "20|a|support|anna|CONNECT|10|a|0";
        let gives_up = [answered, returned, (45, "queue left", &left("abandoned"))];
        check("gives up", &gives_up, &[connect, "45|a|support|NONE|ABANDON|1|1|15"]);
        check(
            "the exchange dies",
            &[answered, returned, (45, "call lost", "{}")],
            &[connect, "45|a|support|NONE|EXITWITHTIMEOUT|1|1|15"],
        );
        let by_bob = (45, "queue answered", r#"{"queue":"support","agent":"bob","waited_ms":15000}"#);
        let ended =
            r#"{"queue":"support","agent":"bob","outcome":"answered","waited_ms":10000,"talked_ms":50000,"by":"caller"}"#;
        check(
            "somebody else answers",
            &[answered, returned, by_bob, (75, "queue left", ended)],
            &[connect, "45|a|support|bob|CONNECT|15|a|0", "75|a|support|bob|COMPLETECALLER|10|50|1"],
        );
    }

    #[test]
    fn a_morning_reads_as_asterisk_would_have_written_it() {
        let mut log = QueueLog::new(at(5), at(1000), [("a".to_string(), "caller".to_string())].into());
        for (second, kind, call, number, body) in [
            (1, "agent state", "", "", r#"{"agent":"anna","state":"available"}"#),
            (10, "queue joined", "a", "+48|22", r#"{"queue":"support"}"#),
            (11, "queue joined", "b", "+2", r#"{"queue":"support"}"#),
            (14, "offer ended", "a", "", r#"{"queue":"support","agent":"bob","outcome":"no_answer","rang_ms":3000}"#),
            (19, "queue answered", "a", "", r#"{"queue":"support","agent":"anna","waited_ms":9000,"rang_ms":4900}"#),
            (19, "offer ended", "a", "", r#"{"queue":"support","agent":"anna","outcome":"answered","rang_ms":4900}"#),
            (25, "queue left", "b", "", r#"{"queue":"support","outcome":"left_by_key","waited_ms":14000,"by":"1"}"#),
            (
                60,
                "queue left",
                "a",
                "",
                r#"{"queue":"support","agent":"anna","outcome":"answered","waited_ms":9000,"talked_ms":41000}"#,
            ),
            (61, "agent state", "", "", r#"{"agent":"anna","state":"paused (lunch)"}"#),
            (70, "queue joined", "c", "", r#"{"queue":"support"}"#),
            (80, "queue left", "c", "", r#"{"queue":"support","outcome":"abandoned","waited_ms":10000}"#),
            (81, "queue joined", "d", "+48 12", r#"{"queue":"support"}"#),
            (82, "queue joined", "e", "+48 13", r#"{"queue":"support"}"#),
            (84, "queue answered", "e", "", r#"{"queue":"support","agent":"anna","waited_ms":2000}"#),
            (85, "call lost", "e", "", r#"{}"#),
            (86, "queue joined", "f", "+48 14", r#"{"queue":"support"}"#),
            (87, "call lost", "f", "", r#"{}"#),
            (88, "queue moved", "d", "", r#"{"queue":"sales","from":"support"}"#),
            (89, "queue left", "d", "", r#"{"queue":"sales","outcome":"abandoned","waited_ms":8000}"#),
            (90, "agent state", "", "", r#"{"agent":"anna","state":"available"}"#),
            (99, "agent state", "", "", r#"{"agent":"anna","state":"offline"}"#),
        ] {
            let number = (!number.is_empty()).then(|| number.to_string());
            log.read(Fact { at: at(second), kind: kind.into(), call: call.into(), number, body: body.into() });
        }
        let expected = [
            "10|a|support|NONE|ENTERQUEUE||+48 22|1",
            "11|b|support|NONE|ENTERQUEUE||+2|2",
            "14|a|support|bob|RINGNOANSWER|3000",
            "19|a|support|anna|CONNECT|9|a|4",
            "25|b|support|NONE|EXITWITHKEY|1|1|2|14",
            "60|a|support|anna|COMPLETECALLER|9|41|1",
            "61|NONE|NONE|anna|PAUSEALL|lunch",
            "70|c|support|NONE|ENTERQUEUE|||1",
            "80|c|support|NONE|ABANDON|1|1|10",
            "81|d|support|NONE|ENTERQUEUE||+48 12|1",
            "82|e|support|NONE|ENTERQUEUE||+48 13|2",
            "84|e|support|anna|CONNECT|2|e|0",
            "85|e|support|anna|COMPLETEAGENT|2|1|2",
            "86|f|support|NONE|ENTERQUEUE||+48 14|2",
            "87|f|support|NONE|EXITWITHTIMEOUT|2|2|1",
            "88|d|support|NONE|EXITWITHTIMEOUT|1|1|7",
            "88|d|sales|NONE|ENTERQUEUE||+48 12|1",
            "89|d|sales|NONE|ABANDON|1|1|8",
            "90|NONE|NONE|anna|UNPAUSEALL|lunch",
            "99|NONE|NONE|anna|AGENTLOGOFF||98",
        ];
        assert_eq!(log.lines().expect("few"), expected);
    }

    #[test]
    fn who_was_lost_in_a_crash_did_not_give_up_here_nor_in_the_reports() {
        use crate::store::measures::Period;
        use crate::store::stays::Stays;
        let at = |second: i64| Wall::from_unix_nanos(second * 1_000_000_000);
        let (mut log, mut stays) = (QueueLog::new(at(0), at(1000), BTreeMap::new()), Stays::default());
        let joined = r#"{"queue":"support"}"#.to_string();
        let answered = r#"{"queue":"support","agent":"anna","waited_ms":2000}"#.to_string();
        // The exchange was last seen at 20 s, and wrote this down as it began anew.
        let lost = format!(r#"{{"ended":{}}}"#, serde_json::to_string(&at(20)).expect("a time"));
        for (second, kind, call, body) in [
            (10, "queue joined", "a", &joined),
            (11, "queue joined", "b", &joined),
            (12, "queue answered", "a", &answered),
            (60, "call lost", "a", &lost),
            (60, "call lost", "b", &lost),
        ] {
            let fact = Fact { at: at(second), kind: kind.into(), call: call.into(), number: None, body: body.clone() };
            log.read(fact.clone());
            stays.read(fact);
        }
        let lines = log.lines().expect("few");
        assert_eq!(lines[3..], ["60|a|support|anna|COMPLETEAGENT|2|8|1", "60|b|support|NONE|EXITWITHTIMEOUT|1|2|9"]);
        let rows = stays.queues(&Period { from: at(0), to: at(1000), now: at(1000), ..Period::default() });
        let (counts, talked) = (rows[0].counts, rows[0].talk_s);
        assert_eq!((counts.abandoned, counts.ended_by_us, counts.answered, talked), (0, 1, 1, 8.0));
    }
}
