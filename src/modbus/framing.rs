//! One direction's bytes to ADUs: the MBAP header's length is all that separates them.
//!
//! Whole ADUs are framed where they lie; only what a segment leaves incomplete is copied. A stream that lost its step
//! (a bad length, lost bytes, a start in mid-stream) finds it again at a segment that begins with a plausible header.

use super::Mbap;
use super::blocks::{ADU_MAX, BlockId, Blocks};
use super::function::{Category, Function};
use super::rtu::{self, Cut};
use crate::net::Direction;

/// Transaction, protocol, length, unit (MODBUS Messaging on TCP/IP V1.0b, 3.1.3).
const HEADER: usize = 7;
/// What the length field does not count: itself and all before it.
const BEFORE_LENGTH_COUNTS: usize = 6;
/// The least that holds a unit and a function code.
const LENGTH_MIN: u16 = 2;
/// A unit and a PDU of 253 bytes.
pub(super) const LENGTH_MAX: u16 = 254;
/// So many segments without a plausible start, and a stream that never showed an ADU is no Modbus.
const MISSES_TO_FOREIGN: u8 = 4;

/// What a stretch of bytes turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// An ADU: its header, its PDU (at least the function code), and whether the PDU is all there.
    Adu { mbap: Mbap, pdu: &'a [u8], whole: bool },
    /// A frame without a header: its unit and its PDU.
    Rtu { unit_id: u8, pdu: &'a [u8] },
    /// From here on there is no header.
    Lost { bytes: &'a [u8], cause: Cause },
    /// So many bytes passed by while looking for one.
    Skipped(usize),
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The protocol is Modbus, but the length is none that an ADU can have.
    Length,
    /// The protocol is another one.
    Foreign,
}

/// Where a stream stands at the end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// At the first byte of the connection.
    Begin,
    /// Behind an ADU.
    Locked,
    /// Anywhere; so many segments did not begin with a plausible header.
    Seeking { misses: u8 },
    /// Among frames without headers. `doubt`: there was only one segment of them, which may also be the start of an
    /// ADU, and is still kept as such.
    Rtu { doubt: bool },
}

/// The framing state of one direction of a TCP connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    step: Step,
    /// The start of an ADU whose end has not come yet.
    tail: Option<BlockId>,
    /// Whether it ever showed an ADU.
    framed: bool,
}

impl Stream {
    /// A stream whose first byte is yet to come, or, without a handshake, one that is under way.
    pub(super) const fn new(handshake: bool) -> Self {
        let step = if handshake { Step::Begin } else { Step::Seeking { misses: 0 } };
        Self { step, tail: None, framed: false }
    }

    /// The header and the PDU, where the next bytes are just one ADU of a stream that is in step, as most are: then they
    /// need not be [pushed](Self::push).
    #[inline(always)]
    pub(super) fn one_adu<'a>(&self, bytes: &'a [u8]) -> Option<(Mbap, &'a [u8])> {
        if self.step != Step::Locked || self.tail.is_some() {
            return None;
        }
        let mbap = header(bytes).filter(|mbap| mbap.prot_id == 0)?;
        (total(mbap.length)? == bytes.len()).then_some((mbap, bytes.get(HEADER..)?))
    }

    /// Takes the next bytes. `cut` tells that a snap length took what followed them.
    pub(super) fn push(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        cut: bool,
        tails: &mut Blocks,
        emit: &mut impl FnMut(Piece<'_>),
    ) {
        let bytes = if self.framed { bytes } else { self.push_rtu(direction, bytes, tails, emit) };
        if bytes.is_empty() {
            return;
        }
        let mut rest = bytes;
        if let Some(tail) = self.tail.take() {
            rest = self.mend(tail, bytes, cut, tails, emit);
        } else if matches!(self.step, Step::Seeking { .. }) && !plausible(bytes) {
            self.lose(bytes, Cause::Foreign, emit);
            return;
        }
        while !rest.is_empty() {
            match judge(rest, self.step) {
                Verdict::Adu(mbap, total) => {
                    let (adu, after) = rest.split_at_checked(total).unwrap_or((rest, &[]));
                    self.lock();
                    emit(Piece::Adu { mbap, pdu: adu.get(HEADER..).unwrap_or_default(), whole: true });
                    rest = after;
                }
                Verdict::Short => {
                    self.keep(rest, cut, tails, emit);
                    break;
                }
                Verdict::Lost(cause) => {
                    self.lose(rest, cause, emit);
                    break;
                }
            }
        }
        if cut {
            self.step = Step::Seeking { misses: 0 };
        }
    }

    /// Takes what is in RTU frames off the front of the next bytes, on a stream that never showed an ADU.
    ///
    /// A stream is believed to consist of RTU frames from its first segment of nothing else on. But an attacker can
    /// make an ADU without data, or the start of one, look like one: so that segment is kept until another one agrees.
    #[cold]
    fn push_rtu<'a>(
        &mut self,
        direction: Direction,
        bytes: &'a [u8],
        tails: &mut Blocks,
        emit: &mut impl FnMut(Piece<'_>),
    ) -> &'a [u8] {
        match self.step {
            Step::Rtu { doubt: false } => return self.next_rtu(direction, bytes, tails, emit),
            Step::Rtu { doubt: true } if !rtu::is_all(bytes, direction) => {
                self.step = Step::Begin;
                return bytes;
            }
            Step::Rtu { doubt: true } => {
                self.drop_tail(tails);
                self.step = Step::Rtu { doubt: false };
            }
            _ => {
                // Two registers asked for at address 0 look like an ADU without data; the CRC tells.
                let is_adu = matches!(judge(bytes, self.step), Verdict::Adu(mbap, _) if mbap.length > LENGTH_MIN);
                if self.tail.is_some() || is_adu || !rtu::is_all(bytes, direction) {
                    return bytes;
                }
                self.tail = begins(bytes).then(|| tails.store(bytes));
                self.step = Step::Rtu { doubt: self.tail.is_some() };
            }
        }
        emit_rtu(bytes, direction, emit);
        &[]
    }

    /// Takes the next bytes of a stream of RTU frames. Gives those that begin an ADU instead.
    fn next_rtu<'a>(
        &mut self,
        direction: Direction,
        bytes: &'a [u8],
        tails: &mut Blocks,
        emit: &mut impl FnMut(Piece<'_>),
    ) -> &'a [u8] {
        let mut buffer = [0; 2 * ADU_MAX];
        let mut had = 0;
        if let Some(tail) = self.tail.take() {
            let old = tails.bytes(tail);
            had = old.len();
            let (head, room) = buffer.split_at_mut(had);
            head.copy_from_slice(old);
            match room.get_mut(..bytes.len()) {
                Some(room) => room.copy_from_slice(bytes),
                // No frame is as long: what is new stands for itself.
                None => emit(Piece::Skipped(std::mem::take(&mut had))),
            }
            tails.release(tail);
        }
        let joined = if had == 0 { bytes } else { buffer.get(..had.saturating_add(bytes.len())).unwrap_or(bytes) };
        let rest = emit_rtu(joined, direction, emit);
        if rest.is_empty() {
            return &[];
        }
        if plausible(bytes) {
            emit(Piece::Skipped(rest.len().saturating_sub(bytes.len())));
            self.step = Step::Seeking { misses: 0 };
            return bytes;
        }
        match rtu::cut(rest, direction) {
            Cut::Short => self.tail = Some(tails.store(rest)),
            _ => emit(Piece::Skipped(rest.len())),
        }
        &[]
    }

    /// Gives back the start of an ADU; tells its length.
    fn drop_tail(&mut self, tails: &mut Blocks) -> usize {
        self.tail.take().map_or(0, |tail| {
            let len = tails.bytes(tail).len();
            tails.release(tail);
            len
        })
    }

    /// Bytes were lost. Gives the number of bytes that became useless with them.
    pub(super) fn gap(&mut self, tails: &mut Blocks) -> usize {
        if let Step::Rtu { doubt } = &mut self.step {
            // What is kept in doubt was told already.
            let told = std::mem::take(doubt);
            let len = self.drop_tail(tails);
            return if told { 0 } else { len };
        }
        self.step = Step::Seeking { misses: 0 };
        self.drop_tail(tails)
    }

    /// Puts the tail and the new bytes together. Gives what of `bytes` is still to be framed.
    ///
    /// A length that lies makes the ADU end inside the next segment, or not at all. So where the bytes behind the
    /// ADU are no header and the segment itself begins with one, the segment's start is believed.
    fn mend<'a>(
        &mut self,
        tail: BlockId,
        bytes: &'a [u8],
        cut: bool,
        tails: &mut Blocks,
        emit: &mut impl FnMut(Piece<'_>),
    ) -> &'a [u8] {
        let mut buffer = [0; ADU_MAX];
        let old = tails.bytes(tail);
        let had = old.len();
        let filled = had.saturating_add(bytes.len()).min(ADU_MAX);
        let (head, room) = buffer.split_at_mut(had);
        head.copy_from_slice(old);
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        tails.release(tail);
        let joined = buffer.get(..filled).unwrap_or_default();

        let verdict = match self.step {
            Step::Seeking { .. } if !plausible(joined) => Verdict::Lost(Cause::Foreign),
            step => judge(joined, step),
        };
        match verdict {
            Verdict::Adu(mbap, total) => {
                self.lock();
                emit(Piece::Adu { mbap, pdu: joined.get(HEADER..total).unwrap_or_default(), whole: true });
                let rest = bytes.get(total.saturating_sub(had)..).unwrap_or_default();
                match judge(rest, self.step) {
                    Verdict::Lost(cause) if plausible(bytes) => {
                        emit(Piece::Lost { bytes: rest, cause });
                        bytes
                    }
                    _ => rest,
                }
            }
            Verdict::Short => {
                self.keep(joined, cut, tails, emit);
                &[]
            }
            Verdict::Lost(cause) => {
                if !plausible(bytes) {
                    self.lose(joined, cause, emit);
                    return &[];
                }
                self.lose(joined.get(..had).unwrap_or_default(), Cause::Length, emit);
                bytes
            }
        }
    }

    /// Keeps the start of an ADU until the rest comes; where a snap length took the rest, this is all there is.
    fn keep(&mut self, bytes: &[u8], cut: bool, tails: &mut Blocks, emit: &mut impl FnMut(Piece<'_>)) {
        if !cut {
            self.tail = Some(tails.store(bytes));
            return;
        }
        emit(match (header(bytes), bytes.get(HEADER..)) {
            (Some(mbap), Some(pdu)) if !pdu.is_empty() => Piece::Adu { mbap, pdu, whole: false },
            _ => Piece::Skipped(bytes.len()),
        });
    }

    fn lock(&mut self) {
        self.step = Step::Locked;
        self.framed = true;
    }

    /// There is no header where one should be. It is said once, and again only after an ADU was seen in between.
    fn lose(&mut self, bytes: &[u8], cause: Cause, emit: &mut impl FnMut(Piece<'_>)) {
        let misses = match self.step {
            Step::Seeking { misses } => misses.saturating_add(1),
            Step::Begin | Step::Locked | Step::Rtu { .. } => {
                emit(Piece::Lost { bytes, cause });
                0
            }
        };
        self.step = Step::Seeking { misses };
        if misses == MISSES_TO_FOREIGN && !self.framed {
            emit(Piece::Lost { bytes, cause: Cause::Foreign });
        }
        emit(Piece::Skipped(bytes.len()));
    }
}

/// Emits the RTU frames that bytes begin with. Gives what follows them.
fn emit_rtu<'a>(bytes: &'a [u8], direction: Direction, emit: &mut impl FnMut(Piece<'_>)) -> &'a [u8] {
    let mut rest = bytes;
    while let Cut::Frame(unit_id, pdu, after) = rtu::cut(rest, direction) {
        emit(Piece::Rtu { unit_id, pdu });
        rest = after;
    }
    rest
}

/// Frames one whole datagram: one ADU or several. An ADU that goes on behind its end is not whole.
pub(super) fn datagram(bytes: &[u8], emit: &mut impl FnMut(Piece<'_>)) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match (judge(rest, Step::Begin), header(rest), rest.get(HEADER..)) {
            (Verdict::Adu(mbap, total), ..) => {
                let (adu, after) = rest.split_at_checked(total).unwrap_or((rest, &[]));
                emit(Piece::Adu { mbap, pdu: adu.get(HEADER..).unwrap_or_default(), whole: true });
                rest = after;
            }
            (Verdict::Short, Some(mbap), Some(pdu)) if !pdu.is_empty() => {
                emit(Piece::Adu { mbap, pdu, whole: false });
                return;
            }
            (verdict, ..) => {
                let cause = if let Verdict::Lost(cause) = verdict { cause } else { Cause::Foreign };
                emit(Piece::Lost { bytes: rest, cause });
                emit(Piece::Skipped(rest.len()));
                return;
            }
        }
    }
}

/// The header at the start of `bytes`, if all of it is there.
pub(super) fn header(bytes: &[u8]) -> Option<Mbap> {
    let [t0, t1, p0, p1, l0, l1, unit_id, ..] = *bytes else { return None };
    Some(Mbap {
        trans_id: u16::from_be_bytes([t0, t1]),
        prot_id: u16::from_be_bytes([p0, p1]),
        length: u16::from_be_bytes([l0, l1]),
        unit_id,
    })
}

/// What stands at the start of some bytes.
enum Verdict {
    /// An ADU of so many bytes.
    Adu(Mbap, usize),
    /// Too little to tell, or an ADU that goes on.
    Short,
    /// No header.
    Lost(Cause),
}

fn judge(bytes: &[u8], step: Step) -> Verdict {
    let Some(mbap) = header(bytes) else { return Verdict::Short };
    let Some(total) = total(mbap.length) else {
        return match mbap.prot_id {
            // A client that asks for too much sends ADUs that are too long. If the segment is one, there is no doubt.
            0 if bytes.len() > ADU_MAX && bytes.len() == oversize(mbap.length) => Verdict::Adu(mbap, bytes.len()),
            0 => Verdict::Lost(Cause::Length),
            _ => Verdict::Lost(Cause::Foreign),
        };
    };
    // One ADU with another protocol id must not blind the rest; but on a connection that showed no Modbus yet it has to
    // fit its segment to be believed.
    if mbap.prot_id != 0 && step != Step::Locked && !bytes.get(total..).is_some_and(begins) {
        return Verdict::Lost(Cause::Foreign);
    }
    if bytes.len() < total { Verdict::Short } else { Verdict::Adu(mbap, total) }
}

/// How long an ADU with this length field is; `None` for a length that none can have.
fn total(length: u16) -> Option<usize> {
    (LENGTH_MIN..=LENGTH_MAX).contains(&length).then(|| oversize(length))
}

/// How long an ADU with this length field would be if any length were good.
fn oversize(length: u16) -> usize {
    BEFORE_LENGTH_COUNTS + usize::from(length)
}

/// Whether nothing in `bytes`, as far as they go, speaks against a header of Modbus.
fn begins(bytes: &[u8]) -> bool {
    match *bytes {
        [_, _, p0, p1, l0, l1, ..] => p0 == 0 && p1 == 0 && total(u16::from_be_bytes([l0, l1])).is_some(),
        _ => bytes.iter().skip(2).all(|byte| *byte == 0),
    }
}

/// Whether a segment begins with an ADU: the only places where a stream out of step looks for one.
///
/// The header must be right, and either the segment ends with the ADU or the function is one that somebody defined.
fn plausible(bytes: &[u8]) -> bool {
    if !begins(bytes) {
        return false;
    }
    let (Some(mbap), Some(function_code)) = (header(bytes), bytes.get(HEADER)) else { return true };
    let known = !matches!(Function::of(*function_code).category, Category::Unassigned | Category::Invalid);
    match total(mbap.length).and_then(|total| bytes.get(total..)) {
        Some([]) => true,
        Some(next) => known && begins(next),
        None => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READ: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0x6B, 0, 3];
    const WRITE: [u8; 15] = [0, 2, 0, 0, 0, 9, 1, 16, 0, 1, 0, 1, 2, 0, 9];

    /// What came out: transaction and PDU, or what else happened.
    #[derive(Clone, Debug, PartialEq, Eq)]
    enum Seen {
        Adu(u16, Vec<u8>),
        Cut(u16, Vec<u8>),
        Rtu(u8, Vec<u8>),
        Lost(Cause),
    }

    fn note(piece: Piece<'_>, seen: &mut Vec<Seen>) {
        match piece {
            Piece::Adu { mbap, pdu, whole: true } => seen.push(Seen::Adu(mbap.trans_id, pdu.to_vec())),
            Piece::Adu { mbap, pdu, whole: false } => seen.push(Seen::Cut(mbap.trans_id, pdu.to_vec())),
            Piece::Lost { cause, .. } => seen.push(Seen::Lost(cause)),
            Piece::Rtu { unit_id, pdu } => seen.push(Seen::Rtu(unit_id, pdu.to_vec())),
            Piece::Skipped(_) => {}
        }
    }

    fn frame(handshake: bool, segments: &[&[u8]]) -> Vec<Seen> {
        let (mut stream, mut tails, mut seen) = (Stream::new(handshake), Blocks::default(), Vec::new());
        for segment in segments {
            let (told, place) = (seen.len(), (stream.step, stream.framed));
            let one = stream.one_adu(segment).map(|(mbap, pdu)| Seen::Adu(mbap.trans_id, pdu.to_vec()));
            stream.push(Direction::ToServer, segment, false, &mut tails, &mut |piece| note(piece, &mut seen));
            if let Some(one) = one {
                // What need not be pushed would have said so, and left all as it was.
                assert_eq!((&seen[told..], (stream.step, stream.framed), stream.tail), (&[one][..], place, None));
            }
        }
        stream.gap(&mut tails);
        assert_eq!(tails.used(), 0);
        seen
    }

    fn adu(bytes: &[u8]) -> Seen {
        Seen::Adu(header(bytes).unwrap().trans_id, bytes[HEADER..].to_vec())
    }

    #[test]
    fn an_adu_may_be_cut_at_every_byte() {
        let both = [READ.as_slice(), &WRITE].concat();
        for first in 0..both.len() {
            for second in first..both.len() {
                let segments = [&both[..first], &both[first..second], &both[second..]];
                assert_eq!(frame(true, &segments), [adu(&READ), adu(&WRITE)], "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_bad_length_is_told_once_and_the_next_segment_is_read() {
        for length in [[0, 0], [0, 1], [0, 255], [1, 44], [255, 255]] {
            let bad = [0, 9, 0, 0, length[0], length[1], 1, 3, 0, 0x6B, 0, 3];
            assert_eq!(frame(true, &[&bad, &READ, &WRITE]), [Seen::Lost(Cause::Length), adu(&READ), adu(&WRITE)]);
        }
    }

    #[test]
    fn an_adu_that_is_too_long_is_framed_where_it_fills_its_segment() {
        let long = [[0, 9, 0, 0, 0, 255, 1, 16].as_slice(), &[0; 253]].concat();
        assert_eq!(frame(true, &[&long, &READ]), [adu(&long), adu(&READ)]);
        assert_eq!(frame(true, &[&long[..100], &long[100..], &READ]), [Seen::Lost(Cause::Length), adu(&READ)]);
    }

    #[test]
    fn a_length_one_off_costs_no_other_adu() {
        let short = [0, 5, 0, 0, 0, 5, 1, 3, 0, 0x6B, 0, 3];
        let cut = Seen::Adu(5, vec![3, 0, 0x6B, 0]);
        assert_eq!(frame(true, &[&short, &READ]), [cut, Seen::Lost(Cause::Length), adu(&READ)]);
        let long = [0, 6, 0, 0, 0, 7, 1, 3, 0, 0x6B, 0, 3];
        let grown = Seen::Adu(6, vec![3, 0, 0x6B, 0, 3, 0]);
        assert_eq!(frame(true, &[&long, &READ]), [grown, Seen::Lost(Cause::Length), adu(&READ)]);
    }

    #[test]
    fn a_start_in_the_middle_waits_for_a_segment_that_begins_with_a_header() {
        let half = [0x06, 0x02, 0x2B, 0, 0, 0, 0x64];
        assert_eq!(frame(false, &[&half, &READ]), [adu(&READ)]);
        let split = [&READ[..3], &READ[3..]];
        assert_eq!(frame(false, &[&half, split[0], split[1]]), [adu(&READ)]);
    }

    #[test]
    fn another_protocol_is_told_but_one_adu_with_another_id_is_framed() {
        let http = b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n";
        assert_eq!(frame(true, &[http, http, &READ]), [Seen::Lost(Cause::Foreign), adu(&READ)]);
        let odd = [0, 3, 0, 1, 0, 6, 1, 3, 0, 0x6B, 0, 3];
        assert_eq!(frame(true, &[&READ, &odd, &WRITE]), [adu(&READ), adu(&odd), adu(&WRITE)]);
        assert_eq!(frame(true, &[&odd, &READ]), [adu(&odd), adu(&READ)]);
        assert_eq!(frame(false, &[http, http, http, http, http]), [Seen::Lost(Cause::Foreign)]);
    }

    #[test]
    fn a_snap_length_leaves_what_is_there() {
        let (mut stream, mut tails, mut seen) = (Stream::new(true), Blocks::default(), Vec::new());
        stream.push(Direction::ToServer, &WRITE[..10], true, &mut tails, &mut |piece| note(piece, &mut seen));
        stream.push(Direction::ToServer, &READ, false, &mut tails, &mut |piece| note(piece, &mut seen));
        assert_eq!(seen, [Seen::Cut(2, vec![16, 0, 1]), adu(&READ)]);
    }

    #[test]
    fn a_datagram_holds_one_adu_or_several() {
        let seen = |bytes: &[u8]| {
            let mut seen = Vec::new();
            datagram(bytes, &mut |piece| note(piece, &mut seen));
            seen
        };
        assert_eq!(seen(&[READ.as_slice(), &WRITE].concat()), [adu(&READ), adu(&WRITE)]);
        assert_eq!(seen(&WRITE[..10]), [Seen::Cut(2, vec![16, 0, 1])]);
        assert_eq!(seen(b"\x16\x03\x01\x02\x00\x01\x00\x01"), [Seen::Lost(Cause::Foreign)]);
        assert_eq!(seen(&[0, 1, 0]), [Seen::Lost(Cause::Foreign)]);
    }

    fn adus() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let adu = (any::<u16>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 1..=253)).prop_map(
            |(trans_id, unit_id, pdu)| {
                let length = (pdu.len() + 1) as u16;
                let head = [trans_id.to_be_bytes(), [0, 0], length.to_be_bytes()].concat();
                [head, vec![unit_id], pdu].concat()
            },
        );
        proptest::collection::vec(adu, 1..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn segmentation_changes_nothing(adus in adus(), cuts in proptest::collection::vec(1usize..300, 1..40)) {
            let bytes = adus.concat();
            let (mut segments, mut rest, mut cuts) = (Vec::new(), bytes.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (segment, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                segments.push(segment);
                rest = after;
            }
            let expected: Vec<_> = adus.iter().map(|bytes| adu(bytes)).collect();
            prop_assert_eq!(frame(true, &segments), expected);
        }

        #[test]
        fn any_bytes_frame_to_stretches_of_the_input(
            handshake in any::<bool>(),
            segments in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    proptest::collection::vec(0u8..7, 0..40),
                ],
                0..12,
            ),
            cut in any::<u8>(),
        ) {
            let (mut stream, mut tails) = (Stream::new(handshake), Blocks::default());
            let input = segments.concat();
            for (at, segment) in segments.iter().enumerate() {
                let mut within = true;
                let mut check = |piece: Piece<'_>| {
                    if let Piece::Adu { pdu, .. } = piece {
                        within &= !pdu.is_empty() && input.windows(pdu.len()).any(|window| window == pdu);
                    }
                };
                stream.push(Direction::ToServer, segment, cut == at as u8, &mut tails, &mut check);
                datagram(segment, &mut check);
                prop_assert!(within);
            }
            prop_assert!(tails.used() <= 1);
        }
    }
}
