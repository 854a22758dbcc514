//! What waits for an outlet, bounded, with all that is counted about it.

use super::item::Item;
use super::outlet::Outcome;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How much waits at most, what is being delivered included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Items.
    pub items: usize,
    /// Bytes of their lines. One item that is larger fits where nothing else waits.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { items: 10_000, bytes: 16 << 20 }
    }
}

/// What happens to an item for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The run waits for room, as long as some is made within this time. Then the outlet counts as stuck, and what does
    /// not fit is dropped until it takes something again.
    Wait(Duration),
    /// The oldest that wait make room.
    DropOldest,
    /// It is dropped itself.
    DropNewest,
}

/// What became of the items of a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The sink.
    pub name: Arc<str>,
    /// Arrived.
    pub delivered: u64,
    /// Not wanted by the other side.
    pub rejected: u64,
    /// Dropped for want of room.
    pub dropped: u64,
    /// Still here at the end.
    pub undelivered: u64,
    /// How often something was tried again.
    pub retries: u64,
    /// Why something was not delivered, or not at once: the last reason.
    pub reason: Option<Arc<str>>,
}

impl Figures {
    /// How many items did not arrive.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.rejected + self.dropped + self.undelivered
    }
}

/// The queue between the run, which adds, and one courier, which takes.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Somebody may wait for room, or for the end.
    changed: Condvar,
    /// The courier may wait for items, or for the end.
    work: Notify,
    bounds: Bounds,
    full: Full,
}

/// How deliveries go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Good,
    Failing,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Item>,
    /// Items and bytes that wait or are being delivered.
    items: usize,
    bytes: usize,
    /// How many items have left so far: whether anything moves.
    left: u64,
    stuck: bool,
    /// Since when it is over, and until when deliveries are tried.
    closing: Option<Instant>,
    done: bool,
    /// How the last delivery went.
    health: Health,
    /// What somebody who asked was told last.
    told: Health,
    figures: Figures,
}

impl Queue {
    pub(super) fn new(name: &Arc<str>, bounds: Bounds, full: Full) -> Self {
        let figures = Figures { name: Arc::clone(name), ..Figures::default() };
        let state = Mutex::new(State { figures, ..State::default() });
        Self { state, changed: Condvar::new(), work: Notify::new(), bounds, full }
    }

    /// A thread that panicked with the lock held left figures that are off by one at most.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, state: &State, item: &Item) -> bool {
        state.items == 0
            || state.items < self.bounds.items && state.bytes.saturating_add(item.line.len()) <= self.bounds.bytes
    }

    /// Adds an item, or drops one and counts it.
    pub(super) fn push(&self, item: Item) {
        let mut state = self.lock();
        match self.full {
            Full::Wait(patience) => {
                while !self.has_room(&state, &item) && !state.stuck && !state.done {
                    let left = state.left;
                    let still = |state: &mut State| state.left == left && !state.done;
                    let waited = self.changed.wait_timeout_while(state, patience, still);
                    let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    state = after;
                    state.stuck = timeout.timed_out();
                }
            }
            Full::DropOldest => {
                while !self.has_room(&state, &item) {
                    let Some(oldest) = state.waiting.pop_front() else { break };
                    state.leave(1, oldest.line.len());
                    state.figures.dropped += 1;
                }
            }
            Full::DropNewest => {}
        }
        if state.done || !self.has_room(&state, &item) {
            state.figures.dropped += 1;
            return;
        }
        state.items += 1;
        state.bytes += item.line.len();
        state.waiting.push_back(item);
        drop(state);
        self.work.notify_one();
    }

    /// The next items, at most so many; `None` when nothing is left and nothing will come.
    pub(super) async fn take(&self, most: Bounds) -> Option<Vec<Item>> {
        loop {
            {
                let mut state = self.lock();
                let mut bytes = 0;
                let mut batch = Vec::new();
                while let Some(item) = state.waiting.front()
                    && batch.len() < most.items
                    && (batch.is_empty() || bytes + item.line.len() <= most.bytes)
                {
                    bytes += item.line.len();
                    batch.extend(state.waiting.pop_front());
                }
                if !batch.is_empty() {
                    return Some(batch);
                }
                if state.closing.is_some() {
                    return None;
                }
            }
            self.work.notified().await;
        }
    }

    /// Notes what became of items that were taken; answers with those to be tried again, and when.
    pub(super) fn settle(&self, batch: Vec<Item>, outcomes: Vec<Outcome>) -> (Vec<Item>, Option<Duration>) {
        let mut state = self.lock();
        let mut again = Vec::new();
        let mut when = None;
        let mut outcomes = outcomes.into_iter();
        for item in batch {
            let outcome = outcomes.next();
            match outcome {
                Some(Outcome::Delivered) => {
                    state.figures.delivered += 1;
                    state.leave(1, item.line.len());
                }
                Some(Outcome::Rejected(reason)) => {
                    state.figures.rejected += 1;
                    state.figures.reason = Some(reason);
                    state.leave(1, item.line.len());
                }
                Some(Outcome::Retry { reason, after }) => {
                    state.figures.reason = Some(reason);
                    when = after.max(when);
                    again.push(item);
                }
                None => again.push(item),
            }
        }
        state.health = if again.is_empty() { Health::Good } else { Health::Failing };
        state.figures.retries += u64::from(state.health == Health::Failing);
        drop(state);
        self.changed.notify_all();
        (again, when)
    }

    /// Until when deliveries are tried, once it is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lock().closing
    }

    /// Waits until it is over, but not longer than so.
    pub(super) async fn pause(&self, time: Duration) {
        let over = async {
            while self.deadline().is_none() {
                self.work.notified().await;
            }
        };
        // Either way the pause is at its end.
        let _ = tokio::time::timeout(time, over).await;
    }

    /// Nothing more comes; what waits is tried until `deadline`.
    pub(super) fn close(&self, deadline: Instant) {
        self.lock().closing = Some(deadline);
        self.work.notify_one();
    }

    /// The courier is done, and `lost` items that it called delivered are not.
    pub(super) fn finish(&self, lost: usize) {
        let mut state = self.lock();
        let lost = lost as u64;
        state.figures.delivered = state.figures.delivered.saturating_sub(lost);
        state.figures.undelivered += lost;
        state.done = true;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the courier, but not longer than so; answers with whether it is done.
    pub(super) fn is_done(&self, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |state| !state.done);
        waited.unwrap_or_else(PoisonError::into_inner).0.done
    }

    /// Waits for the courier, but not longer than so; answers with what became of all items.
    pub(super) fn figures(&self, patience: Duration) -> Figures {
        self.is_done(patience);
        let state = self.lock();
        let mut figures = state.figures.clone();
        figures.undelivered += state.items as u64;
        figures
    }

    /// The sink's name.
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.lock().figures.name)
    }

    /// What a person should hear: that deliveries began to fail, and why; or that they go on (`None`).
    pub(super) fn news(&self) -> Option<Option<Arc<str>>> {
        let mut state = self.lock();
        if state.health == state.told {
            return None;
        }
        state.told = state.health;
        Some(state.figures.reason.clone().filter(|_| state.health == Health::Failing))
    }
}

impl State {
    fn leave(&mut self, items: usize, bytes: usize) {
        self.items = self.items.saturating_sub(items);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.left += items as u64;
        self.stuck = false;
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Kind;
    use super::*;
    use std::thread;

    fn item(text: &str) -> Item {
        Item { kind: Kind::Alert, time: None, line: text.as_bytes().into() }
    }

    fn queue(items: usize, bytes: usize, full: Full) -> Queue {
        Queue::new(&"q".into(), Bounds { items, bytes }, full)
    }

    /// Takes what there is, as texts.
    fn taken(queue: &Queue) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        queue.close(deadline());
        let batch = runtime.block_on(queue.take(Bounds::default())).unwrap_or_default();
        batch.iter().map(|item| String::from_utf8_lossy(&item.line).into_owned()).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "a deadline is of the clock on the wall")]
    fn deadline() -> Instant {
        Instant::now()
    }

    #[test]
    fn live_the_oldest_or_the_newest_are_dropped_and_counted() {
        for (full, kept) in [(Full::DropOldest, ["c", "d"]), (Full::DropNewest, ["a", "b"])] {
            let queue = queue(2, 100, full);
            ["a", "b", "c", "d"].iter().for_each(|text| queue.push(item(text)));
            assert_eq!(queue.figures(Duration::ZERO).dropped, 2);
            assert_eq!(queue.figures(Duration::ZERO).undelivered, 2);
            assert_eq!(taken(&queue), kept, "{full:?}");
        }
    }

    #[test]
    fn bytes_are_bounded_too_but_a_large_one_fits_alone() {
        let queue = queue(100, 10, Full::DropNewest);
        ["123456", "7890", "x"].iter().for_each(|text| queue.push(item(text)));
        assert_eq!(taken(&queue), ["123456", "7890"]);
        let alone = self::queue(100, 10, Full::DropOldest);
        ["a", "larger than the bound"].iter().for_each(|text| alone.push(item(text)));
        assert_eq!(taken(&alone), ["larger than the bound"]);
    }

    #[test]
    fn a_run_waits_for_room_and_no_longer_for_a_sink_that_is_stuck() {
        let queue = queue(1, 100, Full::Wait(Duration::from_millis(300)));
        queue.push(item("a"));
        thread::scope(|scope| {
            // Somebody makes room soon.
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                let batch = vec![queue.lock().waiting.pop_front().unwrap()];
                queue.settle(batch, vec![Outcome::Delivered]);
            });
            queue.push(item("b"));
        });
        // Nobody does any more: after the first one that waited in vain, none waits.
        for text in ["c", "d", "e", "f", "g", "h", "i", "j"] {
            queue.push(item(text));
        }
        let figures = queue.figures(Duration::ZERO);
        assert_eq!((figures.delivered, figures.dropped, figures.undelivered), (1, 8, 1));
        assert_eq!(taken(&queue), ["b"]);
    }

    #[test]
    fn outcomes_are_counted_and_what_is_to_be_tried_again_keeps_its_order() {
        let queue = queue(10, 100, Full::DropNewest);
        let batch: Vec<Item> = ["a", "b", "c", "d"].map(item).into();
        batch.iter().cloned().for_each(|item| queue.push(item));
        queue.lock().waiting.clear();
        let after = Some(Duration::from_secs(7));
        let outcomes = vec![
            Outcome::Delivered,
            Outcome::Rejected("too odd".into()),
            Outcome::Retry { reason: "busy".into(), after },
        ];
        let (again, when) = queue.settle(batch, outcomes);
        assert_eq!((again, when), (vec![item("c"), item("d")], after));
        let figures = queue.figures(Duration::ZERO);
        assert_eq!((figures.delivered, figures.rejected, figures.undelivered, figures.retries), (1, 1, 2, 1));
        assert_eq!(queue.news(), Some(Some("busy".into())));
        assert_eq!(queue.news(), None);
    }
}
