//! Captures, from frames to alerts.

use super::engine::Engine;
use super::evidence::{Evidence, merged};
use super::lane::{LEFT_OUT, Lane, Routed};
use super::plan::Plan;
use super::spread::{Deal, Feed, Go, spread};
use super::{Progress, RunError};
use crate::capture::{Frame, Source};
use crate::net::Packet;
use crate::sink::Sink;
use std::sync::Arc;

/// How a capture is run.
pub struct Run<'a> {
    /// What is decided.
    pub plan: &'a Arc<Plan>,
    /// The input's number in the engine.
    pub input: u32,
    /// How many lanes.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// Whether a frame is wanted, or why that cannot be told.
pub type Filter = Box<dyn FnMut(&Frame<'_>) -> Result<bool, String> + Send>;

/// A source with the filter that frames must pass.
struct Frames {
    source: Box<dyn Source>,
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
        self.source.fill(&mut routed.batch).map_err(RunError::Capture)?;
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

impl Run<'_> {
    /// Runs a capture to its end.
    ///
    /// # Errors
    /// When the source cannot be read (what came before is handed over) or the sink cannot be written.
    pub fn capture(
        self,
        source: Box<dyn Source>,
        filter: Option<Filter>,
        engine: &mut Engine,
        sink: &mut dyn Sink,
    ) -> Result<(), RunError> {
        // What a record says of the values before depends on all conversations: one lane sees them in their order.
        let threads = if self.plan.remembers() { 1 } else { self.threads.max(1) };
        let mut lanes: Vec<Lane> = (0..threads).map(|part| Lane::new(self.plan, part, threads)).collect();
        if let [lane] = lanes.as_mut_slice() {
            lane.remember(engine.lend_memory());
        }
        let mut frames = Frames { source, filter, routed: threads > 1 };
        let (mut lanes, read) = spread(&mut frames, lanes, Deal::ToAll, &mut |routed: &Routed, evidence| {
            engine.summary().frames += routed.batch.len() as u64;
            hand_over(self.input, evidence, engine, sink)?;
            // Input may come slowly through a pipe: what is known is told before more is waited for.
            sink.flush().map_err(RunError::Output)?;
            self.progress.step();
            Ok(if self.progress.stopped() { Go::Stop } else { Go::On })
        })?;
        let mut last: Vec<Evidence> = Vec::new();
        for lane in &mut lanes {
            let mut evidence = Evidence::default();
            lane.finish(&mut evidence);
            lane.report(engine.summary());
            engine.keep_memory(lane.give_back());
            last.push(evidence);
        }
        hand_over(self.input, &last, engine, sink)?;
        read?;
        self.note_cut(&*frames.source, engine);
        Ok(())
    }

    fn note_cut(&self, source: &dyn Source, engine: &mut Engine) {
        let Some(cut) = source.cut() else { return };
        let summary = engine.summary();
        let name = summary.catalogue.inputs.get(self.input as usize).map_or("", |input| &input.name);
        let warning = format!("{name}: cut short: {} bytes after the last whole packet were left", cut.bytes);
        summary.warnings.push(warning);
    }
}

/// Gives the evidence of one batch to the engine, in its one order.
///
/// # Errors
/// When the sink cannot write.
pub(super) fn hand_over(
    input: u32,
    evidence: &[Evidence],
    engine: &mut Engine,
    sink: &mut dyn Sink,
) -> Result<(), RunError> {
    for (evidence, entry) in merged(evidence) {
        engine.observe(input, evidence, entry, sink).map_err(RunError::Output)?;
    }
    Ok(())
}
