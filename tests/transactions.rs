//! The five tables of the user agent, walked row by row: the four transactions of RFC 3261 section 17 as amended by RFC 6026,
//! and the INVITE session. What a table does not name changes nothing, and that is checked too.

use centrala::sip::session::{self, Next, Phase};
use centrala::sip::transaction::{Act, T1, T2, T4, Timer, client, invite_client, invite_server, server};
use centrala::time::Duration;
use std::fmt::Debug;

/// Every timer, in a row that asks for any of them.
const TIMERS: [Timer; 13] = [
    Timer::A,
    Timer::B,
    Timer::D,
    Timer::E,
    Timer::F,
    Timer::G,
    Timer::H,
    Timer::I,
    Timer::J,
    Timer::K,
    Timer::L,
    Timer::M,
    Timer::Patience,
];

/// Over which transports a row holds.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Over {
    Any,
    Udp,
    Streams,
}

type Row<'a, S, E> = (Over, S, E, S, &'a [Act]);

/// Walks a table: each row as it is written, and each pair of state and event without a row as one that changes nothing.
fn walk<S, E>(table: &[Row<S, E>], states: &[S], events: &[E], step: impl Fn(S, E, bool) -> (S, &'static [Act]))
where
    S: Copy + PartialEq + Debug,
    E: Copy + PartialEq + Debug,
{
    let mut walked = 0;
    for reliable in [false, true] {
        let holds = |over: Over| over == Over::Any || (over == Over::Streams) == reliable;
        for state in states {
            for event in events {
                let rows: Vec<_> =
                    table.iter().filter(|(over, from, on, ..)| holds(*over) && from == state && on == event).collect();
                assert!(rows.len() < 2, "{state:?} {event:?} has two rows");
                let (next, acts) = step(*state, *event, reliable);
                let (expected, does) = rows.first().map_or((*state, &[][..]), |(_, _, _, next, acts)| (*next, *acts));
                assert_eq!((next, acts), (expected, does), "{state:?} {event:?}, reliable: {reliable}");
                walked += rows.len();
            }
        }
    }
    let written: usize = table.iter().map(|(over, ..)| if *over == Over::Any { 2 } else { 1 }).sum();
    assert_eq!(walked, written, "a row whose state or event is not in the lists");
}

#[test]
fn the_invite_client_transaction_follows_its_table() {
    use Act::{Ack, Again, Send, Start, Stop, Tell, TellTimeout, TellUnreachable};
    use Over::{Any, Streams, Udp};
    use invite_client::Event::{Failure, Provisional, Success, TransportError};
    use invite_client::State::{Accepted, Calling, Completed, Proceeding, Terminated};
    use invite_client::{Event, begin, step};
    let timer = Event::Timer;
    let table: &[Row<_, _>] = &[
        (Any, Calling, timer(Timer::A), Calling, &[Send, Again(Timer::A)]),
        (Any, Calling, timer(Timer::B), Terminated, &[TellTimeout]),
        (Any, Calling, timer(Timer::Patience), Terminated, &[TellTimeout]),
        (Any, Calling, TransportError, Terminated, &[TellUnreachable]),
        (Any, Calling, Provisional, Proceeding, &[Tell, Stop(Timer::A), Stop(Timer::B)]),
        (Any, Calling, Success, Accepted, &[Tell, Stop(Timer::A), Stop(Timer::B), Start(Timer::M)]),
        (Udp, Calling, Failure, Completed, &[Ack, Tell, Stop(Timer::A), Stop(Timer::B), Start(Timer::D)]),
        (Streams, Calling, Failure, Terminated, &[Ack, Tell]),
        (Any, Proceeding, Provisional, Proceeding, &[Tell]),
        (Any, Proceeding, Success, Accepted, &[Tell, Start(Timer::M)]),
        (Udp, Proceeding, Failure, Completed, &[Ack, Tell, Start(Timer::D)]),
        (Streams, Proceeding, Failure, Terminated, &[Ack, Tell]),
        (Any, Proceeding, timer(Timer::Patience), Terminated, &[TellTimeout]),
        (Any, Completed, Failure, Completed, &[Ack]),
        (Any, Completed, TransportError, Terminated, &[]),
        (Any, Completed, timer(Timer::D), Terminated, &[]),
        (Any, Accepted, Success, Accepted, &[Tell]),
        (Any, Accepted, timer(Timer::M), Terminated, &[]),
    ];
    let mut events = vec![Provisional, Success, Failure, TransportError];
    events.extend(TIMERS.map(timer));
    walk(table, &[Calling, Proceeding, Completed, Accepted, Terminated], &events, step);
    assert_eq!(begin(false), [Send, Start(Timer::A), Start(Timer::B)]);
    assert_eq!(begin(true), [Send, Start(Timer::B)]);
}

#[test]
fn the_non_invite_client_transaction_follows_its_table() {
    use Act::{Again, Send, Slow, Start, Stop, Tell, TellTimeout, TellUnreachable};
    use Over::{Any, Streams, Udp};
    use client::Event::{Final, Provisional, TransportError};
    use client::State::{Completed, Proceeding, Terminated, Trying};
    use client::{Event, begin, step};
    let timer = Event::Timer;
    let finished = &[Tell, Stop(Timer::E), Stop(Timer::F), Start(Timer::K)];
    let table: &[Row<_, _>] = &[
        (Any, Trying, timer(Timer::E), Trying, &[Send, Again(Timer::E)]),
        (Any, Trying, timer(Timer::F), Terminated, &[TellTimeout]),
        (Any, Trying, TransportError, Terminated, &[TellUnreachable]),
        (Any, Trying, Provisional, Proceeding, &[Tell]),
        (Udp, Trying, Final, Completed, finished),
        (Streams, Trying, Final, Terminated, &[Tell]),
        (Any, Proceeding, timer(Timer::E), Proceeding, &[Send, Slow(Timer::E)]),
        (Any, Proceeding, timer(Timer::F), Terminated, &[TellTimeout]),
        (Any, Proceeding, TransportError, Terminated, &[TellUnreachable]),
        (Any, Proceeding, Provisional, Proceeding, &[Tell]),
        (Udp, Proceeding, Final, Completed, finished),
        (Streams, Proceeding, Final, Terminated, &[Tell]),
        (Any, Completed, timer(Timer::K), Terminated, &[]),
    ];
    let mut events = vec![Provisional, Final, TransportError];
    events.extend(TIMERS.map(timer));
    walk(table, &[Trying, Proceeding, Completed, Terminated], &events, step);
    assert_eq!(begin(false), [Send, Start(Timer::E), Start(Timer::F)]);
    assert_eq!(begin(true), [Send, Start(Timer::F)]);
}

#[test]
fn the_invite_server_transaction_follows_its_table() {
    use Act::{Again, Send, Start, Stop, Tell};
    use Over::{Any, Streams, Udp};
    use invite_server::Event::{Ack, Invite, SayFailure, SayProvisional, SaySuccess, TransportError};
    use invite_server::State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    use invite_server::{Event, step};
    let timer = Event::Timer;
    let table: &[Row<_, _>] = &[
        (Any, Proceeding, Invite, Proceeding, &[Send]),
        (Any, Proceeding, SayProvisional, Proceeding, &[Send]),
        (Any, Proceeding, SaySuccess, Accepted, &[Send, Start(Timer::L)]),
        (Udp, Proceeding, SayFailure, Completed, &[Send, Start(Timer::H), Start(Timer::G)]),
        (Streams, Proceeding, SayFailure, Completed, &[Send, Start(Timer::H)]),
        (Any, Completed, Invite, Completed, &[Send]),
        (Any, Completed, timer(Timer::G), Completed, &[Send, Again(Timer::G)]),
        (Any, Completed, timer(Timer::H), Terminated, &[]),
        (Udp, Completed, Ack, Confirmed, &[Stop(Timer::G), Stop(Timer::H), Start(Timer::I)]),
        (Streams, Completed, Ack, Terminated, &[]),
        (Any, Confirmed, timer(Timer::I), Terminated, &[]),
        (Any, Accepted, SaySuccess, Accepted, &[Send]),
        (Any, Accepted, Ack, Accepted, &[Tell]),
        (Any, Accepted, timer(Timer::L), Terminated, &[]),
    ];
    let mut events = vec![Invite, Ack, SayProvisional, SaySuccess, SayFailure, TransportError];
    events.extend(TIMERS.map(timer));
    walk(table, &[Proceeding, Completed, Confirmed, Accepted, Terminated], &events, step);
}

#[test]
fn the_non_invite_server_transaction_follows_its_table() {
    use Act::{Send, Start};
    use Over::{Any, Streams, Udp};
    use server::Event::{Request, SayFinal, SayProvisional, TransportError};
    use server::State::{Completed, Proceeding, Terminated, Trying};
    use server::{Event, step};
    let timer = Event::Timer;
    let table: &[Row<_, _>] = &[
        (Any, Trying, SayProvisional, Proceeding, &[Send]),
        (Udp, Trying, SayFinal, Completed, &[Send, Start(Timer::J)]),
        (Streams, Trying, SayFinal, Terminated, &[Send]),
        (Any, Proceeding, Request, Proceeding, &[Send]),
        (Any, Proceeding, SayProvisional, Proceeding, &[Send]),
        (Udp, Proceeding, SayFinal, Completed, &[Send, Start(Timer::J)]),
        (Streams, Proceeding, SayFinal, Terminated, &[Send]),
        (Any, Completed, Request, Completed, &[Send]),
        (Any, Completed, timer(Timer::J), Terminated, &[]),
    ];
    let mut events = vec![Request, SayProvisional, SayFinal, TransportError];
    events.extend(TIMERS.map(timer));
    walk(table, &[Trying, Proceeding, Completed, Terminated], &events, step);
}

#[test]
fn the_timers_run_as_long_as_the_rfc_says() {
    for (timer, millis) in [
        (Timer::A, 500),
        (Timer::B, 32_000),
        (Timer::D, 32_000),
        (Timer::E, 500),
        (Timer::F, 32_000),
        (Timer::G, 500),
        (Timer::H, 32_000),
        (Timer::I, 5_000),
        (Timer::J, 32_000),
        (Timer::K, 5_000),
        (Timer::L, 32_000),
        (Timer::M, 32_000),
    ] {
        assert_eq!(timer.first(), Duration::from_millis(millis), "{timer:?}");
    }
    assert_eq!((T1.as_millis(), T2.as_millis(), T4.as_millis()), (500, 4_000, 5_000));
    let pauses = |timer: Timer| {
        let all = std::iter::successors(Some(timer.first()), move |pause| Some(timer.next(*pause)));
        all.take(7).map(|pause| pause.as_millis()).collect::<Vec<_>>()
    };
    assert_eq!(pauses(Timer::A), [500, 1000, 2000, 4000, 8000, 16_000, 32_000]);
    assert_eq!(pauses(Timer::E), [500, 1000, 2000, 4000, 4000, 4000, 4000]);
    assert_eq!(pauses(Timer::G), [500, 1000, 2000, 4000, 4000, 4000, 4000]);
}

#[test]
fn the_invite_session_follows_its_table() {
    use Next::{End, Go};
    use Phase::{Answered, Calling, Cancelling, Confirmed, Leaving, Owing, Parting, Proceeding, Resolving, Ringing, Unwanted};
    use session::Act::{Ack, Bye, Cancel, Invite, Refuse, Terminate};
    use session::Event;
    type Line<'a> = (&'a [Phase], &'a [Event], Next, &'a [session::Act]);
    let table: &[Line] = &[
        (&[Resolving], &[Event::Found], Go(Calling), &[Invite]),
        (&[Resolving], &[Event::Hangup, Event::Failure], End, &[]),
        (&[Calling, Proceeding], &[Event::Challenged], Go(Calling), &[]),
        (&[Calling, Proceeding], &[Event::Provisional], Go(Proceeding), &[]),
        (&[Calling, Proceeding], &[Event::Success], Go(Confirmed), &[Ack]),
        (&[Calling, Proceeding], &[Event::SuccessWithOffer], Go(Owing), &[]),
        (&[Calling, Proceeding], &[Event::SuccessWithoutAnswer], Go(Leaving), &[Ack, Bye]),
        (&[Calling, Proceeding, Unwanted, Cancelling], &[Event::Failure], End, &[]),
        (&[Calling], &[Event::Hangup], Go(Unwanted), &[]),
        (&[Unwanted], &[Event::Provisional], Go(Cancelling), &[Cancel]),
        (&[Proceeding], &[Event::Hangup], Go(Cancelling), &[Cancel]),
        (
            &[Unwanted, Cancelling],
            &[Event::Success, Event::SuccessWithOffer, Event::SuccessWithoutAnswer],
            Go(Leaving),
            &[Ack, Bye],
        ),
        (&[Owing], &[Event::Answer], Go(Confirmed), &[Ack]),
        (&[Owing], &[Event::Hangup], Go(Leaving), &[Ack, Bye]),
        (&[Owing], &[Event::Bye], End, &[]),
        (&[Ringing], &[Event::Accept], Go(Answered), &[]),
        (&[Ringing], &[Event::Refuse, Event::Hangup], End, &[Refuse]),
        (&[Ringing], &[Event::Cancel, Event::Bye], End, &[Terminate]),
        (&[Answered], &[Event::Ack], Go(Confirmed), &[]),
        (&[Answered], &[Event::AckWithoutAnswer], Go(Leaving), &[Bye]),
        (&[Answered], &[Event::Hangup], Go(Parting), &[]),
        (&[Parting], &[Event::Ack, Event::AckWithoutAnswer, Event::NoAck], Go(Leaving), &[Bye]),
        (&[Answered, Confirmed], &[Event::NoAck], End, &[Bye]),
        (&[Answered, Parting, Confirmed], &[Event::Bye], End, &[]),
        (&[Confirmed], &[Event::Hangup, Event::AckWithoutAnswer], Go(Leaving), &[Bye]),
        (&[Confirmed], &[Event::Silent], End, &[Bye]),
        (&[Answered, Confirmed], &[Event::Gone], End, &[]),
        (&[Leaving], &[Event::Left], End, &[]),
    ];
    let phases = [Resolving, Calling, Unwanted, Proceeding, Cancelling, Owing, Ringing, Answered, Parting, Confirmed, Leaving];
    assert_eq!(phases.map(|phase| format!("{phase:?}")).to_vec(), Phase::NAMES);
    let events = [
        Event::Found,
        Event::Challenged,
        Event::Provisional,
        Event::Success,
        Event::SuccessWithOffer,
        Event::SuccessWithoutAnswer,
        Event::Failure,
        Event::Accept,
        Event::Refuse,
        Event::Hangup,
        Event::Cancel,
        Event::Ack,
        Event::AckWithoutAnswer,
        Event::NoAck,
        Event::Answer,
        Event::Bye,
        Event::Gone,
        Event::Silent,
        Event::Left,
    ];
    for phase in phases {
        for event in events {
            let lines: Vec<_> = table.iter().filter(|(from, on, ..)| from.contains(&phase) && on.contains(&event)).collect();
            assert!(lines.len() < 2, "{phase:?} {event:?} has two lines");
            let expected = lines.first().map_or((Go(phase), &[][..]), |(_, _, next, acts)| (*next, *acts));
            assert_eq!(session::step(phase, event), expected, "{phase:?} {event:?}");
        }
    }
}
