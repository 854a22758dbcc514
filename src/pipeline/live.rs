//! A live interface, from the wire to alerts: one thread takes frames off the kernel, this one does the rest.

use super::captures::hand_over;
use super::census::Census;
use super::engine::Engine;
use super::evidence::Evidence;
use super::lane::{Lane, Routed};
use super::plan::Plan;
use super::spread::Work;
use super::{Progress, RunError};
use crate::capture::Batch;
use crate::capture::live::{Live, LiveError, Stats};
use crate::sink::Sink;
use crate::time::{Span, Timestamp};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many batches may wait for this side before frames are dropped.
const WAITING: usize = 64;

/// When nothing came for so long, what fell due meanwhile is told.
const IDLE: Duration = Duration::from_millis(500);

/// How long a frame may be under way before it gets here: as long, time on an idle wire stays behind.
const UNDER_WAY: Span = Span::from_secs(1);

/// How a live run went at its edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// What libpcap counted.
    pub stats: Stats,
    /// Frames that we dropped because analysis did not keep up.
    pub own_drops: u64,
}

/// What came off a wire, and the time then on the clock on the wall.
#[derive(Debug)]
pub enum Came {
    /// Frames.
    Frames(Batch, Timestamp),
    /// Nothing, for a while.
    Nothing(Timestamp),
}

/// Where frames come from as they happen.
pub trait Wire {
    /// Waits for frames, though not for long; `None` at the end.
    fn next(&mut self) -> Option<Came>;

    /// Takes a batch back, whose memory can be used again.
    fn give_back(&mut self, _batch: Batch) {}
}

/// Watches `live` until `progress` says stop.
///
/// # Errors
/// When the interface goes away or the sink cannot be written; what came before is handed over.
pub fn watch(
    live: Live,
    input: u32,
    plan: &Arc<Plan>,
    engine: &mut Engine,
    sink: &mut dyn Sink,
    progress: &dyn Progress,
) -> Result<Edge, RunError> {
    let ended = AtomicBool::new(false);
    let own_drops = AtomicU64::new(0);
    let (to_lane, batches) = bounded(WAITING);
    let (give_back, spare) = bounded(WAITING + 2);
    thread::scope(|scope| {
        let taker = scope.spawn(|| take(live, &spare, to_lane, &ended, &own_drops));
        let mut taken = Taken { batches, give_back, progress, ended: &ended };
        let analysed = analyse(&mut taken, input, plan, engine, sink, progress);
        ended.store(true, Ordering::Relaxed);
        drop(taken);
        let stats = taker.join().map_err(|_| RunError::Worker)?;
        analysed?;
        Ok(Edge { stats: stats.map_err(RunError::Live)?, own_drops: own_drops.load(Ordering::Relaxed) })
    })
}

/// Takes frames off the kernel until it is over.
fn take(
    mut live: Live,
    spare: &Receiver<Batch>,
    to_lane: Sender<Batch>,
    ended: &AtomicBool,
    own_drops: &AtomicU64,
) -> Result<Stats, LiveError> {
    let mut batch = Batch::default();
    while !ended.load(Ordering::Relaxed) {
        live.poll(&mut batch)?;
        if batch.is_empty() {
            continue;
        }
        batch = match to_lane.try_send(batch) {
            Ok(()) => spare.try_recv().unwrap_or_default(),
            Err(TrySendError::Full(unsent)) => {
                own_drops.fetch_add(unsent.len() as u64, Ordering::Relaxed);
                unsent
            }
            Err(TrySendError::Disconnected(_)) => break,
        };
    }
    live.stats()
}

/// What the other thread takes, until somebody wants it to end and no more of it waits.
struct Taken<'a> {
    batches: Receiver<Batch>,
    give_back: Sender<Batch>,
    progress: &'a dyn Progress,
    ended: &'a AtomicBool,
}

impl Wire for Taken<'_> {
    fn next(&mut self) -> Option<Came> {
        if self.progress.stopped() {
            self.ended.store(true, Ordering::Relaxed);
        }
        match self.batches.recv_timeout(IDLE) {
            Ok(batch) => Some(Came::Frames(batch, wall_clock())),
            Err(RecvTimeoutError::Timeout) => Some(Came::Nothing(wall_clock())),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn give_back(&mut self, batch: Batch) {
        // A full channel only means that the memory is not used again.
        let _ = self.give_back.try_send(batch);
    }
}

/// Analyses what comes off `wire` to its end. It says the same as of a file with the same frames, as soon as it is known:
/// an idle wire tells no more than its next frame would, unless that comes more than [`LEAP`](crate::time::LEAP) later.
///
/// # Errors
/// When the sink cannot be written.
pub fn analyse(
    wire: &mut dyn Wire,
    input: u32,
    plan: &Arc<Plan>,
    engine: &mut Engine,
    sink: &mut dyn Sink,
    progress: &dyn Progress,
) -> Result<(), RunError> {
    let mut lane = Lane::new(plan, 0, 1);
    let mut census = Census::new(plan);
    lane.begin(input);
    lane.remember(engine.lend_past());
    let ran = run(wire, &mut lane, &mut |evidence, frames, idle| {
        engine.summary().frames += frames;
        hand_over(input, std::slice::from_ref(evidence), &mut census, engine, sink).map_err(RunError::Output)?;
        if let Some(now) = idle {
            engine.pass(now, sink).map_err(RunError::Output)?;
        }
        sink.flush().map_err(RunError::Output)?;
        if let Some(learned) = engine.take_learned() {
            progress.learned(&learned);
        }
        Ok(())
    });
    let mut evidence = Evidence::default();
    if ran.is_ok() {
        lane.finish(&mut evidence);
    }
    // What was learned is kept all the same.
    engine.keep_past(lane.give_back());
    ran?;
    hand_over(input, std::slice::from_ref(&evidence), &mut census, engine, sink).map_err(RunError::Output)?;
    lane.report(engine.summary());
    census.report(engine.summary());
    Ok(())
}

/// What the ordered side does with the evidence of so many frames, or of an idle wire at this time.
type Hand<'a> = dyn FnMut(&Evidence, u64, Option<Timestamp>) -> Result<(), RunError> + 'a;

/// Takes what comes through the lane until there is no more.
fn run(wire: &mut dyn Wire, lane: &mut Lane, hand: &mut Hand<'_>) -> Result<(), RunError> {
    let (mut evidence, mut idle) = (Evidence::default(), Idle::default());
    while let Some(came) = wire.next() {
        evidence.clear();
        match came {
            Came::Frames(batch, wall) => {
                let routed = Routed { batch, routes: Vec::new() };
                lane.run(&routed, &mut evidence);
                idle.note(lane.reached(), wall);
                hand(&evidence, routed.batch.len() as u64, None)?;
                wire.give_back(routed.batch);
            }
            Came::Nothing(wall) => {
                let now = idle.now(wall);
                if let Some(now) = now {
                    lane.idle(now, &mut evidence);
                }
                hand(&evidence, 0, now)?;
            }
        }
    }
    Ok(())
}

/// Capture time on an idle wire: the time that frames reached, and as long as passed on the clock on the wall since they
/// came, less what frames may be late. So it never runs ahead of the capture's own clock, which an adapter may keep by
/// itself.
#[derive(Debug, Default)]
struct Idle {
    last: Option<(Timestamp, Timestamp)>,
}

impl Idle {
    /// Frames that came at `wall` reached this time.
    fn note(&mut self, reached: Option<Timestamp>, wall: Timestamp) {
        self.last = reached.map(|reached| (reached, wall)).or(self.last);
    }

    /// The time when the clock on the wall says `wall`, if it is past what frames reached. Only whole seconds: the capture
    /// clock ticks once in each, so that at the next frame it does not show that there was a tick before. Before the
    /// first frame nothing is open that could fall due.
    fn now(&self, wall: Timestamp) -> Option<Timestamp> {
        let (reached, then) = self.last?;
        let passed = wall.since(then).max(Span::ZERO);
        let now = Timestamp::from_parts(reached.plus(passed).minus(UNDER_WAY).second(), 0);
        (reached < now).then_some(now)
    }
}

/// The time now. On an idle wire no record tells it, and requests that nobody answers must still fall due.
#[expect(clippy::disallowed_methods, reason = "the one place of the engine where the clock is read")]
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_an_idle_wire_the_capture_s_own_clock_goes_on_in_whole_seconds() {
        let at = |second, millis: i64| Timestamp::from_parts(second, millis * 1_000_000);
        let mut idle = Idle::default();
        assert_eq!(idle.now(at(1_000, 0)), None, "nothing came yet");
        // The adapter's clock is 100 seconds behind.
        idle.note(Some(at(900, 300)), at(1_000, 300));
        assert_eq!(idle.now(at(1_001, 900)), None, "a frame of that time may still be under way");
        assert_eq!(idle.now(at(1_002, 0)), Some(at(901, 0)));
        assert_eq!(idle.now(at(1_007, 999)), Some(at(906, 0)));
        // Frames whose time nobody believes yet reached nothing new; a clock that is set back stands still.
        idle.note(None, at(1_008, 0));
        assert_eq!((idle.now(at(1_009, 500)), idle.now(at(500, 0))), (Some(at(908, 0)), None));
    }
}
