//! The stateless side of captures: a lane takes frames through `net`, `modbus`, `record` and the matcher.
//!
//! The traffic is always split into the same logical shards by address pair, whether one lane runs them all or
//! several share them, so that bounds, evictions and order never depend on the number of threads.

use super::census::Sighting;
use super::evidence::{Evidence, Order, Phase};
use super::judge::Judge;
use super::plan::Plan;
use super::spread::Work;
use super::summary::{Room, Summary};
use super::usual::Past;
use crate::capture::{Batch, Frame};
use crate::modbus::{Message, Pairing};
use crate::net::{Net, Packet, SHARDS};
use crate::time::{Clock, Timestamp};
use std::sync::Arc;

/// The route of a frame that nobody wants.
pub(super) const LEFT_OUT: u8 = u8::MAX;

/// A batch with the shard of each frame; no routes where each lane finds them for itself.
#[derive(Debug, Default)]
pub(super) struct Routed {
    /// The frames.
    pub(super) batch: Batch,
    /// Their shards, or nothing.
    pub(super) routes: Vec<u8>,
}

/// Some of the logical shards, run by one thread.
pub(super) struct Lane {
    shards: Vec<Option<Shard>>,
    judge: Judge,
    clock: Clock,
    /// The input whose frames come.
    input: u32,
    /// The latest time of any frame, of whatever shard.
    latest: Timestamp,
}

/// The connections of one logical shard.
struct Shard {
    net: Net,
    pairing: Pairing,
}

/// Takes the frames of a batch that belong to its shards.
impl Work for Lane {
    type Batch = Routed;

    fn run(&mut self, routed: &Routed, evidence: &mut Evidence) {
        let mut routes = routed.routes.iter().copied();
        let mut latest = self.latest;
        for frame in routed.batch.frames() {
            latest = latest.max(frame.time);
            if let Some(now) = self.clock.tick(frame.time) {
                self.expire(now, frame.number, evidence);
            }
            // A frame whose shard is known and not here need not be parsed.
            let elsewhere =
                routes.next().is_some_and(|route| !matches!(self.shards.get(usize::from(route)), Some(Some(_))));
            if !elsewhere {
                self.push(&frame, evidence);
            }
        }
        self.latest = latest;
        evidence.reached = self.clock.latest();
    }
}

impl Lane {
    /// The shards whose number leaves `part` when divided by `parts`.
    pub(super) fn new(plan: &Arc<Plan>, part: usize, parts: usize) -> Self {
        let shard = |number| {
            (number % parts == part)
                .then(|| Shard { net: Net::shard(&plan.net, number), pairing: Pairing::new(&plan.modbus) })
        };
        Self {
            shards: (0..SHARDS).map(shard).collect(),
            judge: Judge::watching(Arc::clone(plan)),
            clock: Clock::default(),
            input: 0,
            latest: Timestamp::default(),
        }
    }

    /// The frames to come are those of another input.
    pub(super) fn begin(&mut self, input: u32) {
        self.input = input;
    }

    /// The latest time of any frame.
    pub(super) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// The time that frames reached: the latest that two of them agree about, or else the first.
    #[cfg(feature = "live")]
    pub(super) fn reached(&self) -> Option<Timestamp> {
        self.clock.latest().or(self.clock.now())
    }

    /// Takes the engine's past; then it must be the only lane.
    pub(super) fn remember(&mut self, past: Past) {
        self.judge.remember(past);
    }

    /// Gives the past back.
    pub(super) fn give_back(&mut self) -> Past {
        self.judge.give_back()
    }

    fn push(&mut self, frame: &Frame<'_>, evidence: &mut Evidence) {
        let packet = Packet::parse(frame).of_input(self.input);
        let number = packet.shard();
        let Some(Some(Shard { net, pairing })) = self.shards.get_mut(number) else {
            return;
        };
        let judge = &mut self.judge;
        let order = Order { number: frame.number, phase: Phase::Frame, shard: number as u8 };
        net.push(&packet, &mut |chunk| {
            pairing.push(&chunk, &mut |message| hear(message, order, judge, evidence));
        });
    }

    fn expire(&mut self, now: Timestamp, number: u64, evidence: &mut Evidence) {
        self.each_shard(|order, shard, judge| {
            let order = Order { number, ..order };
            shard.pairing.expire(now, &mut |message| hear(message, order, judge, evidence));
            let pairing = &mut shard.pairing;
            shard.net.expire(now, &mut |chunk| {
                pairing.push(&chunk, &mut |message| hear(message, order, judge, evidence));
            });
        });
    }

    /// Nothing came for a while and it is `now`: what fell due is told.
    #[cfg(feature = "live")]
    pub(super) fn idle(&mut self, now: Timestamp, evidence: &mut Evidence) {
        self.expire(now, u64::MAX, evidence);
    }

    /// The end of the input: what is held is released, everything open is closed.
    #[cfg(feature = "live")]
    pub(super) fn finish(&mut self, evidence: &mut Evidence) {
        for number in 0..SHARDS {
            let mut from = Some(0);
            while let Some(slot) = from {
                from = self.close(number, slot, evidence);
            }
        }
    }

    /// Closes some of what is open in one shard, if it is one of its own, from this slot on. Gives the slot to go on
    /// from; `None` at the end.
    pub(super) fn close(&mut self, number: usize, from: u32, evidence: &mut Evidence) -> Option<u32> {
        let Shard { net, pairing } = self.shards.get_mut(number)?.as_mut()?;
        let order = Order { number: u64::MAX, phase: Phase::Tick, shard: number as u8 };
        let judge = &mut self.judge;
        net.finish_some(from, self.latest, &mut |chunk| {
            pairing.push(&chunk, &mut |message| hear(message, order, judge, evidence));
        })
    }

    /// Everything is closed: time may begin anew.
    pub(super) fn restart_clock(&mut self) {
        self.clock = Clock::default();
        self.latest = Timestamp::default();
    }

    fn each_shard(&mut self, mut act: impl FnMut(Order, &mut Shard, &mut Judge)) {
        for (number, shard) in self.shards.iter_mut().enumerate() {
            if let Some(shard) = shard {
                let order = Order { number: u64::MAX, phase: Phase::Tick, shard: number as u8 };
                act(order, shard, &mut self.judge);
            }
        }
    }

    /// Adds its figures. Frames are counted by the caller, since every lane sees all of them.
    pub(super) fn report(&self, summary: &mut Summary) {
        self.judge.report(summary);
        for shard in self.shards.iter().flatten() {
            summary.conversations += shard.net.counters().opened;
            summary.count(Room::Net, shard.net.counters().iter());
            summary.count(Room::Modbus, shard.pairing.counters().iter());
        }
    }
}

/// Judges a message; what needs all shards to be decided is left to who sees them.
#[inline]
fn hear(message: &Message<'_>, order: Order, judge: &mut Judge, evidence: &mut Evidence) {
    match Sighting::of(message) {
        Some(sighting) => evidence.sight(order, message, sighting),
        None => judge.message(message, order, evidence),
    }
}
