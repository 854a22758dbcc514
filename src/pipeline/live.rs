//! A live interface, from the wire to alerts: one thread takes frames off the kernel, this one does the rest.

use super::captures::hand_over;
use super::census::Census;
use super::engine::Engine;
use super::evidence::Evidence;
use super::lane::{Lane, Routed};
use super::plan::Plan;
use super::spread::Work;
use super::{Progress, RunError};
use crate::capture::live::{Live, LiveError, Stats};
use crate::sink::Sink;
use crate::time::Timestamp;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many batches may wait for this side before frames are dropped.
const WAITING: usize = 64;

/// When nothing came for so long, what fell due meanwhile is told.
const IDLE: Duration = Duration::from_millis(500);

/// How a live run went at its edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// What libpcap counted.
    pub stats: Stats,
    /// Frames that we dropped because analysis did not keep up.
    pub own_drops: u64,
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
        let mut lane = Lane::new(plan, 0, 1);
        let mut census = Census::new(plan);
        lane.remember(engine.lend_past());
        let mut evidence = Evidence::default();
        let ran = run(&mut lane, &mut evidence, &batches, &give_back, &mut |evidence, frames, now| {
            engine.summary().frames += frames;
            hand_over(input, evidence, &mut census, engine, sink).map_err(RunError::Output)?;
            engine.pass(now, sink).map_err(RunError::Output)?;
            sink.flush().map_err(RunError::Output)?;
            if let Some(learned) = engine.take_learned() {
                progress.learned(&learned);
            }
            if progress.stopped() {
                ended.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
        ended.store(true, Ordering::Relaxed);
        drop(batches);
        let stats = taker.join().map_err(|_| RunError::Worker)?;
        if let Err(error) = ran {
            // What was learned is kept all the same.
            engine.keep_past(lane.give_back());
            return Err(error);
        }
        evidence.clear();
        lane.finish(&mut evidence);
        hand_over(input, std::slice::from_ref(&evidence), &mut census, engine, sink).map_err(RunError::Output)?;
        lane.report(engine.summary());
        census.report(engine.summary());
        engine.keep_past(lane.give_back());
        Ok(Edge { stats: stats.map_err(RunError::Live)?, own_drops: own_drops.load(Ordering::Relaxed) })
    })
}

/// Takes frames off the kernel until it is over.
fn take(
    mut live: Live,
    spare: &Receiver<Routed>,
    to_lane: Sender<Routed>,
    ended: &AtomicBool,
    own_drops: &AtomicU64,
) -> Result<Stats, LiveError> {
    let mut routed = Routed::default();
    while !ended.load(Ordering::Relaxed) {
        live.poll(&mut routed.batch)?;
        if routed.batch.is_empty() {
            continue;
        }
        routed = match to_lane.try_send(routed) {
            Ok(()) => spare.try_recv().unwrap_or_default(),
            Err(TrySendError::Full(unsent)) => {
                own_drops.fetch_add(unsent.batch.len() as u64, Ordering::Relaxed);
                unsent
            }
            Err(TrySendError::Disconnected(_)) => break,
        };
    }
    live.stats()
}

/// What the ordered side does with the evidence of so many frames, and the time after them.
type Hand<'a> = dyn FnMut(&[Evidence], u64, Timestamp) -> Result<(), RunError> + 'a;

/// Capture time on an idle wire: the time of the last frame, and as long as passed on the clock on the wall since it was
/// handled. So it never runs ahead of the capture's own clock, which an adapter may keep by itself.
#[derive(Debug, Default)]
struct Idle {
    last: Option<(Timestamp, Timestamp)>,
}

impl Idle {
    /// The newest of these frames was handled at `wall`; answers with its time.
    fn note(&mut self, newest: Option<Timestamp>, wall: Timestamp) -> Timestamp {
        self.last = newest.map(|newest| (newest, wall)).or(self.last);
        newest.unwrap_or(wall)
    }

    /// The time when the clock on the wall says `wall`. Before the first frame, that is all there is.
    fn now(&self, wall: Timestamp) -> Timestamp {
        self.last.map_or(wall, |(newest, then)| newest.plus(wall.since(then)))
    }
}

/// Takes batches through the lane until there are no more.
fn run(
    lane: &mut Lane,
    evidence: &mut Evidence,
    batches: &Receiver<Routed>,
    give_back: &Sender<Routed>,
    hand: &mut Hand<'_>,
) -> Result<(), RunError> {
    let mut clock = Idle::default();
    loop {
        evidence.clear();
        let (frames, now) = match batches.recv_timeout(IDLE) {
            Ok(routed) => {
                lane.run(&routed, evidence);
                let frames = routed.batch.len() as u64;
                let now = clock.note(routed.batch.frames().next_back().map(|frame| frame.time), wall_clock());
                // A full channel only means that the memory is not used again.
                let _ = give_back.try_send(routed);
                (frames, now)
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = clock.now(wall_clock());
                lane.idle(now, evidence);
                (0, now)
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        hand(std::slice::from_ref(evidence), frames, now)?;
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
    fn on_an_idle_wire_the_capture_s_own_clock_goes_on() {
        let at = |second| Timestamp::from_parts(second, 0);
        let mut idle = Idle::default();
        assert_eq!(idle.now(at(1_000)), at(1_000));
        // The adapter's clock is 100 seconds behind.
        assert_eq!(idle.note(Some(at(900)), at(1_000)), at(900));
        assert_eq!(idle.now(at(1_007)), at(907));
        // A batch without frames tells nothing new.
        idle.note(None, at(1_008));
        assert_eq!(idle.now(at(1_009)), at(909));
    }
}
