//! A whole plant: stations that poll, a network that disturbs them, attackers.

use super::attack::{Attack, Origin, Script, Step};
use super::file::Format;
use super::packet::Endpoint;
use super::pdu;
use super::prng::Rng;
use super::schedule::{Cause, Line, Network, Schedule};
use super::station::{Numbering, Station};
use super::truth::Truth;
use super::wire::{Side, Wire};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The Modbus port.
const PORT: u16 = 502;

/// First port of clients; they take turns through [`PORTS`] of them.
const FIRST_PORT: u16 = 20_000;
const PORTS: u64 = 40_000;

/// Devices answer within this time even where there is more.
const SLOWEST: Duration = Duration::from_millis(200);

/// Transactions for each second that capture time can show.
const RATES: RangeInclusive<f64> = 0.001..=100_000_000.0;

/// Most requests in one write.
const PIPELINE: u16 = 6;

/// Which addresses the plant has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
}

/// What to generate. Shares go from 0 to 1.
#[derive(Clone, Debug)]
pub struct Options {
    /// Same seed, same capture.
    pub seed: u64,
    /// Transactions of normal traffic; attacks come on top.
    pub transactions: u64,
    /// Stations, each on a connection of its own.
    pub connections: u32,
    /// Transactions before a station closes its connection and opens another.
    pub lifetime: u32,
    /// Transactions for each second of capture time.
    pub rate: f64,
    /// When the capture begins, since the epoch.
    pub start: Duration,
    /// Share of transactions that begin a write of several requests.
    pub pipeline: f64,
    /// Share of requests without answer.
    pub unanswered: f64,
    /// Share of requests answered by an exception.
    pub exceptions: f64,
    /// Share of stations that are gateways to several units.
    pub gateways: f64,
    /// What happens to segments on their way.
    pub network: Network,
    /// Attacks, spread evenly over the transactions.
    pub attacks: Vec<&'static Attack>,
    /// IPv4 or IPv6.
    pub addressing: Addressing,
    /// The 802.1Q tag of all frames.
    pub vlan: Option<u16>,
    /// The file.
    pub format: Format,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 7,
            transactions: 1_000,
            connections: 20,
            lifetime: 5_000,
            rate: 200.0,
            start: Duration::from_secs(1_700_000_000),
            pipeline: 0.03,
            unanswered: 0.001,
            exceptions: 0.001,
            gateways: 0.2,
            network: Network { cut: 0.01, reorder: 0.1, retransmit: 0.002, acknowledge: 0.02 },
            attacks: Vec::new(),
            addressing: Addressing::default(),
            vlan: None,
            format: Format::default(),
        }
    }
}

/// Writes a capture of the plant to `out`; memory depends on the connections, not on the transactions.
///
/// # Errors
/// What `out` says; [`io::ErrorKind::InvalidInput`] for options that mean nothing.
pub fn generate<W: Write>(out: W, options: &Options) -> io::Result<(W, Truth)> {
    if !RATES.contains(&options.rate) || options.connections == 0 {
        let message = format!("a plant has connections, and a rate from {} to {}", RATES.start(), RATES.end());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut plant = Plant::new(out, options)?;
    let mut attacks = options.attacks.iter().enumerate().peekable();
    let count = options.attacks.len() as u64;
    let mut done = 0;
    while done < options.transactions {
        // A tenth of the interval, so that a lone station never asks before its device was able to answer.
        let jitter = plant.rng.fraction() / 10.0;
        let at = plant.begin + plant.interval.mul_f64(done as f64 + jitter);
        plant.schedule.run(at)?;
        // Attack k of n begins in the middle of the k-th n-th of the run.
        while let Some((_, attack)) =
            attacks.next_if(|&(k, _)| (2 * k as u64 + 1) * options.transactions / (2 * count) <= done)
        {
            plant.attack(at, attack);
        }
        done += plant.turn(at, done, options.transactions - done);
    }
    // Those whose place lies inside the last write of several requests.
    for (_, attack) in attacks {
        plant.attack(plant.end, attack);
    }
    plant.finish()
}

/// A station with its connection.
#[derive(Debug)]
struct Desk {
    station: Station,
    line: Line,
    used: u32,
}

#[derive(Debug)]
struct Plant<'a, W> {
    options: &'a Options,
    schedule: Schedule<W>,
    rng: Rng,
    desks: Vec<Desk>,
    /// When polling begins.
    begin: Duration,
    /// The last moment of normal traffic so far.
    end: Duration,
    /// Between transactions of the whole plant.
    interval: Duration,
    /// What a device may take to answer: its station's next turn comes later.
    patience: Duration,
    opened: u64,
}

impl<'a, W: Write> Plant<'a, W> {
    fn new(out: W, options: &'a Options) -> io::Result<Self> {
        let interval = Duration::from_secs_f64(1.0 / options.rate);
        let patience = (interval * options.connections).min(SLOWEST).mul_f64(0.8);
        let gap = (patience / 20).min(Duration::from_micros(80));
        let wire = Wire::new(out, options.format.clone(), options.vlan, options.start)?;
        let mut plant = Self {
            options,
            schedule: Schedule::new(wire, options.seed, options.network, gap),
            rng: Rng::new(options.seed ^ 0x5165_6D61),
            desks: Vec::new(),
            begin: options.start,
            end: options.start,
            interval,
            patience,
            opened: 0,
        };
        plant.furnish();
        Ok(plant)
    }

    /// Sets up the stations and opens their connections within the first five seconds.
    fn furnish(&mut self) {
        let spacing = Duration::from_millis(1).min(Duration::from_secs(5) / self.options.connections);
        let masters = (self.options.connections / 25 + 1).min(8);
        for index in 0..self.options.connections {
            let client = self.host([10, 10, 10, (10 + index % masters) as u8], 0);
            let [.., high, middle, low] = (index + 1).to_be_bytes();
            let server = self.host([10, 20_u8.wrapping_add(high), middle, low], PORT);
            let units = if self.rng.chance(self.options.gateways) {
                1..=self.rng.between(4, 16) as u8
            } else {
                let unit = if self.rng.chance(0.4) { 255 } else { 1 };
                unit..=unit
            };
            let mut station = Station::new(client, server, units, &mut self.rng);
            // One server for each master: normal traffic must not look like a sweep.
            station.identifies = index < masters;
            let line = self.open(self.begin, client, server, None);
            self.desks.push(Desk { station, line, used: 0 });
            self.begin += spacing;
        }
        self.begin += Duration::from_millis(10);
        self.end = self.begin;
    }

    /// One station's turn: at most `left` transactions. Returns how many they were.
    fn turn(&mut self, at: Duration, done: u64, left: u64) -> u64 {
        let index = (done % self.desks.len() as u64) as usize;
        let at = self.reconnect(at, index);
        let Some(desk) = self.desks.get_mut(index) else { return left };
        let line = desk.line;
        let gateway = desk.station.is_gateway() && desk.station.numbering == Numbering::Counting;
        // Masters of gateways ask several units at once more often.
        let several = self.rng.chance(self.options.pipeline * if gateway { 5.0 } else { 1.0 });
        let count = if several { u64::from(self.rng.between(2, PIPELINE)).min(left) } else { 1 };
        let mut queries = Vec::new();
        let mut answers = Vec::new();
        for _ in 0..count {
            let Some(desk) = self.desks.get_mut(index) else { break };
            let exchange = desk.station.next(&mut self.rng);
            desk.used += 1;
            self.schedule.truth.query(&exchange.request);
            queries.extend_from_slice(&pdu::adu(exchange.trans_id, exchange.unit, &exchange.request));
            let Some(reply) = self.reply(&exchange.request, exchange.reply) else { continue };
            let reply = pdu::adu(exchange.trans_id, exchange.unit, &reply);
            if gateway {
                // The units behind a gateway answer each in its own time, so answers overtake each other.
                let latency = self.latency();
                self.schedule.write(at + latency, line, Side::Server, reply, None);
            } else {
                answers.push(reply);
            }
        }
        self.schedule.truth.pipelined += u64::from(count > 1);
        self.schedule.write(at, line, Side::Client, queries, None);
        if !answers.is_empty() {
            self.schedule.truth.pipelined += u64::from(answers.len() > 1);
            let latency = self.latency();
            self.schedule.write(at + latency, line, Side::Server, answers.concat(), None);
        }
        self.end = at + self.patience;
        count
    }

    /// Closes a connection that was used long enough and opens another; returns when it can be used.
    fn reconnect(&mut self, at: Duration, index: usize) -> Duration {
        let Some(desk) = self.desks.get(index).filter(|desk| desk.used >= self.options.lifetime.max(1)) else {
            return at;
        };
        let (client, server) = (desk.station.client, desk.station.server);
        // In a twentieth of a turn: the old connection's last answer is out, and the new one's answer will be in time.
        let pause = self.patience / 40;
        self.schedule.close(at, desk.line, None);
        let line = self.open(at + pause, client, server, None);
        if let Some(desk) = self.desks.get_mut(index) {
            (desk.line, desk.used) = (line, 0);
        }
        at + self.patience / 5
    }

    /// The answer as it comes: usually `reply`, sometimes an exception, rarely nothing.
    fn reply(&mut self, request: &[u8], reply: Vec<u8>) -> Option<Vec<u8>> {
        if self.rng.chance(self.options.unanswered) {
            self.schedule.truth.unanswered += 1;
            return None;
        }
        let reply = match request.first() {
            Some(&function) if self.rng.chance(self.options.exceptions) => {
                pdu::exception(function, self.rng.weighted(&[(4, 2), (2, 3), (1, 4), (3, 6), (3, 11)], 6))
            }
            _ => reply,
        };
        self.schedule.truth.answer(&reply);
        Some(reply)
    }

    /// How long a device takes: from a fifth of the patience to all of it, mostly short.
    fn latency(&mut self) -> Duration {
        let slowness = self.rng.fraction();
        self.patience.mul_f64(0.2 + 0.55 * slowness * slowness)
    }

    /// Puts an attack on the schedule.
    fn attack(&mut self, at: Duration, attack: &'static Attack) {
        let victim = self.rng.below(self.desks.len() as u32) as usize;
        let ordinal = self.schedule.truth.attacks.len() as u8;
        let rogue = self.host([10, 66, 6, 2 + ordinal % 250], 0);
        let client = match attack.origin {
            Origin::Rogue => rogue,
            Origin::Internet => self.host([203, 0, 113, 2 + ordinal % 250], 0),
            // The next device of the plant; where there is only one, an address that nobody polls.
            Origin::Device if victim + 1 == self.desks.len() && victim > 0 => Endpoint { port: 0, ..self.victim(0) },
            Origin::Device => Endpoint { port: 0, ..self.victim(victim + 1) },
            Origin::Master => self.master(victim),
        };
        let cause = self.schedule.blame(attack.name, client, self.victim(victim));
        let script = Script::of(attack, self.rng.bits());
        let mut play = Play { at, line: None, trans_id: 0, cause, rogue };
        for step in script.steps {
            self.step(&mut play, step, client, victim);
        }
        self.leave(&mut play);
    }

    fn step(&mut self, play: &mut Play, step: Step, client: Endpoint, victim: usize) {
        match step {
            Step::Wait(span) => play.at += span,
            Step::Connect(offset) => self.enter(play, client, self.victim(victim + offset)),
            Step::Master => self.enter(play, self.master(victim), self.victim(victim)),
            Step::Relay => {
                let relayed = Endpoint { mac: play.rogue.mac, ..self.victim(victim) };
                self.enter(play, client, relayed);
            }
            Step::Knock(offset) => {
                let client = self.port(client);
                self.schedule.knock(play.at, client, self.victim(victim + offset), play.cause);
            }
            Step::Exchange { trans_id, unit, request, reply, delay } => {
                let Some(line) = play.line else { return };
                play.trans_id = play.trans_id.wrapping_add(1);
                let trans_id = trans_id.unwrap_or(play.trans_id);
                self.schedule.truth.query(&request);
                self.schedule.write(play.at, line, Side::Client, pdu::adu(trans_id, unit, &request), play.cause);
                let Some(reply) = reply else {
                    self.schedule.truth.unanswered += 1;
                    return;
                };
                self.schedule.truth.answer(&reply);
                let answered = play.at + self.quick() + delay;
                self.schedule.write(answered, line, Side::Server, pdu::adu(trans_id, unit, &reply), play.cause);
            }
            Step::Answer { trans_id, unit, reply } => {
                let Some(line) = play.line else { return };
                self.schedule.truth.unsolicited += 1;
                self.schedule.truth.answer(&reply);
                self.schedule.write(play.at, line, Side::Server, pdu::adu(trans_id, unit, &reply), play.cause);
            }
            Step::Overwrite { unit, request } => {
                let Some(line) = play.line else { return };
                let bytes = pdu::adu(play.trans_id, unit, &request);
                self.schedule.overwrite(play.at, line, Side::Client, bytes, play.cause);
            }
            Step::Foreign(side, bytes) => {
                let Some(line) = play.line else { return };
                self.schedule.truth.foreign += 1;
                self.schedule.write(play.at, line, side, bytes, play.cause);
            }
        }
    }

    fn enter(&mut self, play: &mut Play, client: Endpoint, server: Endpoint) {
        self.leave(play);
        play.line = Some(self.open(play.at, client, server, play.cause));
        play.at += self.quick();
    }

    fn leave(&mut self, play: &mut Play) {
        if let Some(line) = play.line.take() {
            play.at += 2 * self.patience;
            self.schedule.close(play.at, line, play.cause);
            play.at += self.patience;
        }
    }

    fn finish(mut self) -> io::Result<(W, Truth)> {
        for index in 0..self.desks.len() {
            if let Some(desk) = self.desks.get(index) {
                self.schedule.close(self.end, desk.line, None);
            }
        }
        self.schedule.finish()
    }

    fn open(&mut self, at: Duration, client: Endpoint, server: Endpoint, cause: Cause) -> Line {
        let client = self.port(client);
        self.schedule.open(at, client, server, cause)
    }

    /// `client` with a port that was not used for long.
    const fn port(&mut self, client: Endpoint) -> Endpoint {
        self.opened += 1;
        Endpoint { port: FIRST_PORT + (self.opened % PORTS) as u16, ..client }
    }

    /// How long a device takes to answer an attacker, and a connection to stand.
    fn quick(&self) -> Duration {
        Duration::from_micros(900).min(self.patience / 2)
    }

    /// Who polls a server of the plant.
    fn master(&self, victim: usize) -> Endpoint {
        self.desks.get(victim).map_or_else(|| self.host([10, 10, 10, 10], 0), |desk| desk.station.client)
    }

    fn victim(&self, index: usize) -> Endpoint {
        // A scan goes on past the plant's servers, where nobody is.
        let plant = self.desks.len();
        match self.desks.get(index % plant.max(64)) {
            Some(desk) => desk.station.server,
            None => self.host([10, 20, 250, (index % 250) as u8], PORT),
        }
    }

    /// An address of the plant: in IPv6, below the prefix of local networks.
    fn host(&self, octets: [u8; 4], port: u16) -> Endpoint {
        let ip: IpAddr = match self.options.addressing {
            Addressing::V4 => Ipv4Addr::from(octets).into(),
            Addressing::V6 => {
                let [a, b, c, d] = octets.map(u16::from);
                Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, a << 8 | b, c << 8 | d).into()
            }
        };
        Endpoint::new(ip, port)
    }
}

/// An attack under way.
#[derive(Debug)]
struct Play {
    at: Duration,
    line: Option<Line>,
    trans_id: u16,
    cause: Cause,
    /// The attacker's machine in the plant, used or not.
    rogue: Endpoint,
}
