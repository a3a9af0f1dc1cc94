//! How queues route, from YAML to the offer, in virtual time.
//!
//! | file | subject |
//! |---|---|
//! | `peers` | the rules of other exchanges as they document them, in our YAML |
//! | `rules` | what `check` says of rules that cannot work; every rule written down |
//! | here | the definitions themselves |

mod peers;
mod rules;

use centrala::acd::{Acd, Action, Event, ItemId, Join, Need, OfferId};
use centrala::config::{Overrides, SecretRef, Sources, load};
use centrala::expression::{Declared, Type};
use centrala::fault::Fault;
use centrala::id::Name;
use centrala::time::{Duration, Moment, Now, Wall};

const HEAD: &str = "lab: true\nlanguages: [en]\nlisteners: [{transport: udp, address: '127.0.0.1:5060'}]\n";

fn configured(yaml: &str) -> Result<centrala::config::Config, Vec<Fault>> {
    let sounds = [(Name::from("en"), ["hold-music", "sorry", "queue-position-1", "queue-wait-1"].map(Name::from).into())];
    let files = [("house.yaml".to_string(), format!("{HEAD}{yaml}").into_bytes())];
    let sources = Sources { files: files.into(), sounds: sounds.into(), ..Sources::default() };
    load(&sources, &Overrides::default(), &|_: &SecretRef| Ok("a secret that was made".into()))
}

/// Agents at fixed addresses, always logged in: `anna: {queues: ...}` becomes one of them.
fn house(yaml: &str) -> House {
    let yaml = yaml.replace("AT", "address: 'sip:x@127.0.0.1:7000'");
    let config = configured(&yaml)
        .unwrap_or_else(|faults| panic!("{}", faults.iter().map(|fault| format!("{fault}\n")).collect::<String>()));
    House { acd: Acd::new(config.acd.clone()), now: 0, next: 0, told: Vec::new() }
}

struct House {
    acd: Acd,
    now: u64,
    next: u64,
    told: Vec<Action>,
}

impl House {
    fn now(&self) -> Now {
        let nanos = i64::try_from(self.now * 1_000_000_000).expect("a short test");
        Now { mono: Moment::from_nanos(nanos), wall: Wall::from_unix_nanos(nanos) }
    }

    /// At this second, with every deadline before it at its own moment.
    fn at(&mut self, second: u64) -> &mut House {
        let end = Moment::from_nanos(i64::try_from(second * 1_000_000_000).expect("a short test"));
        while let Some(at) = self.acd.poll_timeout().filter(|at| *at <= end) {
            let now = Now { mono: at, wall: Wall::from_unix_nanos(at.as_nanos()) };
            self.acd.handle_timeout(now, &mut self.told);
        }
        self.now = second;
        self.acd.check_invariants(self.now()).expect("the invariants hold");
        self
    }

    fn tell(&mut self, event: Event) -> &mut House {
        self.acd.handle(event, self.now(), &mut self.told);
        self
    }

    /// Somebody comes; their number, from 1.
    fn join(&mut self, queue: &str) -> u64 {
        self.join_as(queue, |_| {})
    }

    fn join_as(&mut self, queue: &str, what: impl FnOnce(&mut Join)) -> u64 {
        self.next += 1;
        let mut join = Join::new(ItemId(self.next), queue.into(), self.now().mono);
        what(&mut join);
        self.tell(Event::Join(join));
        self.next
    }

    /// Busy with something of their own.
    fn busy(&mut self, agent: &str) -> &mut House {
        self.tell(Event::AgentBusyElsewhere { agent: agent.into() })
    }

    fn free(&mut self, agent: &str) -> &mut House {
        self.tell(Event::AgentFreeElsewhere { agent: agent.into() })
    }

    /// What was offered since the last question: "1 to anna, 2 to bob".
    fn offered(&mut self) -> String {
        let offers = self.told.drain(..).filter_map(|action| match action {
            Action::Offer { item, agent, .. } => Some(format!("{} to {agent}", item.0)),
            _ => None,
        });
        offers.collect::<Vec<_>>().join(", ")
    }

    fn answer(&mut self, offer: u64) -> &mut House {
        self.tell(Event::Answered { offer: OfferId(offer) })
    }

    fn end(&mut self, item: u64) -> &mut House {
        self.tell(Event::CallEnded { item: ItemId(item) })
    }
}

fn need(text: &str) -> Need {
    Need::compile(text, &Declared::new([("*", Type::Number)])).expect("a need")
}

/// The example of the definition itself: A t=0 hs 0; B t=60 hs 0; C t=100 hs 180; D t=130 hs 60 -> C(-80) A(0) B(60) D(70).
#[test]
fn a_head_start_is_time_waited() {
    let mut it = house("queues: {support: {}}\nagents: {anna: {AT, queues: [support]}}");
    it.busy("anna");
    for (second, head_start) in [(0, 0), (60, 0), (100, 180), (130, 60)] {
        it.at(second).join_as("support", |join| join.head_start = Duration::from_secs(head_start));
    }
    let order: Vec<_> = it.acd.items("support").iter().map(|view| ["A", "B", "C", "D"][view.item.0 as usize - 1]).collect();
    assert_eq!(order, ["C", "A", "B", "D"]);
}

/// Expected wait = AHT x max(0, ahead + 1 - free) / sum of shares: 90 s until it is known, an agent of two queues counts half.
#[test]
fn the_expected_wait_is_as_defined() {
    let yaml = "
queues: {support: {}, sales: {}}
agents: {anna: {AT, queues: [support]}, bob: {AT, queues: [support, sales]}}
";
    let mut it = house(yaml);
    it.busy("anna").busy("bob");
    for _ in 0..3 {
        it.join("support");
    }
    let wait = |it: &House, item| {
        it.acd.explain_item(ItemId(item), it.now()).expect("it waits").expected_wait.map(|wait| wait.as_secs())
    };
    // 90 s x 3 / 1.5, and so on.
    assert_eq!([1, 2, 3].map(|item| wait(&it, item)), [Some(60), Some(120), Some(180)]);
    it.tell(Event::AgentPause { agent: "bob".into(), reason: "lunch".into() }).at(2);
    assert_eq!([1, 2].map(|item| wait(&it, item)), [Some(90), Some(180)]);
}

#[test]
fn a_call_s_own_need_is_asked_beside_the_queue_s() {
    let mut it = house(
        "
queues: {support: {need: \"english >= 2\"}}
agents:
  anna: {AT, queues: [support], skills: {english: 5}}
  bob: {AT, queues: [support], skills: {english: 2, mac: 3}}
",
    );
    it.join_as("support", |join| join.need = need("mac >= 3"));
    assert_eq!(it.offered(), "1 to bob");
}
