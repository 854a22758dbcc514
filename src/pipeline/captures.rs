//! Captures, from frames to alerts.

use super::census::Census;
use super::engine::{Emits, Engine};
use super::evidence::{Evidence, merged};
use super::lane::{LEFT_OUT, Lane, Routed};
use super::plan::Plan;
use super::rows::Rows;
use super::spread::{Deal, Feed, Go, spread};
use super::summary::Summary;
use super::{Progress, RunError};
use crate::capture::{Batch, Frame, Source};
use crate::detect::Input;
use crate::net::{Packet, SHARDS};
use crate::sink::Sink;
use crate::time::{LEAP, Span};
use std::io;
use std::sync::Arc;

/// A run over inputs, one after the other.
///
/// Captures go on from one file to the next: a connection that a rotated capture cuts in two stays one.
pub struct Run<'a> {
    pub(super) plan: Arc<Plan>,
    pub(super) threads: usize,
    pub(super) progress: &'a dyn Progress,
    pub(super) engine: Engine,
    /// None before the first capture.
    lanes: Vec<Lane>,
    census: Census,
}

/// Whether a frame is wanted, or why that cannot be told.
pub type Filter = Box<dyn FnMut(&Frame<'_>) -> Result<bool, String> + Send>;

/// A source with the filter that frames must pass.
struct Frames {
    source: Box<dyn Source>,
    /// What was read already.
    first: Option<Batch>,
    /// Every frame passes when there is none.
    filter: Option<Filter>,
    /// Whether each frame's shard is found here, for several lanes.
    routed: bool,
}

/// The shard of a frame.
fn route(frame: &Frame<'_>) -> u8 {
    Packet::parse(frame).shard() as u8
}

impl Feed<Routed> for Frames {
    fn next(&mut self, routed: &mut Routed) -> Result<bool, RunError> {
        match self.first.take() {
            Some(first) => routed.batch = first,
            None => self.source.fill(&mut routed.batch).map_err(RunError::Capture)?,
        }
        routed.routes.clear();
        if let Some(filter) = &mut self.filter {
            for frame in routed.batch.frames() {
                let passes = filter(&frame).map_err(RunError::Filter)?;
                routed.routes.push(if passes { route(&frame) } else { LEFT_OUT });
            }
        } else if self.routed {
            routed.routes.extend(routed.batch.frames().map(|frame| route(&frame)));
        }
        Ok(!routed.batch.is_empty())
    }
}

impl<'a> Run<'a> {
    /// A run on so many threads that has read nothing; `progress` is told how far it is.
    #[must_use]
    pub fn new(plan: &Arc<Plan>, threads: usize, progress: &'a dyn Progress, emits: Emits) -> Self {
        Self {
            plan: Arc::clone(plan),
            threads: if plan.remembers() { 1 } else { threads.max(1) },
            progress,
            engine: Engine::new(plan, emits),
            lanes: Vec::new(),
            census: Census::new(plan),
        }
    }

    /// The figures so far, for the caller to add to.
    pub const fn summary(&mut self) -> &mut Summary {
        self.engine.summary()
    }

    /// Runs a capture to its end.
    ///
    /// # Errors
    /// When the source cannot be read (what came before is handed over) or the sink cannot be written.
    pub fn capture(
        &mut self,
        input: Input,
        mut source: Box<dyn Source>,
        filter: Option<Filter>,
        sink: &mut dyn Sink,
    ) -> Result<(), RunError> {
        let input = self.engine.begin(input);
        let mut first = Batch::new();
        source.fill(&mut first).map_err(RunError::Capture)?;
        if !self.continues(&first) {
            self.close_captures(sink).map_err(RunError::Output)?;
        }
        let Self { plan, threads, progress, engine, lanes, census } = self;
        let mut lanes = std::mem::take(lanes);
        if lanes.is_empty() {
            lanes.extend((0..*threads).map(|part| Lane::new(plan, part, *threads)));
        }
        lanes.iter_mut().for_each(|lane| lane.begin(input));
        lend_past(engine, &mut lanes);
        let mut frames = Frames { source, first: Some(first), filter, routed: *threads > 1 };
        let (mut lanes, read) = spread(&mut frames, lanes, Deal::ToAll, &mut |routed: &Routed, evidence| {
            engine.summary().frames += routed.batch.len() as u64;
            hand_over(input, evidence, census, engine, sink).map_err(RunError::Output)?;
            // Input may come slowly through a pipe: what is known is told before more is waited for.
            sink.flush().map_err(RunError::Output)?;
            if let Some(learned) = engine.take_learned() {
                progress.learned(&learned);
            }
            progress.step();
            Ok(if progress.stopped() { Go::Stop } else { Go::On })
        })?;
        keep_past(engine, &mut lanes);
        self.lanes = lanes;
        read?;
        self.note_cut(input, &*frames.source);
        Ok(())
    }

    /// Whether a capture that begins so comes after all before it, and soon enough for connections to go on: then it was
    /// only cut into files.
    fn continues(&self, first: &Batch) -> bool {
        let (Some(lane), Some(frame)) = (self.lanes.first(), first.frames().next()) else { return true };
        (Span::ZERO..=LEAP).contains(&frame.time.since(lane.latest()))
    }

    /// What is open in captures is closed.
    ///
    /// # Errors
    /// When the sink cannot be written.
    pub(super) fn close_captures(&mut self, sink: &mut dyn Sink) -> io::Result<()> {
        let Self { engine, lanes, census, .. } = self;
        lend_past(engine, lanes);
        let mut evidence = Evidence::default();
        // Bit by bit: much may be open, and nobody need hold all that is said of it.
        for number in 0..SHARDS {
            let mut from = Some(0);
            while let Some(slot) = from {
                evidence.clear();
                from = lanes.iter_mut().find_map(|lane| lane.close(number, slot, &mut evidence));
                // Every entry tells its own input.
                hand_over(0, std::slice::from_ref(&evidence), census, engine, sink)?;
            }
        }
        keep_past(engine, lanes);
        lanes.iter_mut().for_each(Lane::restart_clock);
        Ok(())
    }

    /// The end of all inputs: what was still open is told, and the figures are complete.
    ///
    /// # Errors
    /// When the sink cannot be written.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> io::Result<Summary> {
        self.close(sink)?;
        self.engine.finish(sink)
    }

    /// Somebody stopped the run before the end of its inputs: nothing is told of windows that are not over.
    ///
    /// # Errors
    /// When the sink cannot be written.
    pub fn stop(&mut self, sink: &mut dyn Sink) -> io::Result<Summary> {
        self.close(sink)?;
        self.engine.stop(sink)
    }

    fn close(&mut self, sink: &mut dyn Sink) -> io::Result<()> {
        self.close_captures(sink)?;
        self.lanes.iter().for_each(|lane| lane.report(self.engine.summary()));
        self.census.report(self.engine.summary());
        Ok(())
    }

    fn note_cut(&mut self, input: u32, source: &dyn Source) {
        let Some(cut) = source.cut() else { return };
        let summary = self.engine.summary();
        let name = summary.catalogue.inputs.get(input as usize).map_or("", |input| &input.name);
        let warning = format!("{name}: cut short: {} bytes after the last whole packet were left", cut.bytes);
        summary.warnings.push(warning);
    }
}

/// What a record says of the values before depends on all conversations: where that is asked, there is but one lane.
fn lend_past(engine: &mut Engine, lanes: &mut [Lane]) {
    if let [lane] = lanes {
        lane.remember(engine.lend_past());
    }
}

fn keep_past(engine: &mut Engine, lanes: &mut [Lane]) {
    if let [lane] = lanes {
        engine.keep_past(lane.give_back());
    }
}

/// Gives the evidence of one batch to the engine, in its one order.
///
/// # Errors
/// When the sink cannot write.
pub(super) fn hand_over(
    input: u32,
    evidence: &[Evidence],
    census: &mut Census,
    engine: &mut Engine,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let mut rows = Rows::new(sink, engine.prints_records());
    evidence.iter().for_each(|evidence| engine.learn(evidence));
    merged(evidence, |evidence, entry| {
        let Some(sighting) = evidence.sighting_of(entry) else {
            rows.take(evidence, entry)?;
            return engine.observe(input, evidence, entry, &mut rows);
        };
        let certain = census.take(sighting, entry.order);
        certain.entries().iter().try_for_each(|entry| {
            rows.take_now(certain.line_of(entry))?;
            engine.observe(input, certain, entry, &mut rows)
        })
    })?;
    // Every lane saw all frames.
    if let Some(time) = evidence.first().and_then(|evidence| evidence.reached) {
        engine.follow(time, &mut rows)?;
    }
    rows.hand_on()
}
