//! Log lines of other tools, which tell messages: these are joined as messages on a wire are.

use super::evidence::{Evidence, Order, Phase, Problems};
use super::judge::Judge;
use super::plan::Plan;
use super::summary::{Room, Summary};
use super::usual::Past;
use crate::modbus::function::EXCEPTION_BIT;
use crate::modbus::{Body, Flag, Flags, Framing, Kind, Message, Pairing, Pdu};
use crate::net::{Carrier, Direction, Endpoint, Flow, Transport};
use crate::record::foreign::{self, Format, HeaderError, Rows, Taken, Told};
use crate::record::nxlog::{self, NxlogError, NxlogMessage};
use crate::time::{Clock, Timestamp};
use hashbrown::HashMap;
use std::sync::Arc;

/// How many conversations a log may have at once; then all are forgotten, and counted.
const CONVERSATIONS: usize = 65_536;

type Ends = (Transport, Endpoint, Endpoint);

/// Joins requests and answers that a log tells one by one.
pub(super) struct Joiner {
    pairing: Pairing,
    judge: Judge,
    clock: Clock,
    flows: HashMap<Ends, Flow>,
    input: u32,
    serial: u64,
    forgotten: u64,
    evidence: Evidence,
    rows: Rows,
    ports: Vec<u16>,
    /// How many lines were of each format.
    counts: [u64; Format::ALL.len()],
    tables: u64,
    nxlog: u64,
    /// An answer that is told in several lines, the line it began in, and its number.
    held: Option<(Told, String, u64)>,
    /// The last time that a line told.
    last: Timestamp,
}

impl Joiner {
    /// A joiner of the lines of this input, that has seen nothing.
    pub(super) fn new(plan: &Arc<Plan>, input: u32) -> Self {
        Self {
            pairing: Pairing::new(&plan.modbus),
            judge: Judge::watching(Arc::clone(plan)),
            clock: Clock::default(),
            flows: HashMap::new(),
            input,
            serial: 0,
            forgotten: 0,
            evidence: Evidence::default(),
            rows: Rows::default(),
            ports: plan.net.ports.clone(),
            counts: Default::default(),
            tables: 0,
            nxlog: 0,
            held: None,
            last: Timestamp::default(),
        }
    }

    /// Takes the engine's past.
    pub(super) fn remember(&mut self, past: Past) {
        self.judge.remember(past);
    }

    /// Gives the past back.
    pub(super) fn give_back(&mut self) -> Past {
        self.judge.give_back()
    }

    /// Takes the line of this number; gives what it and what expired before it come to.
    ///
    /// # Errors
    /// When it is a header that no row can be read under.
    pub(super) fn join(&mut self, line: &[u8], number: u64, problems: &mut Problems) -> Result<&Evidence, HeaderError> {
        self.evidence.clear();
        if !line.starts_with(b"{") {
            match self.rows.take(&String::from_utf8_lossy(line)) {
                Ok(Taken::Row(row)) => {
                    self.tables += 1;
                    self.foreign(row.as_bytes(), number);
                }
                Ok(Taken::Nothing) => {}
                Err(error @ HeaderError::Lacks { .. }) => return Err(error),
                Err(error) => problems.note(number, error),
            }
        } else {
            match nxlog::read(line) {
                Ok(None) => self.foreign(line, number),
                Ok(Some(message)) => {
                    self.nxlog += 1;
                    self.release();
                    self.message(&message, number);
                }
                Err(error) => {
                    self.nxlog += u64::from(!matches!(error, NxlogError::NotAnObject(_)));
                    self.release();
                    problems.note(number, error);
                }
            }
        }
        problems.merge(&std::mem::take(&mut self.evidence.problems));
        self.evidence.reached = self.judge.reached().max(self.clock.latest());
        self.judge.save(&mut self.evidence);
        Ok(&self.evidence)
    }

    /// Ends the input; gives what was not told yet.
    pub(super) fn end(&mut self, problems: &mut Problems, last: u64) -> &Evidence {
        self.evidence.clear();
        if let Err(error) = self.rows.end() {
            problems.note(last, error);
        }
        self.release();
        problems.merge(&std::mem::take(&mut self.evidence.problems));
        self.evidence.reached = self.judge.reached().max(self.clock.latest());
        &self.evidence
    }

    /// Tells the answer that was held back: no line to come belongs to it.
    fn release(&mut self) {
        if let Some((told, line, number)) = self.held.take() {
            self.told(&told, line.as_bytes(), number);
        }
    }

    /// A JSON line that may tell of messages.
    fn foreign(&mut self, line: &[u8], number: u64) {
        match foreign::read(line, &self.ports) {
            Ok(Some((format, mut messages))) => {
                if let Some(count) = self.counts.get_mut(format as usize) {
                    *count += 1;
                }
                let hidden = self.judge.hide_own(line, &mut messages);
                let line = hidden.as_deref().map_or(line, str::as_bytes);
                if let ([told], Some((held, ..))) = (messages.as_slice(), &mut self.held)
                    && held.absorb(told)
                {
                    return self.as_it_stands(line, number);
                }
                self.release();
                if let [told] = messages.as_slice()
                    && told.one_object
                {
                    self.held = Some((told.clone(), String::from_utf8_lossy(line).into_owned(), number));
                    return;
                }
                // A rule for the line's own names finds it once, however many messages it tells of.
                let own = std::iter::once(line).chain(std::iter::repeat(&b"{}"[..]));
                messages.iter().zip(own).for_each(|(told, own)| self.told(told, own, number));
            }
            other => {
                let hidden = other.as_ref().err().and_then(|_| self.judge.hide_own(line, &mut []));
                let line = hidden.as_deref().map_or(line, str::as_bytes);
                self.release();
                let told = self.evidence.problems.count;
                self.as_it_stands(line, number);
                // Of a line that is no record at all this is said already.
                if let Err(error) = other
                    && self.evidence.problems.count == told
                {
                    self.evidence.problems.note(number, error);
                }
            }
        }
    }

    fn as_it_stands(&mut self, line: &[u8], number: u64) {
        let order = Order { number, phase: Phase::Frame, shard: 0 };
        self.judge.as_it_stands(line, order, &mut self.evidence);
    }

    fn told(&mut self, told: &Told, line: &[u8], number: u64) {
        let flow = self.flow((told.transport, told.client, told.server));
        let order = Order { number, phase: Phase::Frame, shard: 0 };
        if let Some(time) = told.time {
            self.last = time;
            self.expire(time, number);
        }
        let Self { pairing, judge, evidence, last, input, .. } = self;
        let carrier = Carrier {
            input: *input,
            frame: told.frame.unwrap_or(number),
            time: *last,
            mac: told.mac,
            vlan: told.vlan,
            tcp_flags: told.tcp_flags.unwrap_or_default(),
        };
        let mut wrong = None;
        let mut heard = |message: &Message<'_>, evidence: &mut Evidence| {
            if message.kind == Kind::Timeout {
                return judge_timeout(judge, message, order, evidence);
            }
            if let Err(error) = judge.told(message, told, line, order, evidence) {
                wrong = Some(error);
            }
        };
        match told.direction.filter(|_| told.joins) {
            Some(direction) => {
                pairing.push_pdu(&flow, direction, &carrier, told.pdu(), &mut |joined| heard(joined, evidence));
            }
            None => heard(&alone(told, &flow, &carrier), evidence),
        }
        if let Some(error) = wrong {
            evidence.problems.note(number, error);
        }
    }

    fn expire(&mut self, time: Timestamp, number: u64) {
        let Self { pairing, judge, evidence, clock, .. } = self;
        if let Some(now) = clock.tick(time) {
            let order = Order { number, phase: Phase::Tick, shard: 0 };
            pairing.expire(now, &mut |expired| judge_timeout(judge, expired, order, evidence));
        }
    }

    fn message(&mut self, message: &NxlogMessage, number: u64) {
        let flow = self.flow((message.transport, message.client, message.server));
        self.expire(message.time, number);
        let Self { pairing, judge, evidence, .. } = self;
        let carrier = Carrier {
            input: self.input,
            frame: number,
            time: message.time,
            mac: None,
            vlan: [u16::MAX; 2],
            tcp_flags: message.tcp_flags,
        };
        let order = Order { number, phase: Phase::Frame, shard: 0 };
        pairing.push_pdu(
            &flow,
            message.direction,
            &carrier,
            Pdu { mbap: message.mbap, function_code: message.function_code, data: &message.data },
            &mut |joined| judge.message(joined, order, evidence),
        );
    }

    fn flow(&mut self, ends: Ends) -> Flow {
        if self.flows.len() >= CONVERSATIONS {
            self.forgotten += self.flows.len() as u64;
            self.flows.clear();
        }
        let slot = self.flows.len() as u32;
        let (transport, client, server) = ends;
        *self.flows.entry(ends).or_insert_with(|| {
            self.serial += 1;
            Flow { slot, serial: self.serial, transport, client, server }
        })
    }

    /// Adds its figures.
    pub(super) fn report(&self, summary: &mut Summary) {
        self.judge.report(summary);
        summary.conversations += self.serial;
        summary.count(Room::Modbus, self.pairing.counters().iter());
        summary.count(Room::Log, [("conversations forgotten", self.forgotten)]);
        summary.count(Room::Log, Format::ALL.iter().zip(self.counts).map(|(format, count)| (format.counter(), count)));
        summary.count(Room::Log, [("lines of NXLog", self.nxlog), ("rows of tables", self.tables)]);
    }
}

/// A timeout, if the log told all of its request: of a part, nobody can say what timed out.
fn judge_timeout(judge: &mut Judge, message: &Message<'_>, order: Order, evidence: &mut Evidence) {
    if !message.flags.has(Flag::Malformed) {
        judge.message(message, order, evidence);
    }
}

/// A message that cannot be joined, because its log does not say which messages ask and which answer.
fn alone<'a>(told: &'a Told, flow: &'a Flow, carrier: &'a Carrier) -> Message<'a> {
    let Pdu { mbap, function_code, data } = told.pdu();
    let kind = match told.direction {
        Some(Direction::ToClient) if function_code & EXCEPTION_BIT != 0 => Kind::Exception,
        Some(Direction::ToClient) => Kind::Response,
        Some(Direction::ToServer) | None => Kind::Query,
    };
    let body = Body::decode(kind, function_code, data).0;
    Message {
        flow,
        carrier,
        time: carrier.time,
        index: 0,
        direction: told.direction.unwrap_or(Direction::ToServer),
        framing: Framing::of(told.transport),
        kind,
        status: None,
        reason: None,
        mbap,
        function_code,
        body,
        data,
        flags: Flags::NONE,
        request: None,
    }
}
