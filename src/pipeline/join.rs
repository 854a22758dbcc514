//! Log lines that each tell one message, joined as the messages on a wire are: NXLog's form.

use super::evidence::{Evidence, Order, Phase, Problems};
use super::judge::Judge;
use super::plan::Plan;
use super::summary::{Room, Summary};
use crate::modbus::{Pairing, Pdu};
use crate::net::{Carrier, Endpoint, Flow, Transport};
use crate::record::Memory;
use crate::record::nxlog::{self, NxlogMessage};
use crate::time::Clock;
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
}

impl Joiner {
    /// A joiner of the lines of this input, that has seen nothing.
    pub(super) fn new(plan: &Arc<Plan>, input: u32) -> Self {
        Self {
            pairing: Pairing::new(&plan.modbus),
            judge: Judge::new(Arc::clone(plan)),
            clock: Clock::default(),
            flows: HashMap::new(),
            input,
            serial: 0,
            forgotten: 0,
            evidence: Evidence::default(),
        }
    }

    /// Takes the engine's memory.
    pub(super) fn remember(&mut self, memory: Option<Memory>) {
        self.judge.remember(memory);
    }

    /// Gives the memory back.
    pub(super) fn give_back(&mut self) -> Option<Memory> {
        self.judge.give_back()
    }

    /// Takes the line of this number; gives what it and what expired before it come to.
    pub(super) fn join(&mut self, line: &[u8], number: u64, problems: &mut Problems) -> &Evidence {
        self.evidence.clear();
        match nxlog::read(line) {
            Ok(Some(message)) => self.message(&message, number),
            Ok(None) => problems.note(number, "no record in NXLog's form"),
            Err(error) => problems.note(number, error),
        }
        &self.evidence
    }

    fn message(&mut self, message: &NxlogMessage, number: u64) {
        let flow = self.flow(message);
        let Self { pairing, judge, evidence, .. } = self;
        if let Some(now) = self.clock.tick(message.time) {
            let order = Order { number, phase: Phase::Tick, shard: 0 };
            pairing.expire(now, &mut |expired| judge.message(expired, order, evidence));
        }
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

    fn flow(&mut self, message: &NxlogMessage) -> Flow {
        if self.flows.len() >= CONVERSATIONS {
            self.forgotten += self.flows.len() as u64;
            self.flows.clear();
        }
        let slot = self.flows.len() as u32;
        let (transport, client, server) = (message.transport, message.client, message.server);
        *self.flows.entry((transport, client, server)).or_insert_with(|| {
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
    }
}
