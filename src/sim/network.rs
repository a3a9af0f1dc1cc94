//! The network between the exchange and everybody else: it loses, doubles, delays and reorders, each way with its own
//! weather, and is cut for a while now and then.
//!
//! Datagrams may suffer all of that. Streams (TCP) only suffer delay: what is lost there is sent again by the kernel, so a
//! cut holds their bytes back until it is over. Invariant: every decision comes from the world's seed, and a stream's messages
//! keep their order.

use crate::id::Rng;
use crate::time::{Duration, Moment};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What happens to datagrams on their way in one direction. Shares are per thousand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    pub loss: u32,
    pub duplication: u32,
    /// Datagrams that take `detour` longer and so arrive after those sent later.
    pub reordering: u32,
    pub detour: Duration,
    pub delay: Duration,
    /// Added to `delay`, evenly between nothing and this.
    pub jitter: Duration,
}

impl Weather {
    /// Nothing is lost, all takes one millisecond.
    pub const CALM: Weather = Weather {
        loss: 0,
        duplication: 0,
        reordering: 0,
        detour: Duration::ZERO,
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
    };

    /// A bad line: 5 % lost, 1 % doubled, 3 % overtaken, 5 to 35 ms of delay.
    pub const ROUGH: Weather = Weather {
        loss: 50,
        duplication: 10,
        reordering: 30,
        detour: Duration::from_millis(120),
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(30),
    };

    /// Never less than this on the way, and never more but for cuts.
    pub fn slowest(&self) -> Duration {
        self.delay + self.jitter + self.detour
    }
}

/// A time in which nothing passes between two addresses, either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    pub from: Moment,
    pub until: Moment,
    /// Who is cut off; `None` cuts everybody.
    pub whom: Option<SocketAddr>,
}

/// When one datagram arrives: never, once, or twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Arrivals {
    pub first: Option<Moment>,
    pub second: Option<Moment>,
}

/// What happened to everything that was sent, for the report of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    pub sent: u64,
    pub lost: u64,
    pub doubled: u64,
    pub overtaken: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.overtaken += other.overtaken;
    }
}

#[derive(Clone, Debug)]
pub struct Network {
    /// From everybody to the exchange.
    pub inbound: Weather,
    /// From the exchange to everybody.
    pub outbound: Weather,
    cuts: Vec<Cut>,
    /// For streams: when the last message of each direction arrives, so that none overtakes it.
    streams: BTreeMap<(SocketAddr, SocketAddr), Moment>,
    tally: Tally,
}

impl Network {
    pub fn new(inbound: Weather, outbound: Weather) -> Network {
        Network { inbound, outbound, cuts: Vec::new(), streams: BTreeMap::new(), tally: Tally::default() }
    }

    pub fn cut(&mut self, cut: Cut) {
        self.cuts.push(cut);
    }

    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The end of the cut that separates `one` from `other` now.
    pub fn cut_until(&self, one: SocketAddr, other: SocketAddr, now: Moment) -> Option<Moment> {
        let severs = |cut: &&Cut| cut.whom.is_none_or(|whom| whom == one || whom == other);
        self.cuts.iter().filter(|cut| cut.from <= now && now < cut.until).filter(severs).map(|cut| cut.until).max()
    }

    /// The fate of one datagram.
    pub fn datagram(&mut self, inbound: bool, from: SocketAddr, to: SocketAddr, now: Moment, rng: &mut Rng) -> Arrivals {
        let weather = if inbound { self.inbound } else { self.outbound };
        self.tally.sent += 1;
        let lost = rng.chance(weather.loss);
        let overtaken = rng.chance(weather.reordering);
        let doubled = rng.chance(weather.duplication);
        let travel = weather.delay + draw(weather.jitter, rng);
        if lost || self.cut_until(from, to, now).is_some() {
            self.tally.lost += 1;
            return Arrivals::default();
        }
        let detour = if overtaken { weather.detour } else { Duration::ZERO };
        self.tally.overtaken += u64::from(overtaken);
        self.tally.doubled += u64::from(doubled);
        let second = doubled.then(|| now + weather.delay + draw(weather.jitter + weather.detour, rng));
        Arrivals { first: Some(now + travel + detour), second }
    }

    /// When one message on a stream arrives: after all that were sent before it.
    pub fn stream(&mut self, inbound: bool, from: SocketAddr, to: SocketAddr, now: Moment, rng: &mut Rng) -> Moment {
        let weather = if inbound { self.inbound } else { self.outbound };
        self.tally.sent += 1;
        let leaves = self.cut_until(from, to, now).unwrap_or(now);
        let last = self.streams.entry((from, to)).or_insert(Moment::ZERO);
        *last = (leaves + weather.delay + draw(weather.jitter, rng)).max(*last);
        *last
    }
}

/// Evenly between nothing and `most`.
pub fn draw(most: Duration, rng: &mut Rng) -> Duration {
    let micros = u32::try_from(most.as_micros()).unwrap_or(u32::MAX - 1);
    Duration::from_micros(u64::from(rng.below(micros + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn as_much_is_lost_and_doubled_as_the_weather_says() {
        let mut network = Network::new(Weather::ROUGH, Weather::CALM);
        let mut rng = Rng::from_seed(1);
        let (phone, exchange) = (address("127.0.0.2:5060"), address("127.0.0.1:5060"));
        for _ in 0..20_000 {
            network.datagram(true, phone, exchange, Moment::ZERO, &mut rng);
        }
        let Tally { sent, lost, doubled, overtaken } = network.tally();
        assert_eq!(sent, 20_000);
        assert!((900..1100).contains(&lost), "{lost} of {sent} lost");
        assert!((150..250).contains(&doubled), "{doubled} of {sent} doubled");
        assert!((500..700).contains(&overtaken), "{overtaken} of {sent} overtaken");
        network.datagram(false, exchange, phone, Moment::ZERO, &mut rng);
        assert_eq!(network.tally().lost, lost, "the calm direction loses nothing");
    }

    #[test]
    fn a_cut_takes_datagrams_and_delays_streams_and_spares_others() {
        let mut network = Network::new(Weather::CALM, Weather::CALM);
        let mut rng = Rng::from_seed(1);
        let (phone, other, exchange) = (address("127.0.0.2:5060"), address("127.0.0.3:5060"), address("127.0.0.1:5060"));
        let (from, until) = (Moment::from_nanos(10), Moment::from_nanos(1_000));
        network.cut(Cut { from, until, whom: Some(phone) });
        let mut arrives = |who, at| network.datagram(true, who, exchange, at, &mut rng).first.is_some();
        assert!(arrives(phone, Moment::ZERO) && !arrives(phone, from) && arrives(other, from) && arrives(phone, until));
        let late = network.stream(true, phone, exchange, from, &mut rng);
        assert!(late > until);
    }

    #[test]
    fn messages_on_a_stream_never_overtake_each_other() {
        let mut network = Network::new(Weather::ROUGH, Weather::ROUGH);
        let mut rng = Rng::from_seed(3);
        let (phone, exchange) = (address("127.0.0.2:5060"), address("127.0.0.1:5060"));
        let mut last = Moment::ZERO;
        for step in 0..1000 {
            let arrival = network.stream(true, phone, exchange, Moment::from_nanos(step * 1_000_000), &mut rng);
            assert!(arrival >= last);
            last = arrival;
        }
    }
}
