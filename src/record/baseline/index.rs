//! A frozen baseline, laid out for what nearly every message asks: is all of this usual?
//!
//! One look-up finds what is known of a client and a server, a second one their function with the addresses that it
//! reads and writes; the rest are a few compares. The answer is yes only where that is sure. Otherwise the
//! [`Baseline`] itself is asked, which alone tells what is new.

use super::act::{Act, Area};
use super::book::{Baseline, Book};
use super::period::{Period, Query, Steps};
use super::{Device, Kind, Mac, Pair, Region, Touch};
use crate::modbus::Function;
use crate::time::Span;
use std::net::IpAddr;

/// What is known, by pair, then by function.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    peers: Book<Pair, Peer>,
    /// What each function of a peer reads and writes.
    functions: Book<Asked, [Reach; Touch::ALL.len()]>,
    /// The addresses of all reaches: first and last ones, in order within each.
    ranges: Vec<(u16, u16)>,
    judges_addresses: bool,
    judges_macs: bool,
}

/// What the index says of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// All of it is usual.
    Usual,
    /// Something may be new; the period of its question, if that is judged.
    Unsure(Option<Span>),
}

/// A client and a server.
#[derive(Clone, Debug, Default)]
struct Peer {
    /// Its number, if the pair is known; otherwise only a question of it is.
    number: Option<u32>,
    question: Option<Question>,
    /// The hardware addresses that the client and the server had last, of those that are known.
    macs: [Option<Mac>; 2],
}

/// The question whose period is judged, with its last steps.
#[derive(Clone, Debug)]
struct Question {
    query: Query,
    steps: Steps,
    periods: Box<[Period]>,
}

/// A function that a peer asks a unit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Asked {
    peer: u32,
    /// Unit identifier and function code.
    what: u16,
}

/// Some of the ranges.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    start: u32,
    count: u32,
}

impl Index {
    /// Of what is known.
    pub(super) fn new(known: &Baseline) -> Self {
        let mut index = Self {
            judges_addresses: known.count(Kind::Address) > 0,
            judges_macs: known.count(Kind::Mac) > 0,
            ..Self::default()
        };
        for (number, pair) in (0..).zip(known.pairs()) {
            index.peers.entry(*pair).or_default().number = Some(number);
        }
        for (pair, query) in known.frequent_queries() {
            let periods = known.periods_of(pair, query).collect();
            index.peers.entry(pair).or_default().question = Some(Question { query, steps: Steps::default(), periods });
        }
        let regions: Book<Region, Reach> =
            known.regions().map(|(region, ranges)| (*region, index.reach(ranges))).collect();
        for (pair, unit, function) in known.functions() {
            let Some(peer) = index.peers.get(pair).and_then(|peer| peer.number) else { continue };
            let device = Device { server: pair.server, unit: *unit };
            let table = Function::of(*function).table;
            let reach = |(touch, _)| regions.get(&Region { device, table, touch }).copied().unwrap_or_default();
            index.functions.insert(Asked::new(peer, *unit, *function), Touch::ALL.map(reach));
        }
        index
    }

    /// Appends ranges, those that overlap or touch as one.
    fn reach(&mut self, mut ranges: Vec<(u16, u16)>) -> Reach {
        ranges.sort_unstable();
        let start = self.ranges.len();
        for (first, last) in ranges {
            match self.ranges.get_mut(start..).and_then(<[_]>::last_mut) {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => self.ranges.push((first, last)),
            }
        }
        Reach { start: start as u32, count: (self.ranges.len() - start) as u32 }
    }

    /// Looks whether all of an act is usual by what is `known`, and takes a step of its question.
    pub(super) fn look(&mut self, known: &Baseline, act: &Act<'_>) -> Look {
        let Some(peer) = self.peers.get_mut(&act.pair) else { return Look::Unsure(None) };
        let span = peer.step(act);
        let mac = act.mac.filter(|_| self.judges_macs);
        let holds_values = || act.device().is_none_or(|device| known.holds_values(device, act.values));
        let usual = span.is_none_or(|span| !peer.excludes(span))
            && mac.is_none_or(|(host, mac)| peer.has_mac(known, (act.pair, host), mac))
            && (act.values.is_empty() || holds_values());
        let number = peer.number;
        if usual && (!act.asks || self.reaches(number, act)) { Look::Usual } else { Look::Unsure(span) }
    }

    /// Whether a peer asks for this function, at these addresses.
    fn reaches(&self, peer: Option<u32>, act: &Act<'_>) -> bool {
        let (Some(peer), Some((unit, function))) = (peer, act.asked) else { return false };
        let Some(reaches) = self.functions.get(&Asked::new(peer, unit, function)) else { return false };
        let [reads, writes] = reaches;
        let holds = |area: &Area| {
            let reach = if area.touch == Touch::Read { reads } else { writes };
            area.table == Function::of(function).table && self.holds(*reach, area.first, area.last)
        };
        !self.judges_addresses || act.areas.iter().all(holds)
    }

    fn holds(&self, reach: Reach, first: u16, last: u16) -> bool {
        let start = reach.start as usize;
        let ranges = self.ranges.get(start..start + reach.count as usize).unwrap_or_default();
        let range = ranges.get(ranges.partition_point(|(_, end)| *end < first));
        range.is_some_and(|(start, end)| *start <= first && last <= *end)
    }
}

impl Peer {
    /// The period of the act's question, if it is the one that counts.
    fn step(&mut self, act: &Act<'_>) -> Option<Span> {
        let question = self.question.as_mut()?;
        if act.query? == question.query { question.steps.step(act.time) } else { None }
    }

    fn excludes(&self, span: Span) -> bool {
        self.question.as_ref().is_some_and(|question| question.periods.iter().all(|period| period.excludes(span)))
    }

    /// Whether a host has a hardware address. A host may have several, and seldom changes between them.
    fn has_mac(&mut self, known: &Baseline, (pair, host): (Pair, IpAddr), mac: Mac) -> bool {
        let [client, server] = &mut self.macs;
        let last = if host == pair.client { client } else { server };
        if *last == Some(mac) {
            return true;
        }
        let is_known = known.has_mac(host, mac);
        if is_known {
            *last = Some(mac);
        }
        is_known
    }
}

impl Asked {
    const fn new(peer: u32, unit: u8, function: u8) -> Self {
        Self { peer, what: u16::from_be_bytes([unit, function]) }
    }
}
