//! What a supervisor orders of queues while callers wait: what is done, and the one reason why not.

use super::queues::with_rules;
use super::scenarios::{MS, S};
use centrala::control::{AgentOrder, Explain, LiveCall, QueueOrder, Request, Response};
use centrala::sim::{Leaves, Life, Manner, Plan, World};

fn ask(world: &mut World, request: Request) -> Response {
    world.ask(request).unwrap_or_else(|violation| panic!("{violation}")).expect("it is answered at once")
}

/// What the exchange says to an order about a queue: nothing when it is done.
fn order(world: &mut World, queue: &str, order: QueueOrder) -> String {
    match ask(world, Request::Queue { queue: queue.into(), order }) {
        Response::Done => String::new(),
        Response::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

fn moves(world: &mut World, queue: &str, call: &str, to: &str) -> String {
    order(world, queue, QueueOrder::Move { call: call.into(), to: to.into() })
}

fn picks(world: &mut World, queue: &str, call: &str, agent: &str) -> String {
    order(world, queue, QueueOrder::Pick { call: call.into(), agent: agent.into() })
}

fn tell(world: &mut World, agent: &str, order: AgentOrder) {
    let said = world.ask(Request::Agent { agent: agent.into(), order }).unwrap_or_else(|violation| panic!("{violation}"));
    // What changes an agent is answered when it is kept.
    assert!(matches!(said, None | Some(Response::Done)), "{agent}: {said:?}");
}

/// The reference of the call from this number.
fn reference(world: &mut World, from: &str) -> String {
    let Response::Calls(calls) = ask(world, Request::Calls) else { panic!("calls") };
    let call = calls.into_iter().find(|call: &LiveCall| call.from == from);
    call.unwrap_or_else(|| panic!("nobody calls from {from}")).reference
}

fn waits(from: &str, at: u64) -> Life {
    Life::stranger(from, vec![Plan { at: S(at), leaves: Leaves::Never, ..Plan::to("600") }])
}

const FIRST: &str = "+48220000001";
const SECOND: &str = "+48220000002";

/// 1001 talks with the first from the beginning, 1002 is paused, and the second waits in `support`; `sales` takes one.
fn one_talks_and_one_waits() -> (World, String, String) {
    let circumstances = with_rules(|settings| {
        settings.queues.get_mut("sales").expect("there").max_waiting = 1;
        settings.agents.get_mut("1002").expect("there").login = centrala::acd::Login::Manual;
    });
    let talks = Manner::Answers { after: MS(200), talks: Some(S(60)) };
    let lives = vec![
        Life::agent("1001", vec![talks]),
        Life::agent("1002", vec![Manner::LetsRing; 3]),
        waits(FIRST, 1),
        waits(SECOND, 3),
        waits("+48220000003", 3),
    ];
    let mut world = World::new(7, lives, circumstances);
    world.run_for(S(5)).unwrap_or_else(|violation| panic!("{violation}"));
    let (first, second) = (reference(&mut world, FIRST), reference(&mut world, SECOND));
    (world, first, second)
}

#[test]
fn a_call_is_moved_from_the_queue_in_which_it_waits_or_the_reason_is_said() {
    let (mut world, talking, waiting) = one_talks_and_one_waits();
    let third = reference(&mut world, "+48220000003");
    let mut check = |queue: &str, call: &str, to: &str, why: &str| assert_eq!(moves(&mut world, queue, call, to), why);
    check("sales", &waiting, "support", "the call waits in `support`, not in `sales`");
    check("support", &waiting, "support", "the call waits in `support` already");
    check("support", &waiting, "salse", "there is no queue `salse`; did you mean `sales`?");
    check("suport", &waiting, "sales", "there is no queue `suport`; did you mean `support`?");
    check("support", &talking, "sales", "the call waits no longer: it talks with 1001");
    check("support", "zz", "sales", "no call `zz` is going on: `centrala calls` lists those that are");
    check("support", &waiting, "sales", "");
    check("support", &waiting, "sales", "the call waits in `sales`, not in `support`");
    check("support", &third, "sales", "`sales` is full: 1 wait there, and no more than 1 may");
    check("sales", &waiting, "support", "");
}

#[test]
fn a_call_is_given_to_an_agent_from_the_queue_in_which_it_waits_or_the_reason_is_said() {
    let (mut world, talking, waiting) = one_talks_and_one_waits();
    let third = reference(&mut world, "+48220000003");
    let mut check = |queue: &str, call: &str, agent: &str, why: &str| {
        assert_eq!(picks(&mut world, queue, call, agent), why);
        world.ask(Request::Status).map(drop).unwrap_or_else(|violation| panic!("{violation}"));
    };
    check("sales", &waiting, "1002", "the call waits in `support`, not in `sales`");
    check("support", &waiting, "10002", "there is no agent `10002`; did you mean `1002`?");
    check("support", &waiting, "1001", "`1001` is on a call");
    check("support", &talking, "1002", "the call waits no longer: it talks with 1001");
    check("support", &waiting, "1002", "`1002` is offline: not logged in");
    tell(&mut world, "1002", AgentOrder::Pause { reason: "lunch".into() });
    tell(&mut world, "1002", AgentOrder::Login);
    assert_eq!(picks(&mut world, "support", &waiting, "1002"), "`1002` is paused (lunch)");
    tell(&mut world, "1002", AgentOrder::Resume);
    // They are free, so the first who waits is theirs without an order.
    assert_eq!(picks(&mut world, "support", &waiting, "1002"), "`1002` is being rung for this call already");
    assert_eq!(picks(&mut world, "support", &third, "1002"), "`1002` is being rung for another call");
}

#[test]
fn a_call_that_rings_at_one_agent_is_not_given_to_another_who_is_free() {
    let circumstances = with_rules(|_| {});
    let lives =
        vec![Life::agent("1001", vec![Manner::LetsRing; 3]), Life::agent("1002", vec![Manner::LetsRing; 3]), waits(FIRST, 1)];
    let mut world = World::new(7, lives, circumstances);
    world.run_for(S(3)).unwrap_or_else(|violation| panic!("{violation}"));
    let call = reference(&mut world, FIRST);
    let Response::Waiting(rows) = ask(&mut world, Request::Queue { queue: "support".into(), order: QueueOrder::Show }) else {
        panic!("rows")
    };
    let rung = rows[0].agents[0].clone();
    let other = if rung == "1001" { "1002" } else { "1001" };
    assert_eq!(picks(&mut world, "support", &call, other), format!("the call rings at `{rung}` just now"));
    let Response::Explanation(told) = ask(&mut world, Request::Explain(Explain::Call(call))) else { panic!("it is explained") };
    let change = told.lines.last().expect("a line");
    let expected = format!("what would change it: {rung} answers, or lets it ring in vain");
    assert!(change.starts_with(&expected) && !change.contains("logs in"), "{change}");
}

#[test]
fn a_pause_that_is_ordered_during_a_talk_is_seen_from_then_on() {
    let (mut world, _, waiting) = one_talks_and_one_waits();
    let mut seen = |order: Option<AgentOrder>| {
        if let Some(order) = order {
            tell(&mut world, "1001", order);
        }
        let Response::Agents(rows) = ask(&mut world, Request::Agents) else { panic!("agents") };
        let row = rows.into_iter().find(|row| row.name == "1001").expect("an agent");
        let Response::Explanation(told) = ask(&mut world, Request::Explain(Explain::Agent("1001".into()))) else {
            panic!("it is explained")
        };
        let Response::Explanation(call) = ask(&mut world, Request::Explain(Explain::Call(waiting.clone()))) else {
            panic!("it is explained")
        };
        let change = call.lines.last().cloned().unwrap_or_default();
        (row.state, row.then, told.lines[0].clone(), change.contains("1001 becomes free"))
    };
    let talks = |then: Option<&str>| {
        let words = then.map(|then| format!(", then {then}")).unwrap_or_default();
        let line = format!("1001 is offered nothing: is on_call{words}");
        ("on_call".to_string(), then.map(str::to_string), line, then.is_none())
    };
    assert_eq!(seen(None), talks(None));
    assert_eq!(seen(Some(AgentOrder::Force { reason: "audit".into() })), talks(Some("paused (audit)")));
    assert_eq!(seen(Some(AgentOrder::Release)), talks(None));
    assert_eq!(seen(Some(AgentOrder::Logout)), talks(Some("offline")));
}
