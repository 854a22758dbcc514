//! What is usual here, as far as a run has to do with it: what it is asked, what it is lent, what came of it.

use super::plan::Plan;
use crate::record::baseline::{Act, ActSlots, Baseline, Bounds, Mode, New, Thing, Watcher};
use crate::record::json::write_fact;
use crate::record::maps::Maps;
use crate::record::{Facts, Memory, Slot, Slots};
use crate::time::Timestamp;
use bumpalo::Bump;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A baseline, and what is to be done with it.
#[derive(Clone, Debug, Default)]
pub struct Usual {
    /// What is known.
    pub known: Arc<Baseline>,
    /// Whether more is learned.
    pub mode: Mode,
    /// How much.
    pub bounds: Bounds,
}

/// What a run learned, and what was new to it.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// The baseline with what was learned; `None` if nothing was to be learned.
    pub baseline: Option<Baseline>,
    /// The new things.
    pub news: Baseline,
}

/// What was seen before: the engine lends it to whoever sees all messages in their one order.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub(super) memory: Option<Memory>,
    /// If it learns; one that does not needs no order, and every judge has its own.
    pub(super) watcher: Option<Watcher>,
}

/// A [`Usual`] with the fields of log lines that tell what they do.
#[derive(Debug)]
pub(super) struct Watch {
    usual: Usual,
    slots: ActSlots,
}

impl Watch {
    /// Asks for the fields; `None` if there are too many.
    pub(super) fn new(usual: Usual, maps: &Maps, slots: &mut Slots) -> Option<Self> {
        let tags = maps.tags().names().chain(usual.known.tags()).cloned();
        let tags: BTreeSet<Arc<str>> = tags.collect();
        Some(Self { slots: ActSlots::want(slots, tags.into_iter())?, usual })
    }

    /// Whether more is learned.
    pub(super) fn learns(&self) -> bool {
        self.usual.mode.learns(&self.usual.known)
    }

    pub(super) const fn bounds(&self) -> Bounds {
        self.usual.bounds
    }

    fn watcher(&self) -> Watcher {
        Watcher::new(&self.usual.known, self.usual.mode, self.usual.bounds)
    }
}

impl Plan {
    /// What was seen before, when nothing was.
    pub(super) fn past(&self) -> Past {
        let watcher = self.watch.as_ref().filter(|watch| watch.learns()).map(Watch::watcher);
        Past { memory: self.memory(), watcher }
    }

    /// Where log lines tell what is new; nowhere without a baseline.
    pub(super) fn slot_of_news(&self) -> Option<Slot> {
        self.watch.as_ref().map(|watch| watch.slots.news())
    }

    /// A watcher for one of several judges, if nothing is to be learned.
    pub(super) fn watcher(&self) -> Option<Watcher> {
        self.watch.as_ref().filter(|watch| !watch.learns()).map(Watch::watcher)
    }
}

/// What is new in the line of a log.
pub(super) fn news_of_line<'w>(
    watcher: &'w mut Option<Watcher>,
    plan: &Plan,
    line: &impl Facts,
    time: Option<Timestamp>,
    arena: &Bump,
) -> (New, &'w [Thing]) {
    let (Some(watcher), Some(watch)) = (watcher, &plan.watch) else { return (New::NOTHING, &[]) };
    let Some(act) = watch.slots.act(line, time, arena) else { return (New::NOTHING, &[]) };
    (watcher.see(&act), watcher.news())
}

/// What is new in a message.
pub(super) fn news_of<'w>(watcher: &'w mut Watcher, act: Option<&Act<'_>>) -> (New, &'w [Thing]) {
    match act {
        Some(act) => (watcher.see(act), watcher.news()),
        None => (New::NOTHING, &[]),
    }
}

/// Adds what is new to the JSON object that `out` ends with.
pub(super) fn write_news(new: New, out: &mut Vec<u8>) {
    if !new.is_nothing() && out.last() == Some(&b'}') {
        out.pop();
        out.extend_from_slice(b",\"baseline.new\":");
        write_fact(new.fact(), out);
        out.push(b'}');
    }
}
