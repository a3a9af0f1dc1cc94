//! Configurations as an administrator writes them: the shipped one, the lab, and mistakes with their places.

use centrala::acd::{Login, Strategy};
use centrala::config::{Config, Destination, Overrides, Phone, SecretRef, Sources, load, secret_references};
use centrala::fault::Fault;
use centrala::shell::files;
use centrala::sip::Transport;
use centrala::time::Duration;
use std::collections::BTreeSet;
use std::path::Path;

fn read(folder: &str, overrides: &Overrides) -> Config {
    let sources = files::gather(Path::new(folder)).expect("a folder of this repository");
    let made = |_: &SecretRef| Ok("a secret that was made".to_string());
    load(&sources, overrides, &made).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn the_shipped_configuration_has_no_fault() {
    let config = read("config", &Overrides::default());
    assert_eq!(config.warnings, []);
    assert!(!config.lab);
    assert_eq!(config.numbers["100"], Destination::Flow("main".into()));
    let sources = files::gather(Path::new("config")).expect("a folder of this repository");
    let secrets: Vec<_> = secret_references(&sources).iter().map(ToString::to_string).collect();
    assert_eq!(secrets, ["${file:1001}", "${file:1002}", "${file:1003}"]);
}

#[test]
fn the_lab_is_what_the_tests_and_the_bench_call() {
    let at = "127.0.0.1:5070".parse().expect("an address");
    let uas = "127.0.0.3:7100".parse().expect("an address");
    let config = read("tests/lab", &Overrides { sip: Some(at), trunk_uas: Some(uas) });
    assert_eq!(config.warnings, []);
    assert!(config.lab);
    let listeners: Vec<_> = config.sip.listeners.iter().map(|listener| (listener.address, listener.transport)).collect();
    assert_eq!(listeners, [(at, Transport::Udp), (at, Transport::Tcp)]);
    let users: Vec<_> = config.sip.users.keys().map(|user| &**user).collect();
    assert_eq!(users, ["1001", "1002", "1003", "1004", "1005"]);
    // printf 1001:centrala:pw1001 | md5sum
    assert_eq!(config.sip.users["1001"].ha1_md5, "24e80240b92d2138042537c42ed0e4c2");
    assert_eq!(config.trunks["provider"].send_to, Some(uas.into()));
    let addresses: Vec<_> = config.sip.trunks[0].addresses.iter().map(ToString::to_string).collect();
    assert_eq!((&*config.sip.trunks[0].name, addresses), ("provider", vec!["127.0.0.2".to_string(), "127.0.0.3".to_string()]));
    assert_eq!(
        config.destination("401"),
        Some(Destination::Trunk { trunk: "provider".into(), user: "trunk".into(), open: true })
    );
    assert_eq!(config.destination("1005"), Some(Destination::Extension("1005".into())));
    assert_eq!(config.destination("1006"), None);
    let numbers: Vec<_> = config
        .numbers
        .iter()
        .filter_map(|(number, to)| if let Destination::Flow(flow) = to { Some((&**number, &**flow)) } else { None })
        .collect();
    assert_eq!(numbers, [("100", "main"), ("101", "stay"), ("201", "loop"), ("501", "idle")]);
    assert_eq!(config.flows["main"].language.as_deref(), Some("pl"));
}

#[test]
fn the_lab_has_two_agents_who_register_and_queues_of_any_size() {
    let uas = "127.0.0.3:7100".parse().expect("an address");
    let mut config = read("tests/lab", &Overrides { sip: None, trunk_uas: Some(uas) });
    let support = &config.acd.queues["support"];
    let seconds = Duration::from_secs;
    assert_eq!((support.ring, support.wrap_up, support.back_off.no_answer), (seconds(20), seconds(2), seconds(5)));
    assert!(support.max_no_answer == 0 && support.max_waiting >= 2000 && support.order.then == Strategy::LongestIdle);
    let agents: Vec<_> = config.agents.iter().map(|(name, agent)| (&**name, agent.phone.clone())).collect();
    assert_eq!(agents, ["1001", "1002"].map(|name| (name, Phone::Extension(name.into()))));
    assert!(config.acd.agents.values().all(|agent| agent.login == Login::ByRegistration));
    assert_eq!(config.destination("3020"), Some(Destination::Queue("3020".into())));
    assert!(config.instantiate("3020"));
    assert_eq!(config.agents.len(), 22);
    let Phone::Address(address) = &config.agents["a20"].phone else { panic!("a20 has an address") };
    assert_eq!(address.to_string(), "sip:a20@127.0.0.3:7100");
    let queue = &config.acd.queues["3020"];
    assert!(queue.wrap_up == seconds(0) && queue.max_waiting >= 2000);
    assert_eq!(config.acd.agents["a20"].login, Login::Always);
}

#[test]
fn without_the_command_line_the_lab_s_families_have_no_agents() {
    let mut config = read("tests/lab", &Overrides::default());
    assert!(config.instantiate("3005"));
    assert_eq!(config.agents.len(), 2);
}

/// What is wrong with these files ("path: text"), as "file:line:column message"; the flow `main` and sounds in pl and en are there.
fn faults(files: &[(&str, &str)], overrides: &Overrides) -> Vec<String> {
    let mut sources = Sources::default();
    for (file, text) in files {
        let bytes = text.as_bytes().to_vec();
        if file.starts_with("ivr-flows/") { &mut sources.flows } else { &mut sources.files }.insert((*file).into(), bytes);
    }
    let main = b"start: a\nnodes:\n  a: {hangup: {}}\n".to_vec();
    sources.flows.entry("ivr-flows/main.yaml".into()).or_insert(main);
    for language in ["pl", "en"] {
        sources.sounds.insert(language.into(), BTreeSet::from(["welcome".into()]));
    }
    sources.sounds.insert("any".into(), BTreeSet::from(["hold-music".into()]));
    let secrets = |reference: &SecretRef| match reference {
        SecretRef::File(name) if name == "1001" => Ok("twenty random letters".to_string()),
        SecretRef::File(_) => Err("there is no such file or folder".to_string()),
        SecretRef::Env(_) => Ok("short".to_string()),
    };
    let print = |fault: &Fault| {
        assert!(!fault.to_string().contains("hunter2"), "a fault shows a password: {fault}");
        let suggestion = fault.suggestion.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        format!("{}:{}:{} {}{suggestion}", fault.place.file, fault.place.line, fault.place.column, fault.message)
    };
    match load(&sources, overrides, &secrets) {
        Ok(config) => config.warnings.iter().map(print).collect(),
        Err(faults) => faults.iter().map(print).collect(),
    }
}

/// One file, `c.yaml`, besides a number that leads to the flow.
#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    let files = [("c.yaml", yaml), ("numbers.yaml", "numbers: {100: {flow: main}}")];
    assert_eq!(faults(&files, &Overrides::default()), expected, "\n{yaml}");
}

#[test]
fn an_empty_configuration_is_the_defaults() {
    check("", &[]);
    check("# only a comment\n", &[]);
    check("trunks:\nextensions:\n", &[]);
}

#[test]
fn each_section_is_judged_at_its_place() {
    for (yaml, expected) in [
        ("extentions: {}", &["c.yaml:1:1 no section `extentions`; did you mean extensions?"][..]),
        ("- a", &["c.yaml:1:1 a file of sections (`name: ...`), not a list"]),
        ("lab: yes", &["c.yaml:1:6 `lab` is `true` or `false`, not `yes`"]),
        ("language: de", &["c.yaml:1:11 `de` is not one of the languages"]),
        (
            "languages: [pl, de, pl]",
            &["c.yaml:1:17 no sounds for `de`: there is no folder `sounds/de`", "c.yaml:1:21 `pl` stands here twice"],
        ),
        ("realm: 'a\"b'", &["c.yaml:1:8 `realm` is 1 to 128 characters without quotes and backslashes"]),
        ("media: {ports: 5000}", &["c.yaml:1:16 `ports` is a range of at least two ports from 1024 on, as 16384-32767"]),
        (
            "media: {external_address: nat.example, codecs: [G729]}",
            &[
                "c.yaml:1:27 `external_address` is an IP address, not `nat.example`",
                "c.yaml:1:48 `codecs` names at least one codec: PCMA, PCMU",
                "c.yaml:1:49 a codec is one of PCMA, PCMU, not `G729`",
            ],
        ),
        (
            "media: {silent_after: 1ms, shard: 2}",
            &[
                "c.yaml:1:23 `silent_after` is from 1s to 1h, not 1ms",
                "c.yaml:1:28 `media` has no field `shard`; did you mean shards?",
            ],
        ),
        (
            "media: {external_address: 0.0.0.0}",
            &["c.yaml:1:27 `external_address` is where peers reach us: 0.0.0.0 is no place"],
        ),
        (
            "media: {external_address: 'ff02::1'}",
            &["c.yaml:1:27 `external_address` is where peers reach us: ff02::1 is no place"],
        ),
        ("limits: {calls: 0}", &["c.yaml:1:17 `calls` is from 1 to 100000, not 0"]),
        ("logging: {level: loud}", &["c.yaml:1:18 `level` is one of error, warn, info, debug, trace, not `loud`"]),
        ("storage: {commit_window: 2s}", &["c.yaml:1:26 `commit_window` is from 0s to 1s, not 2s"]),
        ("session_timers: {min: 30s}", &["c.yaml:1:23 `min` is from 90s to 1d, not 30s"]),
        (
            "session_timers: {min: 5m, interval: 2m}",
            &["c.yaml:1:37 `interval` is 0s (none of ours) or at least `min`, 5m, not 2m"],
        ),
        (
            "registrar: {min_expires: 2h}",
            &["c.yaml:1:1 `min_expires`, `default_expires` and `max_expires` do not ascend: they are 2h, 10m and 1h"],
        ),
        (
            "listeners: [{transport: upd, address: 0.0.0.0}]",
            &[
                "c.yaml:1:25 `transport` is one of udp, tcp, not `upd`; did you mean udp?",
                "c.yaml:1:39 `address` is an address and a port, as 0.0.0.0:5060, not `0.0.0.0`",
            ],
        ),
        ("listeners: []", &["c.yaml:1:1 1 to 32 listeners, not 0"]),
        (
            "listeners:\n  - {transport: udp, address: '[::]:5060', algorithms: [sha-256, md5, md4]}",
            &["c.yaml:2:71 an algorithm is one of md5, sha-256, not `md4`; did you mean md5?"],
        ),
        (
            "lab: true\nlisteners:\n  - {transport: udp, address: '192.0.2.1:5060'}\n  - {transport: tcp, address: '[::1]:5060'}",
            &["c.yaml:3:31 192.0.2.1:5060 is not on loopback (127.0.0.0/8, ::1), which `lab: true` requires"],
        ),
        (
            "trunks:\n  a: {accept_from: [192.0.2.1, 0.0.0.0]}\n  b: {accept_from: '::ffff:192.0.2.1', send_to: some where}",
            &[
                "c.yaml:2:32 0.0.0.0 is nobody's address",
                "c.yaml:3:20 calls from 192.0.2.1 are trunk `a`'s already, not `b`'s",
                "c.yaml:3:49 `send_to` is a host and perhaps a port, as 192.0.2.1:5060 or sip.example.com, not `some where`",
            ],
        ),
        (
            "trunks:\n  a: {accept_from: [192.0.2.0/24, 192.0.2.9, 10.0.0.0/8, 192.0.2.0/33]}\n  b: {accept_from: [192.0.0.0/16]}",
            &[
                "c.yaml:2:35 192.0.2.9 is written twice: it overlaps 192.0.2.0/24",
                "c.yaml:2:46 10.0.0.0/8 is wider than any provider's network: at least /16",
                "c.yaml:2:58 `accept_from` is an IP address, a network as 192.0.2.0/24, or a list, not `192.0.2.0/33`",
                "c.yaml:3:21 calls from 192.0.0.0/16 are trunk `a`'s already, not `b`'s",
            ],
        ),
        (
            "extensions:\n  1001: {password: hunter2}",
            &["c.yaml:2:20 the password is shorter than 14 characters; `${file:NAME}` has one made for you"],
        ),
        (
            "extensions:\n  1001: {password: hunter2hunter2x, nmae: Anna}",
            &["c.yaml:2:37 extension `1001` has no field `nmae`; did you mean name?"],
        ),
        (
            "extensions: {1001: {password: '${env:PW}'}}",
            &["c.yaml:1:31 the password is shorter than 14 characters; `${file:NAME}` has one made for you"],
        ),
        (
            "extensions: {1002: {password: '${file:1002}'}}",
            &["c.yaml:1:31 could not read ${file:1002}: there is no such file or folder"],
        ),
        (
            "extensions: {1001: {password: '${file:../x}'}}",
            &[
                "c.yaml:1:31 a reference to a secret is the name of a file in the data folder's `secrets/`, without `/`, or an absolute path",
            ],
        ),
        ("extensions: {1001: {name: A}}", &["c.yaml:1:14 extension `1001` lacks `password`"]),
        (
            "extensions: {1001: {pasword: '${file:1001}'}}",
            &["c.yaml:1:21 extension `1001` has no field `pasword`; did you mean password?"],
        ),
        (
            "extensions: {a b: {password: '${file:1001}'}}",
            &[
                "c.yaml:1:14 extension `a b` is not a name: ASCII letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 64",
            ],
        ),
        (
            "webhooks:\n  a: {url: 'https://crm.example/x', secret: 'short'}\n  b: {url: 'http://crm.example/x', secret: '${file:1001}'}",
            &[
                "c.yaml:2:12 the host crm.example is not in `hosts`: nobody is told anything there",
                "c.yaml:2:45 the secret is shorter than 14 characters; `${file:NAME}` has one made for you",
                "c.yaml:3:12 what is told of callers goes over https; plain http only to this machine (127.0.0.1)",
            ],
        ),
        (
            "hosts:\n  x.example:8443: {}\n  CRM.example: {}\nwebhooks:\n  \
             a: {url: 'https://crm.example:99999/x', secret: '${file:1001}'}\n  b: {url: 'https://crm.example:8443/x', secret: '${file:1001}'}",
            &[
                "c.yaml:2:3 `x.example:8443` has a port: a host is named without one (`x.example`), and stands for all of its ports",
                "c.yaml:5:12 a port is a number from 1 to 65535",
            ],
        ),
        (
            "hosts: {127.0.0.1: {}, '::1': {}}\nwebhooks:\n  a: {url: 'http://127.0.0.1:8080', secret: '${file:1001}', events: [ofer], timeout: 1ms}\n  \
             b: {url: 'http://me@127.0.0.1/', events: []}\n  c: {url: 'http://[::1]:9/x?y', secret: '${file:1001}'}",
            &[
                "c.yaml:3:70 an event is one of offer, answer, end, not `ofer`; did you mean offer?",
                "c.yaml:3:86 `timeout` is from 100ms to 1m, not 1ms",
                "c.yaml:4:3 webhook `b` lacks `secret`",
                "c.yaml:4:12 `http://me@127.0.0.1/` is no address: https://HOST/PATH, in ASCII, without a user",
                "c.yaml:4:44 `events` names at least one of offer, answer, end",
            ],
        ),
        ("numbers: {200: {flow: mian}}", &["c.yaml:1:23 no flow `mian`; did you mean main?"]),
        ("numbers: {200: {flwo: main}}", &["c.yaml:1:17 a number cannot lead to `flwo`; did you mean flow?"]),
        ("numbers: {200: {}}", &["c.yaml:1:11 number `200` leads to exactly one thing: flow, extension, group, queue, trunk"]),
        ("numbers: {100: {flow: main}}", &["numbers.yaml:1:11 `100` stands in c.yaml line 1 already"]),
        (
            "numbers: {'2 0': {flow: main}}",
            &["c.yaml:1:11 `2 0` cannot be dialled: digits, `*`, `#` and a leading `+`, or a user's name; at most 32"],
        ),
    ] {
        check(yaml, expected);
    }
}

/// Two extensions, two queues and a trunk that only brings calls, besides what is judged.
#[track_caller]
fn check_queues(yaml: &str, expected: &[&str]) {
    let base = "lab: true\nextensions: {1001: {password: x}, 1002: {password: x}}\nqueues: {support: {}, sales: {}}\n\
                agents: {1002: {queues: [support, sales]}}\ntrunks: {in: {accept_from: 127.0.0.2}}\nnumbers: {100: {flow: main}}";
    assert_eq!(faults(&[("base.yaml", base), ("c.yaml", yaml)], &Overrides::default()), expected, "\n{yaml}");
}

#[test]
fn queues_agents_and_where_numbers_lead_are_judged_at_their_places() {
    for (yaml, expected) in [
        ("queues: {night: }", &["c.yaml:1:10 queue `night` has no agents: its callers wait in vain"][..]),
        ("queues: {night: {}}\nagents: {1001: {queues: {night: {tier: 2, position: 7, delay: 90s}}}}", &[]),
        (
            "queues: {q: }\nagents: {x: {address: 'sip:x@${trunk_uas}'}, y: {address: 'sip:y@127.0.0.1', login: always, queues: q}}",
            &[],
        ),
        (
            "queues: {q: {need: mack, strategy: [], steps: [{add: [q], replace: [q], need: english}]}}\n\
             agents: {y: {address: 'sip:y@127.0.0.1', queues: q, skills: {mac: 1, and: 2}}}",
            &[
                "c.yaml:1:20 `need`: there is no skill `mack`: no agent has it (`skills: {english: 5}`), and no `skills:` names it; \
                 did you mean mac?",
                "c.yaml:1:36 `strategy` names none: one word, or a list that ends in one",
                "c.yaml:1:48 `add` and `replace` in one step: `replace` names all who may take it, so what is added belongs there",
                "c.yaml:1:79 `need`: there is no skill `english`: no agent has it (`skills: {english: 5}`), and no `skills:` names it",
                "c.yaml:2:70 a skill named `and` can never be asked for: it means something else in a `need`",
            ],
        ),
        (
            "queues: {q: {announce: {first: 30s}, head_start: {value: 2s, cap: 0s}}}\n\
             agents: {y: {address: 'sip:y@127.0.0.1', queues: q}}",
            &[
                "c.yaml:1:24 `announce` says nothing: `say` (position, expected_wait) or `comfort` (sounds) is missing",
                "c.yaml:1:50 these head starts give nothing: all of them together are capped at 0s",
            ],
        ),
        (
            "agents: {y: {address: 'sip:y@127.0.0.1'}}",
            &["c.yaml:1:10 agent `y` is in no queue, and in no group that a queue adds: no call reaches them"],
        ),
        (
            "queues: {n: {strategy: longest, ring: 0s, wrapup: 1s, back_off: {no_anwser: 5s, busy: 1ms}, max_waiting: 0}}",
            &[
                "c.yaml:1:10 queue `n` has no agents: its callers wait in vain",
                "c.yaml:1:24 `strategy` is one of longest_idle, ring_all, ring_in_turn, linear, round_robin, fewest_calls, least_talk, \
                 best_skill, random, weighted_random, leastrecent, ringall, rrmemory, rrordered, fewestcalls, wrandom, \
                 longest-idle-agent, ring-all, round-robin, top-down, sequentially-by-agent-order, agent-with-least-talk-time, \
                 agent-with-fewest-calls, not `longest`",
                "c.yaml:1:39 `ring` is from 1s to 10m, not 0s",
                "c.yaml:1:43 queue `n` has no field `wrapup`; did you mean wrap_up?",
                "c.yaml:1:66 `back_off` has no field `no_anwser`; did you mean no_answer?",
                "c.yaml:1:87 `busy` is from 100ms to 1h, not 1ms",
                "c.yaml:1:106 `max_waiting` is from 1 to 100000, not 0",
            ],
        ),
        (
            "queues: {n: {music: welcom}}",
            &[
                "c.yaml:1:10 queue `n` has no agents: its callers wait in vain",
                "c.yaml:1:21 no sound `welcom` in en, pl; did you mean welcome?",
            ],
        ),
        ("agents: {1001: {queues: [suport]}}", &["c.yaml:1:26 no queue `suport`; did you mean support?"]),
        (
            "agents: {1001: {queues: {support: {teir: 1}}}}",
            &["c.yaml:1:36 a membership has no field `teir`; did you mean tier?"],
        ),
        ("agents: {1001: {queues: [support, support]}}", &["c.yaml:1:35 `support` stands here twice"]),
        (
            "agents: {anna: {queues: [support]}}",
            &["c.yaml:1:10 agent `anna` has neither `extension` nor `address`, and is no extension"],
        ),
        ("agents: {anna: {extension: 1003}}", &["c.yaml:1:28 no extension `1003`; did you mean 1001?"]),
        ("agents: {anna: {extension: 1002}}", &["c.yaml:1:28 extension `1002` is agent `1002`'s already"]),
        (
            "agents: {1001: {extension: 1001, address: 'sip:a@127.0.0.1'}}",
            &["c.yaml:1:43 an agent has an `extension` or an `address`, not both"],
        ),
        (
            "agents: {1001: {address: 'sip:a@host'}}",
            &["c.yaml:1:26 `address` is sip:USER@ADDRESS:PORT with an IP address, not `sip:a@host`"],
        ),
        (
            "agents: {1001: {address: 'sip:a@192.0.2.1'}}",
            &["c.yaml:1:26 192.0.2.1 is not on loopback (127.0.0.0/8, ::1), which `lab: true` requires"],
        ),
        (
            "agents: {1001: {address: 'sip:a@127.0.0.1', login: manual}}",
            &["c.yaml:1:52 nobody watches the phone at an `address`, so its agent's `login` is `always`"],
        ),
        (
            "agents: {dan: {telephone: '+48601234567', login: manual}}",
            &["c.yaml:1:50 nobody watches the phone of a `telephone`, so its agent's `login` is `always`"],
        ),
        (
            "agents: {1001: {login: allways}}",
            &["c.yaml:1:24 `login` is one of by_registration, always, manual, not `allways`; did you mean always?"],
        ),
        (
            "queue_families: {3XX: {agents: 'a{n}', address: 'sip:a{n}@127.0.0.1'}}",
            &["c.yaml:1:18 `3XX` is no pattern of numbers: digits, then one to 3 `N` for the number of agents, as 3NNN"],
        ),
        (
            "queue_families: {3NN: {agents: a, address: 'sip:{n}@127.0.0.1', ring: 1}}",
            &[
                "c.yaml:1:32 `agents` is a name with one `{n}` for the agent's number, as a{n}, not `a`",
                "c.yaml:1:71 `ring` is a time with its unit (500ms, 5s, 2m, 1h, 7d), not `1`",
            ],
        ),
        (
            "queue_families: {3NN: {agents: 'a{n}', address: 'sip:a{n}@127.0.0.1'}, 31N: {agents: 'b{n}', address: 'sip:b@127.0.0.1'}}",
            &["c.yaml:1:18 `3NN` and `31N` have numbers in common"],
        ),
        (
            "queue_families: {3NN: {agents: 'a{n}', address: 'sip:a{n}@127.0.0.1'}, 4N: {agents: 'a1{n}', address: 'sip:b@127.0.0.1'}}",
            &["c.yaml:1:85 agent `a11` is somebody else already"],
        ),
        (
            "queue_families: {3N: {agents: '100{n}', address: 'sip:{n}@127.0.0.1'}}",
            &["c.yaml:1:31 agent `1002` is somebody else already"],
        ),
        (
            "numbers: {1: {queue: support}, 2: {extension: 1001}, 3: {queue: suport}}",
            &["c.yaml:1:65 no queue `suport`; did you mean support?"],
        ),
        (
            "queue_families: {3N: {agents: 'a{n}', address: 'sip:{n}@127.0.0.1', need: 'english > 1'}}\nskills: [english]",
            &["c.yaml:1:75 agents of a family have no skills: nobody meets `english > 1`"],
        ),
        ("numbers: {1: {extension: 1009}}", &["c.yaml:1:26 no extension `1009`; did you mean 1001?"]),
        ("numbers: {1: {trunk: inn}}", &["c.yaml:1:22 no trunk `inn`; did you mean in?"]),
        ("numbers: {1: {trunk: in}}", &["c.yaml:1:22 trunk `in` has no `send_to`: it only brings calls"]),
        (
            "numbers: {1: {trunk: out, user: 'a@b'}}\ntrunks: {out: {send_to: '127.0.0.1:5060'}}",
            &["c.yaml:1:33 `user` is a number or a user's name, at most 32, not `a@b`"],
        ),
        ("numbers: {1: {queue: support, user: x}}", &["c.yaml:1:37 only a number that leads to a `trunk` has a `user` there"]),
        ("languages: [any]", &["c.yaml:1:13 `any` is the folder of sounds without a language"]),
    ] {
        check_queues(yaml, expected);
    }
}

#[test]
fn a_queue_without_music_is_a_warning() {
    let mut sources = Sources::default();
    sources.sounds.insert("pl".into(), BTreeSet::from(["hold-music".into()]));
    sources.sounds.insert("en".into(), BTreeSet::new());
    let yaml = "queues: {support: {}}\nagents: {a: {address: 'sip:a@192.0.2.1', queues: [support]}}";
    sources.files.insert("c.yaml".into(), yaml.into());
    let config = load(&sources, &Overrides::default(), &|_: &SecretRef| Err("none".into())).expect("a good configuration");
    let warnings: Vec<_> = config.warnings.iter().map(|fault| &*fault.message).collect();
    assert_eq!(warnings, ["no sound `hold-music` in en: callers wait in silence; `centrala sounds build` makes it"]);
}

#[test]
fn a_trunk_that_no_listener_reaches_is_warned_of_at_its_address() {
    let listeners = |list: &str| {
        let entry = |it: &str| it.split_once(' ').map(|(by, at)| format!("{{transport: {by}, address: '{at}:5060'}}"));
        let entries: Vec<_> = list.split(", ").filter_map(entry).collect();
        format!("listeners: [{}]\n", entries.join(", "))
    };
    let check = |own: &str, trunk: &str, expected: &[&str]| {
        check(&format!("{}trunks:\n  a: {{{trunk}}}\n", listeners(own)), expected);
    };
    let v4 = "c.yaml:3:16 no UDP listener of ours is IPv4: no call ever goes there";
    check("udp [::]", "send_to: 192.0.2.1", &[v4]);
    check("tcp 0.0.0.0, udp [::]", "send_to: 192.0.2.1", &[v4]);
    check("udp 0.0.0.0, tcp [::]", "send_to: 192.0.2.1", &[]);
    check("udp 0.0.0.0", "send_to: '2001:db8::1'", &["c.yaml:3:16 no UDP listener of ours is IPv6: no call ever goes there"]);
    check("udp 0.0.0.0, udp [::]", "send_to: '2001:db8::1'", &[]);
    check("udp [::]", "send_to: sip.acme.example", &[]);
    let nothing = "c.yaml:3:20 no listener of ours is of this family of addresses: nothing ever comes from there";
    check("udp [::], tcp [::]", "accept_from: 192.0.2.0/24", &[nothing]);
    check("udp [::], tcp 0.0.0.0", "accept_from: 192.0.2.0/24", &[]);
}

#[test]
fn the_examples_in_the_documentation_are_good_together() {
    let text = include_str!("../docs/configuration.md");
    let mut files = vec![
        ("a.yaml".to_string(), "extensions: {1002: {password: '${file:1001}'}}\nqueues: {sales: {}}".to_string()),
        ("ivr-flows/reception.yaml".to_string(), "start: a\nnodes:\n  a: {hangup: {}}\n".to_string()),
    ];
    for (index, block) in text.split("```yaml").skip(1).enumerate() {
        files.push((format!("d{index}.yaml"), block.split("```").next().expect("a block").to_string()));
    }
    assert!(files.len() > 8, "{}", files.len());
    let files: Vec<_> = files.iter().map(|(file, text)| (&**file, &**text)).collect();
    assert_eq!(faults(&files, &Overrides::default()), Vec::<String>::new());
}

#[test]
fn faults_of_all_files_and_flows_come_together_and_in_order() {
    let files = [
        ("b.yaml", "media: {shards: many}\n"),
        ("a.yaml", "language: pl\nmedia: {}\nnumbers: {100: {flow: broken}}\n"),
        ("ivr-flows/broken.yaml", "start: a\nnodes:\n  a: {play: {prompts: welcom, next: b}}\n"),
        ("bad.yaml", "a: [\n"),
    ];
    let expected = [
        "bad.yaml:1:4 not YAML: unclosed bracket '['",
        "b.yaml:1:1 `media` stands in a.yaml line 2 already",
        "ivr-flows/broken.yaml:3:23 no sound `welcom` in en, pl; did you mean welcome?",
        "ivr-flows/broken.yaml:3:37 no node `b`; did you mean a?",
    ];
    assert_eq!(faults(&files, &Overrides::default()), expected);
}

/// Files besides a flow that waits in `support`: what only an unreadable one could have said is not guessed.
#[test]
fn an_unreadable_file_is_told_first_and_nothing_that_follows_from_it() {
    let agents = "agents:\n  1001: {queues: [support], skills: {english: 3}}\n  anna: {extension: 1002, queues: [suport]}\n";
    let extensions = "extensions:\n  1001: {password: short}\n  1002: {password: short}\nlab: true\n";
    let queues = "queues:\n  support:\n    need: english >= 2\n  sales: {overflow: [{after: 5m, move: support}]}\n";
    let more = "media: {shards: many}\nnumbers: {600: {queue: support}, 1: {flow: main}}\n";
    let flow = "start: a\nnodes:\n  a: {queue: {name: support, need: english >= 2, failed: b}}\n  b: {branch: {if: queue.support.waiting > 1, then: c, else: c}}\n  c: {hangup: {}}\n";
    let broken = |text: &str| text.replace("  ", "\t");
    let suport = "agents.yaml:3:36 no queue `suport`";
    let shards = "more.yaml:1:17 `shards` is a whole number from 0 to 64, not `many`";
    let check = |which: &str, first: &str, others: &[&str]| {
        let files = [("agents.yaml", agents), ("extensions.yaml", extensions), ("queues.yaml", queues), ("more.yaml", more)];
        let mut files = files.map(|(name, text)| (name, if name == which { broken(text) } else { text.to_string() })).to_vec();
        files.push(("ivr-flows/main.yaml", flow.to_string()));
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let found = faults(&files, &Overrides::default());
        assert!(found[0].starts_with(first), "{which}: {found:#?}");
        assert_eq!(found[1..], *others, "{which}");
    };
    check("queues.yaml", "queues.yaml:2:2 not YAML: tabs", &[suport, shards]);
    check("extensions.yaml", "extensions.yaml:2:2 not YAML: tabs", &[&format!("{suport}; did you mean support?"), shards]);
    check("agents.yaml", "agents.yaml:2:2 not YAML: tabs", &[shards]);
    // A section that is no mapping, or misspelt, says as little.
    for (section, wrong) in [
        ("queues: [support, sales]", "queues.yaml:1:9 `queues` is a mapping (`name: ...`), not a list"),
        ("quees: {support: {}}", "queues.yaml:1:1 no section `quees`; did you mean queues?"),
    ] {
        let files = [("queues.yaml", section), ("numbers.yaml", "numbers: {600: {queue: support}, 1: {flow: main}}")];
        assert_eq!(faults(&files, &Overrides::default()), [wrong]);
    }
}

#[test]
fn blanks_that_are_none_and_words_in_quotes_are_called_so() {
    let blank =
        "what looks like a blank here is U+00A0, a no-break space, as in texts pasted from web pages: type an ordinary blank";
    for (yaml, place) in [
        ("agents:\n\u{a0}\u{a0}1001: {queues: []}", "2:1"),
        ("limits:\n  calls:\u{a0}5", "2:3"),
        ("realm:\n  \u{a0}pbx", "2:3"),
    ] {
        check(yaml, &[&format!("c.yaml:{place} {blank}")]);
    }
    // In a text they are the writer's.
    check("mailboxes: {x: {name: Jan\u{a0}Nowak}}", &[]);
    check("lab: \"true\"", &["c.yaml:1:6 `lab` is `true` or `false`, not the text \"true\": leave the quotes out"]);
    let five = "c.yaml:1:17 `calls` is a whole number from 1 to 100000, not the text \"5\": leave the quotes out";
    check("limits: {calls: '5'}", &[five]);
}

#[test]
fn a_flow_that_no_number_leads_to_is_a_warning() {
    assert_eq!(
        faults(&[], &Overrides::default()),
        ["ivr-flows/main.yaml:0:0 no number leads to this flow, and no flow calls it"]
    );
}

#[test]
fn a_lab_is_kept_on_loopback_by_the_command_line_too() {
    let lab = [("c.yaml", "lab: true\nnumbers: {100: {flow: main}}\nextensions: {1: {password: x}}")];
    let at = |address: &str| Overrides { sip: Some(address.parse().expect("an address")), trunk_uas: None };
    assert_eq!(faults(&lab, &at("127.0.79.1:0")), Vec::<String>::new());
    let expected = ["--sip:0:0 10.0.0.1:5060 is not on loopback, and the configuration is a lab"];
    assert_eq!(faults(&lab, &at("10.0.0.1:5060")), expected);
}

#[test]
fn a_folder_that_is_not_there_is_one_sentence() {
    let why = files::gather(Path::new("no/such/folder")).expect_err("it is not there");
    assert_eq!(why, "could not read the configuration folder `no/such/folder`: there is no such file or folder");
}

#[test]
#[allow(clippy::disallowed_methods)] // A test writes what it reads.
fn folders_and_files_that_are_not_there_are_told_where_they_are_named() {
    let folder = std::env::temp_dir().join(format!("centrala-named-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let yaml = "flows: ./nowhere\nsounds: ../no-sounds-here\nhosts: {crm.example: {authorities: /no/such/ca.pem}}\n";
    std::fs::write(folder.join("c.yaml"), yaml).expect("a file");
    let sources = files::gather(&folder).expect("a folder");
    std::fs::remove_dir_all(&folder).expect("it was there");
    let shown = folder.display().to_string();
    let outside = files::Outside { data: &folder };
    let faults = load(&sources, &Overrides::default(), &outside).expect_err("nothing is there");
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let lines: Vec<_> = told.iter().filter_map(|fault| fault.lines().next()).filter(|it| it.contains("could not")).collect();
    let none = "there is no such file or folder";
    assert_eq!(
        lines,
        [
            format!("{shown}/c.yaml:1:8: could not read the flows in `{shown}/nowhere`: {none}"),
            format!("{shown}/c.yaml:2:9: could not read the sounds in `{shown}/../no-sounds-here`: {none}"),
            format!("{shown}/c.yaml:3:36: could not read the authorities of `/no/such/ca.pem`: {none}"),
        ]
    );
}

/// What stands around an example, where the example does not say it itself.
const AROUND: &[(&str, &str)] = &[
    ("extensions", "extensions: {1001: {password: '${file:1001}'}, 1002: {password: '${file:1001}'}}"),
    ("trunks", "trunks: {acme: {send_to: 192.0.2.1}, other: {send_to: 192.0.2.2}, spare: {send_to: 192.0.2.3}}"),
    ("outbound", "outbound: {via: acme, classes: [national]}"),
    ("trunk_groups", "trunk_groups: {main: [acme]}"),
    ("ring_groups", "ring_groups: {sales: {members: [1001]}}"),
];

#[test]
fn the_examples_of_providers_and_phones_are_good_each_by_itself() {
    let flow = "start: a\nnodes:\n  a: {hangup: {}}\n";
    let mut blocks = 0;
    for text in [include_str!("../docs/providers.md"), include_str!("../docs/phones.md"), include_str!("../docs/webhooks.md")] {
        for block in text.split("```yaml").skip(1).filter_map(|block| block.split("```").next()) {
            // One secret is as good as another.
            let block = ["${file:1002}", "${file:/etc/centrala/acme}"]
                .iter()
                .fold(block.to_string(), |text, secret| text.replace(secret, "${file:1001}"));
            let said = |section: &str| block.lines().any(|line| line.starts_with(&format!("{section}:")));
            let mut files = vec![("z.yaml", block.as_str()), ("ivr-flows/main.yaml", flow), ("ivr-flows/voicemail.yaml", flow)];
            files.push(("y.yaml", "numbers: {100: {flow: main}, 101: {flow: voicemail}}"));
            if said("numbers") {
                files.pop();
            }
            let names = ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml"];
            let around = names.iter().zip(AROUND).filter(|(_, (section, _))| !said(section));
            files.extend(around.map(|(name, (_, text))| (*name, *text)));
            let wrong: Vec<_> = faults(&files, &Overrides::default());
            let wrong: Vec<_> = wrong.into_iter().filter(|fault| !fault.contains("no number leads to this flow")).collect();
            assert_eq!(wrong, Vec::<String>::new(), "{block}");
            blocks += 1;
        }
    }
    assert!(blocks >= 9, "{blocks}");
}

#[test]
fn who_may_call_outside_is_judged_at_its_place() {
    for (text, expected) in [
        (
            "outbound: {via: acme, classes: [national, international]}",
            "the class `international` opens nothing by itself: name the countries, as `international: [\"+49\"]`",
        ),
        (
            "outbound: {via: acme, classes: [national], international: ['+49']}",
            "countries are named, and the class `international` is not among the `classes`",
        ),
        ("outbound: {classes: [national]}", "`outbound` lacks `via`"),
        ("outbound: {via: acmee}", "no trunk or group of trunks `acmee`; did you mean acme?"),
        ("outbound: {via: in}", "trunk `in` has no `send_to`: it only brings calls"),
        (
            "outbound: {via: acme, caller: '+48221234567'}",
            "+48221234567 is not one of our `numbers`: to show another's number is forbidden",
        ),
        ("outbound: {via: acme, accounts: {1003: {}}}", "no extension `1003`; did you mean 1001?"),
        (
            "outbound: {via: acme, classes: [nationl]}",
            "a class is one of national, premium, international, not `nationl`; did you mean national?",
        ),
        (
            "outbound: {via: acme, night: {from: '25:00', to: '06:00'}}",
            "`from` is a time of the day in quotes, as \"22:00\", not `25:00`",
        ),
        ("outbound: {via: acme, night: {from: '22:00', to: '06:00', zone: Warsaw}}", "there is no time zone `Warsaw`"),
        ("outbound: {via: acme, night: {from: '22:00', to: '22:00'}}", "a night that ends when it begins is none"),
        ("trunk_groups: {g: [acme, acme]}", "`acme` stands here twice"),
        ("feature_codes: {login: '11'}", "a code begins with `*` or `#`, at most 6 in all, as \"*21\", not `11`"),
        ("feature_codes: {login: '*2', logout: '*21'}", "`*21` cannot be told from `*2`"),
        ("feature_codes: {pause: {'*13': lunhc}}\npauses: {lunch: {}}", "no pause `lunhc`; did you mean lunch?"),
        ("parking: {slots: 1000-1005}", "`1001` is a slot, and leads elsewhere too: nobody could dial that"),
        (
            "extensions: {1003: {password: '${file:1001}', forward: {always: 1009}}}",
            "`always`: `1009` is no extension, no number of the house and no telephone; did you mean 1001?",
        ),
        ("feature_codes: {three_way: '*3', park: '*31'}", "`*3` cannot be told from `*31`"),
        ("feature_codes: {three_way: '*3', pickup: '*3'}", "`*3` cannot be told from `*3`"),
        ("feature_codes: {three_way: '3'}", "a code begins with `*` or `#`, at most 6 in all, as \"*21\", not `3`"),
        ("feature_codes: {three-way: '*3'}", "did you mean three_way?"),
        ("numbers: {112: {extension: 1001}}", "`112` is an emergency number, and would not lead outside any more"),
        ("extensions: {997: {password: '${file:1001}'}}", "`997` is an emergency number, and would not lead outside any more"),
        ("parking: {slots: 990-1000}", "`997` is an emergency number, and would not lead outside any more"),
        ("parking: {slots: 710-701}", "`slots` is the first and the last, as 701-710, at most 1000, not `710-701`"),
        (
            "ring_groups: {sales: {members: [1001, 1009]}}",
            "no extension `1009`; a telephone outside begins with its plus; did you mean 1001?",
        ),
        ("numbers: {9: {trunk: acme, user: '+4930123456'}}", "`+4930123456` is international, which `outbound` does not open"),
        (
            "numbers: {9: {trunk: acme, user: desk, open: true}}",
            "only in a lab is a trunk's line `open` to callers from outside; elsewhere a flow sends them there",
        ),
    ] {
        let base = "extensions: {1001: {password: '${file:1001}'}}\ntrunks: {acme: {send_to: 192.0.2.1}, in: {}}";
        let found = faults(&[("a.yaml", base), ("b.yaml", text)], &Overrides::default());
        assert!(found.iter().any(|fault| fault.starts_with("b.yaml:1:") && fault.contains(expected)), "{text}: {found:#?}");
    }
}

#[test]
fn what_can_never_be_called_is_a_warning_at_its_place() {
    for (yaml, expected) in [
        (
            "trunks: {a: {accept_from: []}, b: {accept_from: [192.0.2.1], account: {user: x, password: 12345678901234567890}}}",
            &[
                "c.yaml:1:10 this trunk brings no calls (`accept_from`) and takes none (`send_to`)",
                "c.yaml:1:62 this account registers nowhere: the trunk has no `send_to`",
            ][..],
        ),
        (
            "numbers: {48221234567: {flow: main}, '+48221234567': {extension: 1001}, 0048221234567: {extension: 1001}}\n\
             extensions: {1001: {password: '${file:1001}'}}",
            &["c.yaml:1:11 `48221234567` is the telephone `+48221234567` in another form, and leads elsewhere"],
        ),
        (
            "numbers: {'*11': {flow: main}}\nfeature_codes: {login: '*11'}",
            &["c.yaml:1:11 `*11` is a feature code too, which phones of the house get instead"],
        ),
        (
            "queue_families: {10NN: {agents: 'a{n}', address: 'sip:a{n}@127.0.0.1'}}\n\
             extensions: {1001: {password: '${file:1001}'}}",
            &["c.yaml:1:18 `1001` is an extension, and does not lead to the queue of that number"],
        ),
        (
            "queues: {q: }\nagents: {a: {telephone: '+48601234567', queues: q}}\n\
             ring_groups: {g: {members: [1001, '+48601234567']}}\n\
             extensions: {1001: {password: '${file:1001}', forward: {busy: '+48601234567'}}}",
            &[
                "c.yaml:2:14 a telephone outside, and no `outbound` that says how to call one: it cannot ring",
                "c.yaml:3:35 a telephone outside, and no `outbound` that says how to call one: it cannot ring",
                "c.yaml:4:63 a telephone outside, and no `outbound` that says how to call one: it cannot ring",
            ],
        ),
        (
            "outbound: {via: t, emergency: []}\ntrunks: {t: {send_to: '127.0.0.1:5060'}}",
            &["c.yaml:1:20 no number is an emergency number: nobody can call for help"],
        ),
        (
            "hosts: {'x.example:8443': {}}",
            &[
                "c.yaml:1:9 `x.example:8443` has a port: a host is named without one (`x.example`), and stands for all of its ports",
            ],
        ),
        (
            "hosts: {x.example: {}}\n\
             webhooks: {w: {url: 'https://x.example:99999/h', secret: 12345678901234567890}}",
            &["c.yaml:2:21 a port is a number from 1 to 65535"],
        ),
    ] {
        check(yaml, expected);
    }
}
