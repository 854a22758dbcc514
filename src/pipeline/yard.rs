//! Who does what next, where several threads share the work?
//!
//! ```text
//!  feed -> rounds: a batch each, and what every worker that sees it finds -> ordered, the oldest round first
//! ```
//!
//! A thread does whatever can be done, so that none waits while another has more than its share. The caller's thread takes
//! the oldest round if that is complete, and works like the others if not. The others read the next batch, or else work.
//! The caller's thread never reads: what is known is told even while input comes slowly.

use super::RunError;
use super::evidence::Evidence;
use super::spread::{Deal, Feed, Go, Ordered, Work};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How many batches for each thread are under way at once: one that it works on, and one to go on with.
const UNDER_WAY: usize = 2;

/// Where threads meet.
pub(super) struct Yard<'f, W: Work, F> {
    agenda: Mutex<Agenda<'f, W, F>>,
    /// Something can be done that could not before.
    changed: Condvar,
}

/// What there is to do. Whoever does something takes along what it needs, and brings it back.
struct Agenda<'f, W: Work, F> {
    /// None while somebody reads.
    feed: Option<&'f mut F>,
    /// How reading ended.
    read: Option<Result<(), RunError>>,
    /// None while they work.
    workers: Vec<Option<W>>,
    deal: Deal,
    /// What was read, the oldest first.
    rounds: VecDeque<Round<W::Batch>>,
    /// The number of the oldest.
    oldest: usize,
    /// Those that are over: their memory is used again.
    spare: Vec<Round<W::Batch>>,
    /// How many threads have nothing to do.
    waiting: usize,
    /// Nothing more is to be begun.
    over: bool,
}

/// One batch on its way.
#[derive(Default)]
struct Round<B> {
    batch: Arc<B>,
    /// A seat for each worker that is to see it.
    seats: Vec<Seat>,
    /// What was found, by seat.
    found: Vec<Evidence>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seat {
    Free,
    Taken,
    Done,
}

/// What any thread can do.
enum Task<'f, W: Work, F> {
    /// The next batch is to be read.
    Read(&'f mut F, Round<W::Batch>),
    /// A worker is to see a batch.
    See(Arc<W::Batch>, Visit<W>),
}

/// A worker at a batch.
struct Visit<W> {
    worker: usize,
    work: W,
    /// The number of the round.
    round: usize,
    seat: usize,
    evidence: Evidence,
}

/// What the caller's thread can do.
enum Turn<'f, W: Work, F> {
    /// The oldest round is complete.
    Order(Round<W::Batch>),
    /// What any thread can do.
    Help(Task<'f, W, F>),
}

impl<'f, W: Work, F: Feed<W::Batch>> Yard<'f, W, F> {
    /// Nothing is done yet.
    pub(super) fn new(feed: &'f mut F, workers: Vec<W>, deal: Deal) -> Self {
        let agenda = Agenda {
            feed: Some(feed),
            read: None,
            workers: workers.into_iter().map(Some).collect(),
            deal,
            rounds: VecDeque::new(),
            oldest: 0,
            spare: Vec::new(),
            waiting: 0,
            over: false,
        };
        Self { agenda: Mutex::new(agenda), changed: Condvar::new() }
    }

    /// Reads and works until all is over.
    pub(super) fn help(&self) {
        let _leaving = Leaving(self);
        while let Some(task) = self.wait_for(|agenda| agenda.reading().or_else(|| agenda.visit())) {
            self.perform(task);
        }
    }

    /// Hands complete rounds to `ordered`, and works meanwhile, until all is over.
    ///
    /// # Errors
    /// What `ordered` answers.
    pub(super) fn lead(&self, ordered: &mut Ordered<'_, W::Batch>) -> Result<(), RunError> {
        let _leaving = Leaving(self);
        let turn = |agenda: &mut Agenda<'f, W, F>| {
            agenda.complete().map(Turn::Order).or_else(|| agenda.visit().map(Turn::Help))
        };
        while let Some(turn) = self.wait_for(turn) {
            match turn {
                Turn::Help(task) => self.perform(task),
                Turn::Order(round) if ordered(&round.batch, &round.found)? == Go::Stop => break,
                Turn::Order(round) => self.change(|agenda| agenda.spare.push(round)),
            }
        }
        Ok(())
    }

    /// The workers, and how reading ended.
    ///
    /// # Errors
    /// When a thread did not bring back what it had.
    pub(super) fn close(self) -> Result<(Vec<W>, Result<(), RunError>), RunError> {
        let agenda = self.agenda.into_inner().unwrap_or_else(PoisonError::into_inner);
        let workers = agenda.workers.into_iter().collect::<Option<Vec<W>>>();
        let (Some(workers), Some(_)) = (workers, agenda.feed) else { return Err(RunError::Worker) };
        Ok((workers, agenda.read.unwrap_or(Ok(()))))
    }

    fn perform(&self, task: Task<'f, W, F>) {
        match task {
            Task::Read(feed, mut round) => {
                let read = round.fill(feed);
                self.change(|agenda| agenda.has_read(feed, read, round));
            }
            Task::See(batch, mut visit) => {
                visit.evidence.clear();
                visit.work.run(&batch, &mut visit.evidence);
                // Its memory is used again once nobody holds it.
                drop(batch);
                self.change(|agenda| agenda.has_seen(visit));
            }
        }
    }

    /// What `choose` finds, as soon as it finds something; `None` when all is over.
    fn wait_for<T>(&self, choose: impl Fn(&mut Agenda<'f, W, F>) -> Option<T>) -> Option<T> {
        let mut agenda = self.lock();
        loop {
            if agenda.is_over() {
                return None;
            }
            let chosen = choose(&mut agenda);
            if chosen.is_some() {
                return chosen;
            }
            agenda.waiting += 1;
            agenda = self.changed.wait(agenda).unwrap_or_else(PoisonError::into_inner);
            agenda.waiting -= 1;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Agenda<'f, W, F>)) {
        let mut agenda = self.lock();
        change(&mut agenda);
        if agenda.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// No change is left half done, whatever a thread died of.
    fn lock(&self) -> MutexGuard<'_, Agenda<'f, W, F>> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'f, W: Work, F: Feed<W::Batch>> Agenda<'f, W, F> {
    fn is_over(&self) -> bool {
        self.over || (self.read.is_some() && self.rounds.is_empty())
    }

    /// The next batch, if there is room for it.
    fn reading(&mut self) -> Option<Task<'f, W, F>> {
        if self.read.is_some() || self.rounds.len() >= UNDER_WAY * self.workers.len() {
            return None;
        }
        let feed = self.feed.take()?;
        Some(Task::Read(feed, self.spare.pop().unwrap_or_default()))
    }

    fn has_read(&mut self, feed: &'f mut F, read: Result<bool, RunError>, mut round: Round<W::Batch>) {
        self.feed = Some(feed);
        match read {
            Ok(true) => {
                round.seat(if self.deal == Deal::ToAll { self.workers.len() } else { 1 });
                self.rounds.push_back(round);
            }
            end => self.read = Some(end.map(|_| ())),
        }
    }

    /// The oldest batch that a worker who is free has not seen.
    fn visit(&mut self) -> Option<Task<'f, W, F>> {
        let Self { rounds, workers, deal, oldest, .. } = self;
        for (round, Round { batch, seats, found }) in (*oldest..).zip(rounds) {
            for (number, worker) in workers.iter_mut().enumerate() {
                let at = if *deal == Deal::ToAll { number } else { 0 };
                let (Some(seat), Some(evidence)) = (seats.get_mut(at), found.get_mut(at)) else { continue };
                if *seat == Seat::Free
                    && let Some(work) = worker.take()
                {
                    *seat = Seat::Taken;
                    let visit = Visit { worker: number, work, round, seat: at, evidence: std::mem::take(evidence) };
                    return Some(Task::See(Arc::clone(batch), visit));
                }
            }
        }
        None
    }

    fn has_seen(&mut self, visit: Visit<W>) {
        let Visit { worker, work, round, seat, evidence } = visit;
        if let Some(place) = self.workers.get_mut(worker) {
            *place = Some(work);
        }
        // A round stays until it is complete.
        let Some(round) = round.checked_sub(self.oldest).and_then(|ahead| self.rounds.get_mut(ahead)) else { return };
        if let (Some(state), Some(found)) = (round.seats.get_mut(seat), round.found.get_mut(seat)) {
            (*state, *found) = (Seat::Done, evidence);
        }
    }

    /// The oldest round, if every worker that is to see it has.
    fn complete(&mut self) -> Option<Round<W::Batch>> {
        let complete = self.rounds.front()?.seats.iter().all(|seat| *seat == Seat::Done);
        let round = complete.then(|| self.rounds.pop_front()).flatten()?;
        self.oldest += 1;
        Some(round)
    }
}

impl<B: Default> Round<B> {
    fn fill(&mut self, feed: &mut impl Feed<B>) -> Result<bool, RunError> {
        if Arc::get_mut(&mut self.batch).is_none() {
            self.batch = Arc::default();
        }
        Arc::get_mut(&mut self.batch).map_or(Ok(false), |batch| feed.next(batch))
    }

    /// So many free seats.
    fn seat(&mut self, seats: usize) {
        self.seats.clear();
        self.seats.resize(seats, Seat::Free);
        self.found.resize_with(seats, Evidence::default);
    }
}

/// Whoever leaves leaves for good: if it died at its work, the others need not wait for that.
struct Leaving<'a, 'f, W: Work, F: Feed<W::Batch>>(&'a Yard<'f, W, F>);

impl<W: Work, F: Feed<W::Batch>> Drop for Leaving<'_, '_, W, F> {
    fn drop(&mut self) {
        let mut agenda = self.0.lock();
        agenda.over = true;
        self.0.changed.notify_all();
    }
}
