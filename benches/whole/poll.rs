//! A poll that goes on and on over one connection, with a write now and then that somebody must be told of.

use super::generator::file::Format;
use super::generator::packet::Endpoint;
use super::generator::pdu;
use super::generator::wire::Wire;
use sigmabus::capture::{self, Batch, Opened};
use std::io::Cursor;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The register whose writes are told.
pub const TOLD: u16 = 50_007;

/// So many of them a second, whatever the rate.
const TOLD_EACH_SECOND: u32 = 500;

/// The frames of so many messages, one in each, after those of a handshake.
///
/// # Errors
/// None: it is written to memory.
pub fn frames(rate: u32, spell: Duration) -> anyhow::Result<Vec<Batch>> {
    let endpoint = |ip: [u8; 4], port| Endpoint::new(Ipv4Addr::from(ip), port);
    let mut wire = Wire::new(Vec::new(), Format::default(), None, Duration::from_secs(1_700_000_000))?;
    let mut connection = wire.connect(endpoint([10, 0, 0, 1], 40_000), endpoint([10, 0, 0, 2], 502))?;
    let between = rate / TOLD_EACH_SECOND;
    let write = pdu::words(6, &[TOLD, 1]);
    let (read, answer) = (pdu::read(3, 100, 10), pdu::registers(3, &[7; 10]));
    for number in 0..rate * spell.as_secs() as u32 / 2 {
        let told = number.is_multiple_of(between.max(2) / 2);
        let (query, reply) = if told { (&write, &write) } else { (&read, &answer) };
        wire.exchange(&mut connection, number as u16, 1, (query, reply))?;
    }
    let Opened::Capture(mut source) = capture::open(Box::new(Cursor::new(wire.finish()?)))? else {
        anyhow::bail!("the generator writes captures")
    };
    let mut batches = Vec::new();
    loop {
        let mut batch = Batch::new();
        source.fill(&mut batch)?;
        if batch.is_empty() {
            return Ok(batches);
        }
        batches.push(batch);
    }
}

/// When the frames of a run are due: evenly, from its beginning on.
#[derive(Clone, Copy, Debug)]
pub struct Timetable {
    /// When the first is due, in nanoseconds of the clock on the wall.
    pub begin: i64,
    /// From one to the next, in nanoseconds.
    pub step: i64,
}

impl Timetable {
    /// When this frame is due.
    pub const fn due(self, number: u64) -> i64 {
        self.begin + self.step * number as i64
    }
}
