//! One master polling one server, as plants do all day.

use super::packet::Endpoint;
use super::pdu;
use super::prng::{Rng, mix};
use std::ops::RangeInclusive;

/// How a master numbers its transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// One up each time.
    Counting,
    /// Always the same, as simple masters do.
    Constant,
}

/// A block of data read again and again.
#[derive(Clone, Copy, Debug)]
struct Poll {
    function: u8,
    address: u16,
    quantity: u16,
}

/// A request and the answer that a device gives it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Transaction identifier.
    pub trans_id: u16,
    /// Unit identifier.
    pub unit: u8,
    /// The query's PDU.
    pub request: Vec<u8>,
    /// The answer's PDU.
    pub reply: Vec<u8>,
}

/// One master polling one server.
#[derive(Clone, Debug)]
pub struct Station {
    /// The master, without the port of the moment.
    pub client: Endpoint,
    /// The server, or the gateway to several.
    pub server: Endpoint,
    /// The units behind the server.
    pub units: RangeInclusive<u8>,
    /// How transactions are numbered.
    pub numbering: Numbering,
    /// Whether the master asks for the device's identification now and then.
    pub identifies: bool,
    polls: Vec<Poll>,
    turn: usize,
    trans_id: u16,
    character: u64,
}

impl Station {
    /// A station with a poll table of its own.
    #[must_use]
    pub fn new(client: Endpoint, server: Endpoint, units: RangeInclusive<u8>, rng: &mut Rng) -> Self {
        let functions = [(58, 3), (26, 4), (8, 1), (8, 2)];
        let polls = (0..8).map(|_| poll(rng.weighted(&functions, 3), rng)).collect();
        // One master in ten does not number its transactions.
        let numbering = if rng.chance(0.1) { Numbering::Constant } else { Numbering::Counting };
        let trans_id = if numbering == Numbering::Constant { 0 } else { rng.bits() as u16 };
        Self { client, server, units, numbering, identifies: false, polls, turn: 0, trans_id, character: rng.bits() }
    }

    /// Whether several units answer behind the server, each at its own speed.
    #[must_use]
    pub fn is_gateway(&self) -> bool {
        self.units.start() != self.units.end()
    }

    /// The next request of the round, or now and then a write, with its answer.
    pub fn next(&mut self, rng: &mut Rng) -> Exchange {
        if self.numbering == Numbering::Counting {
            self.trans_id = self.trans_id.wrapping_add(1);
        }
        let unit = rng.between(u16::from(*self.units.start()), u16::from(*self.units.end())) as u8;
        let (request, reply) = if self.identifies && rng.chance(0.01) {
            identification()
        } else if rng.chance(0.9) {
            self.poll(rng)
        } else {
            self.operate(rng)
        };
        Exchange { trans_id: self.trans_id, unit, request, reply }
    }

    fn poll(&mut self, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
        self.turn = (self.turn + 1) % self.polls.len();
        let Poll { function, address, quantity } = self.polls[self.turn];
        (pdu::read(function, address, quantity), self.read_answer(function, address, quantity, rng))
    }

    /// What operators and control programs do beside polling.
    fn operate(&self, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
        let function = rng.weighted(&[(34, 6), (30, 16), (16, 5), (8, 15), (6, 23), (4, 22)], 6);
        let address = 100 + rng.between(0, 15) * 4;
        let request = match function {
            5 => pdu::write_coil(address, rng.chance(0.5)),
            15 => {
                let coils: Vec<bool> = (0..rng.between(2, 12)).map(|_| rng.chance(0.5)).collect();
                pdu::write_coils(address, &coils)
            }
            16 => {
                let values: Vec<u16> = (0..rng.between(1, 8)).map(|at| self.value(address + at, rng)).collect();
                pdu::write_registers(address, &values)
            }
            22 => pdu::words(22, &[address, !(1 << rng.between(0, 15)), 0]),
            23 => {
                let request = pdu::read_write(address, 4, address + 200, &[self.value(address + 200, rng)]);
                return (request, self.read_answer(23, address, 4, rng));
            }
            _ => pdu::write_register(address, self.value(address, rng)),
        };
        let reply = if function == 22 { request.clone() } else { pdu::echo(&request) };
        (request, reply)
    }

    fn read_answer(&self, function: u8, address: u16, quantity: u16, rng: &mut Rng) -> Vec<u8> {
        let addresses = address..address + quantity;
        if function <= 2 {
            let bits: Vec<bool> = addresses.map(|address| self.value(address, rng) % 2 == 1).collect();
            return pdu::bits(function, &bits);
        }
        let values: Vec<u16> = addresses.map(|address| self.value(address, rng)).collect();
        pdu::registers(function, &values)
    }

    /// A register's value: its own level, and a little noise.
    fn value(&self, address: u16, rng: &mut Rng) -> u16 {
        let level = mix(self.character ^ u64::from(address)) % 4_000;
        level as u16 + rng.between(0, 7)
    }
}

/// What an asset list needs to know of a device.
fn identification() -> (Vec<u8>, Vec<u8>) {
    let objects = [(0, "Plant Works"), (1, "PW-1200"), (2, "2.14")];
    (pdu::device_id(1, 0), pdu::device_id_answer(1, &objects))
}

fn poll(function: u8, rng: &mut Rng) -> Poll {
    let sizes: &[(u32, u16)] = if function <= 2 {
        &[(1, 8), (2, 16), (1, 30), (1, 64), (1, 100)]
    } else {
        &[(4, 1), (6, 2), (4, 4), (6, 8), (8, 10), (6, 20), (4, 40), (1, 115), (1, 125)]
    };
    Poll { function, address: rng.between(0, 2_000), quantity: rng.weighted(sizes, 8) }
}
