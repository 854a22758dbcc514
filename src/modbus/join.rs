//! Which request does an answer belong to?
//!
//! The oldest one of its transaction, unit and function that is still waiting. What stands in for it when there is
//! none, and what becomes of requests that nobody answers, is told here.

use super::body::{self, Body, Small};
use super::contradiction::contradicts;
use super::conversation::{Dialogue, fingerprint};
use super::counters::Counters;
use super::framing::{self, Piece};
use super::function::EXCEPTION_BIT;
use super::pairs::Pairs;
use super::pending::{Key, NewRequest, Pending, RequestId, Stage};
use super::{Flag, Flags, Framing, Kind, Mbap, Message, Pdu, Reason, Request};
use crate::net::{Carrier, Direction, Flow};
use crate::time::{Span, Timestamp};

/// The most requests that one conversation may have open, remembered ones included. Serial gateways have some ten.
pub const OPEN_PER_CONVERSATION: u32 = 1024;
/// An answer that differs from its request in function or unit is compared with the oldest open requests only, so
/// that a flood of them costs no more than other messages.
pub const MISMATCH_REACH: usize = 16;

/// The function whose sub-functions make a device listen only, and end that.
const DIAGNOSTICS: u8 = 8;
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
    pub(super) pairs: Pairs,
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
    pub(super) framing: Framing,
    /// What a message is that is not whole.
    pub(super) cut: Flag,
}

/// One ADU on its way to become a message.
#[derive(Clone, Copy)]
struct Heard<'a> {
    passage: &'a Passage<'a>,
    index: u16,
    pdu: Pdu<'a>,
    odd: Flags,
}

impl<'a> Heard<'a> {
    /// The message, yet to be [decoded](decode): where it stays, since copying one costs as much as decoding it.
    #[inline(always)]
    fn message(self, kind: Kind, request: Option<Request<'a>>) -> Message<'a> {
        let Self { passage, index, pdu: Pdu { mbap, function_code, data }, odd } = self;
        let Passage { flow, carrier, direction, framing, .. } = *passage;
        Message {
            flow,
            carrier,
            time: carrier.time,
            index,
            direction,
            framing,
            kind,
            status: None,
            reason: None,
            mbap,
            function_code,
            body: Body::Empty,
            data,
            flags: odd,
            request,
        }
    }
}

/// Takes a message's data apart.
#[inline(always)]
fn decode(message: &mut Message<'_>) {
    let mut flags = message.body.decode_into(message.kind, message.function_code, message.data);
    if message.flags.has(Flag::Truncated) {
        // A cut PDU breaks its layout because it is cut.
        flags = flags.difference(LAYOUT);
    }
    message.flags.merge(flags);
}

/// Whether a device does right not to answer: Force Listen Only Mode, and Restart Communications Option while it only
/// listens (6.8.1). Notes who was told to.
fn stays_silent(query: &Message<'_>, dialogue: &mut Dialogue) -> bool {
    let unit_id = query.mbap.unit_id;
    match query.body.sub_function() {
        Some(1) => {
            let Some(listening) = &mut dialogue.listening else { return false };
            let listens = listening.has(unit_id);
            listening.set(unit_id, false);
            listens
        }
        Some(4) => {
            dialogue.listening.get_or_insert_default().set(unit_id, true);
            true
        }
        _ => false,
    }
}

impl Join {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: *config,
            pending: Pending::default(),
            pairs: Pairs::default(),
            counters: Counters::default(),
            frame: 0,
            index: 0,
        }
    }

    /// Takes what framing made of some bytes.
    pub(super) fn piece(
        &mut self,
        dialogue: &mut Dialogue,
        passage: &Passage<'_>,
        piece: Piece<'_>,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        match piece {
            Piece::Adu { mbap, pdu, whole } => {
                let [function_code, data @ ..] = pdu else { return };
                let pdu = Pdu { mbap, function_code: *function_code, data };
                if whole && mbap.prot_id == 0 && mbap.length <= framing::LENGTH_MAX {
                    return self.plain(dialogue, passage, pdu, sink);
                }
                let mut odd = std::mem::take(&mut dialogue.odd[passage.direction as usize]);
                if !whole {
                    self.counters.cut += 1;
                    odd.set(passage.cut);
                }
                if mbap.length > framing::LENGTH_MAX {
                    odd.set(Flag::LengthMismatch);
                }
                if mbap.prot_id == 0 {
                    self.introduce(dialogue, *passage, sink);
                } else {
                    odd.set(Flag::NotModbus);
                }
                self.adu(dialogue, passage, pdu, odd, sink);
            }
            Piece::Rtu { unit_id, pdu } => self.rtu(dialogue, *passage, unit_id, pdu, sink),
            Piece::Lost { bytes, cause } => {
                self.counters.lost_step += 1;
                self.lost(dialogue, *passage, bytes, cause, sink);
            }
            Piece::Skipped(bytes) => self.counters.skipped_bytes += bytes as u64,
        }
    }

    /// Takes a whole ADU of Modbus with a good length, as most are.
    #[inline(always)]
    pub(super) fn plain(
        &mut self,
        dialogue: &mut Dialogue,
        passage: &Passage<'_>,
        pdu: Pdu<'_>,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        let odd = std::mem::take(&mut dialogue.odd[passage.direction as usize]);
        self.introduce(dialogue, *passage, sink);
        self.adu(dialogue, passage, pdu, odd, sink);
    }

    /// Takes one ADU, joins it and gives its message.
    pub(super) fn adu(
        &mut self,
        dialogue: &mut Dialogue,
        passage: &Passage<'_>,
        pdu: Pdu<'_>,
        odd: Flags,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        self.settle(dialogue, passage.carrier.time, sink);
        dialogue.heard_server |= passage.direction == Direction::ToClient;
        let index = self.index(passage.carrier.frame);
        let heard = Heard { passage, index, pdu, odd };
        match passage.direction {
            Direction::ToServer => self.query(dialogue, heard, sink),
            Direction::ToClient => self.answer(dialogue, heard, sink),
        }
    }

    /// Takes a frame without a header. Apart, lest the way of all others grow.
    #[cold]
    fn rtu(
        &mut self,
        dialogue: &mut Dialogue,
        passage: Passage<'_>,
        unit_id: u8,
        pdu: &[u8],
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        let [function_code, data @ ..] = pdu else { return };
        let odd = std::mem::take(&mut dialogue.odd[passage.direction as usize]);
        let passage = Passage { framing: Framing::Rtu, ..passage };
        // The header that the PDU would have: what joins transactions finds them all alike.
        let mbap = Mbap { trans_id: 0, prot_id: 0, length: pdu.len() as u16 + 1, unit_id };
        self.introduce(dialogue, passage, sink);
        self.adu(dialogue, &passage, Pdu { mbap, function_code: *function_code, data }, odd, sink);
    }

    /// The place of the next message among those that `frame` completed.
    fn index(&mut self, frame: u64) -> u16 {
        self.index = if frame == self.frame { self.index.saturating_add(1) } else { 0 };
        self.frame = frame;
        self.index
    }

    #[inline(always)]
    fn query(&mut self, dialogue: &mut Dialogue, heard: Heard<'_>, sink: &mut impl FnMut(&Message<'_>)) {
        self.counters.queries += 1;
        let mut message = heard.message(Kind::Query, None);
        decode(&mut message);
        let broadcast = message.mbap.unit_id == 0 && body::writes(message.function_code);
        if broadcast {
            message.flags.set(Flag::Broadcast);
        }
        sink(&message);
        self.make_room(dialogue);
        let expects_answer = !broadcast && !stays_silent(&message, dialogue);
        let new = NewRequest {
            carrier: *message.carrier,
            slot: dialogue.flow.slot,
            framing: message.framing,
            mbap: message.mbap,
            function_code: message.function_code,
            data: message.data,
            body: Small::of(&message.body),
            index: message.index,
            flags: message.flags,
            // Kept even if nobody need answer: many devices do.
            expects_answer,
        };
        self.pending.store(&mut dialogue.open, new);
    }

    #[inline(always)]
    fn answer(&mut self, dialogue: &mut Dialogue, heard: Heard<'_>, sink: &mut impl FnMut(&Message<'_>)) {
        let kind = if heard.pdu.function_code & EXCEPTION_BIT == 0 { Kind::Response } else { Kind::Exception };
        match kind {
            Kind::Exception => self.counters.exceptions += 1,
            _ => self.counters.responses += 1,
        }
        if let Some(listening) = &mut dialogue.listening
            && heard.pdu.function_code != DIAGNOSTICS
        {
            listening.set(heard.pdu.mbap.unit_id, false);
        }
        let print = fingerprint(&heard.pdu);
        let (id, relation) = match self.find(dialogue, &heard.pdu, print) {
            Ok(found) => found,
            Err(stray) => {
                match stray {
                    Flag::Duplicate => self.counters.duplicates += 1,
                    _ => self.counters.unsolicited += 1,
                }
                let mut message = heard.message(kind, None);
                decode(&mut message);
                message.flags.set(stray);
                sink(&message);
                return;
            }
        };
        self.counters.matched += 1;
        self.counters.late += u64::from(relation.has(Flag::Late));
        // Where several requests of one key wait, which of them is answered is a guess.
        let certain = !self.pending.is_followed(id);
        self.pending.take(&mut dialogue.open, id);
        dialogue.recent.note(print);

        let stored = self.pending.request(id);
        let mut message = heard.message(kind, Some(stored.asked(Body::Empty)));
        decode(&mut message);
        if let Some(request) = &mut message.request {
            match stored.body {
                Some(small) => request.body = small.body(),
                None => _ = request.body.decode_into(Kind::Query, stored.function_code, self.pending.data(id)),
            }
            let comparable = certain && !relation.has(Flag::FunctionMismatch) && !message.flags.has(Flag::Truncated);
            if comparable && contradicts(&request.body, &message.body) {
                message.flags.set(Flag::ValueMismatch);
            }
        }
        if certain && dialogue.pace.answer(message.time.since(stored.time())) {
            message.flags.set(Flag::Slow);
        }
        message.flags.merge(relation);
        sink(&message);
        self.pending.release(id);
    }

    /// The request that an answer belongs to and what is odd about that, or what an answer without one is.
    ///
    /// First comes the oldest waiting request with the same transaction, unit and function, then a remembered one,
    /// then, if the answer is no copy of an earlier one, a waiting request that differs in function or in unit.
    fn find(&self, dialogue: &Dialogue, answer: &Pdu<'_>, print: u64) -> Result<(RequestId, Flags), Flag> {
        let slot = dialogue.flow.slot;
        let key = Key::new(&answer.mbap, answer.function_code);
        // Mostly one request is open, and there is nothing to look up.
        if let Some(id) = dialogue.open.oldest(Stage::Waiting)
            && self.pending.request(id).key() == key
        {
            return Ok((id, Flags::NONE));
        }
        let oldest = |stage| key.with_wildcards().find_map(|key| self.pending.find(&dialogue.open, slot, key, stage));
        if let Some(id) = oldest(Stage::Waiting) {
            return Ok((id, Flags::NONE));
        }
        if let Some(id) = oldest(Stage::Remembered) {
            return Ok((id, Flags::NONE.with(Flag::Late)));
        }
        if dialogue.recent.holds(print) {
            return Err(Flag::Duplicate);
        }
        self.find_similar(dialogue, key).ok_or(Flag::Unsolicited)
    }

    /// Brings the conversation's requests up to `now`, so that what a message finds does not hang on how often
    /// [`Pairing::expire`](super::Pairing::expire) is called.
    #[inline(always)]
    fn settle(&mut self, dialogue: &mut Dialogue, now: Timestamp, sink: &mut impl FnMut(&Message<'_>)) {
        while let Some(id) = dialogue.open.oldest(Stage::Waiting) {
            if self.pending.request(id).time().plus(self.config.timeout) > now {
                break;
            }
            self.time_out(dialogue, id, None, sink);
            self.pending.remember(&mut dialogue.open, id);
        }
        while let Some(id) = dialogue.open.oldest(Stage::Remembered) {
            if self.pending.request(id).time().plus(self.config.remember) > now {
                break;
            }
            self.drop_request(dialogue, id);
        }
    }

    /// The waiting request of the same transaction that differs least from `key`, and by what.
    fn find_similar(&self, dialogue: &Dialogue, key: Key) -> Option<(RequestId, Flags)> {
        let mut best: Option<(u8, RequestId, Flags)> = None;
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
                best = Some((rank, id, relation));
            }
        }
        best.map(|(_, id, relation)| (id, relation))
    }

    /// A waiting request was not answered: say so, if silence is odd, and remember it. `ended` tells why and when it
    /// cannot be answered any more, if not because its time is out.
    #[cold]
    pub(super) fn time_out(
        &mut self,
        dialogue: &Dialogue,
        id: RequestId,
        ended: Option<(Reason, Timestamp)>,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        let stored = self.pending.request(id);
        if !stored.expects_answer {
            return;
        }
        if !dialogue.heard_server {
            self.counters.one_sided += 1;
            return;
        }
        self.counters.timeouts += 1;
        self.counters.hung_up += u64::from(ended.is_some());
        let due = stored.time().plus(self.config.timeout);
        let (reason, time) = ended.unwrap_or((Reason::Elapsed, due));
        let data = self.pending.data(id);
        let (body, _) = Body::decode(Kind::Timeout, stored.function_code, data);
        sink(&Message {
            flow: &dialogue.flow,
            carrier: &stored.carrier,
            time,
            index: stored.index,
            direction: Direction::ToServer,
            framing: stored.framing,
            kind: Kind::Timeout,
            status: None,
            reason: Some(reason),
            mbap: stored.mbap,
            function_code: stored.function_code,
            body,
            data,
            flags: stored.flags,
            request: Some(stored.asked(body)),
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

    /// The conversation is over at `now`, and with it the hope for answers.
    #[inline(never)]
    pub(super) fn hang_up(
        &mut self,
        dialogue: &mut Dialogue,
        why: Reason,
        now: Timestamp,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        self.settle(dialogue, now, sink);
        while let Some(id) = dialogue.open.oldest(Stage::Waiting) {
            self.time_out(dialogue, id, Some((why, now)), sink);
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

#[cfg(test)]
mod tests {
    use super::super::plant::{Plant, adu, flow};
    use super::*;
    use crate::net::{Closing, Event};

    const READ: [u8; 5] = [3, 0, 0x6B, 0, 3];
    const READ_ANSWER: [u8; 8] = [3, 6, 2, 0x2B, 0, 0, 0, 0x64];

    #[test]
    fn an_answer_carries_its_request() {
        let mut plant = Plant::new();
        let write = [16, 0, 31, 0, 2, 4, 0, 0x61, 0, 0x62];
        let asked = plant.query(14, 1, &write);
        let refused = plant.answer(14, 1, &[0x90, 2]);
        assert_eq!((refused.kind, refused.function_code), (Kind::Exception, 0x90));
        assert_eq!(refused.request, Some((asked, Some(31))));
        assert!(refused.flags.is_empty());
        assert_eq!((plant.count("matched"), plant.count("exceptions")), (1, 1));
    }

    #[test]
    fn a_constant_transaction_id_is_answered_in_order() {
        let mut plant = Plant::new();
        for _ in 0..2 {
            let asked = plant.query(0, 1, &READ);
            assert_eq!(plant.answer(0, 1, &READ_ANSWER).asked_in(), Some(asked));
        }
        let first = plant.query(7, 1, &[3, 0, 1, 0, 1]);
        let second = plant.query(7, 1, &[3, 0, 2, 0, 1]);
        assert_eq!(plant.answer(7, 1, &[3, 2, 0, 1]).asked_in(), Some(first));
        assert_eq!(plant.answer(7, 1, &[3, 2, 0, 2]).asked_in(), Some(second));
    }

    #[test]
    fn the_unit_and_the_function_choose_among_equal_transactions() {
        let mut plant = Plant::new();
        let unit_1 = plant.query(0, 1, &READ);
        let unit_2 = plant.query(0, 2, &READ);
        let inputs = plant.query(0, 2, &[4, 0, 0, 0, 1]);
        assert_eq!(plant.answer(0, 2, &[4, 2, 0, 1]).asked_in(), Some(inputs));
        assert_eq!(plant.answer(0, 2, &READ_ANSWER).asked_in(), Some(unit_2));
        assert_eq!(plant.answer(0, 1, &[0x83, 2]).asked_in(), Some(unit_1));
    }

    #[test]
    fn an_identification_may_take_several_transactions() {
        let mut plant = Plant::new();
        let first = plant.query(1, 1, &[43, 14, 1, 0]);
        let more = plant.answer(1, 1, &[43, 14, 1, 1, 0xFF, 1, 1, 0, 1, b'A']);
        let second = plant.query(1, 1, &[43, 14, 1, 1]);
        let last = plant.answer(1, 1, &[43, 14, 1, 1, 0, 0, 2, 1, 1, b'B', 2, 1, b'C']);
        assert_eq!((more.asked_in(), more.flags), (Some(first), vec![]));
        assert_eq!((last.asked_in(), last.flags), (Some(second), vec![]));
    }

    #[test]
    fn answers_may_overtake_each_other() {
        let mut plant = Plant::new();
        let asked: Vec<u64> = (100..110).map(|trans_id| plant.query(trans_id, 1, &[3, 0, 0, 0, 1])).collect();
        for trans_id in [101, 100, 102, 104, 103, 105, 106, 109, 108, 107] {
            let answer = plant.answer(trans_id, 1, &[3, 2, 0, trans_id as u8]);
            assert_eq!(answer.asked_in(), Some(asked[usize::from(trans_id) - 100]));
            assert!(answer.flags.is_empty());
        }
    }

    #[test]
    fn where_several_requests_share_a_key_their_answers_contradict_nothing() {
        let mut plant = Plant::new();
        // Never answered; the master goes on under the same transaction.
        plant.query(0, 1, &[3, 0, 1, 0, 1]);
        for _ in 0..40 {
            plant.query(0, 1, &[3, 0, 2, 0, 2]);
            assert!(plant.answer(0, 1, &[3, 4, 0, 1, 0, 2]).flags.is_empty());
        }
        let mut plant = Plant::new();
        plant.query(0, 1, &[3, 0, 1, 0, 1]);
        assert_eq!(plant.answer(0, 1, &[3, 4, 0, 1, 0, 2]).flags, ["value_mismatch"]);
    }

    #[test]
    fn an_answer_to_nothing_is_unsolicited_and_a_second_one_a_duplicate() {
        let mut plant = Plant::new();
        plant.query(8, 1, &READ);
        plant.answer(8, 1, &READ_ANSWER);
        let again = plant.answer(8, 1, &READ_ANSWER);
        assert_eq!((again.flags, again.request), (vec!["duplicate"], None));
        assert_eq!(plant.answer(8, 1, &[3, 6, 0, 0, 0, 0, 0, 0]).flags, ["unsolicited"]);
        assert_eq!(plant.answer(9, 1, &READ_ANSWER).flags, ["unsolicited"]);
        assert_eq!((plant.count("duplicates"), plant.count("unsolicited")), (1, 2));
    }

    #[test]
    fn a_wrong_unit_or_function_still_finds_the_request() {
        let mut plant = Plant::new();
        let asked = plant.query(11, 1, &READ);
        let answer = plant.answer(11, 2, &READ_ANSWER);
        assert_eq!((answer.asked_in(), answer.flags), (Some(asked), vec!["unit_mismatch"]));
        let asked = plant.query(12, 1, &READ);
        let answer = plant.answer(12, 1, &[4, 2, 0, 1]);
        assert_eq!((answer.asked_in(), answer.flags), (Some(asked), vec!["function_mismatch"]));
        plant.query(13, 1, &READ);
        assert_eq!(plant.answer(13, 2, &[4, 2, 0, 1]).flags, ["unsolicited"]);
    }

    #[test]
    fn units_0_and_255_stand_for_any() {
        let mut plant = Plant::new();
        for (asked_as, answered_as) in [(255, 1), (0, 1), (1, 255), (1, 0), (255, 0), (255, 255)] {
            let asked = plant.query(16, asked_as, &READ);
            let answer = plant.answer(16, answered_as, &READ_ANSWER);
            assert_eq!(answer.asked_in(), Some(asked), "{asked_as} answered by {answered_as}");
            assert!(answer.flags.is_empty());
        }
    }

    #[test]
    fn an_answer_that_says_something_else_is_flagged() {
        let mut plant = Plant::new();
        plant.query(1, 1, &[6, 0, 1, 0, 3]);
        assert_eq!(plant.answer(1, 1, &[6, 0, 1, 0, 4]).flags, ["value_mismatch"]);
        plant.query(2, 1, &READ);
        assert_eq!(plant.answer(2, 1, &[3, 2, 0, 1]).flags, ["value_mismatch"]);
        plant.query(3, 1, &[1, 0, 0x13, 0, 0x13]);
        let bits = plant.answer(3, 1, &[1, 3, 0xCD, 0x6B, 0x05]);
        assert_eq!((bits.bits, bits.flags), (Some(19), vec![]));
    }

    #[test]
    fn silence_is_told_once_and_an_answer_after_it_is_late() {
        let mut plant = Plant::new();
        let asked = plant.query(10, 1, &READ);
        let due = plant.now.plus(Span::from_secs(30));
        plant.wait(29);
        plant.expire();
        assert_eq!(plant.count("timeouts"), 0);
        plant.wait(1);
        plant.expire();
        plant.expire();
        let timeout = plant.said.last().unwrap();
        assert_eq!((timeout.kind, timeout.frame, timeout.time), (Kind::Timeout, asked, due));
        assert_eq!((timeout.data.as_slice(), timeout.request), (&READ[1..], Some((asked, Some(0x6B)))));
        assert_eq!(plant.count("timeouts"), 1);
        plant.wait(10);
        let answer = plant.answer(10, 1, &READ_ANSWER);
        assert_eq!((answer.asked_in(), answer.flags), (Some(asked), vec!["late"]));
        assert_eq!(plant.answer(10, 1, &READ_ANSWER).flags, ["duplicate"]);
    }

    #[test]
    fn what_an_answer_finds_does_not_hang_on_the_clocks_ticks() {
        let mut plant = Plant::new();
        plant.query(0, 1, &READ);
        plant.wait(40);
        let asked = plant.query(0, 1, &READ);
        assert_eq!(plant.answer(0, 1, &READ_ANSWER).asked_in(), Some(asked));
        assert_eq!(plant.said.iter().filter(|said| said.kind == Kind::Timeout).count(), 1);
        plant.query(1, 1, &READ);
        plant.wait(121);
        assert_eq!(plant.answer(1, 1, &READ_ANSWER).flags, ["unsolicited"]);
    }

    #[test]
    fn a_request_is_forgotten_after_two_minutes() {
        let mut plant = Plant::new();
        plant.query(10, 1, &[16, 0, 1, 0, 8, 16, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        plant.wait(31);
        plant.expire();
        plant.wait(90);
        plant.expire();
        assert_eq!(plant.answer(10, 1, &[16, 0, 1, 0, 8]).flags, ["unsolicited"]);
    }

    #[test]
    fn nobody_need_answer_a_broadcast_or_listen_only() {
        let mut plant = Plant::new();
        plant.query(15, 0, &[6, 0, 1, 0, 1]);
        assert_eq!(plant.said.last().unwrap().flags, ["broadcast"]);
        plant.query(16, 1, &[8, 0, 4, 0, 0]);
        plant.query(17, 0, &READ);
        assert!(plant.said.last().unwrap().flags.is_empty(), "a read is no broadcast");
        let asked = plant.query(18, 0, &[6, 0, 1, 0, 2]);
        assert_eq!(plant.answer(18, 0, &[6, 0, 1, 0, 2]).asked_in(), Some(asked), "some devices answer it");
        plant.wait(31);
        plant.expire();
        let timeouts: Vec<_> = plant.said.iter().filter(|said| said.kind == Kind::Timeout).collect();
        assert_eq!(timeouts.iter().map(|said| said.trans_id).collect::<Vec<_>>(), [17]);
    }

    #[test]
    fn a_close_tells_what_was_not_answered() {
        for (closing, reason) in [(Closing::Reset, Reason::Reset), (Closing::End, Reason::End)] {
            let mut plant = Plant::new();
            let asked = plant.query(1, 1, &READ);
            plant.wait(29);
            plant.query(2, 1, &READ);
            plant.query(15, 0, &[6, 0, 1, 0, 1]);
            let due = plant.now.plus(Span::from_secs(1)).minus(Span::from_nanos(2_000_000));
            plant.wait(5);
            plant.said.clear();
            plant.event(&flow(0), Direction::ToServer, Event::Close(closing));
            let told: Vec<_> = plant.said.iter().map(|said| (said.trans_id, said.time, said.reason)).collect();
            // What fell due before the close is told with the time when it did.
            assert_eq!(told, [(1, due, Some(Reason::Elapsed)), (2, plant.now, Some(reason))]);
            assert_eq!((plant.said[0].kind, plant.said[0].asked_in()), (Kind::Timeout, Some(asked)));
            assert_eq!((plant.count("hung_up"), plant.count("timeouts")), (1, 2));
            plant.wait(31);
            plant.expire();
            assert_eq!(plant.answer(1, 1, &READ_ANSWER).flags, ["unsolicited"]);
        }
    }

    #[test]
    fn silence_of_a_server_that_the_capture_does_not_hold_is_counted_only() {
        let mut plant = Plant::new();
        let query = adu(1, 1, &READ);
        let data = Event::Data { bytes: &query, conflict: false, truncated: false };
        plant.event(&flow(1), Direction::ToServer, Event::Open { handshake: false });
        plant.event(&flow(1), Direction::ToServer, data);
        plant.wait(31);
        plant.expire();
        assert_eq!((plant.count("one_sided"), plant.count("timeouts")), (1, 0));
        // Any packet of the server shows that its answers would have been seen.
        plant.event(&flow(1), Direction::ToServer, data);
        plant.event(&flow(1), Direction::ToClient, Event::BothEnds);
        plant.event(&flow(1), Direction::ToServer, Event::Close(Closing::End));
        assert_eq!((plant.count("one_sided"), plant.count("timeouts")), (1, 1));
    }

    #[test]
    fn a_restart_is_not_answered_by_who_listens_only() {
        let mut plant = Plant::new();
        plant.query(1, 1, &[8, 0, 1, 0, 0]);
        plant.query(2, 1, &[8, 0, 4, 0, 0]);
        plant.query(3, 2, &[8, 0, 1, 0, 0]);
        plant.query(4, 1, &[8, 0, 1, 0, 0]);
        plant.query(5, 1, &[8, 0, 1, 0, 0]);
        plant.query(6, 1, &[8, 0, 4, 0, 0]);
        plant.answer(7, 1, &READ_ANSWER);
        plant.query(8, 1, &[8, 0, 1, 0, 0]);
        plant.wait(31);
        plant.expire();
        let timeouts = plant.said.iter().filter(|said| said.kind == Kind::Timeout);
        assert_eq!(timeouts.map(|said| said.trans_id).collect::<Vec<_>>(), [1, 3, 5, 8]);
    }

    #[test]
    fn a_conversation_holds_a_thousand_open_requests_and_drops_the_oldest() {
        let mut plant = Plant::new();
        let many = OPEN_PER_CONVERSATION as u16 + 10;
        for trans_id in 0..many {
            plant.query(trans_id, 1, &READ);
        }
        assert_eq!(plant.count("evicted"), 10);
        assert_eq!(plant.answer(9, 1, &READ_ANSWER).flags, ["unsolicited"]);
        assert!(plant.answer(10, 1, &READ_ANSWER).flags.is_empty());
        assert!(plant.answer(many - 1, 1, &READ_ANSWER).flags.is_empty());
    }
}
