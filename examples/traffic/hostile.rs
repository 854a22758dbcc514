//! A capture that fills every table of a reader: nothing in it is an attack on anybody but who reads it.

use super::file::Format;
use super::packet::{ACK, Endpoint, PSH};
use super::pdu;
use super::wire::{Connection, Side, Wire};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

/// More conversations, each between other hosts, than a reader may know at once.
pub const CONNECTIONS: u32 = 70_000;
/// Long requests that nobody answers, in each of them.
const REQUESTS: u16 = 4;
/// Segments behind holes that nothing fills.
const HELD: u32 = 60_000;
/// Fragments of as many packets, whose rest never comes.
const FRAGMENTS: u32 = 2_000;

/// Writes it to `out`.
///
/// # Errors
/// What `out` says.
pub fn write<W: Write>(out: W) -> io::Result<W> {
    let mut wire = Wire::new(out, Format::default(), None, Duration::from_secs(1_700_000_000))?;
    wire.pace = Duration::from_micros(50);
    let long = pdu::write_registers(0, &[0x4142; 120]);
    let requests: Vec<u8> = (0..REQUESTS).flat_map(|trans_id| pdu::adu(trans_id, 1, &long)).collect();
    let start = pdu::adu(9, 1, &long);
    let start = start.get(..start.len() - 1).unwrap_or_default();
    for number in 0..CONNECTIONS {
        let mut line = line(number);
        wire.send(&mut line, Side::Client, &[&requests, start].concat())?;
        wire.send(&mut line, Side::Server, start)?;
    }
    for number in (0..CONNECTIONS).rev().take(HELD as usize) {
        wire.place(&mut line(number), Side::Client, 9_000, PSH | ACK, start)?;
        wire.advance(wire.pace);
    }
    for number in 0..FRAGMENTS {
        wire.fragment(host(number), server(), 64_000, &[0; 64])?;
        wire.advance(wire.pace);
    }
    wire.finish()
}

/// A connection that is under way.
fn line(number: u32) -> Connection {
    Connection::new(host(number), server(), (1_000, 1_000))
}

fn host(number: u32) -> Endpoint {
    Endpoint::new(Ipv4Addr::from_bits(0x0A00_0000 | number), 40_000)
}

fn server() -> Endpoint {
    Endpoint::new(Ipv4Addr::new(192, 0, 2, 20), 502)
}
