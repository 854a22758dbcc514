//! Takes items from a queue to an outlet, until they are there.

use super::item::Item;
use super::outlet::Outlet;
use super::queue::{Bounds, Queue};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// After so long without items an outlet may do what it put off.
const REST: Duration = Duration::from_millis(500);

/// The longest time that another side can ask us to wait.
const LONGEST_AFTER: Duration = Duration::from_secs(3_600);

/// How long is waited before something is tried again: doubling from the first to the longest pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
    /// Whether pauses are up to a quarter shorter at random, so that many sensors do not come back at once.
    pub jitter: bool,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60), jitter: true }
    }
}

impl Backoff {
    /// The pause before the try after `failures` in a row.
    fn pause(self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let pause = doubled.min(self.longest);
        if !self.jitter {
            return pause;
        }
        // The standard library seeds each hasher from the system's random numbers.
        let random = u32::from(RandomState::new().hash_one(failures) as u8);
        pause - pause / 4 * random / u32::from(u8::MAX)
    }
}

/// How a courier works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The largest batch.
    pub batch: Bounds,
    /// The pauses between tries.
    pub backoff: Backoff,
}

impl Default for Manner {
    fn default() -> Self {
        Self { batch: Bounds { items: 500, bytes: 1 << 20 }, backoff: Backoff::default() }
    }
}

/// Delivers until the queue is closed and empty, or its deadline is over.
pub(super) async fn run(mut outlet: impl Outlet, queue: &Queue, manner: Manner) {
    let most = Bounds { items: manner.batch.items.max(1), ..manner.batch };
    loop {
        match tokio::time::timeout(REST, queue.take(most)).await {
            Err(_) => outlet.rest().await,
            Ok(None) => break,
            Ok(Some(batch)) => {
                if !deliver(&mut outlet, batch, queue, manner.backoff).await {
                    break;
                }
            }
        }
    }
    let lost = outlet.close().await;
    queue.finish(lost);
}

/// Tries until every item of a batch has arrived or was rejected. False when the deadline came before that.
async fn deliver(outlet: &mut impl Outlet, mut batch: Vec<Item>, queue: &Queue, backoff: Backoff) -> bool {
    let mut failures = 0;
    loop {
        let before = batch.len();
        let outcomes = outlet.deliver(&batch).await;
        let (again, after) = queue.settle(batch, outcomes);
        if again.is_empty() {
            return true;
        }
        failures = if again.len() < before { 1 } else { failures + 1 };
        let mut pause = after.map_or_else(|| backoff.pause(failures), |after| after.min(LONGEST_AFTER));
        match queue.deadline() {
            // The end of the run ends the pause: then it is tried once more at once.
            None => queue.pause(pause).await,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(now());
                if left.is_zero() {
                    return false;
                }
                pause = pause.min(left);
                tokio::time::sleep(pause).await;
            }
        }
        batch = again;
    }
}

/// The time on the wall: a sink lives there, whatever time the traffic is of.
#[expect(clippy::disallowed_methods, reason = "deadlines of deliveries are of the clock on the wall")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::super::item::Kind;
    use super::super::outlet::Outcome;
    use super::super::queue::Full;
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(3), jitter: false };
        let pauses: Vec<u128> = [1, 2, 3, 4, 90].map(|failures| backoff.pause(failures).as_millis()).into();
        assert_eq!(pauses, [500, 1_000, 2_000, 3_000, 3_000]);
        let jittery = Backoff { jitter: true, ..backoff };
        for failures in 1..9 {
            let (pause, most) = (jittery.pause(failures), backoff.pause(failures));
            assert!(most * 3 / 4 <= pause && pause <= most, "{pause:?}");
        }
    }

    /// Delivers by a script: one outcome for each try, of all items of its batch.
    struct Scripted {
        script: Vec<Outcome>,
        seen: Arc<Mutex<Vec<String>>>,
    }

    impl Outlet for Scripted {
        async fn deliver(&mut self, batch: &[Item]) -> Vec<Outcome> {
            let outcome = if self.script.is_empty() { Outcome::Delivered } else { self.script.remove(0) };
            let texts: Vec<_> = batch.iter().map(|item| String::from_utf8_lossy(&item.line).into_owned()).collect();
            self.seen.lock().unwrap().push(texts.concat());
            outcome.of_all(batch.len())
        }
    }

    fn run_with(script: Vec<Outcome>, patience: Duration) -> (Vec<String>, super::super::queue::Figures) {
        let queue = Queue::new(&"q".into(), Bounds::default(), Full::DropNewest);
        for text in ["a", "b", "c"] {
            queue.push(Item { kind: Kind::Alert, time: None, line: text.as_bytes().into() });
        }
        queue.close(now() + patience);
        let seen = Arc::default();
        let outlet = Scripted { script, seen: Arc::clone(&seen) };
        let backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(4), jitter: false };
        let manner = Manner { batch: Bounds { items: 2, bytes: 100 }, backoff };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(outlet, &queue, manner));
        let seen = seen.lock().unwrap().clone();
        (seen, queue.figures(Duration::ZERO))
    }

    #[test]
    fn what_failed_is_tried_again_before_what_comes_after_it() {
        let busy = Outcome::retry("busy");
        let script = vec![busy.clone(), busy, Outcome::Delivered, Outcome::Rejected("odd".into())];
        let (seen, figures) = run_with(script, Duration::from_secs(60));
        assert_eq!(seen, ["ab", "ab", "ab", "c"]);
        assert_eq!((figures.delivered, figures.rejected, figures.retries, figures.undelivered), (2, 1, 2, 0));
        assert_eq!(figures.lost(), 1);
    }

    #[test]
    fn after_the_deadline_what_is_left_counts_as_undelivered() {
        let (seen, figures) = run_with(Outcome::retry("down").of_all(10_000), Duration::from_millis(30));
        assert!(seen.len() > 2 && seen.iter().all(|batch| batch == "ab"), "{seen:?}");
        assert_eq!((figures.delivered, figures.undelivered), (0, 3));
        assert_eq!(figures.reason.as_deref(), Some("down"));
    }

    #[test]
    fn the_other_side_may_say_when() {
        let after = Some(Duration::from_millis(80));
        let began = now();
        let (seen, _) = run_with(vec![Outcome::Retry { reason: "429".into(), after }], Duration::from_secs(60));
        assert_eq!(seen, ["ab", "ab", "c"]);
        assert!(began.elapsed() >= Duration::from_millis(80));
    }
}
