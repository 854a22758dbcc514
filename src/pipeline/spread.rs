//! Batches through workers and back into one order: inline for one worker; several threads share the work.

use super::RunError;
use super::evidence::Evidence;
use super::yard::Yard;
use std::thread;

/// Where batches come from.
pub(super) trait Feed<B>: Send {
    /// Fills the next batch; `false` at the end.
    ///
    /// # Errors
    /// When the input cannot be read.
    fn next(&mut self, batch: &mut B) -> Result<bool, RunError>;
}

/// The stateless side: turns a batch into evidence.
pub(super) trait Work: Send {
    /// What it works on.
    type Batch: Default + Send + Sync;

    /// Adds what it finds in its part of the batch.
    fn run(&mut self, batch: &Self::Batch, evidence: &mut Evidence);
}

/// Which workers see a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deal {
    /// All of them; each has its own part of the traffic.
    ToAll,
    /// One of them, whichever.
    ToOne,
}

/// Whether the ordered side wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    /// The next batch, please.
    On,
    /// Enough.
    Stop,
}

/// What the ordered side does with a batch and the evidence of the workers that saw it.
pub(super) type Ordered<'a, B> = dyn FnMut(&B, &[Evidence]) -> Result<Go, RunError> + 'a;

/// Runs all batches of `feed` through `workers`, a thread for each; `ordered` gets them in the order of the feed.
///
/// Answers with the workers, which still hold what is open. When the feed fails, everything before was handed over
/// and the error comes beside the workers.
///
/// # Errors
/// What `ordered` answers.
pub(super) fn spread<W: Work, F: Feed<W::Batch>>(
    feed: &mut F,
    mut workers: Vec<W>,
    deal: Deal,
    ordered: &mut Ordered<'_, W::Batch>,
) -> Result<(Vec<W>, Result<(), RunError>), RunError> {
    if let [worker] = workers.as_mut_slice() {
        let read = inline(feed, worker, ordered)?;
        return Ok((workers, read));
    }
    let count = workers.len();
    let yard = Yard::new(feed, workers, deal);
    let outcome = thread::scope(|scope| {
        let helpers: Vec<_> = (1..count).map(|_| scope.spawn(|| yard.help())).collect();
        let outcome = yard.lead(ordered);
        // What one that panicked did not bring back is missed later.
        helpers.into_iter().for_each(|helper| _ = helper.join());
        outcome
    });
    outcome?;
    yard.close()
}

fn inline<W: Work>(
    feed: &mut impl Feed<W::Batch>,
    worker: &mut W,
    ordered: &mut Ordered<'_, W::Batch>,
) -> Result<Result<(), RunError>, RunError> {
    let mut batch = W::Batch::default();
    let mut evidence = Evidence::default();
    loop {
        match feed.next(&mut batch) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
        evidence.clear();
        worker.run(&batch, &mut evidence);
        if ordered(&batch, std::slice::from_ref(&evidence))? == Go::Stop {
            return Ok(Ok(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence::{Order, Phase};
    use super::*;

    /// So many batches, then perhaps an error.
    struct Numbers {
        next: u64,
        end: u64,
        breaks: bool,
    }

    impl Feed<u64> for Numbers {
        fn next(&mut self, batch: &mut u64) -> Result<bool, RunError> {
            *batch = self.next;
            self.next += 1;
            if self.next > self.end && self.breaks {
                return Err(RunError::Filter("broken".to_owned()));
            }
            Ok(self.next <= self.end)
        }
    }

    /// Notes each batch under its own number, and how many it saw before.
    struct Clerk {
        shard: u8,
        seen: u64,
        dies_at: u64,
    }

    impl Work for Clerk {
        type Batch = u64;

        fn run(&mut self, batch: &u64, evidence: &mut Evidence) {
            assert_ne!(*batch, self.dies_at, "a worker that dies");
            evidence.begin(Order { number: *batch, phase: Phase::Frame, shard: self.shard }, None, self.seen);
            self.seen += 1;
        }
    }

    fn clerks(count: u8, dies_at: u64) -> Vec<Clerk> {
        (0..count).map(|shard| Clerk { shard, seen: 0, dies_at }).collect()
    }

    type Outcome = Result<(Vec<Clerk>, Result<(), RunError>), RunError>;

    /// A batch, and by worker what it noted and had seen before.
    type Told = (u64, Vec<(u64, u64)>);

    /// What came to the ordered side, and how it ended.
    fn run(clerks: Vec<Clerk>, breaks: bool, deal: Deal, stop_at: u64) -> (Vec<Told>, Outcome) {
        let mut told = Vec::new();
        let mut feed = Numbers { next: 0, end: 200, breaks };
        let outcome = spread(&mut feed, clerks, deal, &mut |batch, evidence| {
            let noted = evidence.iter().flat_map(Evidence::entries).map(|entry| (entry.order.number, entry.number));
            told.push((*batch, noted.collect()));
            Ok(if *batch == stop_at { Go::Stop } else { Go::On })
        });
        (told, outcome)
    }

    #[test]
    fn each_worker_sees_all_batches_in_order_and_so_does_the_ordered_side() {
        for count in 1..5 {
            let (told, outcome) = run(clerks(count, u64::MAX), false, Deal::ToAll, u64::MAX);
            let expected = (0..200).map(|batch| (batch, vec![(batch, batch); usize::from(count)]));
            assert_eq!(told, expected.collect::<Vec<_>>());
            let (clerks, read) = outcome.unwrap();
            assert!(read.is_ok());
            assert_eq!(clerks.iter().map(|clerk| clerk.seen).collect::<Vec<_>>(), vec![200; usize::from(count)]);
        }
    }

    #[test]
    fn where_one_is_enough_one_worker_sees_a_batch() {
        let (told, outcome) = run(clerks(3, u64::MAX), false, Deal::ToOne, u64::MAX);
        assert!(told.iter().zip(0..200).all(|((batch, noted), at)| *batch == at && noted.len() == 1));
        assert_eq!(outcome.unwrap().0.iter().map(|clerk| clerk.seen).sum::<u64>(), 200);
    }

    #[test]
    fn what_came_before_an_error_is_handed_over() {
        let (told, outcome) = run(clerks(2, u64::MAX), true, Deal::ToAll, u64::MAX);
        assert_eq!(told.len(), 200);
        assert!(matches!(outcome.unwrap().1, Err(RunError::Filter(_))));
    }

    #[test]
    fn nothing_comes_after_a_stop() {
        let (told, outcome) = run(clerks(2, u64::MAX), false, Deal::ToAll, 17);
        assert_eq!((told.len(), outcome.unwrap().0.len()), (18, 2));
    }

    #[test]
    fn a_worker_that_dies_ends_the_run() {
        let outcome = std::panic::catch_unwind(|| run(clerks(2, 100), false, Deal::ToAll, u64::MAX).1);
        // On the caller's own thread it is the caller's panic, as it is with one worker.
        assert!(outcome.is_err() || matches!(outcome, Ok(Err(RunError::Worker))));
    }
}
