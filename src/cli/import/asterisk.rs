//! `queues.conf`, `queuerules.conf` and `agents.conf` as our queues and agents, and what differs.
//!
//! | theirs | ours |
//! |---|---|
//! | strategy, timeout, wrapuptime, retry, maxlen, weight, servicelevel | strategy, ring, wrap_up, back_off, max_waiting, weight, service_level |
//! | autopause | max_no_answer |
//! | joinempty, leavewhenempty | overflow |
//! | announce-position, announce-holdtime, announce-frequency | announce |
//! | member, its penalty | agents, their tier; their weight where the strategy is wrandom |
//! | defaultrule, penaltychange | delay: a member joins in once the greatest penalty allows it |
//! | agents | agents with `login: manual` |
//!
//! Invariant: every option of the files is either converted or named in the report with its line.

use super::conf::{Conf, Line, Section};
use crate::acd::MIN_EVERY;
use crate::fault::fields::is_name;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of the files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Converted {
    pub queues: String,
    pub agents: String,
    /// `file:line: sentence`, in the order of the files.
    pub report: Vec<String>,
    /// The extensions that agents need.
    pub extensions: BTreeSet<String>,
}

/// The three files, empty where there is none.
#[derive(Default)]
pub struct Files {
    pub queues: Conf,
    pub rules: Conf,
    pub agents: Conf,
}

const QUEUES: &str = "queues.conf";
const RULES: &str = "queuerules.conf";
const AGENTS: &str = "agents.conf";

/// Theirs and ours.
const STRATEGIES: &[(&str, &str)] = &[
    ("ringall", "ring_all"),
    ("leastrecent", "longest_idle"),
    ("fewestcalls", "fewest_calls"),
    ("random", "random"),
    ("rrmemory", "round_robin"),
    ("rrordered", "round_robin"),
    ("roundrobin", "round_robin"),
    ("linear", "linear"),
    ("wrandom", "weighted_random"),
];

/// What is so here without being said, and with which values of theirs it agrees.
const ALWAYS: &[(&str, &[&str], &str)] = &[
    ("persistentmembers", &["yes"], "agents' states always outlive a restart"),
    ("autofill", &["yes"], "free agents are always offered calls at once, side by side"),
    ("ringinuse", &["no"], "an agent on any call is never rung"),
    ("shared_lastcall", &["yes"], "wrap-up always holds for all queues of an agent"),
    ("keepstats", &["yes"], "a reload never forgets figures"),
    ("timeoutrestart", &["no"], "an offer's time never starts anew"),
    ("memberdelay", &["0"], "the agent's answer is never delayed"),
    ("reportholdtime", &["no"], "the agent is not told how long the caller waited"),
    ("setinterfacevar", &["no"], "there are no channel variables"),
    ("setqueuevar", &["no"], "there are no channel variables"),
    ("setqueueentryvar", &["no"], "there are no channel variables"),
    ("force_longest_waiting_caller", &["yes"], "the order over all queues is always that of `weight` and waiting"),
    ("penaltymemberslimit", &["0"], "tiers always count"),
    ("negative_penalty_invalid", &["yes"], "a tier is not negative"),
    ("log-caller-id-name", &["no"], "names of callers stand in no fact"),
];

/// What has no counterpart, and what to do about it.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("musicclass", "name a sound of ours as `music`"),
    ("announce", "agents hear nothing before the call"),
    ("context", "keys to leave by are said in the flow: `keys` of its `queue` node"),
    ("periodic-announce", "record the messages and name them in `announce: {comfort: [...]}`"),
    ("periodic-announce-frequency", "`announce: {every: ...}` is one rhythm for position and comfort"),
    ("monitor-format", "recording is said in the flow"),
    ("monitor-type", "recording is said in the flow"),
    ("membermacro", "there is no dialplan"),
    ("membergosub", "there is no dialplan"),
    ("updatecdr", "records name the agent always"),
    ("timeoutpriority", "how long callers wait is said in `overflow` and in the flow"),
];

/// How an agent serves a queue; zero says nothing.
#[derive(Clone, Copy, Default)]
struct Post {
    tier: u32,
    delay_s: u64,
    weight: u32,
}

#[derive(Default)]
struct Work {
    report: Vec<(usize, usize, String)>,
    /// Agent -> queue -> how they serve it.
    agents: BTreeMap<String, BTreeMap<String, Post>>,
    manual: BTreeSet<String>,
    names: BTreeMap<String, String>,
}

/// A file's place among the three, for the order of the report.
fn file(place: usize) -> &'static str {
    [QUEUES, RULES, AGENTS][place.min(2)]
}

pub fn convert(files: &Files) -> Converted {
    let mut work = Work::default();
    for (place, conf) in [&files.queues, &files.rules, &files.agents].into_iter().enumerate() {
        for (number, sentence) in &conf.complaints {
            work.report.push((place, *number, sentence.clone()));
        }
    }
    let rules = work.rules(&files.rules);
    let mut queues = String::from("queues:\n");
    let mut count = 0;
    for section in files.queues.sections.iter().filter(|section| !section.template) {
        if section.name == "general" {
            section.lines.iter().for_each(|line| work.leftover(line));
        } else if let Some(text) = work.queue(section, &rules) {
            queues.push_str(&text);
            count += 1;
        }
    }
    work.listed(&files.agents);
    if count == 0 {
        queues = "queues: {}\n".into();
    }
    let agents = work.agents_yaml();
    work.report.sort();
    let report = work.report.iter().map(|(place, number, sentence)| format!("{}:{number}: {sentence}", file(*place)));
    let extensions = work.agents.keys().cloned().collect();
    Converted { queues, agents, report: report.collect(), extensions }
}

/// `penaltychange`: from which second on which greatest and least penalty hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Change {
    after: u64,
    most: Penalty,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Penalty {
    To(u32),
    By(i64),
    Same,
}

impl Work {
    fn say(&mut self, place: usize, number: usize, sentence: impl Into<String>) {
        self.report.push((place, number, sentence.into()));
    }

    fn rules(&mut self, conf: &Conf) -> BTreeMap<String, Vec<Change>> {
        let mut rules = BTreeMap::new();
        for section in conf.sections.iter().filter(|section| !section.template && section.name != "general") {
            let mut changes = Vec::new();
            for line in &section.lines {
                match (line.name.as_str(), change(&line.value)) {
                    ("penaltychange", Some((change, rest))) => {
                        changes.push(change);
                        if rest {
                            let sentence = "the least penalty and `raise` have no counterpart: agents once asked stay asked";
                            self.say(1, line.number, sentence);
                        }
                    }
                    _ => self.say(1, line.number, format!("`{} = {}` is not understood", line.name, line.value)),
                }
            }
            changes.sort_by_key(|change| change.after);
            rules.insert(section.name.clone(), changes);
        }
        rules
    }

    fn queue(&mut self, section: &Section, rules: &BTreeMap<String, Vec<Change>>) -> Option<String> {
        if !is_name(&section.name) || !section.name.is_ascii() {
            self.say(0, section.number, format!("`{}` is no name for a queue here: rename it", section.name));
            return None;
        }
        let options = section.options(&["member", "periodic-announce", "penaltychange"]);
        let mut lines: Vec<String> = Vec::new();
        let mut announce: BTreeMap<&str, u64> = BTreeMap::new();
        let mut overflow: Vec<&str> = Vec::new();
        for (name, line) in &options {
            match self.option(name, line, &mut announce, &mut overflow) {
                Some(text) if text.is_empty() => {}
                Some(text) => lines.push(text),
                None => self.leftover(line),
            }
        }
        section.all("periodic-announce").for_each(|line| self.leftover(line));
        lines.extend(said(&announce));
        if !overflow.is_empty() {
            lines.push(format!("overflow: [{}]", overflow.join(", ")));
        }
        let changes = options.get("defaultrule").and_then(|line| match rules.get(&line.value) {
            Some(changes) => Some(changes),
            None => {
                self.say(0, line.number, format!("there is no rule `{}` in {RULES}", line.value));
                None
            }
        });
        if let Some(line) = options.get("defaultrule").filter(|_| changes.is_some()) {
            let sentence =
                "callers are taken to begin with the least penalty of the members; what the dialplan sets is not known";
            self.say(0, line.number, sentence);
        }
        self.members(section, changes);
        let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
        let name = quoted(&section.name);
        Some(if body.is_empty() { format!("  {name}: {{}}\n") } else { format!("  {name}:\n{body}") })
    }

    /// One of the options that have a counterpart, as ours; empty when it says what is so anyway. Nothing when it has none.
    fn option<'l>(
        &mut self,
        name: &str,
        line: &'l Line,
        announce: &mut BTreeMap<&'l str, u64>,
        overflow: &mut Vec<&'l str>,
    ) -> Option<String> {
        let value = line.value.to_ascii_lowercase();
        let number = value.parse::<u64>().ok();
        let text = match name {
            "strategy" => {
                let known = STRATEGIES.iter().find(|(theirs, _)| *theirs == value)?;
                if value == "rrordered" {
                    self.say(0, line.number, "`rrordered`: the order of agents.yaml counts, by `position`");
                }
                format!("strategy: {}", known.1)
            }
            "timeout" => match number? {
                0 => {
                    self.say(0, line.number, "`timeout = 0`: a phone rings 10 minutes at most");
                    "ring: 600s".into()
                }
                seconds => format!("ring: {}s", seconds.min(600)),
            },
            "wrapuptime" => format!("wrap_up: {}s", number?.min(4 * 3600)),
            "retry" => {
                self.say(
                    0,
                    line.number,
                    "`retry`: the others are tried at once; only who did not answer is left alone so long",
                );
                format!("back_off: {{no_answer: {}}}", if number? == 0 { "100ms".into() } else { format!("{}s", number?) })
            }
            "maxlen" => match number? {
                0 => {
                    self.say(0, line.number, "`maxlen = 0`: 2000 callers wait at most, unless `max_waiting` says otherwise");
                    String::new()
                }
                most => format!("max_waiting: {most}"),
            },
            "weight" => format!("weight: {}", number?.min(1000)),
            "servicelevel" => format!("service_level: {{within: {}s}}", number?),
            "autopause" => match value.as_str() {
                "no" => "max_no_answer: 0".into(),
                "yes" | "all" => {
                    self.say(0, line.number, "`autopause`: an agent who does not answer is paused in all queues");
                    "max_no_answer: 1".into()
                }
                _ => return None,
            },
            "announce-frequency" => {
                announce.insert("every", number?);
                String::new()
            }
            "announce-position" | "announce-holdtime" => {
                match value.as_str() {
                    "no" => {}
                    "yes" => drop(announce.insert(if name == "announce-position" { "position" } else { "expected_wait" }, 1)),
                    _ => return None,
                }
                String::new()
            }
            "joinempty" | "leavewhenempty" => {
                let newcomers = name == "joinempty";
                let strict = !matches!(value.as_str(), "yes" | "no");
                let leaves = (value == "no") == newcomers || strict;
                if strict {
                    self.say(0, line.number, format!("`{name} = {value}`: taken as: nobody is logged in"));
                }
                if leaves && newcomers {
                    overflow.push("{when: no_agent, for: newcomers, continue: true}");
                } else if leaves {
                    overflow.push("{when: no_agent, for: everybody, continue: true}");
                }
                String::new()
            }
            "defaultrule" => String::new(),
            _ => return None,
        };
        Some(text)
    }

    /// An option that is not converted: as it is here anyway, or named.
    fn leftover(&mut self, line: &Line) {
        let (name, value) = (line.name.as_str(), line.value.to_ascii_lowercase());
        let shown = format!("`{} = {}`", line.name, line.value);
        if let Some((_, same, why)) = ALWAYS.iter().find(|(known, _, _)| *known == name) {
            if !same.contains(&value.as_str()) {
                self.say(0, line.number, format!("{shown} differs: {why}"));
            }
            return;
        }
        let why = UNSUPPORTED.iter().find(|(known, _)| *known == name).map(|(_, why)| *why);
        self.say(0, line.number, format!("{shown} is not converted{}", why.map(|why| format!(": {why}")).unwrap_or_default()));
    }

    /// `member => interface[,penalty[,name[,state interface[,...]]]]`.
    fn members(&mut self, section: &Section, changes: Option<&Vec<Change>>) {
        let mut found: Vec<(String, u32)> = Vec::new();
        for line in section.all("member") {
            let fields: Vec<&str> = line.value.split(',').map(|field| field.trim().trim_matches('"')).collect();
            let interface = fields.first().copied().unwrap_or_default();
            let Some(agent) = self.agent(interface, line.number) else { continue };
            let penalty = fields.get(1).filter(|field| !field.is_empty()).map_or(Ok(0), |field| field.parse::<u32>());
            if penalty.is_err() {
                self.say(0, line.number, format!("the penalty `{}` is no number: taken as 0", fields[1]));
            }
            if let Some(name) = fields.get(2).filter(|name| !name.is_empty()) {
                self.names.insert(agent.clone(), name.to_string());
            }
            if fields.iter().skip(3).any(|field| !field.is_empty()) {
                let sentence = "what follows a member's name (state interface, ringinuse, wrapuptime, paused) is not converted";
                self.say(0, line.number, sentence);
            }
            found.push((agent, penalty.unwrap_or(0).min(1000)));
        }
        let least = found.iter().map(|(_, penalty)| *penalty).min().unwrap_or(0);
        // The one strategy for which a penalty keeps nobody back: a random number is drawn up to 1,000 times as much, and the lowest wins.
        let is_drawn = section.all("strategy").last().is_some_and(|line| line.value == "wrandom");
        if is_drawn && found.iter().any(|(_, penalty)| *penalty > 0) {
            let sentence = "the penalties of `wrandom` are taken as weights of 100 / (penalty + 1): about the same chances";
            self.say(0, section.number, sentence);
        }
        for (agent, penalty) in found {
            let delay = match changes {
                None => 0,
                Some(changes) => allowed_after(changes, least, penalty).unwrap_or_else(|| {
                    let sentence = format!("by its rule `{agent}` is never asked: left out of `{}`", section.name);
                    self.say(0, section.number, sentence);
                    u64::MAX
                }),
            };
            let queues = self.agents.entry(agent).or_default();
            if delay < u64::MAX {
                let (tier, weight) = if is_drawn { (0, (100 / (penalty + 1)).max(1)) } else { (penalty, 0) };
                queues.insert(section.name.clone(), Post { tier, weight, delay_s: delay });
            }
        }
    }

    /// The extension of an interface.
    fn agent(&mut self, interface: &str, number: usize) -> Option<String> {
        let (technology, rest) = interface.split_once('/').unwrap_or(("", interface));
        let user = rest.split(['@', '/', '-']).next().unwrap_or_default();
        let plain = match technology.to_ascii_lowercase().as_str() {
            "pjsip" | "sip" | "iax2" | "agent" | "sccp" | "" => !rest.contains('/') && !rest.contains('@'),
            "local" => true,
            _ => false,
        };
        if !plain || !is_name(user) || !user.is_ascii() {
            let sentence =
                format!("member `{interface}` is no extension: give its agent an `address` or a `telephone` by hand");
            self.say(0, number, sentence);
            return None;
        }
        match technology.to_ascii_lowercase().as_str() {
            "local" => {
                self.say(0, number, format!("member `{interface}`: taken as extension {user}; its dialplan is not followed"))
            }
            "agent" => drop(self.manual.insert(user.to_string())),
            _ => {}
        }
        Some(user.to_string())
    }

    /// Agents of agents.conf: `agent => number,password,name`, or a section each.
    fn listed(&mut self, conf: &Conf) {
        for section in conf.sections.iter().filter(|section| !section.template && section.name != "general") {
            let each = section.name == "agents";
            if !each {
                self.log_in(&section.name, None, section.number);
            }
            for line in &section.lines {
                match line.name.as_str() {
                    "agent" if each => {
                        let fields: Vec<&str> = line.value.split(',').map(str::trim).collect();
                        if fields.get(1).is_some_and(|password| !password.is_empty()) {
                            self.say(
                                2,
                                line.number,
                                "the agent's password is not taken over: agents log in with a PIN of their own",
                            );
                        }
                        self.log_in(fields.first().copied().unwrap_or_default(), fields.get(2).copied(), line.number);
                    }
                    "fullname" if !each => drop(self.names.insert(section.name.clone(), line.value.clone())),
                    _ => self.say(2, line.number, format!("`{} = {}` is not converted", line.name, line.value)),
                }
            }
        }
    }

    fn log_in(&mut self, agent: &str, name: Option<&str>, number: usize) {
        if !is_name(agent) || !agent.is_ascii() {
            return self.say(2, number, format!("`{agent}` is no name for an agent here"));
        }
        self.manual.insert(agent.to_string());
        self.agents.entry(agent.to_string()).or_default();
        self.names.extend(name.filter(|name| !name.is_empty()).map(|name| (agent.to_string(), name.to_string())));
    }

    fn agents_yaml(&self) -> String {
        if self.agents.is_empty() {
            return "agents: {}\n".into();
        }
        let mut text = String::from("agents:\n");
        for (agent, queues) in &self.agents {
            let memberships: Vec<String> = queues.iter().map(|(queue, post)| membership(queue, *post)).collect();
            let login = if self.manual.contains(agent) { "login: manual, " } else { "" };
            let name: String = self.names.get(agent).map_or_else(String::new, |name| {
                format!("  # {}", name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
            });
            text.push_str(&format!("  {}: {{{login}queues: {{{}}}}}{name}\n", quoted(agent), memberships.join(", ")));
        }
        text
    }
}

fn membership(queue: &str, Post { tier, delay_s, weight }: Post) -> String {
    let parts = [
        (tier > 0).then(|| format!("tier: {tier}")),
        (weight > 0).then(|| format!("weight: {weight}")),
        (delay_s > 0).then(|| format!("delay: {delay_s}s")),
    ];
    format!("{}: {{{}}}", quoted(queue), parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn said(announce: &BTreeMap<&str, u64>) -> Option<String> {
    let every = announce.get("every").copied().filter(|every| *every > 0)?;
    let says: Vec<&str> = ["position", "expected_wait"].into_iter().filter(|what| announce.contains_key(what)).collect();
    let every = every.max(MIN_EVERY.as_secs());
    (!says.is_empty()).then(|| format!("announce: {{first: {every}s, every: {every}s, say: [{}]}}", says.join(", ")))
}

/// From which second of waiting on a penalty is allowed; never is `None`.
fn allowed_after(changes: &[Change], least: u32, penalty: u32) -> Option<u64> {
    if penalty <= least {
        return Some(0);
    }
    let mut most = i64::from(least);
    for change in changes {
        match change.most {
            Penalty::To(to) => most = i64::from(to),
            Penalty::By(by) => most += by,
            Penalty::Same => {}
        }
        if i64::from(penalty) <= most {
            return Some(change.after);
        }
    }
    None
}

/// `30,+3[,min[,raise]]`; whether there is more than the greatest penalty.
fn change(text: &str) -> Option<(Change, bool)> {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    let after = fields.first()?.parse().ok()?;
    let most = match fields.get(1).copied().unwrap_or_default() {
        "" => Penalty::Same,
        relative if relative.starts_with(['+', '-']) => Penalty::By(relative.parse().ok()?),
        absolute => Penalty::To(absolute.parse().ok()?),
    };
    Some((Change { after, most }, fields.iter().skip(2).any(|field| !field.is_empty())))
}

/// A key that YAML might take for a number or a truth stands in quotes.
fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
