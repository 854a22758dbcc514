//! A capture that fills every table of a reader: nothing in it is an attack on anybody but who reads it.

use super::file::Format;
use super::packet::{ACK, Endpoint, PSH};
use super::pdu;
use super::wire::{Connection, Side, Wire};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

/// How much of everything there is.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Connections under way, each between other hosts. Both ends leave an ADU unfinished.
    pub connections: u32,
    /// Of these, how many have a segment behind a hole that nothing fills.
    pub held: u32,
    /// Packets with one fragment, whose rest never comes.
    pub fragments: u32,
    /// Segments between other ports that may be queries, each of other hosts. Nobody answers.
    pub elsewhere: u32,
    /// Conversations over UDP, each between other hosts.
    pub datagrams: u32,
}

impl Scale {
    /// More than a reader may keep.
    pub const FULL: Self =
        Self { connections: 70_000, held: 60_000, fragments: 2_000, elsewhere: 20_000, datagrams: 20_000 };

    /// A so-manyth of it: what one of as many shards gets.
    #[must_use]
    pub const fn part(self, parts: u32) -> Self {
        Self {
            connections: self.connections / parts,
            held: self.held / parts,
            fragments: self.fragments / parts,
            elsewhere: self.elsewhere / parts,
            datagrams: self.datagrams / parts,
        }
    }
}

/// Long requests in each connection and each UDP conversation that nobody answers.
pub const REQUESTS: u16 = 4;
/// Hardware addresses that one host sends from.
pub const MACS: u8 = 9;
/// How long the capture goes on at the end, in seconds and frames: longer than anybody waits for an answer.
const SILENCE: u32 = 70;

/// Writes it to `out`.
///
/// # Errors
/// What `out` says.
pub fn write<W: Write>(out: W, scale: Scale) -> io::Result<W> {
    let mut wire = Wire::new(out, Format::default(), None, Duration::from_secs(1_700_000_000))?;
    wire.pace = Duration::from_micros(50);
    let long = pdu::write_registers(0, &[0x4142; 120]);
    let requests: Vec<u8> = (0..REQUESTS).flat_map(|trans_id| pdu::adu(trans_id, 1, &long)).collect();
    let start = pdu::adu(9, 1, &long);
    let start = start.get(..start.len() - 1).unwrap_or_default();
    for number in 0..scale.connections {
        let mut line = line(number);
        wire.send(&mut line, Side::Client, &[&requests, start].concat())?;
        wire.send(&mut line, Side::Server, start)?;
    }
    for number in (0..scale.connections).rev().take(scale.held as usize) {
        wire.place(&mut line(number), Side::Client, 9_000, PSH | ACK, start)?;
        wire.advance(wire.pace);
    }
    for number in 0..scale.fragments {
        wire.fragment(host(0, number), server(502), 64_000, &[0; 64])?;
        wire.advance(wire.pace);
    }
    let query = pdu::adu(1, 1, &pdu::read(3, 0, 1));
    for number in 0..scale.elsewhere {
        let mut line = Connection::new(host(1, number), server(5_020), (1_000, 1_000));
        wire.send(&mut line, Side::Client, &query)?;
    }
    for number in 0..scale.datagrams {
        wire.datagram(host(2, number), server(502), &requests)?;
        wire.advance(wire.pace);
    }
    for mac in 0..MACS {
        let host = Endpoint { mac: [2, 0, 0, 0, 0, mac], ..host(3, 0) };
        wire.datagram(host, server(502), &query)?;
    }
    for _ in 0..SILENCE {
        wire.advance(Duration::from_secs(1));
        wire.datagram(host(3, 1), server(9), &[])?;
    }
    wire.finish()
}

/// A connection that is under way.
fn line(number: u32) -> Connection {
    Connection::new(host(0, number), server(502), (1_000, 1_000))
}

/// A host of one of a few networks.
fn host(network: u8, number: u32) -> Endpoint {
    Endpoint::new(Ipv4Addr::from_bits(u32::from_be_bytes([10 + network, 0, 0, 0]) | number), 40_000)
}

fn server(port: u16) -> Endpoint {
    Endpoint::new(Ipv4Addr::new(192, 0, 2, 20), port)
}
