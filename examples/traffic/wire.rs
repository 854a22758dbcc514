//! A wire with a tap on it: conversations scripted frame by frame.
//!
//! ```ignore
//! let mut wire = Wire::new(Vec::new(), Format::default(), None, Duration::from_secs(1_700_000_000))?;
//! let mut master = wire.connect(client, server)?;
//! wire.query(&mut master, 1, 255, &pdu::read(3, 0, 2))?;
//! wire.answer(&mut master, 1, 255, &pdu::registers(3, &[389, 12]))?;
//! wire.advance(Duration::from_secs(5));
//! wire.close(&mut master)?;
//! let capture = wire.finish()?;
//! ```
//!
//! The verbs of a whole exchange (`connect`, `query`, `answer`, `close`) let [`Wire::pace`] pass after each frame; the
//! verbs of a single segment (`segment`, `place`, `datagram`) leave the clock alone.

use super::file::{Format, FrameWriter};
use super::packet::{ACK, Endpoint, FIN, Framer, PSH, Packet, RST, SYN, Transport};
use super::pdu;
use std::io::{self, Write};
use std::time::Duration;

/// Who of a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that opened it.
    Client,
    /// The one that answers.
    Server,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// One TCP connection: its ends and their sequence numbers.
#[derive(Clone, Debug)]
pub struct Connection {
    client: Half,
    server: Half,
}

/// One direction of a connection.
#[derive(Clone, Debug)]
struct Half {
    end: Endpoint,
    /// The number that the next byte to send will have.
    next: u32,
    /// The number that the latest claim began with, empty claims aside.
    last: u32,
    /// Everything before was seen on the wire: what the peer acknowledges.
    delivered: u32,
    /// Ranges seen on the wire ahead of `delivered`.
    early: Vec<(u32, u32)>,
}

impl Connection {
    /// A connection whose first sequence numbers are `first` (client, server); nothing is written.
    #[must_use]
    pub const fn new(client: Endpoint, server: Endpoint, first: (u32, u32)) -> Self {
        Self { client: Half::new(client, first.0), server: Half::new(server, first.1) }
    }

    /// Takes the next `len` sequence numbers of `side` and returns the first of them.
    pub const fn claim(&mut self, side: Side, len: usize) -> u32 {
        let half = self.half_mut(side);
        let first = half.next;
        if len > 0 {
            half.last = first;
            half.next = first.wrapping_add(len as u32);
        }
        first
    }

    /// The first sequence number of the latest claim of `side` that was not empty.
    #[must_use]
    pub const fn last(&self, side: Side) -> u32 {
        self.half(side).last
    }

    const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    const fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl Half {
    const fn new(end: Endpoint, first: u32) -> Self {
        Self { end, next: first, last: first, delivered: first, early: Vec::new() }
    }

    /// The peer now has the `len` numbers from `seq` on.
    fn deliver(&mut self, seq: u32, len: u32) {
        self.early.push((seq, seq.wrapping_add(len)));
        // Each round takes what is adjoining or old out of `early`; what lies ahead of a hole stays.
        while let Some(at) = self.early.iter().position(|&(start, _)| distance(self.delivered, start) <= 0) {
            let (_, end) = self.early.swap_remove(at);
            if distance(self.delivered, end) > 0 {
                self.delivered = end;
            }
        }
    }
}

/// How far `to` is after `from`, in sequence numbers that wrap (RFC 9293, 3.4).
const fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

/// A wire with a tap on it.
#[derive(Debug)]
pub struct Wire<W> {
    file: FrameWriter<W>,
    framer: Framer,
    now: Duration,
    /// What passes after each frame of a whole exchange.
    pub pace: Duration,
    /// The interface that captures the next frames.
    pub interface: usize,
    buffer: Vec<u8>,
    opened: u32,
}

impl<W: Write> Wire<W> {
    /// A wire that writes to `out` from the moment `start` (since the epoch) on.
    ///
    /// # Errors
    /// What `out` says, or that the format has no file header.
    pub fn new(out: W, format: Format, vlan: Option<u16>, start: Duration) -> io::Result<Self> {
        Ok(Self {
            file: FrameWriter::new(out, format)?,
            framer: Framer::new(vlan),
            now: start,
            pace: Duration::from_micros(250),
            interface: 0,
            buffer: Vec::with_capacity(2_048),
            opened: 0,
        })
    }

    /// The moment of the next frame, since the epoch.
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// How many frames were written.
    pub const fn frames(&self) -> u64 {
        self.file.frames()
    }

    /// Sets the moment of the next frame.
    pub const fn at(&mut self, moment: Duration) {
        self.now = moment;
    }

    /// Lets `span` pass.
    pub fn advance(&mut self, span: Duration) {
        self.now += span;
    }

    /// Opens a connection: SYN, SYN+ACK, ACK.
    ///
    /// # Errors
    /// What the output says.
    pub fn connect(&mut self, client: Endpoint, server: Endpoint) -> io::Result<Connection> {
        self.opened += 1;
        let first = self.opened.wrapping_mul(0x0100_0193);
        let mut connection = Connection::new(client, server, (first, !first));
        for (side, flags) in [(Side::Client, SYN), (Side::Server, SYN | ACK), (Side::Client, ACK)] {
            self.segment(&mut connection, side, flags, &[])?;
            self.advance(self.pace);
        }
        Ok(connection)
    }

    /// Closes a connection: FIN+ACK, FIN+ACK, ACK.
    ///
    /// # Errors
    /// What the output says.
    pub fn close(&mut self, connection: &mut Connection) -> io::Result<()> {
        for (side, flags) in [(Side::Client, FIN | ACK), (Side::Server, FIN | ACK), (Side::Client, ACK)] {
            self.segment(connection, side, flags, &[])?;
            self.advance(self.pace);
        }
        Ok(())
    }

    /// Breaks a connection off: RST+ACK by `side`.
    ///
    /// # Errors
    /// What the output says.
    pub fn reset(&mut self, connection: &mut Connection, side: Side) -> io::Result<()> {
        self.segment(connection, side, RST | ACK, &[])?;
        self.advance(self.pace);
        Ok(())
    }

    /// The client sends one ADU in one segment.
    ///
    /// # Errors
    /// What the output says.
    pub fn query(&mut self, connection: &mut Connection, trans_id: u16, unit: u8, pdu: &[u8]) -> io::Result<()> {
        self.send(connection, Side::Client, &pdu::adu(trans_id, unit, pdu))
    }

    /// The server sends one ADU in one segment.
    ///
    /// # Errors
    /// What the output says.
    pub fn answer(&mut self, connection: &mut Connection, trans_id: u16, unit: u8, pdu: &[u8]) -> io::Result<()> {
        self.send(connection, Side::Server, &pdu::adu(trans_id, unit, pdu))
    }

    /// A query and its answer.
    ///
    /// # Errors
    /// What the output says.
    pub fn exchange(
        &mut self,
        connection: &mut Connection,
        trans_id: u16,
        unit: u8,
        (request, reply): (&[u8], &[u8]),
    ) -> io::Result<()> {
        self.query(connection, trans_id, unit, request)?;
        self.answer(connection, trans_id, unit, reply)
    }

    /// Sends any bytes in one segment.
    ///
    /// # Errors
    /// What the output says.
    pub fn send(&mut self, connection: &mut Connection, side: Side, bytes: &[u8]) -> io::Result<()> {
        self.segment(connection, side, PSH | ACK, bytes)?;
        self.advance(self.pace);
        Ok(())
    }

    /// Sends bytes in several segments, cut before each offset of `cuts`, which must ascend.
    ///
    /// # Errors
    /// What the output says.
    pub fn send_cut(
        &mut self,
        connection: &mut Connection,
        side: Side,
        bytes: &[u8],
        cuts: impl IntoIterator<Item = usize>,
    ) -> io::Result<()> {
        let mut start = 0;
        for cut in cuts.into_iter().chain([bytes.len()]) {
            self.send(connection, side, &bytes[start..cut])?;
            start = cut;
        }
        Ok(())
    }

    /// Writes the next segment of a connection; SYN and FIN take a sequence number, as bytes do.
    ///
    /// # Errors
    /// What the output says.
    pub fn segment(&mut self, connection: &mut Connection, side: Side, flags: u8, payload: &[u8]) -> io::Result<()> {
        let seq = connection.claim(side, payload.len() + phantom(flags) as usize);
        self.place(connection, side, seq, flags, payload)
    }

    /// Writes a segment at any sequence number: a retransmission, or bytes claimed earlier.
    ///
    /// # Errors
    /// What the output says.
    pub fn place(
        &mut self,
        connection: &mut Connection,
        side: Side,
        seq: u32,
        flags: u8,
        payload: &[u8],
    ) -> io::Result<()> {
        let ack = if flags & ACK == 0 { 0 } else { connection.half(side.peer()).delivered };
        let half = connection.half_mut(side);
        half.deliver(seq, payload.len() as u32 + phantom(flags));
        let (from, to) = (half.end, connection.half(side.peer()).end);
        self.packet(&Packet { from, to, transport: Transport::Tcp { seq, ack, flags }, payload })
    }

    /// `side` sends so many bytes that its peer receives and the capture lacks.
    pub fn lose(&mut self, connection: &mut Connection, side: Side, len: usize) {
        let seq = connection.claim(side, len);
        connection.half_mut(side).deliver(seq, len as u32);
        self.advance(self.pace);
    }

    /// Writes a UDP datagram.
    ///
    /// # Errors
    /// What the output says.
    pub fn datagram(&mut self, from: Endpoint, to: Endpoint, payload: &[u8]) -> io::Result<()> {
        self.packet(&Packet { from, to, transport: Transport::Udp, payload })
    }

    /// Writes an IPv4 fragment of a UDP datagram, which begins so many bytes behind the datagram's start and is not the
    /// last.
    ///
    /// # Errors
    /// What the output says.
    pub fn fragment(&mut self, from: Endpoint, to: Endpoint, offset: u16, payload: &[u8]) -> io::Result<()> {
        /// Of flags and offset in an untagged Ethernet frame (RFC 791, 3.1).
        const PLACE: usize = 14 + 6;
        self.buffer.clear();
        let packet = Packet { from, to, transport: Transport::Udp, payload };
        self.framer.write(self.file.link(self.interface), &packet, &mut self.buffer);
        let field = (0x2000 | (offset / 8)).to_be_bytes();
        self.buffer[PLACE..PLACE + field.len()].copy_from_slice(&field);
        self.file.frame(self.now, self.interface, &self.buffer)
    }

    /// Hands the output back, everything flushed.
    ///
    /// # Errors
    /// What the output says.
    pub fn finish(self) -> io::Result<W> {
        self.file.finish()
    }

    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.buffer.clear();
        self.framer.write(self.file.link(self.interface), packet, &mut self.buffer);
        self.file.frame(self.now, self.interface, &self.buffer)
    }
}

/// How many sequence numbers the flags themselves take.
const fn phantom(flags: u8) -> u32 {
    (flags & (SYN | FIN) != 0) as u32
}
