//! One direction's bytes to ADUs: the MBAP header's length is all that separates them.
//!
//! Whole ADUs are framed where they lie; only what a segment leaves incomplete is copied. A stream that lost its step
//! (a bad length, lost bytes, a start in mid-stream) finds it again at a segment that begins with a plausible header.

use super::Mbap;
use super::blocks::{ADU_MAX, BlockId, Blocks};
use super::function::{Category, Function};

/// Transaction, protocol, length, unit (MODBUS Messaging on TCP/IP V1.0b, 3.1.3).
const HEADER: usize = 7;
/// What the length field does not count: itself and all before it.
const BEFORE_LENGTH_COUNTS: usize = 6;
/// The least that holds a unit and a function code.
const LENGTH_MIN: u16 = 2;
/// A unit and a PDU of 253 bytes.
const LENGTH_MAX: u16 = 254;
/// So many segments without a plausible start, and a stream that never showed an ADU is no Modbus.
const MISSES_TO_FOREIGN: u8 = 4;

/// What a stretch of bytes turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// An ADU: its header, its PDU (at least the function code), and whether the PDU is all there.
    Adu { mbap: Mbap, pdu: &'a [u8], whole: bool },
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

    /// Takes the next bytes. `cut` tells that a snap length took what followed them.
    pub(super) fn push(&mut self, bytes: &[u8], cut: bool, tails: &mut Blocks, emit: &mut impl FnMut(Piece<'_>)) {
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

    /// Bytes were lost. Gives the number of bytes that became useless with them.
    pub(super) fn gap(&mut self, tails: &mut Blocks) -> usize {
        self.step = Step::Seeking { misses: 0 };
        self.tail.take().map_or(0, |tail| {
            let len = tails.bytes(tail).len();
            tails.release(tail);
            len
        })
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
                let found = plausible(bytes);
                self.lose(if found { joined.get(..had).unwrap_or_default() } else { joined }, cause, emit);
                if found { bytes } else { &[] }
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
            Step::Begin | Step::Locked => {
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
        return Verdict::Lost(if mbap.prot_id == 0 { Cause::Length } else { Cause::Foreign });
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
    (LENGTH_MIN..=LENGTH_MAX).contains(&length).then(|| BEFORE_LENGTH_COUNTS + usize::from(length))
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
