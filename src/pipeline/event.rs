//! What happened to a connection or a host, kept for as long as nobody has asked for it.
//!
//! Such a message says nothing that lies in a frame, so that it can be kept as it is: to be judged once it is certain, or to
//! be written once somebody shows it.

use super::plan::Plan;
use crate::modbus::{Body, Flags, Framing, Kind, Mbap, Message, Reason, Status};
use crate::net::{Carrier, Direction, Flow};
use crate::record::{LineWriter, Mask, Record};
use crate::time::Timestamp;
use bumpalo::Bump;

/// The header and the function code of what is no ADU.
const NO_HEADER: Mbap = Mbap { trans_id: 0, prot_id: 0, length: 0, unit_id: 0 };

/// A message of its own about a connection or a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    flow: Flow,
    carrier: Carrier,
    time: Timestamp,
    direction: Direction,
    framing: Framing,
    status: Status,
    reason: Option<Reason>,
    flags: Flags,
}

impl Event {
    /// The event that a message is, if it is nothing else.
    pub(super) fn of(message: &Message<'_>) -> Option<Self> {
        let Message { flow, carrier, time, direction, framing, status, reason, flags, .. } = *message;
        let bare = message.kind == Kind::Status
            && message.index == 0
            && message.mbap == NO_HEADER
            && message.function_code == 0
            && message.body == Body::Empty
            && message.data.is_empty()
            && message.request.is_none();
        let event = |status| Self { flow: *flow, carrier: *carrier, time, direction, framing, status, reason, flags };
        status.filter(|_| bare).map(event)
    }

    /// The message again.
    pub(super) fn message(&self) -> Message<'_> {
        Message {
            flow: &self.flow,
            carrier: &self.carrier,
            time: self.time,
            index: 0,
            direction: self.direction,
            framing: self.framing,
            kind: Kind::Status,
            status: Some(self.status),
            reason: self.reason,
            mbap: NO_HEADER,
            function_code: 0,
            body: Body::Empty,
            data: &[],
            flags: self.flags,
            request: None,
        }
    }

    /// The same with another status.
    pub(super) fn with(self, status: Status) -> Self {
        Self { status, ..self }
    }

    /// What happened.
    pub(super) fn status(&self) -> Status {
        self.status
    }

    /// The conversation.
    pub(super) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The frame that told it.
    pub(super) fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// Which way that frame went.
    pub(super) fn direction(&self) -> Direction {
        self.direction
    }
}

/// Writes the records of events, if they are asked for.
#[derive(Default)]
pub(super) struct Scribe {
    lines: LineWriter,
    arena: Bump,
}

impl Scribe {
    /// Writes the record of an event as a JSON object for findings and alerts.
    pub(super) fn write(&mut self, plan: &Plan, (event, mask): (&Event, Mask), out: &mut Vec<u8>) {
        self.arena.reset();
        let message = event.message();
        let record = Record::new(&message, &plan.slots, &self.arena);
        self.lines.write_nested(&record, mask.within(&record), out);
    }
}
