//! Batches through workers and back into one order: inline for one worker, a thread each for several.

use super::RunError;
use super::evidence::Evidence;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::thread;

/// How many batches are under way at once.
const UNDER_WAY: usize = 4;

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
    /// One after the other.
    InTurn,
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

/// Runs all batches of `feed` through `workers`; `ordered` gets them in the order of the feed.
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
    thread::scope(|scope| {
        let (to_order, from_feed) = bounded(UNDER_WAY);
        let (give_back, spare) = bounded(2 * UNDER_WAY);
        let mut benches = Vec::new();
        let mut desks = Vec::new();
        for worker in workers.drain(..) {
            let (to_worker, batches) = bounded(UNDER_WAY);
            let (to_merge, done) = bounded(UNDER_WAY);
            let (empty_back, empty) = bounded(2 * UNDER_WAY);
            let handle = scope.spawn(move || work(worker, &batches, &empty, &to_merge));
            benches.push(Bench { handle, done, empty_back });
            desks.push(to_worker);
        }
        let feeder = scope.spawn(move || hand_out(feed, deal, &spare, &desks, &to_order));
        let outcome = collect(&from_feed, &benches, deal, &give_back, ordered);
        // Without receivers the feeder and the workers stop, whatever they are waiting for.
        drop(from_feed);
        let handles: Vec<_> = benches.into_iter().map(|bench| bench.handle).collect();
        let joined = handles.into_iter().map(|handle| handle.join().ok()).collect::<Option<Vec<W>>>();
        let read = feeder.join().map_err(|_| RunError::Worker)?;
        outcome?;
        Ok((joined.ok_or(RunError::Worker)?, read))
    })
}

/// One worker's thread as the ordered side sees it.
struct Bench<'scope, W> {
    handle: thread::ScopedJoinHandle<'scope, W>,
    done: Receiver<Evidence>,
    empty_back: Sender<Evidence>,
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

fn work<W: Work>(
    mut worker: W,
    batches: &Receiver<Arc<W::Batch>>,
    empty: &Receiver<Evidence>,
    done: &Sender<Evidence>,
) -> W {
    for batch in batches {
        let mut evidence = empty.try_recv().unwrap_or_default();
        evidence.clear();
        worker.run(&batch, &mut evidence);
        drop(batch);
        if done.send(evidence).is_err() {
            break;
        }
    }
    worker
}

fn hand_out<B: Default>(
    feed: &mut impl Feed<B>,
    deal: Deal,
    spare: &Receiver<Arc<B>>,
    desks: &[Sender<Arc<B>>],
    to_order: &Sender<Arc<B>>,
) -> Result<(), RunError> {
    for turn in 0.. {
        let mut shared = spare.try_recv().unwrap_or_default();
        let mut fresh = Arc::default();
        if Arc::get_mut(&mut shared).is_none() {
            std::mem::swap(&mut shared, &mut fresh);
        }
        let Some(batch) = Arc::get_mut(&mut shared) else { break };
        if !feed.next(batch)? {
            break;
        }
        let mut seen_by =
            desks.iter().enumerate().filter(|(desk, _)| deal == Deal::ToAll || turn % desks.len() == *desk);
        let sent = seen_by.all(|(_, desk)| desk.send(Arc::clone(&shared)).is_ok());
        if !sent || to_order.send(shared).is_err() {
            break;
        }
    }
    Ok(())
}

fn collect<W, B>(
    from_feed: &Receiver<Arc<B>>,
    benches: &[Bench<'_, W>],
    deal: Deal,
    give_back: &Sender<Arc<B>>,
    ordered: &mut Ordered<'_, B>,
) -> Result<(), RunError> {
    let mut evidence = Vec::with_capacity(benches.len());
    for (turn, batch) in from_feed.iter().enumerate() {
        let seen_by: Vec<_> =
            (0..benches.len()).filter(|bench| deal == Deal::ToAll || turn % benches.len() == *bench).collect();
        for bench in seen_by.iter().filter_map(|bench| benches.get(*bench)) {
            evidence.push(bench.done.recv().map_err(|_| RunError::Worker)?);
        }
        let go = ordered(&batch, &evidence)?;
        for (bench, used) in seen_by.iter().filter_map(|bench| benches.get(*bench)).zip(evidence.drain(..)) {
            // A full or closed channel only means that the memory is not used again.
            let _ = bench.empty_back.try_send(used);
        }
        let _ = give_back.try_send(batch);
        if go == Go::Stop {
            break;
        }
    }
    Ok(())
}
