//! The stateless side of captures: a lane takes frames through `net`, `modbus`, `record` and the matcher.
//!
//! The traffic is always split into the same logical shards by address pair, whether one lane runs them all or
//! several share them, so that bounds, evictions and order never depend on the number of threads.

use super::evidence::{Evidence, Order, Phase};
use super::judge::Judge;
use super::plan::Plan;
use super::spread::Work;
use super::summary::{Room, Summary};
use crate::capture::{Batch, Frame};
use crate::modbus::Pairing;
use crate::net::{Net, Packet, SHARDS};
use crate::record::Memory;
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
        for frame in routed.batch.frames() {
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
    }
}

impl Lane {
    /// The shards whose number leaves `part` when divided by `parts`.
    pub(super) fn new(plan: &Arc<Plan>, part: usize, parts: usize) -> Self {
        let shard = |number| {
            (number % parts == part)
                .then(|| Shard { net: Net::shard(&plan.net, number), pairing: Pairing::new(&plan.modbus) })
        };
        Self { shards: (0..SHARDS).map(shard).collect(), judge: Judge::new(Arc::clone(plan)), clock: Clock::default() }
    }

    /// Takes the engine's memory; then it must be the only lane.
    pub(super) fn remember(&mut self, memory: Option<Memory>) {
        self.judge.remember(memory);
    }

    /// Gives the memory back.
    pub(super) fn give_back(&mut self) -> Option<Memory> {
        self.judge.give_back()
    }

    fn push(&mut self, frame: &Frame<'_>, evidence: &mut Evidence) {
        let packet = Packet::parse(frame);
        let number = packet.shard();
        let Some(Some(Shard { net, pairing })) = self.shards.get_mut(number) else {
            return;
        };
        let judge = &mut self.judge;
        let order = Order { number: frame.number, phase: Phase::Frame, shard: number as u8 };
        net.push(&packet, &mut |chunk| {
            pairing.push(&chunk, &mut |message| judge.message(message, order, evidence));
        });
    }

    fn expire(&mut self, now: Timestamp, number: u64, evidence: &mut Evidence) {
        self.each_shard(|order, shard, judge| {
            let order = Order { number, ..order };
            shard.pairing.expire(now, &mut |message| judge.message(message, order, evidence));
            let pairing = &mut shard.pairing;
            shard.net.expire(now, &mut |chunk| {
                pairing.push(&chunk, &mut |message| judge.message(message, order, evidence));
            });
        });
    }

    /// Nothing came for a while and it is `now`: what fell due is told.
    #[cfg(feature = "live")]
    pub(super) fn idle(&mut self, now: Timestamp, evidence: &mut Evidence) {
        self.expire(now, u64::MAX, evidence);
    }

    /// The end of the input: what is held is released, everything open is closed.
    pub(super) fn finish(&mut self, evidence: &mut Evidence) {
        self.each_shard(|order, shard, judge| {
            let pairing = &mut shard.pairing;
            shard.net.finish(&mut |chunk| {
                pairing.push(&chunk, &mut |message| judge.message(message, order, evidence));
            });
        });
        self.clock = Clock::default();
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
