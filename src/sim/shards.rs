//! The coarse media plane: commands are answered with plausible reports, without a single packet.
//!
//! A prompt takes as long as the table of sounds says; a key pressed at a phone is reported once, if the leg was told to expect
//! telephone-events from there; ports fail to open now and then. Per-packet behaviour is tested in `media/` itself.
//! Invariant: reports of one shard arrive in the order in which they were made, and `Opened`/`OpenFailed` at once.

use super::network::draw;
use crate::id::{LegId, PlayId, Rng};
use crate::media::{Command, LegState, Report, ShardId, Sound, SourceRule, Statistics, Stream};
use crate::time::{Duration, Moment};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A report is on its way from the media thread to the exchange for at most this long.
const REPORT_DELAY: Duration = Duration::from_millis(5);
/// What is played in place of a sound that does not exist.
const FALLBACK_TONE: Duration = Duration::from_millis(400);
const FRAME: Duration = Duration::from_millis(20);
/// How long a key is held.
const PRESS: Duration = Duration::from_millis(120);

/// Something that the media plane will do by itself.
#[derive(Clone, PartialEq, Debug)]
pub enum Cue {
    /// The sound `index` of a play begins; past the last one the play ends or begins again.
    Sound {
        leg: LegId,
        play: PlayId,
        index: usize,
    },
    Report(Report),
}

/// What follows from a command or a cue.
#[derive(Clone, PartialEq, Debug)]
pub enum Upshot {
    /// Told to the exchange within the same batch.
    Report(Report),
    Later(Moment, Cue),
    /// A sound begins to be sent to this address.
    Hears {
        at: SocketAddr,
        sound: Sound,
    },
}

#[derive(Clone, Debug)]
struct Leg {
    shard: ShardId,
    local: SocketAddr,
    opened: Moment,
    stream: Option<Stream>,
    playing: Option<Playing>,
    silent: bool,
}

#[derive(Clone, Debug)]
struct Playing {
    play: PlayId,
    sounds: Vec<Sound>,
    repeat: bool,
}

#[derive(Clone, Debug)]
pub struct Shards {
    legs: BTreeMap<LegId, Leg>,
    /// How long each sound is, by language and name.
    sounds: BTreeMap<(String, String), Duration>,
    /// Ports that cannot be bound, per thousand.
    open_failures: u32,
    last_report: BTreeMap<ShardId, Moment>,
}

impl Shards {
    pub fn new(sounds: BTreeMap<(String, String), Duration>, open_failures: u32) -> Shards {
        Shards { legs: BTreeMap::new(), sounds, open_failures, last_report: BTreeMap::new() }
    }

    pub fn open_legs(&self) -> usize {
        self.legs.len()
    }

    /// The legs whose peer is at `remote` and may be heard.
    pub fn heard_from(&self, remote: SocketAddr) -> Vec<LegId> {
        let hears = |leg: &Leg| leg.stream.as_ref().is_some_and(|stream| stream.remote == remote && stream.receiving);
        self.legs.iter().filter(|(_, leg)| hears(leg)).map(|(id, _)| *id).collect()
    }

    pub fn command(&mut self, shard: ShardId, command: Command, now: Moment, rng: &mut Rng, out: &mut Vec<Upshot>) {
        match command {
            Command::Open { leg, .. } if rng.chance(self.open_failures) => {
                out.push(Upshot::Report(Report::OpenFailed { leg, why: "the port is in use".into() }));
            }
            Command::Open { leg, local } => {
                self.legs.insert(leg, Leg { shard, local, opened: now, stream: None, playing: None, silent: false });
                out.push(Upshot::Report(Report::Opened { leg }));
            }
            Command::Connect { leg, stream } => {
                let Some(open) = self.legs.get_mut(&leg) else { return };
                open.stream = Some(stream);
                open.silent = false;
            }
            Command::Play { leg, play, sounds, repeat } => {
                let Some(open) = self.legs.get_mut(&leg) else { return };
                open.playing = Some(Playing { play, sounds, repeat });
                out.push(Upshot::Later(now, Cue::Sound { leg, play, index: 0 }));
            }
            Command::Stop { leg } => {
                let Some(open) = self.legs.get_mut(&leg) else { return };
                open.playing = None;
            }
            Command::Music { leg, sound } => {
                let Some(open) = self.legs.get_mut(&leg) else { return };
                open.playing = None;
                let hearer = open.stream.as_ref().filter(|stream| stream.sending).map(|stream| stream.remote);
                out.extend(hearer.map(|at| Upshot::Hears { at, sound }));
            }
            // What is said over a bridge is not simulated, packet by packet or otherwise; the ledger knows who hears whom.
            Command::Bridge { .. } | Command::Mix { .. } | Command::Unbridge { .. } | Command::SendDigit { .. } => {}
            Command::Export { leg } => {
                if self.legs.contains_key(&leg) {
                    let state = Box::new(LegState::fresh(leg));
                    self.report(shard, Report::Exported { leg, state }, now, rng, out);
                }
            }
            Command::Import { state } => {
                let leg = state.leg();
                let Some(open) = self.legs.get_mut(&leg) else { return };
                open.shard = shard;
                self.report(shard, Report::Imported { leg }, now, rng, out);
            }
            Command::Close { leg } => {
                let Some(closed) = self.legs.remove(&leg) else { return };
                let statistics = statistics(&closed, now, rng);
                self.report(closed.shard, Report::Closed { leg, statistics }, now, rng, out);
            }
        }
    }

    /// A sound of a play that was not replaced or stopped meanwhile begins, or the play is over.
    pub fn sound(&mut self, leg: LegId, play: PlayId, index: usize, now: Moment, rng: &mut Rng, out: &mut Vec<Upshot>) {
        let Some(open) = self.legs.get_mut(&leg) else { return };
        let shard = open.shard;
        let Some(playing) = open.playing.as_ref().filter(|playing| playing.play == play) else { return };
        let index = if playing.repeat && index == playing.sounds.len() { 0 } else { index };
        let Some(sound) = playing.sounds.get(index).cloned() else {
            open.playing = None;
            return self.report(shard, Report::Played { leg, play }, now, rng, out);
        };
        let hearer = open.stream.as_ref().filter(|stream| stream.sending).map(|stream| stream.remote);
        let length = self.sounds.get(&(sound.language.to_string(), sound.name.to_string())).copied();
        out.push(Upshot::Later(now + length.unwrap_or(FALLBACK_TONE), Cue::Sound { leg, play, index: index + 1 }));
        if length.is_none() {
            self.report(shard, Report::SoundMissing { leg, sound: sound.clone() }, now, rng, out);
        }
        if let Some(at) = hearer {
            out.push(Upshot::Hears { at, sound });
        }
    }

    /// A telephone-event from a phone's audio address to one of ours. What is not expected from there is not heard.
    pub fn press(&mut self, from: SocketAddr, to: SocketAddr, digit: char, now: Moment, rng: &mut Rng, out: &mut Vec<Upshot>) {
        let Some((id, leg)) = self.legs.iter().find(|(_, leg)| leg.local == to) else { return };
        let expected = leg.stream.as_ref().is_some_and(|stream| {
            stream.receiving && stream.receive_event_type.is_some() && (stream.remote == from || latches(stream, from))
        });
        let (id, shard) = (*id, leg.shard);
        if expected {
            self.report(shard, Report::Digit { leg: id, digit, duration: PRESS, relayed: false }, now, rng, out);
        }
    }

    /// Nothing was heard on the leg for long, or something is heard again.
    pub fn silence(&mut self, leg: LegId, silent: bool, now: Moment, rng: &mut Rng, out: &mut Vec<Upshot>) {
        let Some(open) = self.legs.get_mut(&leg) else { return };
        let expected = open.stream.as_ref().is_some_and(|stream| stream.receiving);
        if open.silent == silent || (silent && !expected) {
            return;
        }
        open.silent = silent;
        let shard = open.shard;
        let report = if silent { Report::Silent { leg, before: true } } else { Report::Heard { leg } };
        self.report(shard, report, now, rng, out);
    }

    fn report(&mut self, shard: ShardId, report: Report, now: Moment, rng: &mut Rng, out: &mut Vec<Upshot>) {
        let last = self.last_report.entry(shard).or_insert(Moment::ZERO);
        *last = (*last).max(now + draw(REPORT_DELAY, rng));
        out.push(Upshot::Later(*last, Cue::Report(report)));
    }
}

/// A command in a line of a transcript.
pub fn told(command: &Command) -> String {
    match command {
        Command::Open { leg, local } => format!("media: open {leg:?} at {local}"),
        Command::Connect { leg, stream: Stream { remote, codec, sending, receiving, .. } } => {
            format!("media: connect {leg:?} with {remote}, {codec:?}, sending {sending}, receiving {receiving}")
        }
        Command::Play { leg, play, sounds, repeat } => {
            let names: Vec<String> = sounds.iter().map(|sound| format!("{}/{}", sound.language, sound.name)).collect();
            format!("media: {play:?} on {leg:?}: {}{}", names.join(" "), if *repeat { ", for ever" } else { "" })
        }
        Command::Stop { leg } => format!("media: silence on {leg:?}"),
        Command::Close { leg } => format!("media: close {leg:?}"),
        Command::Music { leg, sound } => format!("media: music {} on {leg:?}", sound.name),
        Command::Bridge { a, b } => format!("media: {a:?} and {b:?} hear each other"),
        Command::Mix { legs } => format!("media: {legs:?} hear each other"),
        Command::Unbridge { leg } => format!("media: {leg:?} hears nobody any more"),
        Command::SendDigit { leg, digit, .. } => format!("media: {digit} pressed towards {leg:?}"),
        Command::Export { leg } => format!("media: {leg:?} leaves its shard"),
        Command::Import { state } => format!("media: {:?} comes to this shard", state.leg()),
    }
}

fn latches(stream: &Stream, from: SocketAddr) -> bool {
    matches!(stream.source, SourceRule::Latch { host } if host == from.ip())
}

fn statistics(leg: &Leg, now: Moment, rng: &mut Rng) -> Statistics {
    let frames = if leg.stream.is_some() { now.since(leg.opened).as_millis() / FRAME.as_millis() } else { 0 };
    let frames = u64::try_from(frames).unwrap_or(0);
    let lost = frames / 20;
    Statistics { sent: frames, received: frames - lost, lost, refused: 0, jitter_ms: rng.below(40) as f32 / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stage {
        shards: Shards,
        rng: Rng,
        agenda: super::super::agenda::Agenda<Cue>,
        now: Moment,
        told: Vec<Report>,
        heard: Vec<String>,
    }

    impl Stage {
        fn new(open_failures: u32) -> Stage {
            let sounds = [("welcome", 3), ("menu", 5)].map(|(name, s)| (("pl".into(), name.into()), Duration::from_secs(s)));
            Stage {
                shards: Shards::new(sounds.into_iter().collect(), open_failures),
                rng: Rng::from_seed(1),
                agenda: Default::default(),
                now: Moment::ZERO,
                told: Vec::new(),
                heard: Vec::new(),
            }
        }

        fn command(&mut self, command: Command) {
            let mut out = Vec::new();
            self.shards.command(ShardId(0), command, self.now, &mut self.rng, &mut out);
            self.settle(out);
        }

        fn settle(&mut self, out: Vec<Upshot>) {
            for upshot in out {
                match upshot {
                    Upshot::Report(report) => self.told.push(report),
                    Upshot::Later(at, cue) => self.agenda.enter(at, cue),
                    Upshot::Hears { sound, .. } => self.heard.push(sound.name.to_string()),
                }
            }
        }

        fn run_until(&mut self, until: Moment) {
            while self.agenda.next().is_some_and(|at| at <= until) {
                let Some((at, cue)) = self.agenda.take() else { break };
                self.now = at;
                let mut out = Vec::new();
                match cue {
                    Cue::Sound { leg, play, index } => self.shards.sound(leg, play, index, at, &mut self.rng, &mut out),
                    Cue::Report(report) => self.told.push(report),
                }
                self.settle(out);
            }
            self.now = until;
        }
    }

    fn stream() -> Stream {
        let remote = "127.0.0.2:4000".parse().expect("an address");
        Stream {
            remote,
            source: SourceRule::Signalled,
            codec: crate::media::Codec::Pcma,
            send_payload_type: 8,
            receive: crate::media::PayloadTypes::only(crate::media::Codec::Pcma, 8),
            send_event_type: Some(101),
            receive_event_type: Some(101),
            sending: true,
            receiving: true,
            ssrc: 1,
            first_sequence: 0,
            first_timestamp: 0,
        }
    }

    fn open(leg: LegId) -> Command {
        Command::Open { leg, local: "127.0.0.1:16384".parse().expect("an address") }
    }

    fn play(leg: LegId, play: u64, names: &[&str], repeat: bool) -> Command {
        let sound = |name: &&str| Sound { language: "pl".into(), name: (*name).into() };
        Command::Play { leg, play: PlayId(play), sounds: names.iter().map(sound).collect(), repeat }
    }

    const LEG: LegId = LegId(7);

    fn seconds(seconds: i64) -> Moment {
        Moment::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_play_is_heard_sound_by_sound_and_reported_at_its_end_only() {
        let mut stage = Stage::new(0);
        stage.command(open(LEG));
        stage.command(Command::Connect { leg: LEG, stream: stream() });
        stage.command(play(LEG, 1, &["welcome", "menu"], false));
        stage.run_until(seconds(7));
        assert_eq!(stage.told, [Report::Opened { leg: LEG }]);
        stage.run_until(seconds(9));
        assert_eq!(stage.heard, ["welcome", "menu"]);
        assert_eq!(stage.told[1..], [Report::Played { leg: LEG, play: PlayId(1) }]);
    }

    #[test]
    fn a_play_that_was_replaced_is_never_reported() {
        let mut stage = Stage::new(0);
        stage.command(open(LEG));
        stage.command(play(LEG, 1, &["welcome"], false));
        stage.run_until(seconds(1));
        stage.command(play(LEG, 2, &["missing"], false));
        stage.run_until(seconds(20));
        let missing = Sound { language: "pl".into(), name: "missing".into() };
        let expected = [Report::SoundMissing { leg: LEG, sound: missing }, Report::Played { leg: LEG, play: PlayId(2) }];
        assert_eq!(stage.told[1..], expected);
    }

    #[test]
    fn a_port_in_use_is_said_at_once_and_a_leg_without_a_stream_hears_no_key() {
        let mut stage = Stage::new(1000);
        stage.command(open(LEG));
        assert!(matches!(stage.told[..], [Report::OpenFailed { leg: LEG, .. }]));
        let mut stage = Stage::new(0);
        stage.command(open(LEG));
        let (from, to) = (stream().remote, "127.0.0.1:16384".parse().expect("an address"));
        let mut out = Vec::new();
        stage.shards.press(from, to, '1', stage.now, &mut stage.rng, &mut out);
        assert!(out.is_empty());
        stage.command(Command::Connect { leg: LEG, stream: stream() });
        stage.shards.press(from, to, '1', stage.now, &mut stage.rng, &mut out);
        assert!(matches!(out[..], [Upshot::Later(_, Cue::Report(Report::Digit { digit: '1', .. }))]));
    }
}
