//! Which request does an answer belong to?
//!
//! The oldest one of its transaction, unit and function that is still waiting. What stands in for it when there is
//! none, and what becomes of requests that nobody answers, is told here.

use super::body::{self, Body};
use super::contradiction::contradicts;
use super::conversation::{Dialogue, fingerprint};
use super::counters::Counters;
use super::framing::{self, Cause, Piece};
use super::function::EXCEPTION_BIT;
use super::pending::{Key, NewRequest, Pending, RequestId, Stage};
use super::{Flag, Flags, Kind, Mbap, Message, Pdu};
use crate::net::{Carrier, Direction, Flow};
use crate::time::{Span, Timestamp};

/// The most requests that one conversation may have open, remembered ones included. Serial gateways have some ten.
pub const OPEN_PER_CONVERSATION: u32 = 1024;
/// An answer that differs from its request in function or unit is compared with the oldest open requests only, so
/// that a flood of them costs no more than other messages.
pub const MISMATCH_REACH: usize = 16;

/// The most bytes of a PDU after its function code, and of bytes that are none in a status.
const PDU_DATA_MAX: usize = 252;
/// The flags of a PDU that does not end where its layout does.
const LAYOUT: Flags = Flags::NONE.with(Flag::Malformed).with(Flag::LengthMismatch).with(Flag::ByteCountMismatch);

/// How long requests are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// After this span of capture time a request counts as not answered.
    pub timeout: Span,
    /// Until this span of capture time after the request an answer is matched as late. Not below `timeout`.
    pub remember: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self { timeout: Span::from_secs(30), remember: Span::from_secs(120) }
    }
}

/// What all conversations of a shard share while messages are joined.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) config: Config,
    pub(super) pending: Pending,
    pub(super) counters: Counters,
    /// The frame of the last message and how many it completed.
    frame: u64,
    index: u16,
}

/// Which way bytes went, in which frame.
#[derive(Clone, Copy)]
pub(super) struct Passage<'a> {
    pub(super) flow: &'a Flow,
    pub(super) direction: Direction,
    pub(super) carrier: &'a Carrier,
    /// What a message is that is not whole.
    pub(super) cut: Flag,
}

impl Join {
    pub(super) fn new(config: &Config) -> Self {
        Self { config: *config, pending: Pending::default(), counters: Counters::default(), frame: 0, index: 0 }
    }

    /// Takes what framing made of some bytes.
    pub(super) fn piece(
        &mut self,
        dialogue: &mut Dialogue,
        passage: Passage<'_>,
        piece: Piece<'_>,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        match piece {
            Piece::Adu { mbap, pdu, whole } => {
                let [function_code, data @ ..] = pdu else { return };
                let mut odd = std::mem::take(&mut dialogue.odd[passage.direction as usize]);
                if !whole {
                    self.counters.cut += 1;
                    odd.set(passage.cut);
                }
                if mbap.prot_id != 0 {
                    odd.set(Flag::NotModbus);
                }
                self.adu(dialogue, passage, Pdu { mbap, function_code: *function_code, data }, odd, sink);
            }
            Piece::Lost { bytes, cause } => {
                self.counters.lost_step += 1;
                self.status(dialogue, passage, bytes, cause, sink);
            }
            Piece::Skipped(bytes) => self.counters.skipped_bytes += bytes as u64,
        }
    }

    /// One ADU: decode it, join it, give it.
    pub(super) fn adu(
        &mut self,
        dialogue: &mut Dialogue,
        passage: Passage<'_>,
        pdu: Pdu<'_>,
        odd: Flags,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        let Pdu { mbap, function_code, data } = pdu;
        let kind = match passage.direction {
            Direction::ToServer => Kind::Query,
            Direction::ToClient if function_code & EXCEPTION_BIT != 0 => Kind::Exception,
            Direction::ToClient => Kind::Response,
        };
        let (body, flags) = Body::decode(kind, function_code, data);
        let mut message = Message {
            flow: passage.flow,
            carrier: passage.carrier,
            time: passage.carrier.time,
            index: self.index(passage.carrier.frame),
            kind,
            mbap,
            function_code,
            body,
            data,
            flags: odd,
            request: None,
        };
        // A cut PDU breaks its layout because it is cut.
        message.flags.merge(if odd.has(Flag::Truncated) { flags.difference(LAYOUT) } else { flags });
        match kind {
            Kind::Query => self.query(dialogue, message, sink),
            _ => self.answer(dialogue, message, sink),
        }
    }

    /// The place of the next message among those that `frame` completed.
    fn index(&mut self, frame: u64) -> u16 {
        self.index = if frame == self.frame { self.index.saturating_add(1) } else { 0 };
        self.frame = frame;
        self.index
    }

    fn query(&mut self, dialogue: &mut Dialogue, mut message: Message<'_>, sink: &mut impl FnMut(&Message<'_>)) {
        self.counters.queries += 1;
        let broadcast = message.mbap.unit_id == 0 && body::writes(message.function_code);
        if broadcast {
            message.flags.set(Flag::Broadcast);
        }
        sink(&message);
        self.make_room(dialogue);
        let new = NewRequest {
            carrier: *message.carrier,
            slot: dialogue.flow.slot,
            mbap: message.mbap,
            function_code: message.function_code,
            data: message.data,
            index: message.index,
            flags: message.flags,
            // Force Listen Only Mode is not answered either (6.8.1). Both are kept: many devices do answer.
            expects_answer: !broadcast && message.body.sub_function() != Some(4),
        };
        self.pending.store(&mut dialogue.open, new);
    }

    fn answer(&mut self, dialogue: &mut Dialogue, mut message: Message<'_>, sink: &mut impl FnMut(&Message<'_>)) {
        match message.kind {
            Kind::Exception => self.counters.exceptions += 1,
            _ => self.counters.responses += 1,
        }
        let print = fingerprint(&message.mbap, message.function_code, message.data);
        let (id, relation) = match self.find(dialogue, &message, print, sink) {
            Ok(found) => found,
            Err(stray) => {
                match stray {
                    Flag::Duplicate => self.counters.duplicates += 1,
                    _ => self.counters.unsolicited += 1,
                }
                message.flags.set(stray);
                sink(&message);
                return;
            }
        };
        self.counters.matched += 1;
        self.counters.late += u64::from(relation.has(Flag::Late));
        self.pending.take(&mut dialogue.open, id);
        dialogue.recent.note(print);

        let stored = self.pending.request(id);
        let (body, _) = Body::decode(Kind::Query, stored.function_code, self.pending.data(id));
        let comparable = !relation.has(Flag::FunctionMismatch) && !message.flags.has(Flag::Truncated);
        if comparable && contradicts(&body, &message.body) {
            message.flags.set(Flag::ValueMismatch);
        }
        message.flags.merge(relation);
        sink(&Message { request: Some(stored.asked(body)), ..message });
        self.pending.release(id);
    }

    /// The request that an answer belongs to and what is odd about that, or what an answer without one is.
    ///
    /// First comes the oldest waiting request with the same transaction, unit and function, then a remembered one,
    /// then, if the answer is no copy of an earlier one, a waiting request that differs in function or in unit.
    fn find(
        &mut self,
        dialogue: &mut Dialogue,
        answer: &Message<'_>,
        print: u64,
        sink: &mut impl FnMut(&Message<'_>),
    ) -> Result<(RequestId, Flags), Flag> {
        let key = Key::new(&answer.mbap, answer.function_code);
        for key in key.with_wildcards() {
            if let Some(id) = self.find_waiting(dialogue, key, answer.time, sink) {
                return Ok((id, Flags::NONE));
            }
        }
        for key in key.with_wildcards() {
            if let Some(id) = self.find_remembered(dialogue, key, answer.time) {
                return Ok((id, Flags::NONE.with(Flag::Late)));
            }
        }
        if dialogue.recent.holds(print) {
            return Err(Flag::Duplicate);
        }
        let (key, relation) = self.find_similar(dialogue, key).ok_or(Flag::Unsolicited)?;
        let id = self.find_waiting(dialogue, key, answer.time, sink).ok_or(Flag::Unsolicited)?;
        Ok((id, relation))
    }

    /// The oldest request with this key whose time is not out at `now`. Those before it time out on the way, so that
    /// what is found does not hang on how often [`Pairing::expire`] is called.
    fn find_waiting(
        &mut self,
        dialogue: &mut Dialogue,
        key: Key,
        now: Timestamp,
        sink: &mut impl FnMut(&Message<'_>),
    ) -> Option<RequestId> {
        loop {
            let id = self.pending.find(dialogue.flow.slot, key, Stage::Waiting)?;
            if self.pending.request(id).time().plus(self.config.timeout) > now {
                return Some(id);
            }
            self.time_out(dialogue, id, sink);
        }
    }

    /// The oldest request with this key that timed out and is not too old for `now`.
    fn find_remembered(&mut self, dialogue: &mut Dialogue, key: Key, now: Timestamp) -> Option<RequestId> {
        loop {
            let id = self.pending.find(dialogue.flow.slot, key, Stage::Remembered)?;
            if self.pending.request(id).time().plus(self.config.remember) > now {
                return Some(id);
            }
            self.drop_request(dialogue, id);
        }
    }

    /// The key of the waiting request of the same transaction that differs least from `key`, and by what.
    fn find_similar(&self, dialogue: &Dialogue, key: Key) -> Option<(Key, Flags)> {
        let mut best: Option<(u8, Key, Flags)> = None;
        for id in self.pending.each(&dialogue.open, Stage::Waiting).take(MISMATCH_REACH) {
            let other = self.pending.request(id).key();
            if other.trans_id != key.trans_id {
                continue;
            }
            let (rank, relation) = match (key.same_unit(other), other.function == key.function) {
                (true, true) => (0, Flags::NONE),
                (true, false) => (1, Flags::NONE.with(Flag::FunctionMismatch)),
                (false, true) => (2, Flags::NONE.with(Flag::UnitMismatch)),
                (false, false) => continue,
            };
            if best.is_none_or(|(best, ..)| rank < best) {
                best = Some((rank, other, relation));
            }
        }
        best.map(|(_, key, relation)| (key, relation))
    }

    /// A waiting request was not answered: say so, if silence is odd, and remember it.
    pub(super) fn time_out(&mut self, dialogue: &mut Dialogue, id: RequestId, sink: &mut impl FnMut(&Message<'_>)) {
        let stored = self.pending.request(id);
        if stored.expects_answer {
            self.counters.timeouts += 1;
            let data = self.pending.data(id);
            let (body, _) = Body::decode(Kind::Timeout, stored.function_code, data);
            sink(&Message {
                flow: &dialogue.flow,
                carrier: &stored.carrier,
                time: stored.time().plus(self.config.timeout),
                index: stored.index,
                kind: Kind::Timeout,
                mbap: stored.mbap,
                function_code: stored.function_code,
                body,
                data,
                flags: stored.flags,
                request: Some(stored.asked(body)),
            });
        }
        self.pending.remember(&mut dialogue.open, id);
    }

    /// Says that bytes are no ADU; that a conversation is not Modbus is said once.
    fn status(
        &mut self,
        dialogue: &mut Dialogue,
        passage: Passage<'_>,
        bytes: &[u8],
        cause: Cause,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        let flag = match cause {
            Cause::Length => Flag::LengthMismatch,
            Cause::Foreign if dialogue.foreign => return,
            Cause::Foreign => Flag::NotModbus,
        };
        dialogue.foreign |= cause == Cause::Foreign;
        self.counters.statuses += 1;
        let (header, function_code, data) = match (framing::header(bytes), bytes) {
            (Some(header), [_, _, _, _, _, _, _, function_code, data @ ..]) if cause == Cause::Length => {
                (header, *function_code, data)
            }
            _ => (Mbap { trans_id: 0, prot_id: 0, length: 0, unit_id: 0 }, 0, bytes),
        };
        let data = data.get(..PDU_DATA_MAX).unwrap_or(data);
        sink(&Message {
            flow: passage.flow,
            carrier: passage.carrier,
            time: passage.carrier.time,
            index: self.index(passage.carrier.frame),
            kind: Kind::Status,
            mbap: header,
            function_code,
            body: Body::Opaque(data),
            data,
            flags: Flags::NONE.with(flag),
            request: None,
        });
    }

    /// Drops the conversation's oldest request if another one would be too many.
    fn make_room(&mut self, dialogue: &mut Dialogue) {
        if dialogue.open.count < OPEN_PER_CONVERSATION {
            return;
        }
        if let Some(id) = dialogue.open.oldest(Stage::Remembered) {
            self.counters.forgotten_early += 1;
            self.drop_request(dialogue, id);
        } else if let Some(id) = dialogue.open.oldest(Stage::Waiting) {
            self.counters.evicted += 1;
            self.drop_request(dialogue, id);
        }
    }

    /// The conversation is over, and with it the hope for answers.
    pub(super) fn hang_up(&mut self, dialogue: &mut Dialogue) {
        while let Some(id) = dialogue.open.oldest(Stage::Waiting) {
            self.counters.unanswered += u64::from(self.pending.request(id).expects_answer);
            self.drop_request(dialogue, id);
        }
        while let Some(id) = dialogue.open.oldest(Stage::Remembered) {
            self.drop_request(dialogue, id);
        }
    }

    pub(super) fn drop_request(&mut self, dialogue: &mut Dialogue, id: RequestId) {
        self.pending.take(&mut dialogue.open, id);
        self.pending.release(id);
    }
}
