//! Many conversations at once: what is due is written in the order of time.
//!
//! Writers ask for things at moments to come; [`Schedule::run`] writes what is due and forgets it. So memory holds what
//! is under way, never the whole capture. Sequence and acknowledgement numbers are given out when a segment is
//! written, which is what makes overlapping answers, pipelining and disturbances come out as a real stack's.

use super::packet::{ACK, Endpoint, FIN, PSH, SYN};
use super::prng::Rng;
use super::truth::{self, Truth};
use super::wire::{Connection, Side, Wire};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, Write};
use std::time::Duration;

/// How long a closed connection is remembered for retransmissions to come.
const LINGER: Duration = Duration::from_secs(1);

/// The network between: what happens to a write on its way, as shares of all writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network {
    /// Cut into two segments, at any byte.
    pub cut: f64,
    /// Of the cut ones: second segment first.
    pub reorder: f64,
    /// Sent again later.
    pub retransmit: f64,
    /// Acknowledged at once by a segment of its own.
    pub acknowledge: f64,
}

/// A connection of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line(u64);

/// The attack that frames belong to: an index into [`Truth::attacks`].
pub type Cause = Option<usize>;

/// What is to be done on a connection.
#[derive(Debug)]
enum Act {
    /// A segment without payload.
    Control(Side, u8),
    /// Bytes to send; the network may disturb them.
    Write(Side, Vec<u8>),
    /// Bytes at a sequence number that was claimed before.
    Piece(Side, u32, Vec<u8>),
    /// Bytes at the place of the latest write.
    Overwrite(Side, Vec<u8>),
    /// The connection will not be used again.
    Forget,
}

/// Something to do at a moment. The order breaks ties, so that the same calls give the same file.
#[derive(Debug)]
struct Due {
    at: Duration,
    order: u64,
    line: Line,
    cause: Cause,
    act: Act,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What is due on all connections, and the wire it goes to.
#[derive(Debug)]
pub struct Schedule<W> {
    wire: Wire<W>,
    due: BinaryHeap<Reverse<Due>>,
    order: u64,
    connections: HashMap<Line, Connection>,
    lines: u64,
    rng: Rng,
    network: Network,
    gap: Duration,
    /// What was asked for so far.
    pub truth: Truth,
}

impl<W: Write> Schedule<W> {
    /// An empty schedule; the halves of a cut write come `gap` apart.
    #[must_use]
    pub fn new(wire: Wire<W>, seed: u64, network: Network, gap: Duration) -> Self {
        Self {
            wire,
            due: BinaryHeap::new(),
            order: 0,
            connections: HashMap::new(),
            lines: 0,
            rng: Rng::new(seed),
            network,
            gap,
            truth: Truth { seed, ..Truth::default() },
        }
    }

    /// Opens a connection at `at`, by a handshake of three segments `gap` apart.
    pub fn open(&mut self, at: Duration, client: Endpoint, server: Endpoint, cause: Cause) -> Line {
        let line = self.line(client, server);
        let gap = self.gap;
        self.push(at, line, cause, Act::Control(Side::Client, SYN));
        self.push(at + gap, line, cause, Act::Control(Side::Server, SYN | ACK));
        self.push(at + 2 * gap, line, cause, Act::Control(Side::Client, ACK));
        line
    }

    /// Sends a SYN that nobody answers.
    pub fn knock(&mut self, at: Duration, client: Endpoint, server: Endpoint, cause: Cause) {
        let line = self.line(client, server);
        self.push(at, line, cause, Act::Control(Side::Client, SYN));
        self.push(at, line, cause, Act::Forget);
    }

    /// Closes a connection at `at`.
    pub fn close(&mut self, at: Duration, line: Line, cause: Cause) {
        let gap = self.gap;
        self.push(at, line, cause, Act::Control(Side::Client, FIN | ACK));
        self.push(at + gap, line, cause, Act::Control(Side::Server, FIN | ACK));
        self.push(at + 2 * gap, line, cause, Act::Control(Side::Client, ACK));
        self.push(at + LINGER, line, cause, Act::Forget);
    }

    /// Sends bytes at `at`.
    pub fn write(&mut self, at: Duration, line: Line, side: Side, bytes: Vec<u8>, cause: Cause) {
        self.push(at, line, cause, Act::Write(side, bytes));
    }

    /// Sends the latest write again with other bytes.
    pub fn overwrite(&mut self, at: Duration, line: Line, side: Side, bytes: Vec<u8>, cause: Cause) {
        self.truth.conflicting += 1;
        self.push(at, line, cause, Act::Overwrite(side, bytes));
    }

    /// Writes everything that is due before `until`.
    ///
    /// # Errors
    /// What the output says.
    pub fn run(&mut self, until: Duration) -> io::Result<()> {
        while self.due.peek().is_some_and(|Reverse(due)| due.at < until) {
            let Some(Reverse(due)) = self.due.pop() else { break };
            self.perform(due)?;
        }
        Ok(())
    }

    /// Writes everything that is still due, and hands back the output and the truth.
    ///
    /// # Errors
    /// What the output says.
    pub fn finish(mut self) -> io::Result<(W, Truth)> {
        self.run(Duration::MAX)?;
        self.truth.frames = self.wire.frames();
        self.truth.finish();
        Ok((self.wire.finish()?, self.truth))
    }

    /// Begins an attack in the truth.
    pub fn blame(&mut self, name: &'static str, client: Endpoint, server: Endpoint) -> Cause {
        self.truth.attacks.push(truth::Attack::new(name, client.ip.to_string(), server.ip.to_string()));
        Some(self.truth.attacks.len() - 1)
    }

    fn line(&mut self, client: Endpoint, server: Endpoint) -> Line {
        self.lines += 1;
        self.truth.connections += 1;
        let first = self.rng.bits();
        self.connections
            .insert(Line(self.lines), Connection::new(client, server, ((first >> 32) as u32, first as u32)));
        Line(self.lines)
    }

    fn push(&mut self, at: Duration, line: Line, cause: Cause, act: Act) {
        self.order += 1;
        self.due.push(Reverse(Due { at, order: self.order, line, cause, act }));
    }

    fn perform(&mut self, Due { at, line, cause, act, .. }: Due) -> io::Result<()> {
        let Some(mut connection) = self.connections.remove(&line) else { return Ok(()) };
        self.wire.at(at);
        let before = self.wire.frames();
        match act {
            Act::Forget => return Ok(()),
            Act::Control(side, flags) => self.wire.segment(&mut connection, side, flags, &[])?,
            Act::Piece(side, seq, bytes) => self.wire.place(&mut connection, side, seq, PSH | ACK, &bytes)?,
            Act::Overwrite(side, bytes) => {
                let seq = connection.last(side);
                self.wire.place(&mut connection, side, seq, PSH | ACK, &bytes)?;
            }
            Act::Write(side, bytes) => {
                let seq = connection.claim(side, bytes.len());
                let bytes = self.disturb(at, line, side, seq, bytes, cause);
                self.wire.place(&mut connection, side, bytes.0, PSH | ACK, &bytes.1)?;
            }
        }
        if let Some(attack) = cause.and_then(|index| self.truth.attacks.get_mut(index))
            && self.wire.frames() > before
        {
            attack.frame(self.wire.frames(), at);
        }
        self.connections.insert(line, connection);
        Ok(())
    }

    /// Lets the network have its way with a write; returns the segment that goes out now.
    fn disturb(
        &mut self,
        at: Duration,
        line: Line,
        side: Side,
        seq: u32,
        bytes: Vec<u8>,
        cause: Cause,
    ) -> (u32, Vec<u8>) {
        if self.rng.chance(self.network.acknowledge) {
            self.truth.pure_acks += 1;
            self.push(at + 2 * self.gap, line, cause, Act::Control(side.peer(), ACK));
        }
        if self.rng.chance(self.network.retransmit) {
            self.truth.retransmitted += 1;
            let later = Duration::from_micros(u64::from(self.rng.between(200, 40_000)));
            self.push(at + 2 * self.gap + later, line, cause, Act::Piece(side, seq, bytes.clone()));
        }
        if bytes.len() < 2 || !self.rng.chance(self.network.cut) {
            return (seq, bytes);
        }
        self.truth.cut += 1;
        let mut head = bytes;
        let tail = head.split_off(1 + self.rng.below(head.len() as u32 - 1) as usize);
        let middle = seq.wrapping_add(head.len() as u32);
        let (now, then) = if self.rng.chance(self.network.reorder) {
            self.truth.reordered += 1;
            ((middle, tail), (seq, head))
        } else {
            ((seq, head), (middle, tail))
        };
        self.push(at + self.gap, line, cause, Act::Piece(side, then.0, then.1));
        now
    }
}
