//! The requests that still may be answered, found by what an answer repeats of them.
//!
//! A request is *waiting* until its time is out, then *remembered* for answers that come late, then forgotten. Equal
//! requests of a conversation (transaction, unit and function) stand in one lane, the oldest first, so that the request
//! that an answer belongs to is found in one look-up however many are open. Besides its lane each request stands in a
//! line of its conversation and in a queue of the shard. All three are in the order of arrival, so that the head of a line
//! is always the head of its lane, and taking out any head costs the same. A request that is alone in its conversation,
//! as most are, enters its lane when another one comes: until then there is nothing to look up. The queue is only asked
//! now and then, for requests that grew old, so those that went stay in it until then.

use super::blocks::{BlockId, Blocks};
use super::body::Small;
use super::{Body, Flags, Framing, Mbap, Request};
use crate::net::Carrier;
use crate::time::Timestamp;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry as LaneEntry;
use std::collections::VecDeque;
use std::num::NonZeroU32;

/// Names a request in [`Pending`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestId(NonZeroU32);

/// What an answer repeats of its request, within one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) trans_id: u16,
    pub(super) unit_id: u8,
    /// Without its exception bit.
    pub(super) function: u8,
}

/// Whether a request's time is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It may still be answered in time.
    Waiting,
    /// It was not answered in time.
    Remembered,
}

/// A request that is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) carrier: Carrier,
    pub(super) slot: u32,
    pub(super) framing: Framing,
    pub(super) mbap: Mbap,
    pub(super) function_code: u8,
    pub(super) index: u16,
    pub(super) flags: Flags,
    /// Whether silence is an oddity: nobody answers a broadcast.
    pub(super) expects_answer: bool,
    /// What it asked, if that borrows nothing of its data.
    pub(super) body: Option<Small>,
    stage: Stage,
    data: Data,
    /// Tells it from those that were stored in its place before, and from itself at another stage.
    stamp: u32,
    /// Whether it stands in its lane.
    in_lane: bool,
    /// Behind it in its lane.
    lane_next: Option<RequestId>,
    /// In the line of its conversation and stage.
    links: Links,
}

/// The bytes after the function code. Most requests have 4.
#[derive(Clone, Copy, Debug)]
enum Data {
    Short { bytes: [u8; SHORT], len: u8 },
    Long(BlockId),
}

/// Long enough for all reads and single writes, short enough not to cost a cache line.
const SHORT: usize = 14;

/// A request's neighbours in a line.
#[derive(Clone, Copy, Debug, Default)]
struct Links {
    before: Option<RequestId>,
    behind: Option<RequestId>,
}

/// Requests in the order of arrival.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    first: Option<RequestId>,
    last: Option<RequestId>,
}

/// The requests of a shard and stage in the order of arrival, each with its stamp. Some are gone.
type Queue = VecDeque<(RequestId, u32)>;

/// A queue is cleared of those that are gone when they are more than half of it, and more than so many.
const GONE: usize = 64;

/// One conversation's lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Open {
    lines: [Line; 2],
    /// How many requests stand in them.
    pub(super) count: u32,
}

impl Open {
    /// The oldest request of that stage.
    pub(super) const fn oldest(&self, stage: Stage) -> Option<RequestId> {
        self.lines[stage as usize].first
    }
}

/// All stored requests of a shard.
#[derive(Debug, Default)]
pub(super) struct Pending {
    requests: Vec<Stored>,
    free: Vec<RequestId>,
    lanes: HashMap<u64, Line, foldhash::fast::RandomState>,
    /// By stage.
    queues: [Queue; 2],
    /// The last one given.
    stamp: u32,
    blocks: Blocks,
    count: usize,
}

/// A request to store.
pub(super) struct NewRequest<'a> {
    pub(super) carrier: Carrier,
    pub(super) slot: u32,
    pub(super) framing: Framing,
    pub(super) mbap: Mbap,
    pub(super) function_code: u8,
    pub(super) data: &'a [u8],
    /// Its data decoded, if that borrows nothing of it.
    pub(super) body: Option<Small>,
    pub(super) index: u16,
    pub(super) flags: Flags,
    pub(super) expects_answer: bool,
}

impl RequestId {
    /// The last of so many requests. Counted from 1, so that "none" costs no room.
    fn last_of(count: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(count as u32 - 1))
    }

    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Key {
    /// What an answer with this header and function code repeats.
    pub(super) const fn new(mbap: &Mbap, function_code: u8) -> Self {
        Self { trans_id: mbap.trans_id, unit_id: mbap.unit_id, function: function_code & 0x7F }
    }

    /// This key and those that differ only in a unit that stands for any: devices behind no gateway answer with their
    /// own number, 0 or 255, whatever they were asked by.
    pub(super) fn with_wildcards(self) -> impl Iterator<Item = Self> {
        let others = [0, 255].into_iter().filter(move |unit_id| *unit_id != self.unit_id);
        std::iter::once(self.unit_id).chain(others).map(move |unit_id| Self { unit_id, ..self })
    }

    /// Whether both name the same unit, or one of them any.
    pub(super) const fn same_unit(self, other: Self) -> bool {
        self.unit_id == other.unit_id || matches!(self.unit_id, 0 | 255) || matches!(other.unit_id, 0 | 255)
    }

    /// The lane's name: all that tells it from others in one number.
    fn lane(self, slot: u32, stage: Stage) -> u64 {
        u64::from(slot) << 32
            | u64::from(self.trans_id) << 16
            | u64::from(self.unit_id) << 8
            | u64::from(self.function) << 1
            | stage as u64
    }
}

impl Stored {
    /// When it was captured.
    pub(super) const fn time(&self) -> Timestamp {
        self.carrier.time
    }

    /// What an answer must repeat.
    pub(super) const fn key(&self) -> Key {
        Key::new(&self.mbap, self.function_code)
    }

    /// What its answer shows of it; `body` is its data decoded.
    pub(super) const fn asked<'a>(&self, body: Body<'a>) -> Request<'a> {
        Request {
            time: self.carrier.time,
            frame: self.carrier.frame,
            mbap: self.mbap,
            function_code: self.function_code,
            body,
        }
    }
}

impl Pending {
    /// How many requests are stored.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The request named `id`; `id` must not have been released.
    pub(super) fn request(&self, id: RequestId) -> &Stored {
        &self.requests[id.index()]
    }

    /// The bytes after its function code.
    pub(super) fn data(&self, id: RequestId) -> &[u8] {
        match &self.request(id).data {
            Data::Short { bytes, len } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Data::Long(block) => self.blocks.bytes(*block),
        }
    }

    /// The oldest request of that stage in the shard.
    pub(super) fn oldest(&mut self, stage: Stage) -> Option<RequestId> {
        let Self { queues, requests, .. } = self;
        let queue = &mut queues[stage as usize];
        while let Some((id, stamp)) = queue.front() {
            if requests[id.index()].stamp == *stamp {
                return Some(*id);
            }
            queue.pop_front();
        }
        None
    }

    /// The oldest request of the conversation at `slot` with this key and stage; `open` are that conversation's.
    pub(super) fn find(&self, open: &Open, slot: u32, key: Key, stage: Stage) -> Option<RequestId> {
        let oldest = open.oldest(stage)?;
        let request = self.request(oldest);
        if request.in_lane {
            self.lanes.get(&key.lane(slot, stage))?.first
        } else {
            Some(oldest).filter(|_| request.key() == key)
        }
    }

    /// Whether younger requests of the same key and stage stand behind the oldest of them.
    pub(super) fn is_followed(&self, id: RequestId) -> bool {
        self.request(id).lane_next.is_some()
    }

    /// The conversation's requests of that stage, the oldest first.
    pub(super) fn each(&self, open: &Open, stage: Stage) -> impl Iterator<Item = RequestId> {
        std::iter::successors(open.oldest(stage), |id| self.request(*id).links.behind)
    }

    /// Stores a request as waiting.
    pub(super) fn store(&mut self, open: &mut Open, new: NewRequest<'_>) -> RequestId {
        let data = match u8::try_from(new.data.len()) {
            Ok(len) if usize::from(len) <= SHORT => Data::Short { bytes: [0; SHORT], len },
            _ => Data::Long(self.blocks.store(new.data)),
        };
        let stored = Stored {
            carrier: new.carrier,
            slot: new.slot,
            framing: new.framing,
            mbap: new.mbap,
            function_code: new.function_code,
            index: new.index,
            flags: new.flags,
            expects_answer: new.expects_answer,
            body: new.body,
            stage: Stage::Waiting,
            data,
            stamp: 0,
            in_lane: false,
            lane_next: None,
            links: Links::default(),
        };
        let id = if let Some(id) = self.free.pop() {
            self.requests[id.index()] = stored;
            id
        } else {
            self.requests.push(stored);
            RequestId::last_of(self.requests.len())
        };
        // Copied where it stays: bytes that were just written one by one are slow to move on.
        if let Data::Short { bytes, .. } = &mut self.requests[id.index()].data {
            match (new.data, bytes.first_chunk_mut()) {
                // As most are.
                ([a, b, c, d], Some(four)) => *four = [*a, *b, *c, *d],
                (data, _) => bytes.iter_mut().zip(data).for_each(|(to, from)| *to = *from),
            }
        }
        self.count += 1;
        open.count += 1;
        self.line_up(open, id);
        id
    }

    /// Takes the head of a lane out of all lines. It can be read until it is [released](Self::release).
    pub(super) fn take(&mut self, open: &mut Open, id: RequestId) {
        self.step_out(open, id);
        self.count -= 1;
        open.count -= 1;
    }

    /// Forgets a request that was taken.
    pub(super) fn release(&mut self, id: RequestId) {
        if let Data::Long(block) = self.request(id).data {
            self.blocks.release(block);
        }
        self.free.push(id);
    }

    /// The time of a waiting request, the head of its lane, is out: it is remembered from now on.
    pub(super) fn remember(&mut self, open: &mut Open, id: RequestId) {
        self.step_out(open, id);
        self.requests[id.index()].stage = Stage::Remembered;
        self.line_up(open, id);
    }

    fn lane(&self, id: RequestId) -> u64 {
        let request = self.request(id);
        request.key().lane(request.slot, request.stage)
    }

    fn line_up(&mut self, open: &mut Open, id: RequestId) {
        let stage = self.request(id).stage;
        if let Some(oldest) = open.oldest(stage) {
            self.enter_lanes(oldest, id);
        }
        self.append(&mut open.lines[stage as usize], id);
        self.queue_up(id, stage);
    }

    fn queue_up(&mut self, id: RequestId, stage: Stage) {
        let Self { queues, requests, stamp, count, .. } = self;
        // After four billion requests stamps begin again: none of those before is in a queue still.
        *stamp = stamp.wrapping_add(1).max(1);
        requests[id.index()].stamp = *stamp;
        let queue = &mut queues[stage as usize];
        if queue.len() > 2 * *count + GONE {
            queue.retain(|(id, stamp)| requests[id.index()].stamp == *stamp);
        }
        queue.push_back((id, *stamp));
    }

    /// A request joins others of its conversation and stage, the oldest of which may have been alone so far.
    #[inline(never)]
    fn enter_lanes(&mut self, oldest: RequestId, id: RequestId) {
        if !self.request(oldest).in_lane {
            self.enter_lane(oldest);
        }
        self.enter_lane(id);
    }

    fn enter_lane(&mut self, id: RequestId) {
        let lane = self.lane(id);
        self.requests[id.index()].in_lane = true;
        match self.lanes.entry(lane) {
            LaneEntry::Occupied(mut lane) => {
                if let Some(last) = lane.get_mut().last.replace(id) {
                    self.requests[last.index()].lane_next = Some(id);
                }
            }
            LaneEntry::Vacant(lane) => {
                lane.insert(Line { first: Some(id), last: Some(id) });
            }
        }
    }

    fn step_out(&mut self, open: &mut Open, id: RequestId) {
        let request = self.request(id);
        let stage = request.stage;
        if request.in_lane {
            self.leave_lane(id);
        }
        self.unlink(&mut open.lines[stage as usize], id);
        self.requests[id.index()].stamp = 0;
    }

    #[inline(never)]
    fn leave_lane(&mut self, id: RequestId) {
        let lane = self.lane(id);
        let request = &mut self.requests[id.index()];
        request.in_lane = false;
        let next = request.lane_next.take();
        if let LaneEntry::Occupied(mut lane) = self.lanes.entry(lane) {
            debug_assert_eq!(lane.get().first, Some(id), "only the head of a lane is taken");
            if next.is_some() {
                lane.get_mut().first = next;
            } else {
                lane.remove();
            }
        }
    }

    fn append(&mut self, line: &mut Line, id: RequestId) {
        let before = line.last.replace(id);
        self.links(id).before = before;
        match before {
            Some(before) => self.links(before).behind = Some(id),
            None => line.first = Some(id),
        }
    }

    fn unlink(&mut self, line: &mut Line, id: RequestId) {
        let Links { before, behind } = std::mem::take(self.links(id));
        match before {
            Some(before) => self.links(before).behind = behind,
            None => line.first = behind,
        }
        match behind {
            Some(behind) => self.links(behind).before = before,
            None => line.last = before,
        }
    }

    fn links(&mut self, id: RequestId) -> &mut Links {
        &mut self.requests[id.index()].links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Carrier =
        Carrier { input: 0, frame: 0, time: Timestamp::from_nanos(0), mac: None, vlan: [0xFFFF; 2], tcp_flags: 0 };

    fn store(pending: &mut Pending, open: &mut Open, trans_id: u16, data: &[u8]) -> RequestId {
        let mbap = Mbap { trans_id, prot_id: 0, length: 0, unit_id: 1 };
        let new = NewRequest {
            carrier: NONE,
            slot: 0,
            framing: Framing::Tcp,
            mbap,
            function_code: 16,
            data,
            body: None,
            index: 0,
            flags: Flags::NONE,
            expects_answer: true,
        };
        pending.store(open, new)
    }

    #[test]
    fn data_of_every_length_is_kept_and_its_place_used_again() {
        let (mut pending, mut open) = (Pending::default(), Open::default());
        for _ in 0..2 {
            let stored: Vec<_> = (0..=252u8)
                .map(|len| store(&mut pending, &mut open, u16::from(len), &vec![len; usize::from(len)]))
                .collect();
            for (len, id) in stored.iter().enumerate() {
                assert_eq!(pending.data(*id), vec![len as u8; len]);
            }
            for id in stored {
                pending.take(&mut open, id);
                pending.release(id);
            }
        }
        assert_eq!((pending.count(), pending.requests.len(), pending.blocks.used()), (0, 253, 0));
        assert!(pending.lanes.is_empty() && open.oldest(Stage::Waiting).is_none());
    }

    #[test]
    fn a_request_alone_is_found_without_a_lane_and_with_others_in_it() {
        let (mut pending, mut open) = (Pending::default(), Open::default());
        let key = |trans_id| Key { trans_id, unit_id: 1, function: 16 };
        let first = store(&mut pending, &mut open, 7, &[]);
        assert!(pending.lanes.is_empty());
        let find = |pending: &Pending, open: &Open, trans_id| pending.find(open, 0, key(trans_id), Stage::Waiting);
        assert_eq!([7, 8].map(|trans_id| find(&pending, &open, trans_id)), [Some(first), None]);
        let second = store(&mut pending, &mut open, 8, &[]);
        assert_eq!([7, 8, 9].map(|trans_id| find(&pending, &open, trans_id)), [Some(first), Some(second), None]);
        // The one that is left stays where it is, and is remembered as one alone.
        pending.take(&mut open, first);
        assert_eq!([7, 8].map(|trans_id| find(&pending, &open, trans_id)), [None, Some(second)]);
        pending.remember(&mut open, second);
        assert_eq!((find(&pending, &open, 8), pending.lanes.len()), (None, 0));
        assert_eq!(pending.find(&open, 0, key(8), Stage::Remembered), Some(second));
    }

    #[test]
    fn a_queue_forgets_those_that_went_however_long_one_stays() {
        let (mut pending, mut open, mut other) = (Pending::default(), Open::default(), Open::default());
        let stays = store(&mut pending, &mut open, 1, &[]);
        for trans_id in 0..10_000 {
            let goes = store(&mut pending, &mut other, trans_id, &[]);
            pending.take(&mut other, goes);
            pending.release(goes);
            assert!(pending.queues[Stage::Waiting as usize].len() <= 2 * (pending.count() + 1) + GONE + 1);
        }
        let last = store(&mut pending, &mut other, 7, &[]);
        assert_eq!(pending.oldest(Stage::Waiting), Some(stays));
        pending.remember(&mut open, stays);
        assert_eq!([Stage::Waiting, Stage::Remembered].map(|stage| pending.oldest(stage)), [Some(last), Some(stays)]);
        pending.take(&mut other, last);
        assert_eq!([Stage::Waiting, Stage::Remembered].map(|stage| pending.oldest(stage)), [None, Some(stays)]);
    }

    #[test]
    fn a_lane_gives_its_oldest_first_whatever_is_taken_between() {
        let (mut pending, mut open) = (Pending::default(), Open::default());
        let ids: Vec<_> = [7, 8, 7, 8, 7].map(|trans_id| store(&mut pending, &mut open, trans_id, &[])).to_vec();
        let key = Key { trans_id: 7, unit_id: 1, function: 16 };
        pending.take(&mut open, ids[1]);
        pending.remember(&mut open, ids[0]);
        assert_eq!(pending.find(&open, 0, key, Stage::Waiting), Some(ids[2]));
        assert_eq!(pending.find(&open, 0, key, Stage::Remembered), Some(ids[0]));
        assert_eq!(pending.each(&open, Stage::Waiting).collect::<Vec<_>>(), [ids[2], ids[3], ids[4]]);
        pending.take(&mut open, ids[2]);
        assert_eq!(pending.find(&open, 0, key, Stage::Waiting), Some(ids[4]));
        assert_eq!(
            (pending.oldest(Stage::Waiting), pending.find(&Open::default(), 1, key, Stage::Waiting)),
            (Some(ids[3]), None)
        );
    }
}
