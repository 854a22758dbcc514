//! Modbus on ports that nobody told: found by an exchange that leaves no doubt.
//!
//! A segment that is exactly one ADU of a public function is kept; when the other end acknowledges it with a segment
//! that is exactly one ADU of the same transaction, unit and function, the two are Modbus, and so is the conversation
//! from there on. Nothing of it is lost that came since.

use super::flows::{Key, Route};
use super::tcp::Segment;
use super::{Carrier, Counters, Direction};
use crate::time::Span;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

/// How many segments a shard keeps that may be queries; a newer one takes the place of an older one.
const CELLS: usize = 64;
/// The longest ADU (MODBUS Messaging on TCP/IP V1.0b, 4.3.2).
const ADU_MAX: usize = 260;
/// How long an answer is waited for.
const PATIENCE: Span = Span::from_secs(30);

/// What tells one transaction from others, from a segment that is one ADU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Transaction {
    id: u16,
    unit: u8,
    function: u8,
}

/// A segment that may be a query.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) route: Route,
    pub(super) carrier: Carrier,
    transaction: Transaction,
    numbers: (u32, u32),
    bytes: [u8; ADU_MAX],
    len: usize,
}

impl Query {
    /// The segment that it was.
    pub(super) fn segment(&self) -> Segment<'_> {
        Segment::of_data(self.numbers, self.bytes.get(..self.len).unwrap_or_default())
    }
}

/// The segments of a shard that may be queries, and how many conversations were found by them.
#[derive(Debug, Default)]
pub(super) struct Probe {
    /// Empty until the first segment is kept.
    cells: Vec<Option<Box<Query>>>,
    /// How many conversations on other ports are followed.
    pub(super) followed: usize,
}

impl Probe {
    /// Looks at a segment of another port. Gives the query before it if it proves it one.
    pub(super) fn look(
        &mut self,
        route: &Route,
        segment: &Segment<'_>,
        carrier: &Carrier,
        counters: &mut Counters,
    ) -> Option<Box<Query>> {
        let bytes = segment.whole_data()?;
        let cell = cell(&route.key);
        if let Some(place @ Some(_)) = self.cells.get_mut(cell)
            && place.as_ref().is_some_and(|query| is_proof(query, route, segment, carrier))
        {
            return place.take();
        }
        let transaction = transaction(bytes, Direction::ToServer)?;
        if self.cells.is_empty() {
            self.cells.resize_with(CELLS, || None);
        }
        let place = self.cells.get_mut(cell)?;
        let query = Query {
            route: *route,
            carrier: *carrier,
            transaction,
            numbers: segment.numbers(),
            bytes: [0; ADU_MAX],
            len: bytes.len(),
        };
        let query = match place {
            Some(old) => {
                let waits = carrier.time.since(old.carrier.time) <= PATIENCE;
                counters.queries_displaced += u64::from(waits && old.route.key != route.key);
                **old = query;
                old
            }
            None => place.insert(Box::new(query)),
        };
        query.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        None
    }
}

/// Where a conversation's query is kept. Which others it displaces must not change between runs.
fn cell(key: &Key) -> usize {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    (hasher.finish() >> 32) as usize % CELLS
}

/// Whether a segment answers the query.
fn is_proof(query: &Query, route: &Route, segment: &Segment<'_>, carrier: &Carrier) -> bool {
    let answer = segment.whole_data().and_then(|bytes| transaction(bytes, Direction::ToClient));
    let end = query.numbers.0.wrapping_add(query.len as u32);
    let pause = carrier.time.since(query.carrier.time);
    query.route.key == route.key
        && query.route.from != route.from
        && answer == Some(query.transaction)
        && segment.numbers().1 == end
        && (Span::ZERO..=PATIENCE).contains(&pause)
}

/// The transaction of bytes that are exactly one ADU of a public function or of UMAS, as far as a glance can tell.
fn transaction(bytes: &[u8], direction: Direction) -> Option<Transaction> {
    let [t0, t1, 0, 0, l0, l1, unit, function_code, ..] = *bytes else { return None };
    if bytes.len() > ADU_MAX || usize::from(u16::from_be_bytes([l0, l1])) != bytes.len() - 6 {
        return None;
    }
    let function = function_code & 0x7F;
    let is_public = matches!(function, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43 | 90);
    let fits = match (direction, function_code) {
        (Direction::ToServer, 1..=6) => bytes.len() == 12,
        (Direction::ToServer, 0x80..) => false,
        (Direction::ToClient, 0x80..) => bytes.len() == 9,
        _ => true,
    };
    (is_public && fits).then_some(Transaction { id: u16::from_be_bytes([t0, t1]), unit, function })
}

#[cfg(test)]
mod tests {
    use super::CELLS;
    use crate::net::testing::Host::{Client, Server};
    use crate::net::testing::{ACK, FIN, Wire, ipv4, tcp};
    use crate::net::{Config, SHARDS};

    /// Nobody told port 502.
    fn wire() -> Wire {
        Wire::with(&Config { ports: vec![1], ..Config::default() })
    }

    const QUERY: &str = "\0\x07\0\0\0\x06\x01\x03\0\0\0\x01";
    const ANSWER: &str = "\0\x07\0\0\0\x05\x01\x03\x02\0\x09";

    #[test]
    fn an_exchange_proves_a_conversation_and_nothing_of_it_is_lost() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), QUERY);
        wire.segment(Client, ACK, (113, 501), "");
        assert!(wire.told().is_empty());
        wire.segment(Server, ACK, (501, 113), ANSWER);
        let told = wire.told();
        assert_eq!(told, ["1> 1 open", &format!("1> 1 data {QUERY}"), &format!("1< 3 data {ANSWER}")]);
        wire.segment(Client, ACK, (113, 512), "anything");
        assert_eq!(wire.told(), ["1> 4 data anything"]);
        wire.segment(Server, FIN | ACK, (512, 121), "");
        wire.segment(Client, FIN | ACK, (121, 513), "");
        assert_eq!(wire.told(), ["1> 6 close"]);
        assert_eq!((wire.counters().found_elsewhere, wire.counters().other_port), (1, 2));
    }

    #[test]
    fn less_than_an_exchange_proves_nothing() {
        let exception = "\0\x07\0\0\0\x04\x01\x03\x02\x02";
        for (ack, answer) in [
            (113, ANSWER.replace('\x07', "\x08")),
            (113, ANSWER.replace("\x01\x03", "\x02\x03")),
            (113, ANSWER.replace("\x01\x03", "\x01\x04")),
            (113, format!("{ANSWER}.")),
            (112, ANSWER.to_owned()),
            (113, String::new()),
        ] {
            let mut wire = wire();
            wire.segment(Client, ACK, (101, 501), QUERY);
            wire.segment(Server, ACK, (501, ack), &answer);
            assert!(wire.told().is_empty(), "{ack} {answer:?}");
        }
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), QUERY);
        wire.segment(Client, ACK, (501, 113), exception);
        assert!(wire.told().is_empty(), "an answer comes from the other end");
        wire.segment(Client, ACK, (101, 501), QUERY);
        wire.now = 31;
        wire.segment(Server, ACK, (501, 113), ANSWER);
        assert!(wire.told().is_empty(), "too late");
    }

    #[test]
    fn a_flood_of_queries_displaces_queries_only() {
        let mut wire = wire();
        for port in 1_000..3_000 {
            wire.send(&ipv4(Client, 6, 1, 0, &tcp(Client, port, ACK, (101, 501), QUERY.as_bytes())));
        }
        wire.segment(Client, ACK, (101, 501), QUERY);
        wire.segment(Server, ACK, (501, 113), ANSWER);
        assert_eq!(wire.told().len(), 3);
        assert_eq!(wire.counters().other_port, 2_001);
        // Each took the place of another, but for the first ones.
        assert!((2_001 - SHARDS * CELLS..2_001).contains(&(wire.counters().queries_displaced as usize)));
    }
}
